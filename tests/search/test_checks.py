"""Checks on simulated data with many accidental pairs: they agree where the data are what is assumed, and show where not."""

from dataclasses import replace
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.events import EventArrays, load_schema
from bdana.observed import Observed
from bdana.pairing import PairOptions
from bdana.search.checks import left_out_cuts, only_bad_bursts, run_checks
from bdana.search.estimates import estimate_combinatorial, estimate_singles, single_tracks
from bdana.simulation import Beam, Halo, SimulationConfig, simulate
from bdana.statistics.multinomial import multinomial_p
from tests.attacks.raw import like_sign, of_stage
from tests.searches import analysis_folder
from tests.synthetic import records

BITS = load_schema("bdana").triggers
BURSTS = 40
FEW_BAD = np.arange(BURSTS) % 8 > 0
HALF_BAD = np.arange(BURSTS) % 2 > 0
"""Which bursts are good."""


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The same without the prompt background, which takes its time."""

    def edit(text):
        return text.replace('prompt = "prompt"\n', "")

    return bdana.load(analysis_folder(tmp_path_factory.mktemp("checks") / "quick", edit=edit))


@pytest.fixture(scope="module")
def halo(analysis):
    """Single tracks of halo muons, and those of their accidental pairs that the checks look at."""
    # 20 times the rate makes 400 times the pairs.
    many = Halo(rate_hz=20 * 4460.0)
    config = SimulationConfig(pot=3e15, bursts=BURSTS, truth=False, beam=Beam(downscale=4000.0), halo=many)
    events, bursts = simulate(config, 5)
    is_pair = np.asarray(events.trigger) >> BITS["H2"] & 1 == 1
    pairs = events[is_pair]
    data = analysis.dataset([EventArrays(pairs, bursts)], kind="pseudo")
    found = analysis.select_from(data, "dimuon", left_out=left_out_cuts(analysis)).loose.candidates
    seen = np.isin(number_of(pairs), number_of(found))
    return SimpleNamespace(pairs=pairs[seen], singles=events[~is_pair], bursts=bursts)


def number_of(events):
    """Return one number for burst and event."""
    return 10_000_000 * np.asarray(events.burst) + np.asarray(events.event)


def samples(analysis, halo, good=None, **changed):
    """Open pairs and single tracks, or `changed` ones, with some bursts marked bad."""
    bursts = halo.bursts if good is None else replace(halo.bursts, good=good)
    made = {"pairs": halo.pairs, "singles": halo.singles} | changed
    return [analysis.dataset([EventArrays(events, bursts)], kind="pseudo") for events in made.values()]


def checks_of(analysis, data, source, times=None, counted=None):
    """Make the checks; with other time differences, or other numbers of the known regions."""
    selected = analysis.select_from(data, "dimuon", left_out=left_out_cuts(analysis))
    if times:
        moved = replace(selected.loose.candidates, dt=times(selected.loose.candidates.dt))
        selected = replace(selected, loose=replace(selected.loose, candidates=moved))
    sample = single_tracks(analysis, "combinatorial", source)
    estimate = estimate_singles(analysis, "combinatorial", sample)
    counted = counted or {region.name: region.observed for region in selected.regions}
    observed = {name: Observed(name, counted.get(name)) for name in analysis.regions.names}
    return run_checks(analysis, selected, observed, sample, source, estimate)


@pytest.fixture(scope="module")
def made(analysis, halo):
    return checks_of(analysis, *samples(analysis, halo, FEW_BAD))


@pytest.fixture(scope="module")
def estimates(quick, halo):
    """By themselves: the estimates of the pairs of the good bursts, their like-sign pairs, and the pairs of the bad ones."""
    _, source = samples(quick, halo, FEW_BAD)
    sample = single_tracks(quick, "combinatorial", source)
    return SimpleNamespace(
        opposite=estimate_singles(quick, "combinatorial", sample),
        like=estimate_singles(quick, "combinatorial", sample, PairOptions(like_sign=True)),
        bad=estimate_combinatorial(quick, "combinatorial", only_bad_bursts(source, downscale_known=False)),
    )


def test_like_sign_and_out_of_time_pairs_are_as_predicted_in_every_region(made):
    for rows in (made.like_sign, made.out_of_time):
        assert [row.region for row in rows] == ["SR", "CR", "CR1", "CR2", "CR3", "outside"]
        assert all(row.p_l > 0.003 for row in rows), rows
        total, expected = sum(row.observed for row in rows), sum(row.expected for row in rows)
        assert total > 100
        # Counts and the few single tracks only.
        assert total == pytest.approx(expected, abs=4 * np.sqrt(expected + (0.05 * expected) ** 2))


def test_accidental_pairs_are_flat_and_stable(made):
    assert made.flatness.pairs > 100
    assert made.flatness.p > 0.003
    assert [s.what for s in made.stability] == [
        "|t(+) - t(-)|", "intensity of the burst", "time", "quality of the burst",
    ]  # fmt: skip
    for stability in made.stability:
        assert stability.p > 0.003, stability
        assert sum(stability.observed) > 80
    quality = made.stability[-1]
    assert quality.observed[1] > 5
    assert quality.expected[1] / quality.expected[0] == pytest.approx(5 / 35, rel=0.7)


def test_closure_on_the_simulated_sample(made):
    """CR3 to SR of a pseudo sample are closed, so that pairs in time are left out."""
    assert [row.source for row in made.closure] == ["opposite charge, out of time", "like-sign, in time"]
    for row, compared in zip(made.closure, (made.out_of_time, made.like_sign), strict=True):
        assert row.observed == sum(region.observed for region in compared)
        assert row.estimate == pytest.approx(sum(region.expected for region in compared))
        assert row.error < 0.1 * row.estimate
        assert row.pull == pytest.approx(
            (row.estimate - row.observed) / np.hypot(np.sqrt(row.estimate), row.error)
        )
        assert abs(row.pull) < 3.5
        assert row.ratio == pytest.approx(1.0, abs=3.5 * row.ratio_error)


def test_the_normalisation_is_that_of_control_pairs_outside(made):
    """Like-sign and out-of-time pairs outside of all control regions; the sample is what it says, so the ratio is 1."""
    found = made.normalisation
    rows = [row for rows in (made.like_sign, made.out_of_time) for row in rows if row.region == "outside"]
    assert found.observed == sum(row.observed for row in rows) > 50
    assert found.expected == pytest.approx(sum(row.expected for row in rows))
    assert abs(found.ratio - 1.0) < 3.5 * found.error
    assert made.to_dict()["normalisation"]["source"].startswith(f"measured: {found.observed} like-sign")


def test_no_prompt_pair_is_found(made):
    share = made.prompt.share
    assert share.low < 0.1
    assert made.to_dict()["prompt"]["share"]["left_out"] == [
        "track_time_difference",
        "trigger_time",
        "lav_veto",
    ]
    assert share.upper_limit < 0.4
    (innermost, *_, outside) = made.prompt.varied
    assert innermost.p_n is None
    assert innermost.z_two_sided is None
    assert outside.expected == pytest.approx(
        (1 + share.upper_limit) * sum_expected(made, "outside"), rel=1e-6
    )
    assert outside.p_n is not None


def sum_expected(made, region):
    """The estimate of a region, back from the out-of-time window."""
    low, high = made.sideband_ns
    return next(row.expected for row in made.out_of_time if row.region == region) * 10.0 / (2 * (high - low))


def test_pulls_name_every_source(made):
    assert {"third_track", "sample_choice", "single tracks, outside"} <= {pull.source for pull in made.pulls}
    assert all(abs(pull.value) < 3 and pull.error <= 1 + 1e-9 for pull in made.pulls)


def test_pairs_that_are_not_flat_in_time_are_seen(quick, halo):
    peaked = checks_of(quick, *samples(quick, halo), times=lambda dt: dt * abs(dt) / 20.0)
    assert peaked.flatness.p < 1e-4
    assert peaked.stability[0].p < 1e-4
    assert "quality of the burst" not in [s.what for s in peaked.stability]


def test_checks_are_written_as_plain_values(made):
    document = made.to_dict()
    assert document["like_sign"][0]["region"] == "SR"
    assert document["prompt"]["varied"][0]["p_n"] is None


def test_what_is_expected_is_the_estimate(made, estimates):
    """Scaled to the width of the sideband, 2 (18 - 10) ns for 2 x 5 ns, and of open regions in groups of bursts."""
    opposite, like, bad = (dict(zip(e.regions, e.expected, strict=True)) for e in vars(estimates).values())
    assert {row.region: row.expected for row in made.like_sign} == pytest.approx(like)
    wide = {name: 1.6 * expected for name, expected in opposite.items()}
    assert {row.region: row.expected for row in made.out_of_time} == pytest.approx(wide)
    windows, intensity, time, quality = made.stability
    assert sum(windows.expected) == pytest.approx(made.flatness.pairs)
    assert sum(intensity.expected) == pytest.approx(opposite["outside"])
    assert sum(time.expected) == pytest.approx(opposite["outside"])
    assert quality.expected == pytest.approx((opposite["outside"], bad["outside"]))


def test_groups_of_bursts_have_a_quarter_of_the_expected_pairs_each(made, estimates):
    opposite = estimates.opposite
    by_burst = opposite.by_burst[:, list(opposite.regions).index("outside")]
    orders = {"intensity of the burst": np.argsort(opposite.bursts.rate), "time": np.arange(len(by_burst))}
    for stability in made.stability:
        if stability.what in orders:
            ends = np.cumsum(by_burst[orders[stability.what]]) / by_burst.sum()
            quarters = np.diff([0.0, *(ends[ends < i / 4].max() for i in (1, 2, 3)), 1.0])
            assert stability.expected == pytest.approx(quarters * by_burst.sum())


def test_the_p_value_of_groups_is_that_of_their_shares(made):
    for stability in made.stability:
        assert stability.p == pytest.approx(multinomial_p(stability.observed, stability.expected), abs=0.01)


@pytest.fixture
def altered(halo, quick):
    """Make the checks of other pairs than those that the single tracks show, or of other single tracks."""

    def make(good=None, counted=None, **changed):
        return checks_of(quick, *samples(quick, halo, good, **changed), counted=counted)

    return make


def test_nothing_pulls_where_as_many_pairs_are_seen_as_expected(altered, estimates):
    opposite = estimates.opposite
    expected = opposite.expected[list(opposite.regions).index("outside")]
    pulls = altered(good=FEW_BAD, counted={"outside": round(expected)}).pulls
    assert pulls
    assert all(abs(pull.value) < 0.02 for pull in pulls)


def unsteady(checks):
    """Return in what the groups differ that have other shares of the pairs than expected."""
    return [s.what for s in checks.stability if s.p is None or s.p < 1e-3]


def regions_off(checks):
    """Return the regions with another number of pairs than expected, by what the pairs are."""
    compared = {"like-sign": checks.like_sign, "out of time": checks.out_of_time}
    return {what: off for what, rows in compared.items() if (off := [r.region for r in rows if r.p_l < 1e-3])}


def thinned(events, keep):
    """Leave events out at random; `keep` is a probability each."""
    return events[np.random.default_rng(3).random(len(events)) < keep]


def burst_of(events):
    """Return the place of the burst of each event, which are numbered from 1."""
    return np.asarray(events.burst) - 1


def test_nothing_is_seen_in_a_stable_sample(made, altered):
    for checks in (made, altered()):
        assert unsteady(checks) == []
        assert regions_off(checks) == {}
        assert checks.flatness.p > 1e-3


def test_pairs_that_become_more_with_time_are_seen(altered, halo):
    """In the second half of the bursts there are three times as many of them; the single tracks stay."""
    late = burst_of(halo.pairs) >= BURSTS // 2
    assert unsteady(altered(pairs=thinned(halo.pairs, np.where(late, 1.0, 0.3)))) == ["time"]


def test_pairs_that_do_not_rise_with_the_square_of_the_intensity_are_seen(altered, halo):
    """Half of the bursts, those with more tracks, have fewer pairs than that."""
    tracks = np.bincount(burst_of(halo.singles), minlength=BURSTS)
    intense = (tracks > np.median(tracks))[burst_of(halo.pairs)]
    changed = thinned(halo.pairs, np.where(intense, 0.3, 1.0))
    assert unsteady(altered(pairs=changed)) == ["intensity of the burst"]


def test_pairs_that_bad_bursts_lost_are_seen(altered, halo):
    changed = thinned(halo.pairs, np.where(HALF_BAD[burst_of(halo.pairs)], 1.0, 0.3))
    assert unsteady(altered(HALF_BAD, pairs=changed)) == ["quality of the burst"]


def test_pairs_in_bad_bursts_without_a_single_track_have_no_p_value(altered, halo):
    """No share of what is expected is theirs, though pairs are there: the report says none instead of a number."""
    good_only = halo.singles[FEW_BAD[burst_of(halo.singles)]]
    quality = altered(FEW_BAD, singles=good_only).stability[-1]
    assert quality.what == "quality of the burst"
    assert quality.expected[1] == 0.0
    assert quality.observed[1] > 0
    assert quality.p is None


def joined_by(pairs, extra):
    added = records([event | {"run": 99001} for event in extra])
    return ak.concatenate([pairs, added[ak.fields(pairs)]])


def test_like_sign_pairs_from_a_place_of_their_own_are_seen(altered, halo):
    found = altered(pairs=joined_by(halo.pairs, [like_sign(900_000 + i) for i in range(12)]))
    assert regions_off(found) == {"like-sign": ["SR"]}
    assert unsteady(found) == []


def test_pairs_out_of_time_from_a_place_of_their_own_are_seen(altered, halo):
    extra = [of_stage(900_000 + i, "CR2") for i in range(30)]
    for event in extra:
        event["tracks"][0]["time"] += 14.0
        event["muv3"][0]["time"] += 14.0
    found = altered(pairs=joined_by(halo.pairs, extra))
    assert regions_off(found) == {"out of time": ["CR2"]}
    assert unsteady(found) == []
