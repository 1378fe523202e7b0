"""A rehearsal with a sealed injection, by commands: hidden, found, claimed and revealed, and nothing tells it before."""

import base64
import json
import subprocess
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pyrage
import pytest

from bdana.analysis.signal_config import SignalConfig
from bdana.api import load
from bdana.blinding.hidden import answer_of, sealed_answer
from bdana.blinding.rules import require_sound
from bdana.errors import BlindingError, ConfigError, InputError
from bdana.opening import exercise
from bdana.search.reported import exercise_lines
from bdana.simulation import Signal, SimulationConfig, simulate
from bdana.simulation.injection import Injected
from tests import commands
from tests.blinding.people import IDENTITIES, everybody_joins
from tests.opening.test_whole_search import sealed_search
from tests.searches import search_folder


def typed(folder, person, keys, *words, status=0):
    signing = ["--person", person, "--key", keys[person]] if person else []
    done = commands.bdana(*words, *signing, cwd=folder, typed="secret\n")
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.mark.exhaustive  # a whole search takes its time
@pytest.mark.parametrize("mode", ["mumu", "gammagamma"])
def test_people_rehearse_without_knowing(tmp_path, keys, config_home, monkeypatch, mode):
    """Three decays are hidden, which bob's command does not show; ann claims two, and three people reveal it."""
    monkeypatch.setattr(exercise.secrets, "randbelow", lambda number: {2: 1, 10: 2}.get(number, number - 1))
    folder = sealed_search(tmp_path, keys, photons=mode == "gammagamma")
    hide = ("blinding", "rehearse", "--sealed-injection")
    assert "ann has not the mark `production`" in typed(
        folder, "ann", keys, *hide, "--out", tmp_path / "no", status=3
    )
    said = typed(folder, "bob", keys, *hide)
    there = folder / "rehearsal"
    assert sorted(p.name for p in there.glob("pseudo-data*")) == sorted(
        [f"pseudo-data.{name}" for name in ("CR.age", "CR1.age", "CR2.age", "CR3.age", "SR.age", "manifest.json",
                                            "manifest.json.sig", "open.root")])  # fmt: skip
    assert "in use; make another one" in typed(folder, "bob", keys, *hide, status=3)
    assert "bob hid decays of a new particle in them, or none" in typed(
        there, None, keys, "blinding", "status"
    )
    assert "nobody has said what was found" in typed(there, "con", keys, "blinding", "reveal", status=3)
    analysis = load(there)
    hidden = analysis.ledger.of_kind("hide")[0]
    for name in ("freeze", "rehearse"):
        typed(there, "ann", keys, "blinding", name)
    typed(there, "ann", keys, "blinding", "request", "CR3", "--opener", "rob")
    typed(there, "rob", keys, "blinding", "open", "CR3")
    typed(there, "ann", keys, "blinding", "claim", "CR3=2")
    for person in ("ann", "con"):
        said = typed(there, person, keys, "blinding", "reveal")
        assert "the others of the quorum have to agree too" in said
        assert "Revealed" not in said
    said = typed(there, "rob", keys, "blinding", "reveal")
    answer = answer_of(hidden, analysis.policy, analysis.ledger.of_kind("reveal"))
    assert sum(map(len, answer["events"].values())) == 3
    assert f"hidden were decays of {answer['mass_mev']:g} MeV to {mode}" in " ".join(said.split())
    typed(there, None, keys, "blinding", "verify")
    typed(there, None, keys, "run")
    table = json.loads((there / "output" / "table.json").read_text())
    assert table["seen"] == exercise_lines(analysis.ledger.rows())
    report = (there / "output" / "report.html").read_text()
    assert "hidden were decays of" in report
    plane = {"mumu": "z_TAX and CDA_TAX", "gammagamma": "mass and distance of the centre"}[mode]
    assert f"Predicted candidates in the plane of {plane}, in all regions." in " ".join(report.split())


CONFIG = SimulationConfig(pot=2e14, bursts=4, run=11001, truth=False)
SIGNAL = Signal(mass_mev=411.0, decays=40)


@pytest.fixture(scope="module")
def source(tmp_path_factory, keys):
    """An analysis in which everybody has joined, whose data are not looked at."""
    folder = search_folder(tmp_path_factory.mktemp("exercise") / "analysis", "run.open.root", keys=keys)
    analysis = load(folder)
    everybody_joins(analysis.policy, analysis.ledger, keys)
    return analysis


