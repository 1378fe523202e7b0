"""The estimate of backgrounds/combinatorial.py: weights and corrections by hand, edge cases, errors."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError, InputError
from bdana.pairing import PairSelection, SingleBursts, SingleSample, require_orthogonal
from bdana.pairing.estimate.singles import Probes
from bdana.selection import Candidates
from bdana.statistics import Systematic
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def estimate(analysis, singles, table, **changed):
    return estimate_of(analysis, singles, table, variables=analysis.variables, changed=changed)


def two_crossing_tracks():
    """One positive and one negative track that meet at z = 150 m."""
    record = halo_record(2, np.random.default_rng(1), np.array([1, -1]))
    fields = {name: record[name] for name in ak.fields(record)}
    fields |= {"tx_before": np.array([5e-3, -2e-3]), "ty_before": np.array([1e-3, 3e-3])}
    fields |= {"x_before": np.array([165.0, -66.0]), "y_before": np.array([33.0, 99.0])}
    return ak.zip(fields)


def test_one_pair_weighs_what_it_does_by_hand(analysis):
    """Weight D^2 W / T = 20^2 * 10 ns / 2 s, and exp(R tau) of R = D n / T."""
    singles = singles_of(two_crossing_tracks(), [0, 0])
    result = estimate(analysis, singles, burst_table(1, live_time_s=2.0, downscale=20.0))
    weight = 20.0**2 * 10.0 / 2e9 * np.exp(20.0 * 2 / 2e9 * 100.0)
    assert result.built == 1
    assert result.pairs.sum() == 1
    assert result.expected.sum() == pytest.approx(weight, rel=1e-12)
    # One pair: r^2 + c^2 - h^2, and as much as two more.
    assert np.diag(result.covariance).sum() == pytest.approx(3.0 * weight**2, rel=1e-9, abs=0.0)
    assert result.sum_w2.sum() == pytest.approx(weight**2, rel=1e-12)
    there = result.pairs > 0
    assert np.isnan(result.upper_limit[there]).all()
    assert result.upper_limit[~there] == pytest.approx(2.302585 * weight)
    for name, histogram in result.hists.items():
        assert histogram.sum(flow=True).value == pytest.approx(weight, rel=1e-12), name
    assert result.hists["dt"].values().sum(axis=0) == pytest.approx(weight / 20)


def test_window_follows_the_selection(analysis):
    singles = singles_of(two_crossing_tracks(), [0, 0])
    half = bdana.load(overrides=["selection.dimuon.max_dt_ns=2.5"])
    full = estimate(analysis, singles, burst_table(1)).expected.sum()
    assert estimate(half, singles, burst_table(1)).expected.sum() == pytest.approx(full / 2)


def test_tracks_of_different_bursts_are_not_paired(analysis):
    result = estimate(analysis, singles_of(two_crossing_tracks(), [0, 1]), burst_table(2))
    assert result.built == 0
    assert not result.expected.any()


def test_pair_cuts_act_on_built_pairs(analysis):
    """Tracks less than 20 mm apart at STRAW1 are no pair, unless the selection says so."""
    record = two_crossing_tracks()
    close = ak.with_field(record, [4e-4, -2e-4], "tx_before")
    close = ak.with_field(close, [13.2, -3.3], "x_before")
    close = ak.with_field(close, [1e-3, 1e-3], "ty_before")
    close = ak.with_field(close, [0.0, 0.0], "y_before")
    singles = singles_of(close, [0, 0])
    assert estimate(analysis, singles, burst_table(1)).pairs.sum() == 0
    loose = bdana.load(overrides=["selection.dimuon.straw1_separation=false"])
    assert estimate(loose, singles, burst_table(1)).pairs.sum() == 1


def test_accidental_veto_is_divided_out_once(analysis):
    singles = singles_of(two_crossing_tracks(), [0, 0])
    vetoed = replace(singles, events=replace(singles.events, survival=np.array([0.5, 1.0])))
    before = estimate(analysis, singles, burst_table(1))
    result = estimate(analysis, vetoed, burst_table(1))
    assert result.bursts.accidental_survival == pytest.approx(2.0 * 0.5 / 1.5)
    assert result.expected == pytest.approx(before.expected * 1.5)
    survival = result.bursts.survival
    assert survival.relative_error > 0.1
    more = survival.relative_variance * np.outer(result.expected, result.expected)
    assert result.covariance == pytest.approx(1.5**2 * before.covariance + more)


@pytest.mark.parametrize("n", [0, 1])
def test_no_pair_is_an_exact_zero_with_an_upper_limit(analysis, n):
    result = estimate(analysis, singles_of(two_crossing_tracks()[:n], np.zeros(n, dtype=int)), burst_table(3))
    assert not result.expected.any()
    assert not result.covariance.any()
    assert result.upper_limit == pytest.approx(2.302585 * 1e2 * 10.0 / 1e9, rel=1e-4)
    assert {"expected", "upper_limit_90"} <= set(result.to_dict()["regions"][0])


def test_bursts_without_live_time_or_downscale(analysis):
    singles = singles_of(two_crossing_tracks(), [1, 1])
    # Only bursts with tracks matter.
    assert estimate(analysis, singles, burst_table(2, live_time_s=[0.0, 1.0])).pairs.sum() == 1
    with pytest.raises(InputError, match=r"run 1 burst 1: 2 single tracks but no live time"):
        estimate(analysis, singles, burst_table(2, live_time_s=[1.0, 0.0]))
    with pytest.raises(InputError, match=r"run 1 burst 1: 2 single tracks but no downscale"):
        estimate(analysis, singles, burst_table(2, downscale=[1.0, np.nan]))
    given = bdana.load(overrides=["background.combinatorial.downscale=10.0"])
    known = estimate(analysis, singles, burst_table(2)).expected
    assert estimate(given, singles, burst_table(2, downscale=[10.0, np.nan])).expected == pytest.approx(known)


@pytest.mark.parametrize("live_time", [0.0, -1.0, np.nan, np.inf])
def test_tracks_without_live_time_are_refused(analysis, live_time):
    singles = singles_of(two_crossing_tracks(), [0, 0])
    with pytest.raises(InputError, match=r"run 1 burst 0: 2 single tracks but no live time"):
        estimate(analysis, singles, burst_table(1, live_time_s=live_time))
    empty = singles_of(two_crossing_tracks()[:0], np.zeros(0, dtype=int))
    other = burst_table(2, live_time_s=[live_time, 1.0])
    assert np.isfinite(estimate(analysis, empty, other).upper_limit).all()


@pytest.mark.parametrize("downscale", [0.0, -3.0, 0.5])
def test_tracks_with_a_downscale_that_cannot_be(downscale):
    """A value that fills gaps does not hide a wrong one."""
    given = bdana.load(overrides=["background.combinatorial.downscale=10.0"])
    singles = singles_of(two_crossing_tracks(), [0, 0])
    with pytest.raises(InputError, match=r"run 1 burst 0: 2 single tracks but a downscale of Q1 below 1"):
        estimate(given, singles, burst_table(1, downscale=downscale))


@pytest.mark.parametrize("charge", [[1, 1, 1], [-1, -1, -1], [1, 0, 0]])
def test_tracks_of_one_charge_make_no_pair(analysis, charge):
    record = halo_record(3, np.random.default_rng(2), np.array(charge))
    result = estimate(analysis, singles_of(record, [0, 0, 0]), burst_table(1))
    assert result.built == 0
    assert not result.expected.any()
    assert not result.covariance.any()
    assert (result.upper_limit > 0).all()
    assert result.bursts.events.sum() == 3


@pytest.mark.parametrize("like_sign", [False, True])
def test_bursts_of_no_and_one_track_add_zero(analysis, like_sign):
    """Bursts of 0, 1 and 40 tracks: the last alone gives the same."""
    record = halo_record(41, np.random.default_rng(2), np.resize([1, -1], 41))
    burst = np.append(1, np.full(40, 2))
    made = (
        estimate_of(analysis, singles_of(tracks, at), burst_table(3), like_sign=like_sign)
        for tracks, at in ((record, burst), (record[1:], burst[1:]))
    )
    every, alone = made
    assert every.built == alone.built == (2 * 190 if like_sign else 400)
    assert np.array_equal(every.expected, alone.expected)
    assert not every.by_burst[:2].any()


def test_no_burst_with_a_live_time_is_refused(analysis):
    singles = singles_of(two_crossing_tracks()[:0], np.zeros(0, dtype=int))
    with pytest.raises(InputError, match="no burst with live time and downscale"):
        estimate(analysis, singles, burst_table(2, live_time_s=0.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", ["x_before", "y_before", "tx_before", "ty_before", "z_before", "p"])
def test_broken_tracks_give_no_pair(analysis, field, value):
    record = two_crossing_tracks()
    record = ak.with_field(record, [value, record[field][1]], field)
    result = estimate(analysis, singles_of(record, [0, 0]), burst_table(1))
    assert result.pairs.sum() == 0
    assert np.isfinite(result.expected).all()


def test_an_unknown_replaced_cut_is_refused(analysis):
    singles = singles_of(two_crossing_tracks(), [0, 0])
    with pytest.raises(ConfigError, match="'muv3' is no pair cut of the selection"):
        estimate(analysis, singles, burst_table(1), replaced=("muv3",))


def test_an_event_in_both_samples_is_an_error(analysis):
    singles = singles_of(two_crossing_tracks(), [0, 0])
    columns = {name: np.zeros(1) for name in Candidates.__dataclass_fields__}
    other = Candidates(**columns | {"run": np.array([1]), "burst": np.array([0]), "event": np.array([5])})
    require_orthogonal(singles, other)
    with pytest.raises(InputError, match="run 1 burst 0 event 1 is in the single-track sample and"):
        require_orthogonal(singles, replace(other, event=np.array([1])))


def test_survival_is_averaged_over_pairs():
    """A burst with twice the tracks, downscaled twice as much, stands for sixteen times the pairs."""
    bursts = SingleBursts(
        run=np.ones(2),
        burst=np.arange(2),
        live_time=np.full(2, 1e9),
        downscale=np.array([10.0, 20.0]),
        events=np.array([100, 200]),
        tried=np.array([1e6, 2e6]),
        survived=np.array([1e6, 1e6]),
        survived_squares=np.array([1e6, 1e6]),
        plus=np.array([50, 100]),
        minus=np.array([50, 100]),
        intensity=np.full(2, np.nan),
    )
    assert bursts.accidental_survival == pytest.approx((1.0 + 16.0 * 0.5**2) / (1.0 + 16.0 * 0.5), rel=1e-5)
    assert bursts.rate == pytest.approx([1e-6, 4e-6])


def test_what_the_triggers_lose_is_divided_out():
    """Singles go as Q1's efficiency each, pairs of the data as H2's and its live time."""
    singles = singles_of(two_crossing_tracks(), [0, 0])
    usual = estimate(bdana.load(), singles, burst_table(1))
    par = {
        "q1_efficiency": 0.9, "q1_efficiency_error": 0.009, "h2_efficiency": 0.8, "h2_efficiency_error": 0.04,
        "h2_live_time": 1.1, "h2_live_time_error": 0.011,
    }  # fmt: skip
    changed = bdana.load(
        overrides=[f"background.combinatorial.{name}={value}" for name, value in par.items()]
    )
    found = estimate(changed, singles, burst_table(1))
    assert found.expected == pytest.approx(usual.expected * 0.8 * 1.1 / 0.9**2, rel=1e-6)
    effects = {source.name: source.effect["SR"] for source in found.systematics}
    assert [effects[name] for name in ("q1_efficiency", "h2_efficiency", "h2_live_time")] == pytest.approx(
        [0.02, 0.05, 0.01]
    )
    rows = {row.name: row for row in found.inputs}
    assert (rows["q1_efficiency"].value, rows["q1_efficiency"].error) == (0.9, 0.009)
    assert {row.kind for row in found.inputs} == {"measured", "assumed"}
    assert [row["name"] for row in found.to_dict()["inputs"]] == list(rows)


@pytest.mark.parametrize(
    ("tried", "taken", "kind"), [(0, 0, "assumed"), (20, 18, "assumed"), (5000, 4500, "measured")]
)
def test_the_efficiency_of_the_pair_trigger_is_measured_where_the_sample_allows(analysis, tried, taken, kind):
    background, par = analysis.combinatorial("combinatorial")
    singles = singles_of(two_crossing_tracks(), [0, 0])
    pairs = PairSelection(*analysis.selection("dimuon"), analysis.setup, {})
    sample = SingleSample(singles, burst_table(1), Probes(tried, taken))
    found = background.estimate(sample, pairs, par)
    (row,) = [row for row in found.inputs if row.name == "h2_efficiency"]
    assert row.kind == kind
    efficiency = 0.9 if kind == "measured" else 1.0
    assert row.value == pytest.approx(efficiency, abs=1e-3)
    assert found.expected.sum() == pytest.approx(
        row.value * estimate(analysis, singles, burst_table(1)).expected.sum()
    )
    effect = next(source.effect["SR"] for source in found.systematics if source.name == "h2_efficiency")
    assert effect == pytest.approx(row.error / row.value)
    assert effect == pytest.approx(np.sqrt(0.09 / 5000) / 0.9 if kind == "measured" else 0.02, rel=0.01)


def test_systematics_add_up(analysis):
    singles = singles_of(two_crossing_tracks(), [0, 0])
    source = Systematic("scale", dict.fromkeys(analysis.regions.names, 0.13), correlated=True, source="test")
    alone = replace(source, name="alone", correlated=False)
    usual = estimate_of(analysis, singles, burst_table(1))
    result = estimate_of(analysis, singles, burst_table(1), systematics=[source, alone])
    shift = 0.13 * result.expected
    more = result.systematic_covariance - usual.systematic_covariance
    assert more == pytest.approx(np.outer(shift, shift) + np.diag(shift**2), rel=1e-3)
    assert result.total_error == pytest.approx(np.sqrt(usual.total_error**2 + 2 * shift**2), rel=1e-3)
