"""A rehearsal of the people: an analysis folder with pseudo-data in which decays are hidden, or none, that nobody knows of."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyrage

from bdana.analysis import AnalysisFolder
from bdana.analysis.signal_config import SignalConfig
from bdana.blinding.hidden import answer_of, sealed_answer
from bdana.blinding.ledger import Row
from bdana.blinding.record import Record, shares
from bdana.blinding.rules import append, require_sound
from bdana.blinding.stage_keys import make_key, make_period, stage_recipients
from bdana.errors import BlindingError, InputError
from bdana.opening.freeze import referred_files
from bdana.opening.toml_text import toml_text
from bdana.sealing.manifest import OPEN, record_manifests
from bdana.sealing.seal_file import Sealing, seal_simulated
from bdana.simulation import Signal, SimulationConfig, simulate_bursts
from bdana.simulation.decays import check_mode
from bdana.simulation.injection import Injected
from bdana.simulation.tracks import PHOTON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.blinding import Ledger, Policy

__all__ = ["hide_injection", "make_exercise", "reveal"]

DATA = "pseudo-data"
MASSES_MEV = (220, 700)
"""Between these the mass of what is hidden is drawn."""
MOST_HIDDEN = 10
DECAYS = 2000
"""At most so many decays are hidden, of so many simulated ones; all values here are assumed."""


def make_exercise(analysis: AnalysisFolder, folder: Path) -> None:
    """Copy an analysis into a folder of its own, with pseudo-data in the place of its data, and who has joined.

    Simulated samples are read from where they are, and other data are left out. No code of the analysis is run.

    Parameters
    ----------
    analysis : AnalysisFolder
    folder : Path
        Appears when it is complete.

    Raises
    ------
    BlindingError
        When the analysis searches no data.
    InputError
        When the folder is there already or cannot be written.
    """
    if folder.exists():
        raise InputError(f"{folder}: is there already; nothing was changed")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".rehearsal-", dir=folder.parent) as name:
            made = Path(name) / "analysis"
            _write_folder(analysis, made, folder)
            AnalysisFolder.read(made)
            made.rename(folder)
    except OSError as err:
        raise InputError(f"{folder}: cannot be written ({err.strerror})") from None


def _write_folder(analysis: AnalysisFolder, made: Path, folder: Path) -> None:
    settings = analysis.config.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    settings["samples"] = _samples(analysis, folder)
    texts = {
        "analysis.toml": f"# Made by `bdana blinding rehearse --sealed-injection`.\n{toml_text(settings)}",
        ".gitattributes": "* -text\n",
        ".gitignore": f"!{DATA}.*\n",  # an analysis may leave files of data out of git, and these go with it
        **analysis.modules.texts,
    }
    for path, text in texts.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text, encoding="utf-8")
    for file in (*referred_files(analysis), Path("blinding") / "policy.toml"):
        (made / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(analysis.folder / file, made / file)
    ledger = made / "blinding" / "ledger"
    ledger.mkdir()
    policy = analysis.policy
    for row in analysis.ledger.of_kind("join"):
        # The others, who joined later or another policy, join again.
        if policy and row.beside and not row.follows and row.body["policy"] == policy.sha256:
            for name in (f"{row.name}.sig", row.name):
                shutil.copyfile(analysis.ledger.folder / name, ledger / name)


def _samples(analysis: AnalysisFolder, folder: Path) -> dict[str, Any]:
    """Return the samples of a rehearsal: pseudo-data in the place of the data and single tracks, and simulation."""
    search = analysis.config.search
    if search.data is None or search.single_tracks is None:
        raise BlindingError(
            f"refused: [search] of {analysis.folder / 'analysis.toml'} names no data and single_tracks to rehearse with"
        )
    found: dict[str, Any] = {}
    for name, sample in analysis.config.samples.items():
        if name in {search.data, search.single_tracks}:
            found[name] = {"kind": "data", "files": [f"{DATA}{OPEN}"], "trigger": sample.trigger}
        elif sample.kind == "mc":
            written = sample.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
            found[name] = written | {"files": [_from(folder, analysis.folder, file) for file in sample.files]}
    return found


def _from(folder: Path, analysis: Path, file: str) -> str:
    """Return how a file of an analysis is called in another folder."""
    listed, name = ("@", file[1:]) if file.startswith("@") else ("", file)
    if "://" in name or Path(name).is_absolute():
        return file
    return f"{listed}{os.path.relpath(analysis.resolve() / name, folder.resolve())}"


def hide_injection(
    source: AnalysisFolder, exercise: AnalysisFolder, period: str, person: str, key: Path, mode: str
) -> Row:
    """Make pseudo-data with as many bursts and protons as the data have, hide decays in them or none, and seal them.

    What was hidden is in the memory of this process, and encrypted in the row; it is in no file, and nothing tells it.

    Parameters
    ----------
    source : AnalysisFolder
        The analysis with the data.
    exercise : AnalysisFolder
        The folder that `make_exercise` made, in which everybody has joined.
    period : str
    person, key
        Who hides it, with the mark `production`, and the path of the SSH key.
    mode : str
        Decay of the hidden particle, one that the signal model of the analysis has: halo photons are simulated beside a decay
        into photons, and else halo muons.

    Raises
    ------
    BlindingError
        When a rule does not allow it, such as when somebody has not joined, or the data have no good burst.
    ConfigError
        When the signal model of the analysis has no such decay that can be simulated.
    """
    policy, ledger = exercise.policy, exercise.ledger
    if policy is None:
        raise BlindingError(f"refused: {exercise.folder} has no blinding/policy.toml")
    require_sound(ledger, policy)
    record = Record(ledger.rows(), policy)
    if record.of_kind("hide") or record.freeze:
        raise BlindingError(f"refused: {exercise.folder} is a rehearsal in use; make another one with --out")
    missing = [name for name in policy.people if name not in record.joined()]
    if missing:
        raise BlindingError(
            f"refused: {', '.join(missing)} must join in {exercise.folder} first: `cd {exercise.folder.name}`, `bdana blinding "
            "join`; then type this command again"
        )
    signal = _signal(source, mode)
    config = _config(source)
    config = replace(config, halo=replace(config.halo, photons=_only_photons(signal)))
    if record.keys(period) is None:
        make_period(policy, ledger, period, person, key)
    for old in exercise.folder.glob(f"{DATA}.*"):  # of a process that died before it hid anything
        old.unlink()
    gate = policy.gate(exercise.detector)
    recipients = stage_recipients(ledger, policy, period)
    injected = Injected(config, signal, gate, secrets.randbits(62))
    possible = injected.candidates()
    number = secrets.randbelow(2) * _between(1, MOST_HIDDEN)
    chosen = sorted(secrets.SystemRandom().sample(range(len(possible)), min(number, len(possible))))
    manifest = seal_simulated(
        injected.blocks(possible[chosen]),
        simulate_bursts(config, injected.seed),
        exercise.folder,
        DATA,
        Sealing(policy, gate, recipients, period, person, key),
    )
    record_manifests(ledger, policy, person, key, [manifest])
    answer = {"mass_mev": signal.mass_mev, "mode": mode, "events": _lists(injected.events)}
    last = list(policy.stages)[-1]
    split, _ = make_key(policy, policy.stages[last], record.joined(), None)
    recorded = ledger.of_kind("seal")[-1].body["manifests"]
    body = {
        "stages": {last: split},
        "answer": sealed_answer(answer, split["public"]),
        "manifests": recorded,
    }
    return append(ledger, policy, "hide", person, key, body)


def _config(analysis: AnalysisFolder) -> SimulationConfig:
    """Return what is simulated: the exposure of the data, in the analysis's detector."""
    (data,) = analysis.sample(str(analysis.config.search.data))
    bursts = data.used_bursts
    if bursts is None or not len(bursts.run):
        raise BlindingError("refused: the data have no good burst, so that nothing says how much to simulate")
    detector = analysis.config.analysis.detector
    path = analysis.folder / detector
    config = SimulationConfig.of_detector(
        str(path) if path.is_file() else detector,
        pot=float(bursts.pot.sum()),
        bursts=len(bursts.run),
        run=int(bursts.run[0]),
        truth=False,
    )
    downscale = float(bursts.downscale.mean())
    return replace(config, beam=replace(config.beam, downscale=downscale)) if downscale > 0.0 else config


