"""The rehearsal of an opening: the same code on simulated events, with throw-away people and keys."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyrage

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.ledger import Ledger
from bdana.blinding.rules import append
from bdana.blinding.signing import make_key
from bdana.blinding.stage_keys import join, make_period, stage_recipients
from bdana.errors import BlindingError
from bdana.opening.freeze import freeze
from bdana.opening.key_process import Job
from bdana.opening.open_stages import open_stages
from bdana.opening.opened_events import outputs_of
from bdana.opening.steps import Opening
from bdana.opening.thaw import reproduce, thaw
from bdana.opening.toml_text import toml_text
from bdana.sealing.sealed_file import encrypt_events
from bdana.simulation import Signal, SimulationConfig, write_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    import awkward as ak

    from bdana.analysis import AnalysisFolder
    from bdana.blinding import Policy
    from bdana.blinding.ledger import Row

__all__ = ["Rehearsed", "rehearse"]

MASS_MEV = 411.0
DECAYS = 400
"""Simulated signal decays of a rehearsal, of which a random number is injected; both values are assumed."""


@dataclass(frozen=True)
class Rehearsed:
    """What was injected and found in one stage of a rehearsal.

    Attributes
    ----------
    stage : str
    injected : int
        Events that were sealed for it, at random.
    expected, found : int
        Candidates among them, selected in the clear, and by the opening.
    """

    stage: str
    injected: int
    expected: int
    found: int


def rehearse(analysis: AnalysisFolder, policy: Policy, period: str, frozen: Row) -> tuple[Rehearsed, ...]:
    """Open all stages of simulated events the way the data will be opened, and reveal then what was injected.

    Parameters
    ----------
    analysis : AnalysisFolder
    policy : Policy
    period : str
    frozen : Row
        The freeze that is rehearsed.

    Raises
    ------
    BlindingError
        When an opening is refused, or finds other candidates than the selection finds in the clear.
    """
    document = dict(frozen.body["frozen"])
    reproduce(thaw(analysis.folder, document), document)
    with tempfile.TemporaryDirectory(prefix="bdana-rehearsal-") as name:
        folder = Path(name)
        people = _ThrowAwayPeople.make(folder, policy, period)
        injected = _inject(thaw(analysis.folder, document), policy, folder)
        document |= people.seal(injected)
        for stage in policy.stages:
            people.freeze(
                frozen.person, document
            )  # an injection may fail an agreement test, which a new freeze follows
            people.open(stage, str(analysis.folder), frozen)
        ends = {row.body["stage"]: row.body["outputs"] for row in people.ledger.of_kind("end")}
    done = []
    for stage, events in injected.items():
        clear = outputs_of(thaw(analysis.folder, document), document, stage, [events] if len(events) else [])
        expected, found = (sum(o["observed"].values()) for o in (clear, ends[stage]))
        if clear != ends[stage]:
            raise BlindingError(
                f"refused: of {len(events)} events injected into {stage} the opening found {found} candidates, not {expected}"
            )
        done.append(Rehearsed(stage, len(events), expected, found))
    return tuple(done)


@dataclass(frozen=True)
class _ThrowAwayPeople:
    """Throw-away people with the names and roles of the real ones, and their ledger."""

    folder: Path
    policy: Policy
    ledger: Ledger
    identities: Mapping[str, pyrage.x25519.Identity]
    period: str

    @classmethod
    def make(cls, folder: Path, policy: Policy, period: str) -> _ThrowAwayPeople:
        people = {}
        for name, person in policy.people.items():
            people[name] = person.model_copy(update={"ssh_key": make_key(folder / name, name)})
        mine = policy.model_copy(update={"people": people}).after(())
        (folder / "blinding").mkdir()
        (folder / "blinding" / "policy.toml").write_text(toml_text(mine.document), encoding="utf-8")
        identities = {name: pyrage.x25519.Identity.generate() for name in people}
        ledger = Ledger(folder / "blinding" / "ledger")
        for name, identity in identities.items():
            join(mine, ledger, name, folder / name, str(identity.to_public()))
        make_period(mine, ledger, period, next(iter(people)), folder / next(iter(people)))
        return cls(folder, mine, ledger, identities, period)

    def seal(self, injected: Mapping[str, ak.Array]) -> dict[str, dict[str, dict[str, Any]]]:
        """Seal events, record what stands for their manifest, and return what a freeze says of them."""
        digests = {}
        for stage, public in stage_recipients(self.ledger, self.policy, self.period).items():
            events = injected[stage]
            capacity = self.policy.stages[stage].capacity_kib * 1024
            content = encrypt_events([events] if len(events) else [], public, capacity)
            (self.folder / f"rehearsal.{stage}.age").write_bytes(content)
            digests[stage] = {f"rehearsal.{stage}.age": sha256(content)}
        name, digest = "rehearsal.manifest.json", sha256(canonical(digests))
        sealer = next((one for one, person in self.policy.people.items() if person.production), None)
        if sealer is None:
            raise BlindingError(
                "refused: nobody of [people] has the mark `production`, which records sealed files"
            )
        files = {stage: value for stage, named in digests.items() for value in named.values()}
        named = {name: {"period": self.period, "sha256": digest, "sealed": files}}
        append(self.ledger, self.policy, "seal", sealer, self.folder / sealer, {"manifests": named})
        return {"sealed": {self.period: digests}, "manifests": {self.period: {digest: name}}}

    def freeze(self, author: str, document: Mapping[str, object]) -> None:
        row = freeze(self.ledger, self.policy, author, self.folder / author, document, "a rehearsal")
        append(self.ledger, self.policy, "rehearse", author, self.folder / author, {"freeze": row.hash})

    def open(self, stage: str, folder: str, frozen: Row) -> None:
        opening = Opening(self.ledger, self.policy, self.period)
        people, approval = self.policy.people, self.policy.stages[stage].approval
        asks = self.policy.holders("analyst")[0]
        opener = next(
            (
                n
                for n, p in people.items()
                if p.role != "analyst" and p.role in approval and n != frozen.person
            ),
            None,
        )
        if opener is None:
            raise BlindingError(f"refused: nobody may open {stage}: no reviewer or convenor but the author")
        channel = frozen.body["frozen"]["config"]["search"]["selection"]
        request = opening.request(asks, self.folder / asks, self.identities[asks], stage, channel, opener)
        for name in people:
            if name not in {asks, opener} and people[name].role in approval:
                opening.approve(name, self.folder / name, self.identities[name], request)
        job = Job(
            folder=folder,
            records=str(self.folder),
            person=opener,
            key=str(self.folder / opener),
            period=self.period,
            requests=(request.hash,),
            sealed={stage: [str(self.folder / f"rehearsal.{stage}.age")]},
        )
        # The first stage goes through processes of their own, as the data will; more of them would show nothing new.
        open_stages(job, lambda: str(self.identities[opener]), isolated=self.policy.previous(stage) is None)


def _inject(analysis: AnalysisFolder, policy: Policy, folder: Path) -> dict[str, ak.Array]:
    """Simulate signal decays in the data's first used burst, and keep a random number of those closed in each stage."""
    gate = policy.gate(analysis.detector)
    (data,) = analysis.sample(str(analysis.config.search.data))
    bursts = data.used_bursts
    if bursts is None or not len(bursts.run):
        raise BlindingError("refused: the data have no good burst to inject simulated events into")
    path = folder / "injected.root"
    signal = Signal(mass_mev=MASS_MEV, decays=DECAYS)
    write_sample(path, SimulationConfig(pot=1e13, bursts=1, signal=signal), secrets.randbelow(2**31))
    (simulated,) = [analysis.dataset([path], kind="mc")]
    source = simulated.sources[0]
    chosen, par = analysis.selection(analysis.config.search.selection)
    events = source.read({*chosen.needs(par), *gate.columns, "trigger"}, 0, source.entries)
    events["run"] = np.full(len(events), int(bursts.run[0]))
    events["burst"] = np.full(len(events), int(bursts.burst[0]))
    secrecy = gate.secrecy(events)
    injected = {}
    for stage in policy.stages:
        mine = events[secrecy == gate.names.index(stage)]
        injected[stage] = mine[: secrets.randbelow(len(mine) + 1)]
    return injected