@pytest.fixture
def hiding(source, tmp_path, keys, monkeypatch):
    """Make a rehearsal in which a number of decays is hidden; small, so that it takes no time."""
    monkeypatch.setattr(exercise, "_config", lambda analysis: CONFIG)
    monkeypatch.setattr(exercise, "DECAYS", SIGNAL.decays)

    def hide(number, person="bob", name="rehearsal"):
        drawn = {2: int(number > 0), exercise.MOST_HIDDEN: number - 1}
        monkeypatch.setattr(exercise.secrets, "randbelow", lambda n: drawn.get(n, n - 1))
        folder = tmp_path / name
        if not folder.exists():
            exercise.make_exercise(source, folder)
        made = load(folder)
        return made, exercise.hide_injection(source, made, "2021", person, keys[person], "mumu")

    return hide


@pytest.fixture(scope="module")
def mixed(source):
    injected = Injected(CONFIG, SIGNAL, source.policy.gate(source.detector), 5)
    chosen = injected.candidates()[:3]
    return injected, chosen, ak.concatenate(list(injected.blocks(chosen)))


def test_hidden_events_have_bursts_columns_and_numbers_like_the_others(mixed):
    injected, chosen, events = mixed
    plain, _ = simulate(CONFIG, 5)
    assert events.type.content == plain.type.content
    assert len(events) == len(plain) + len(chosen)
    for burst in np.unique(events.burst):
        numbers = events.event[events.burst == burst]
        assert numbers.tolist() == list(range(len(numbers)))
    assert np.all(np.diff(events.burst) >= 0)
    places = [(event.run, event.burst, event.event) for event in events]
    said = {place for found in injected.events.values() for place in found}
    hidden = events[[place in said for place in places]]
    assert set(hidden.weight) == {1.0}
    assert set(hidden.trigger) == {max(set(plain.trigger))}
    by_time = np.argsort(hidden.timestamp), np.argsort(chosen.timestamp)
    assert ak.almost_equal(hidden[by_time[0]].tracks, chosen[by_time[1]].tracks)


def test_what_is_hidden_is_closed_in_the_stage_that_is_said(mixed):
    injected, _, events = mixed
    gate = injected.gate
    secrecy = gate.secrecy(events)
    for stage, found in injected.events.items():
        for run, burst, event in found:
            here = (events.run == run) & (events.burst == burst) & (events.event == event)
            assert secrecy[here] == [gate.names.index(stage)]


def test_a_decay_that_no_trigger_takes_is_refused(source):
    far = Signal(mass_mev=411.0, decays=5, z_min_mm=9e5, z_max_mm=9.1e5)
    with pytest.raises(ConfigError, match="no decay of 411 MeV to mumu is taken by the trigger"):
        Injected(CONFIG, far, source.policy.gate(source.detector), 1).candidates()


@pytest.mark.parametrize("number", [0, 4])
def test_no_file_tells_what_is_hidden(hiding, number):
    """Names and sizes are the same whatever is hidden, the row is as long, and nobody has a share in the clear."""
    made, row = hiding(number)
    files = {path.name: path.stat().st_size for path in made.folder.glob("pseudo-data.*.age")}
    assert sorted(files) == [f"pseudo-data.{stage}.age" for stage in ("CR", "CR1", "CR2", "CR3", "SR")]
    assert {abs(size - 4096 * 1024) < 8192 for size in files.values()} == {True}
    text = base64.b64decode(row.body["answer"])
    assert len(text) == pytest.approx(8192 + 250, abs=250)
    assert row.person == "bob"
    require_sound(made.ledger, made.policy)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(text, list(IDENTITIES.values()))
    assert {path.name for path in made.folder.parent.iterdir()} - {"config"} == {"rehearsal"}


def test_an_answer_has_one_length():
    public = str(pyrage.x25519.Identity.generate().to_public())
    few, many = ({"events": {"SR": [[11001, 1, n] for n in range(number)]}} for number in (0, 10))
    lengths = {
        len(base64.b64decode(sealed_answer(answer, public))) for answer in (few, many) for _ in range(3)
    }
    assert max(lengths) - min(lengths) < 400  # the header of age is of random length
    with pytest.raises(BlindingError, match="longer than what is written down"):
        sealed_answer({"events": "x" * 9000}, public)


