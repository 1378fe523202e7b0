"""Options of the estimate: mixing of bursts with its bias, bootstrap errors, and the pairs themselves in a file."""

import pickle

import numpy as np
import pytest
import uproot

import bdana
from bdana.analysis import scaffold
from bdana.engine.accounting import accounting
from bdana.errors import ConfigError, InputError
from bdana.pairing import pair_file
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of


def estimate(singles, table, *overrides, variables=False, **options):
    analysis = bdana.load(overrides=["background.combinatorial.readout_ns=0.0", *overrides])
    drawn = analysis.variables if variables else {}
    return estimate_of(analysis, singles, table, variables=drawn, **options)


def sample(numbers, seed=1, timestamp=None):
    """Tracks in bursts of given numbers, two thirds of them positive."""
    rng = np.random.default_rng(seed)
    burst = np.repeat(np.arange(len(numbers)), numbers)
    record = halo_record(len(burst), rng, rng.choice([1, 1, -1], len(burst)))
    return singles_of(record, burst, timestamp)


def test_mixed_bursts_are_biased_by_the_variation_of_intensity_and_say_so():
    """Two levels 0.2 and 1.8 in turn: <n>^2/<n^2> = 0.61."""
    singles = sample([60, 540] * 6)
    table = burst_table(12)
    alone = estimate(singles, table)
    mixed = estimate(singles, table, "background.combinatorial.mix_bursts=2")
    assert not any("mixed" in said for said in alone.warnings)
    (said,) = [said for said in mixed.warnings if "mixed" in said]
    assert "2 bursts are mixed: the estimate is biased by -39" in said
    assert mixed.expected.sum() / alone.expected.sum() == pytest.approx(0.61, abs=0.08)
    assert said in mixed.to_dict()["warnings"]
    assert mixed.by_burst[1::2].sum() == 0.0
    assert mixed.by_burst.sum() == pytest.approx(mixed.expected.sum())


def test_a_mixed_burst_has_the_live_time_of_all():
    one, two = sample([400]), sample([400, 0])
    mixed = estimate(two, burst_table(2), "background.combinatorial.mix_bursts=2")
    assert mixed.expected == pytest.approx(0.5 * estimate(one, burst_table(1)).expected)


def test_bursts_of_different_downscale_are_not_mixed():
    """A pair of two bursts would weigh D_i D_j W / T, which no weight of a burst can be."""
    singles = sample([500, 50, 500, 500])
    table = burst_table(4, downscale=[1.0, 10.0, 1.0, 1.0])
    said = r"run 1 burst 0 and run 1 burst 1 have downscales 1 and 10.*remove .*mix_bursts"
    with pytest.raises(InputError, match=said):
        estimate(singles, table, "background.combinatorial.mix_bursts=2")
    unused = sample([500, 0, 500, 500])
    table = burst_table(4, downscale=[1.0, np.nan, 2.0, 2.0])
    assert estimate(unused, table, "background.combinatorial.mix_bursts=2").pairs.sum() > 0