def _signal(analysis: AnalysisFolder, mode: str) -> Signal:
    """Return a particle of an unknown mass, of the analysis's signal model, and its decay."""
    own = analysis.config.signal or SignalConfig()
    mass = float(_between(*MASSES_MEV))
    signal = Signal(mass_mev=mass, mode=mode, decays=DECAYS, model=own.model, parameters=own.parameters)
    check_mode(signal.particle, mode)
    return signal


def _only_photons(signal: Signal) -> bool:
    return set(signal.particle.modes[signal.mode].products) == {PHOTON}


def _lists(events: Mapping[str, list[tuple[int, int, int]]]) -> dict[str, list[list[int]]]:
    return {name: [list(event) for event in found] for name, found in events.items()}


def _between(first: int, last: int) -> int:
    return first + secrets.randbelow(last - first + 1)


def reveal(ledger: Ledger, policy: Policy, person: str, key: Path, identity: pyrage.x25519.Identity) -> Row:
    """Agree to reveal what was hidden; with the last agreement that the quorum needs it is in the row.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
    person, key, identity
        Who agrees, the path of the SSH key, and the age identity.

    Raises
    ------
    BlindingError
        When a rule for rows `reveal` does not allow it, such as when nobody has claimed what was found, or the identity does
        not decrypt the own shares.
    """
    require_sound(ledger, policy)

    def body(record: Record) -> dict[str, Any]:
        hidden = next(iter(record.of_kind("hide")), None)
        if hidden is None:
            return {"hidden": "", "shares": [], "answer": {}}
        (last,) = list(policy.stages)[-1:]
        own = [share for share in shares(hidden, last) if share.person == person]
        said = {
            "hidden": hidden.hash,
            "shares": [{"sha256": share.sha256, "sealed": _in_clear(share.sealed)} for share in own],
            "answer": {},
        }
        row = Row.after(record.rows, "reveal", person, said)
        return said | {"answer": answer_of(hidden, policy, [*record.of_kind("reveal"), row])}

    def _in_clear(sealed: str) -> str:
        try:
            content = pyrage.decrypt(base64.b64decode(sealed), [identity])
        except pyrage.DecryptError:
            raise BlindingError(
                f"refused: this age identity is not the one that {person} joined with"
            ) from None
        return base64.b64encode(content).decode()

    return append(ledger, policy, "reveal", person, key, body)
