"""The single-track sample of a simulated file: triggers, selection, identity, and the whole estimate of it."""

import json
import tracemalloc
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.analysis import template_folder
from bdana.errors import InputError
from bdana.events import Dataset, load_schema, write_events
from bdana.pairing import PairOptions, PairSelection, SingleSample
from bdana.search.estimates import estimate_combinatorial, single_tracks
from bdana.simulation import Beam, SimulationConfig, simulate
from tests import commands
from tests.pairing.halo import burst_table, halo_record, singles_of
from tests.searches import search_folder

BITS = load_schema("bdana").triggers
CONFIG = SimulationConfig(pot=1.4e16, bursts=20, beam=Beam(downscale=1600.0))


@pytest.fixture(scope="module")
def sample():
    return simulate(CONFIG, seed=5)


@pytest.fixture(scope="module")
def file(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("singles") / "halo.root"
    events, bursts = sample
    write_events(path, [events], bursts)
    return path


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def test_single_track_cuts_are_those_of_the_pairs(analysis):
    single, par = analysis.single_track("single_track")
    pairs, pair_par = analysis.selection("dimuon")
    assert single.good_track.name == pairs.good_track.name
    assert {c.name for c in single.cuts} == {c.name for c in pairs.cuts if c.level != "pair"}
    assert par == pair_par
    changed = bdana.load(
        overrides=["selection.dimuon.max_chi2=7.0", "selection.single_track.min_p_gev=12.0"]
    ).single_track("single_track")[1]
    assert (changed.max_chi2, changed.min_p_gev) == (7.0, 12.0)


def test_estimate_of_a_file(analysis, file, sample):
    run = analysis.select([file], kind="mc")
    estimate = analysis.background([file], kind="mc", two_track=run.candidates)
    cutflow = {row.cut: row.events for row in estimate.single_cutflow.rows}
    events, _ = sample
    fired = np.asarray(events.trigger)
    only_q1 = (fired >> BITS["Q1"] & 1 == 1) & (fired >> BITS["H2"] & 1 == 0)
    assert cutflow["all"] == only_q1.sum()
    assert estimate.bursts.events.sum() == cutflow["one_good_track"]
    assert (estimate.bursts.plus + estimate.bursts.minus).sum() == cutflow["acceptance"]
    assert 0.95 < estimate.bursts.accidental_survival < 0.99
    # 29 pairs of 1.4e17 protons; the intensity of 20 bursts fluctuates.
    assert estimate.expected.sum() == pytest.approx(2.9, rel=0.4)
    assert estimate.error[-1] < 0.1 * estimate.expected[-1]
    (row,) = [row for row in estimate.inputs if row.name == "h2_efficiency"]
    assert row.kind == "assumed"  # no event of this file has both triggers
    assert "sample_choice" in [source.name for source in estimate.systematics]
    values = estimate.hists["mass"].values(flow=True)
    assert values.sum(axis=1) == pytest.approx(estimate.expected)


def test_same_with_worker_processes(analysis, file):
    one = analysis.background([file], kind="mc")
    two = analysis.background([file], kind="mc", executor=bdana.ProcessExecutor(2))
    assert np.array_equal(one.expected, two.expected)
    assert np.array_equal(one.covariance, two.covariance)


def test_events_of_both_triggers_measure_the_efficiency_of_the_pair_trigger(analysis, sample, tmp_path):
    """Pairs that Q1 took, of which H2 took 80%: the estimate is of 80% of the pairs."""
    events, bursts = sample
    trigger = np.asarray(events.trigger)
    rng = np.random.default_rng(7)
    pair = trigger >> BITS["H2"] & 1 == 1
    taken = np.where(rng.random(len(trigger)) < 0.8, 1 << BITS["H2"], 0)
    path = tmp_path / "both.root"
    write_events(
        path, [ak.with_field(events, np.where(pair, taken | 1 << BITS["Q1"], trigger), "trigger")], bursts
    )
    found = analysis.background([path], kind="mc")
    (row,) = [row for row in found.inputs if row.name == "h2_efficiency"]
    assert row.kind == "measured"
    assert row.value == pytest.approx(0.8, abs=4 * row.error)
    assert row.error < 0.02
    assert "tag and probe" in row.source
    two = analysis.background([path], kind="mc", executor=bdana.ProcessExecutor(2))
    assert two.inputs == found.inputs


def test_events_of_both_triggers_measure_the_efficiency_of_the_single_track_trigger(
    analysis, sample, tmp_path
):
    """Of the pairs of H2 Q1 took 90% of one in two."""
    events, bursts = sample
    trigger = np.asarray(events.trigger)
    rng = np.random.default_rng(8)
    pair = trigger >> BITS["H2"] & 1 == 1
    one = np.where(pair & (rng.random(len(trigger)) < 0.9 / 2), 1 << BITS["Q1"], 0)
    path = tmp_path / "both.root"
    write_events(
        path,
        [ak.with_field(events, trigger | one, "trigger")],
        replace(bursts, downscale=np.full(len(bursts.run), 2.0)),
    )
    loose = bdana.load(overrides=["background.combinatorial.q1_efficiency_error=0.5"])
    found = loose.background([path], kind="mc")
    (row,) = [row for row in found.inputs if row.name == "q1_efficiency"]
    assert row.kind == "measured"
    assert row.value == pytest.approx(0.9, abs=4 * row.error)
    assert row.error < 0.1
    (source,) = [source for source in found.systematics if source.name == "q1_efficiency"]
    assert source.effect["SR"] == pytest.approx(2 * row.error / row.value)
    assert source.source.startswith("H2 against Q1")
    assumed = analysis.background([path], kind="mc")  # 0.01 is the smaller error
    (row,) = [row for row in assumed.inputs if row.name == "q1_efficiency"]
    assert row.kind == "assumed"
    assert "H2 against Q1" in row.source
    assert found.expected[-1] / assumed.expected[-1] == pytest.approx(0.9**-2, rel=0.2)


def test_where_events_of_both_triggers_are_not_read_nothing_is_measured(analysis, sample, tmp_path):
    """Two-track events of Q1 alone are those that H2 lost: they are no measure of what it takes."""
    events, bursts = sample
    trigger = np.asarray(events.trigger)
    rng = np.random.default_rng(9)
    pair = trigger >> BITS["H2"] & 1 == 1
    lost = pair & (rng.random(len(trigger)) < 0.2)
    mixed = np.where(pair, np.where(lost, 0, 1 << BITS["H2"]) | 1 << BITS["Q1"], trigger)
    path = tmp_path / "both.root"
    write_events(path, [ak.with_field(events, mixed, "trigger")], bursts)
    both = analysis.dataset([path], kind="mc")
    datasets = {"any": both, "Q1": replace(both, trigger="Q1")}
    found = {name: estimate_combinatorial(analysis, "combinatorial", data) for name, data in datasets.items()}
    rows = {
        name: next(row for row in one.inputs if row.name == "h2_efficiency") for name, one in found.items()
    }
    assert rows["any"].kind == "measured"
    assert (rows["Q1"].kind, rows["Q1"].value) == ("assumed", 1.0)
    assert "no two-track event of both triggers was read" in rows["Q1"].source


def test_an_event_twice_is_an_error(analysis, sample, tmp_path):
    events, bursts = sample
    paths = [tmp_path / f"{name}.root" for name in "ab"]
    for path in paths:
        write_events(path, [events[:50]], bursts)
    with pytest.raises(InputError, match=r"is in .*a\.root and in .*b\.root"):
        analysis.background(paths, kind="mc")


def renumbered(events, candidate, single):
    """Give the event of a candidate the identity of a single track's."""
    at = np.flatnonzero(
        (np.asarray(events.burst) == candidate[1]) & (np.asarray(events.event) == candidate[2])
    )[0]
    two = events[at : at + 1]
    for name, value in zip(("run", "burst", "event"), single, strict=True):
        two = ak.with_field(two, [value], name)
    return two


@pytest.fixture(scope="module")
def overlap(analysis, file, sample):
    """A single track's identity, and an event of a pair that has it."""
    events, _ = sample
    found = analysis.select([file], kind="mc").candidates
    dataset = Dataset.open([file], kind="mc", gate=None)
    kept = single_tracks(analysis, "combinatorial", dataset).bunches()[0].tracks.events[0]
    single = tuple(int(kept[name]) for name in ("run", "burst", "event"))
    return single, renumbered(events, (found.run[0], found.burst[0], found.event[0]), single)


def test_a_pair_with_the_identity_of_a_single_track_is_an_error(analysis, file, sample, overlap, tmp_path):
    single, two = overlap
    path = tmp_path / "two.root"
    write_events(path, [two], sample[1])
    candidates = analysis.select([path], kind="mc").candidates
    run, burst, event = single
    said = f"run {run} burst {burst} event {event} is in the single-track sample and in the two-track sample"
    with pytest.raises(InputError, match=said):
        analysis.background([file], kind="mc", two_track=candidates)
    said = f"run {run} burst {burst} event {event} is in {file} and in {path}"
    with pytest.raises(InputError, match=said):  # both in one sample: the events of H2 are looked at too
        analysis.background([file, path], kind="mc")


def test_a_search_refuses_a_pair_with_the_identity_of_a_single_track(file, sample, overlap, tmp_path):
    """Pairs from one file, single tracks from another; then both from the same, where nothing overlaps."""
    single, two = overlap
    path = tmp_path / "two.root"
    write_events(path, [two], sample[1])
    folder = search_folder(tmp_path / "analysis", path, "mc", data="pairs", singles=file)
    run, burst, event = single
    with pytest.raises(InputError, match=f"run {run} burst {burst} event {event} is in the single"):
        bdana.load(folder).run("pairs")
    same = bdana.load(folder, overrides=[f'samples.pairs.files=["{file}"]'])
    assert same.run("pairs").estimate.expected.sum() > 0


def test_the_command_prints_the_estimate_in_an_analysis_alone(file, monkeypatch):
    typed, folder = ("background", file, "--kind", "mc"), template_folder()
    opened, of_files = [], Dataset.open.__func__
    monkeypatch.setattr(
        Dataset, "open", classmethod(lambda *given, **more: opened.append(1) or of_files(*given, **more))
    )
    done = commands.bdana(*typed, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (opened, document["label"]) == ([1], "simulation")
    assert [row["name"] for row in document["regions"]] == ["SR", "CR", "CR1", "CR2", "CR3", "outside"]
    assert np.shape(document["statistical_covariance"]) == (6, 6)
    outside = document["regions"][-1]
    both = document["statistical_covariance"][-1][-1] + document["systematic_covariance"][-1][-1]
    assert outside["error"] == pytest.approx(both**0.5)
    alone = commands.bdana(*typed, cwd=file.parent)
    assert (alone.returncode, "no analysis.toml here or above" in alone.stderr) == (2, True)
    assert "sample_choice" in commands.bdana(*typed, cwd=folder).stdout


def in_chunks(record, burst, table, chunks, timestamp=None):
    """A sample of single tracks that came in chunks of the given places."""
    sample = SingleSample(None, table)
    for own in chunks:
        stamp = None if timestamp is None else timestamp[own]
        sample.add(singles_of(record[own], burst[own], stamp))
    return sample


@pytest.mark.parametrize("rippled", [False, True])
def test_the_estimate_does_not_depend_on_how_tracks_come_and_are_bunched(analysis, monkeypatch, rippled):
    """In one chunk and one bunch, or in any order, in chunks, each burst in a bunch and from a file."""
    rng = np.random.default_rng(3)
    bursts, tracks = 12, 3000
    record, burst = (
        halo_record(tracks, rng, np.resize([1, -1], tracks)),
        np.sort(rng.integers(bursts, size=tracks)),
    )
    timestamp = rng.uniform(0.0, 0.25e9 if rippled else 1e9, tracks)
    table = burst_table(bursts)
    background, par = analysis.combinatorial("combinatorial")
    variables = {name: analysis.variables[name] for name in ("mass", "dt")}
    pairs = PairSelection(*analysis.selection("dimuon"), analysis.setup, variables)

    def estimate(sample):
        return background.estimate(sample, pairs, par, (), PairOptions())

    one = estimate(in_chunks(record, burst, table, [np.arange(tracks)], timestamp))
    monkeypatch.setattr("bdana.pairing.estimate.singles.BUNCH", 100)
    monkeypatch.setattr("bdana.pairing.estimate.burst_store.IN_MEMORY", 1000)
    mixed = in_chunks(record, burst, table, np.array_split(rng.permutation(tracks), 5), timestamp)
    assert len(mixed.bunches()) >= bursts - 1
    other = estimate(mixed)
    assert one.pairs.sum() > 500
    assert any("trends" in text for text in one.slices) == rippled
    assert np.array_equal(other.pairs, one.pairs)
    assert other.slices == one.slices
    assert other.expected == pytest.approx(one.expected, rel=1e-12)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-9)
    for name, covariance in one.bin_covariances.items():
        assert other.bin_covariances[name] == pytest.approx(
            covariance, rel=1e-9, abs=1e-12 * covariance.max()
        )
    assert [s.effect for s in other.systematics] == [pytest.approx(s.effect) for s in one.systematics]


def test_selected_tracks_are_found_by_their_places():
    rng = np.random.default_rng(4)
    record, burst = halo_record(50, rng, 1), np.sort(rng.integers(4, size=50))
    sample = in_chunks(record, burst, burst_table(4), np.array_split(np.arange(50), 3))
    rows = np.array([0, 3, 17, 49])
    assert np.array_equal(sample.selected(rows).p, np.asarray(record.p)[rows])


def test_memory_does_not_grow_with_the_tracks(monkeypatch):
    """Eight times the bursts, twice the memory at most."""
    monkeypatch.setattr("bdana.pairing.estimate.singles.BUNCH", 1000)
    monkeypatch.setattr("bdana.pairing.estimate.burst_store.IN_MEMORY", 1000)
    part = singles_of(halo_record(1000, np.random.default_rng(5), 1), np.zeros(1000, dtype=np.int64))
    peaks = []
    for chunks in (4, 4, 32):  # the first time for what is kept
        sample = SingleSample(None, burst_table(1 + chunks))
        tracemalloc.start()
        for chunk in range(chunks):
            moved = np.full(1000, 1 + chunk)
            sample.add(singles_of(part.tracks.record, moved))
        number = sum(len(bunch) for bunch in sample.bunches())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert number == 1000 * chunks
    assert peaks[2] < 2 * peaks[1]