@pytest.mark.parametrize(
    "value",
    [
        "downscale=0.5", "downscale=inf", "slice_ms=0.0", "slice_ms=nan", "unmeasured_duty_factor=0.0",
        "q1_efficiency=1.1", "h2_live_time=0.0",
        "spill_start_s=-1.0", "spill_s=0.0", "mix_bursts=0", "sideband_ns=[18.0, 10.0]", "sideband_ns=[-1.0, 10.0]",
        "sideband_ns=[10.0, inf]", "readout_ns=-1.0", "h2_efficiency=0.0", "window_error_ns=nan",
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_are_refused(value):
    with pytest.raises(ConfigError, match=value.partition("=")[0]):
        estimate(sample([10]), burst_table(1), f"background.combinatorial.{value}")


def test_parameters_without_those_of_the_pairing_are_refused(tmp_path):
    scaffold(tmp_path / "a")
    module = tmp_path / "a" / "backgrounds" / "combinatorial.py"
    module.write_text(
        module.read_text().replace("bdana.PairingParameters", "__import__('pydantic').BaseModel")
    )
    with pytest.raises(ConfigError, match=r"must have bdana\.PairingParameters as base"):
        bdana.load(tmp_path / "a").combinatorial("combinatorial")


def test_bootstrap_errors_are_those_of_the_u_statistic():
    singles, table = sample([600, 500, 400]), burst_table(3)
    found = estimate(singles, table, bootstrap=400)
    dense = found.pairs > 100
    assert dense.sum() >= 2
    assert found.bootstrap_error[dense] == pytest.approx(found.error[dense], rel=0.12)
    assert found.to_dict()["bootstrap_error"] == found.bootstrap_error.tolist()
    again = estimate(singles, table, bootstrap=400)
    assert np.array_equal(again.bootstrap_error, found.bootstrap_error)
    assert estimate(singles, table).bootstrap_error is None


def test_bootstrap_errors_hold_the_normalisation_of_each_burst():
    """One burst of large downscale with few tracks makes most of the error."""
    singles, table = sample([900, 900, 40]), burst_table(3, downscale=[10.0, 10.0, 250.0])
    found = estimate(singles, table, bootstrap=400)
    alike = estimate(singles, burst_table(3), bootstrap=400)
    dense = found.pairs > 100
    relative = found.error[dense] / found.expected[dense]
    assert (relative > 1.25 * alike.error[dense] / alike.expected[dense]).all()
    assert found.bootstrap_error[dense] == pytest.approx(found.error[dense], rel=0.2)


def test_a_file_holds_the_selected_pairs(tmp_path):
    singles, table = sample([300, 300]), burst_table(2)
    path = tmp_path / "pairs.root"
    with pair_file(path) as sink:
        found = estimate(singles, table, sink=sink)
    with uproot.open(path) as file:
        pairs = file["pairs"].arrays(library="np")
    assert len(pairs["weight"]) == found.pairs.sum() > 20
    assert pairs["weight"].sum() == pytest.approx(found.expected.sum())
    for i, name in enumerate(found.regions):
        assert np.count_nonzero(pairs["region"] == name) == found.pairs[i]
    assert (pairs["charge_1"] * pairs["charge_2"] == -1).all()
    burst = np.asarray(singles.tracks.events.burst)
    for track in "12":
        assert np.array_equal(burst[pairs[f"event_{track}"]], pairs[f"burst_{track}"])
    assert np.array_equal(pairs["burst_1"], pairs["burst_2"])


def test_pairs_across_bursts_name_both_bursts(tmp_path):
    path = tmp_path / "pairs.root"
    with pair_file(path) as sink:
        singles = sample([300, 300])
        estimate(singles, burst_table(2), "background.combinatorial.mix_bursts=2", sink=sink)
    with uproot.open(path) as file:
        pairs = file["pairs"].arrays(library="np")
    burst = np.asarray(singles.tracks.events.burst)
    for track in "12":
        assert np.array_equal(burst[pairs[f"event_{track}"]], pairs[f"burst_{track}"])
    assert (pairs["burst_1"] != pairs["burst_2"]).any()


def test_a_file_without_a_pair_has_all_columns(tmp_path):
    path = tmp_path / "pairs.root"
    with pair_file(path) as sink:
        estimate(sample([1]), burst_table(1), sink=sink)
    with uproot.open(path) as file:
        assert file["pairs"].num_entries == 0
        assert {"run_1", "event_2", "charge_2", "region", "weight", "mass_mev"} <= set(file["pairs"].keys())


def test_a_file_holds_each_like_sign_pair_once(tmp_path):
    path = tmp_path / "pairs.root"
    with pair_file(path) as sink:
        found = estimate(sample([300]), burst_table(1), sink=sink, like_sign=True)
    with uproot.open(path) as file:
        pairs = file["pairs"].arrays(library="np")
    assert len(pairs["weight"]) == found.pairs.sum() > 5
    assert (pairs["charge_1"] == pairs["charge_2"]).all()
    assert (pairs["event_1"] < pairs["event_2"]).all()
    assert len(np.unique(np.sort([pairs["event_1"], pairs["event_2"]], axis=0), axis=1).T) == len(
        pairs["weight"]
    )


def test_no_file_of_pairs_is_left_when_the_estimate_fails(tmp_path):
    singles = sample([10])
    with pytest.raises(ConfigError), pair_file(tmp_path / "pairs.root") as sink:
        estimate(singles, burst_table(1), "background.combinatorial.mix_bursts=0", sink=sink)
    assert not list(tmp_path.iterdir())


def structured(bursts=8, each=300):
    """Tracks whose rate changes inside the bursts, so that they are paired in slices, too."""
    rng = np.random.default_rng(5)
    place = np.repeat(np.arange(bursts), each)
    n = len(place)
    inside = 4.8e9 * np.where(rng.random(n) < 0.5, 0.1, 1.0) * rng.random(n)
    return sample([each] * bursts, timestamp=6e9 * place + inside)


def same(a, b):
    assert a.to_dict(bins=True) == b.to_dict(bins=True)
    for name in a.hists:
        assert np.array_equal(a.hists[name].view(flow=True), b.hists[name].view(flow=True))
    assert np.array_equal(a.plane.view(flow=True), b.plane.view(flow=True))
    assert np.array_equal(a.by_burst, b.by_burst)


class Sent:
    """Another process, as far as what is sent and comes back is concerned; a real one is in tests/engine/test_dask.py."""

    def map(self, function, items):
        there = pickle.loads(pickle.dumps(function))
        return (pickle.loads(pickle.dumps(there(pickle.loads(pickle.dumps(item))))) for item in items)


def test_bunches_that_are_sent_are_paired_to_the_same_bits(monkeypatch):
    monkeypatch.setattr("bdana.pairing.estimate.singles.BUNCH", 300)
    singles, table = structured(), burst_table(8, live_time_s=4.8)
    here = estimate(singles, table, variables=True, bootstrap=3)
    assert here.slices[0] != here.slices[-1]
    monkeypatch.setattr("bdana.pairing.estimate.paired_bunch.FEW_BUNCHES", 1)
    with accounting() as account:
        seen = []
        account.watched = lambda: seen.append((account.present, *account.chunks))
        there = estimate(singles, table, variables=True, bootstrap=3, executor=Sent())
    same(there, here)
    assert seen[0] == ("pairs of single tracks", 1, 8)
    assert seen[8:] == seen[:8], "pairs of whole bursts, then in slices"


class Nowhere:
    def map(self, function, items):
        raise AssertionError("no other process is needed")


def test_few_bunches_and_those_whose_pairs_are_wanted_are_paired_here(monkeypatch):
    singles, table = sample([300, 300]), burst_table(2)
    estimate(singles, table, executor=Nowhere())
    monkeypatch.setattr("bdana.pairing.estimate.paired_bunch.FEW_BUNCHES", 1)
    pairs = []
    found = estimate(singles, table, executor=Nowhere(), sink=lambda made, *_: pairs.append(len(made)))
    assert sum(pairs) == found.pairs.sum()
    with pytest.raises(AssertionError, match="no other process"):
        estimate(singles, table, executor=Nowhere())