def test_the_folder_of_a_rehearsal_is_the_analysis_without_its_data(source, hiding):
    made, _ = hiding(0)
    assert made.modules.texts == source.modules.texts
    assert made.policy.sha256 == source.policy.sha256
    assert made.config.regions == source.config.regions
    assert made.config.selection == source.config.selection
    assert {name: sample.files for name, sample in made.config.samples.items()} == {
        "data": ["pseudo-data.open.root"], "singles": ["pseudo-data.open.root"]}  # fmt: skip
    joined = [row.person for row in made.ledger.of_kind("join")]
    assert sorted(joined) == sorted(source.policy.people)
    assert [row.kind for row in made.ledger.rows() if not row.beside] == ["keys", "seal", "hide"]
    with pytest.raises(InputError, match="is there already; nothing was changed"):
        exercise.make_exercise(source, made.folder)


def test_the_data_of_a_rehearsal_are_read_like_data(hiding):
    made, _ = hiding(2)
    (data,) = made.sample("data")
    assert (data.kind, data.label) == ("data", "pseudo-data")
    assert data.used_bursts.pot.sum() == pytest.approx(CONFIG.pot)


def test_a_rehearsal_that_died_before_it_hid_anything_is_made_again(hiding, monkeypatch):
    def die(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(exercise, "record_manifests", die)
        with pytest.raises(KeyboardInterrupt):
            hiding(1)
    made, row = hiding(1)
    assert made.ledger.of_kind("hide") == [row]
    with pytest.raises(BlindingError, match="is a rehearsal in use; make another one with --out"):
        hiding(1)


def test_git_takes_the_pseudo_data_of_an_analysis_that_keeps_its_data_out(source, tmp_path):
    exercise.make_exercise(source, tmp_path / "rehearsal")
    (tmp_path / ".gitignore").write_text("*.root\n*.age\n*.json*\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    files = [
        "rehearsal/pseudo-data.open.root",
        "rehearsal/pseudo-data.SR.age",
        "rehearsal/pseudo-data.manifest.json.sig",
    ]
    command = ["git", "check-ignore", "--no-index", "data.root", *files]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert said.split() == ["data.root"]


def test_everybody_joins_before_anything_is_hidden(hiding, source, tmp_path):
    exercise.make_exercise(source, tmp_path / "rehearsal")
    for file in (tmp_path / "rehearsal" / "blinding" / "ledger").glob("*-join-con-*"):
        file.unlink()
    with pytest.raises(BlindingError, match=r"con must join in .*rehearsal first"):
        hiding(1)


def test_only_production_hides(hiding):
    with pytest.raises(BlindingError, match="ann has not the mark `production`"):
        hiding(1, "ann")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("claim", "SR=x"), 2, "SR=x: write a region and a number of events, such as SR=3"),
        (("claim", "SR=2"), 3, "a claim gives whole numbers of events, of regions that are open: none is"),
        (("reveal",), 3, "nobody has said what was found; an analyst does it with `bdana blinding claim`"),
    ],
)
def test_what_is_not_allowed_is_refused_before_a_passphrase(hiding, keys, words, status, said):
    made, _ = hiding(0)
    assert said in typed(made.folder, "ann", keys, "blinding", *words, status=status)


@pytest.mark.parametrize(("model", "mode"), [("alp", "gammagamma"), ("dark_photon", "mumu")])
def test_the_halo_is_of_photons_where_photons_are_hidden(source, tmp_path, keys, monkeypatch, model, mode):
    class MadeError(Exception):
        pass

    def made(config, signal, gate, seed):
        raise MadeError(signal.model, signal.mode, config.halo.photons)

    monkeypatch.setattr(exercise, "_config", lambda analysis: CONFIG)
    monkeypatch.setattr(exercise, "Injected", made)
    own = SimpleNamespace(config=SimpleNamespace(signal=SignalConfig(model=model)))
    exercise.make_exercise(source, tmp_path / "rehearsal")
    with pytest.raises(MadeError) as caught:
        exercise.hide_injection(own, load(tmp_path / "rehearsal"), "2021", "bob", keys["bob"], mode)
    assert caught.value.args == (model, mode, mode == "gammagamma")


def test_a_decay_that_the_model_does_not_have_is_refused_before_anything_is_made(source, tmp_path, keys):
    exercise.make_exercise(source, tmp_path / "rehearsal")
    made = load(tmp_path / "rehearsal")
    rows = len(made.ledger.rows())
    with pytest.raises(ConfigError, match="no decay mode 'gammagamma'"):
        exercise.hide_injection(source, made, "2021", "bob", keys["bob"], "gammagamma")
    assert len(made.ledger.rows()) == rows
