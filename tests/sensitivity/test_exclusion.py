"""Excluded couplings of a particle whose yields have a closed form, and the uncertainties of the contour."""

import json

import numpy as np
import pytest
from scipy.optimize import brentq

import bdana
from bdana.sensitivity import scan as scan_module
from bdana.sensitivity.exclusion import WIDTHS, ChannelCount, Exclusion, exclude, expected_events
from bdana.sensitivity.scan import Scan
from bdana.sensitivity.yields import Counted, MassYields, ProductionYields, mass_yields
from bdana.signal.constants import HBAR_C
from bdana.signal.reweighting import DecaySum
from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.mass_spectrum import Resolution
from bdana.statistics.mass_windows import MassSearch
from bdana.statistics.methods import limits
from bdana.statistics.poisson import Background

PROTONS, FIRST, LAST, RATIO = 1e17, 80e3, 155e3, 0.25
SCAN = ("signal.masses_mev=[220.0, 900.0]", "signal.mass_points=12", "signal.couplings=[1e-8, 1e-4]")


def per_mm(mass):
    """Decays in a mm at coupling 1: the width goes with the mass, the momentum is 80 GeV."""
    return mass * (0.002 * mass) / (80e3 * HBAR_C)


def made(mass):
    return 0.1 * (200.0 / mass) ** 6


def events(mass, coupling, *, strength=1.0, width=1.0, ratio=RATIO, second=1.0):
    """Expected events of two processes, the second with a tenth of the particles."""
    reach = np.exp(-width * per_mm(mass) * coupling**2 * FIRST)
    reach *= -np.expm1(-width * per_mm(mass) * coupling**2 * (LAST - FIRST))
    return PROTONS * coupling**2 * (strength + 0.1 * second) * made(mass) * ratio / width * reach


def closed_form(_, mode, mass):
    def process(strength, ratio):
        near, far = np.array([FIRST, LAST]) * per_mm(mass)
        mean = DecaySum.through(strength * made(mass) * ratio, near, far)
        none = DecaySum.through(0.0, near, far)
        ends = {"strength": (0.5 * mean, 2.0 * mean)} if strength == 1.0 else {}
        return ProductionYields(
            strength * made(mass), mean, Counted(mean, mean), {"SR": Counted(mean, mean), "CR": Counted(none, none)}, ends
        )  # fmt: skip

    ratio = RATIO if mode == "mumu" else 0.1
    production = {"beam": process(1.0, ratio), "other": process(0.1, ratio)}
    return MassYields(mass, mode, 0.002 * mass, 0.05, ratio, production)


@pytest.fixture
def counted(monkeypatch):
    """Makes counts of channels with these yields."""
    monkeypatch.setattr(scan_module, "mass_yields", closed_form)

    def count(observed=None, background=None, mode="mumu", overrides=(), protons=PROTONS, masses=None):
        analysis = bdana.load(overrides=[*SCAN, *overrides])
        return ChannelCount(
            Scan(analysis, mode, None), protons, background or Background(0.016, 0.002), observed, masses
        )

    return count


def branches(mass, limit, **changed):
    """Couplings between which more events than a limit are expected."""
    peak = 1 / np.sqrt(per_mm(mass) * (FIRST + LAST) / 2)

    def excess(log):
        return np.log(events(mass, np.exp(log), **changed) / limit)

    return tuple(np.exp(brentq(excess, np.log(peak), np.log(end))) for end in (1e-9, 8 * peak))


def assert_traced(island, limit, tolerance=3e-4, points=5, **changed):
    for mass, low, high in zip(island.mass[:points], island.low[:points], island.high[:points], strict=True):
        assert (low, high) == pytest.approx(branches(mass, limit, **changed), rel=tolerance)


def test_branches_are_where_the_expected_events_are_the_limit(counted):
    found = exclude([counted(1)])
    limit = limits(1, Background(0.016, 0.002), 0.9, 0.2, ("cls",))["cls"].high
    assert found.observed_limit == found.limit == pytest.approx(limit)
    assert limit == pytest.approx(3.995, abs=1e-3)
    (island,) = found.observed
    assert_traced(island, limit)
    assert found.shown == found.observed
    # Without signal there is nothing in the region, and the band of what is expected is one line.
    assert found.expected_limits == pytest.approx([2.353] * 5, abs=1e-3)
    for ((one),) in found.expected:
        assert_traced(one, found.expected_limits[2])


def test_the_island_ends_where_not_enough_events_are_expected_at_any_coupling(counted):
    found = exclude([counted(0)], level=0.99)
    (island,) = found.observed
    tip = brentq(lambda mass: max(events(mass, np.geomspace(1e-8, 1e-4, 20000))) - found.limit, 300, 900)
    assert island.mass[-1] == pytest.approx(tip, rel=0.005)
    assert island.open_at == ("low mass",)


def test_levels_protons_errors_and_methods_move_the_limit(counted):
    first = exclude([counted(0)])
    assert exclude([counted(0)], level=0.95).limit > 1.2 * first.limit
    assert exclude([counted(0, overrides=["signal.pot_error=0.0"])]).limit == pytest.approx(2.303, abs=1e-3)
    assert exclude([counted(0)], method="bayes").limit == pytest.approx(2.432, abs=1e-3)
    assert exclude([counted(3, Background(3.0, 0.5))]).limit > first.limit
    (island,) = exclude([counted(0, protons=10 * PROTONS)]).observed
    assert_traced(island, first.limit / 10)


def test_without_an_observation_the_median_is_shown(counted):
    found = exclude([counted(background=Background(2.0, 0.4))])
    assert found.observed_limit is None
    assert found.observed == ()
    assert found.limit == found.expected_limits[2]
    assert found.shown == found.expected[2]
    assert found.expected_limits[0] < found.expected_limits[2] < found.expected_limits[4]
    (low,), (high,) = found.expected[0], found.expected[4]
    assert (low.low[:5] < high.low[:5]).all()


def test_too_few_protons_exclude_nothing(counted):
    found = exclude([counted(0, protons=1e9)], systematics=True)
    assert found.observed == ()
    assert found.expected == ((),) * 5
    assert found.systematics == {"strength": ((), ()), WIDTHS: ((), ())}


def test_one_process_alone(counted):
    (alone,) = exclude([counted(0)], production="other").observed
    assert_traced(alone, exclude([counted(0)]).limit, points=3, strength=0.0)
    assert exclude([counted(0)], production="nothing").observed == ()


def test_a_process_whose_excess_is_within_the_errors_of_its_decays_excludes_nothing(counted, monkeypatch):
    """Its largest yield is at the lowest mass: two statistical errors must be less than what it is above the limit."""
    alone = exclude([counted(0)], production="other")
    most = events(220.0, np.geomspace(1e-8, 1e-4, 10_000), strength=0.0).max() / alone.limit
    assert most > 1.5
    for factor in (0.97, 1.03):
        share = factor * (1 - 1 / most) / 2
        monkeypatch.setattr(Counted, "error", lambda self, c, protons, x=share: x * self.expected(c, protons))
        assert bool(exclude([counted(0)], production="other").observed) == (factor < 1)
        assert exclude([counted(0)]).observed, "all processes together are the result"


def test_uncertainties_move_the_contour_as_they_move_the_events(counted):
    found = exclude([counted(0)], systematics=True)
    assert list(found.systematics) == ["strength", WIDTHS]
    for (island,), strength in zip(found.systematics["strength"], (0.5, 2.0), strict=True):
        assert_traced(island, found.limit, strength=strength)
    for (island,), width in zip(found.systematics[WIDTHS], (0.95, 1.05), strict=True):
        assert_traced(island, found.limit, width=width)
    assert exclude([counted(0)]).systematics == {}


def test_expected_events_are_sums_of_processes(counted):
    yields = counted().scan(300.0)
    couplings = np.geomspace(1e-7, 1e-5, 7)
    for options, changed in (
        ({}, {}),
        ({"production": "beam"}, {"second": 0.0}),
        ({"production": "other"}, {"strength": 0.0}),
        ({"variation": ("strength", 1)}, {"strength": 2.0}),
        ({"variation": (WIDTHS, 0)}, {"width": 0.95}),
        ({"variation": ("something else", 0)}, {}),
    ):
        found = expected_events(yields, PROTONS, **options)(couplings)
        assert found == pytest.approx(events(300.0, couplings, **changed), rel=1e-4)
    assert (expected_events(yields, PROTONS, production="nothing")(couplings) == 0.0).all()


def test_channels_together_exclude_more_than_each(counted):
    backgrounds = {"mumu": Background(0.016, 0.002), "ee": Background(3.0, 0.5)}
    counts = [counted(0), counted(3, backgrounds["ee"], mode="ee")]
    found = exclude(counts)
    (both,), (alone,) = found.observed, exclude(counts[:1]).observed
    assert (both.low[:5] < alone.low[:5]).all()
    # The limit on all signal events depends on how many of them are where the background is large.
    channels = [
        CountedChannel(name, number, backgrounds[name], share)
        for name, number, share in (("mumu", 0, RATIO), ("ee", 3, 0.1))
    ]
    limit = combined_limit(channels, 0.9, 0.2, "cls", np.diag([0.002**2, 0.5**2])).high
    assert_traced(both, limit, 2e-3, ratio=RATIO + 0.1)
    assert found.observed_limit > 1.2 * limit
    assert found.convention.startswith("cls of 2 channels together")


def test_backgrounds_of_channels_move_together_as_far_as_is_said(counted):
    background = Background(2.0, 1.2)
    counts = [counted(4, background), counted(4, background, mode="ee")]
    limits = [exclude(counts, common=common).limit for common in (None, np.full((2, 2), 0.36))]
    for found, errors in zip(limits, (1.44 * np.eye(2), np.full((2, 2), 1.44)), strict=True):
        channels = [
            CountedChannel(name, 4, background, share) for name, share in (("mumu", 1.0), ("ee", 0.0))
        ]
        at_one_end = combined_limit(channels, 0.9, 0.2, "cls", errors).high
        assert found >= at_one_end * (1 - 1e-9)
    assert abs(limits[1] / limits[0] - 1) > 0.01


def test_windows_of_several_channels_are_those_of_each_mass(counted):
    resolution = Resolution(((411.0, 2.0),))
    mumu = counted(1, masses=MassSearch(resolution, 2.0, Background(0.016, 0.002), np.array([411.0])))
    ee = counted(0, mode="ee", masses=MassSearch(resolution, 2.0, Background(0.016, 0.002), np.array([])))
    found = exclude([mumu, ee])
    (island,) = found.observed
    (count,) = exclude([counted(0), counted(0, mode="ee")]).observed
    inside, below = (np.interp(411.0, one.mass, one.low) for one in (island, count))
    # One event's limit is 1.7 times that of none, which lifts the lower branch, where yields rise with the fourth power.
    assert inside / below > 1.1
    far = [m for m in count.mass if m in island.mass and abs(m - 411.0) > 10.0][:3]
    ratio = [island.low[island.mass == m][0] / count.low[count.mass == m][0] for m in far]
    assert ratio == pytest.approx([(1 / 0.9545) ** 0.25] * len(far), rel=2e-3)
    assert found.observed_limit == pytest.approx(3.995 / 0.9545, rel=0.02)


def test_a_channel_closed_at_a_mass_adds_nothing(counted):
    low = ("signal.masses_mev=[150.0, 900.0]",)
    counts = [counted(0, overrides=low), counted(0, mode="ee", overrides=low)]
    assert not counts[0].scan.is_open(150.0)
    (both,), (ee,) = exclude(counts).observed, exclude(counts[1:]).observed
    below, same = both.mass < 211.0, ee.mass < 211.0
    assert below.any()
    # What is left for one channel is the limit of that channel, but for the weight of the other's empty count.
    assert both.low[below] == pytest.approx(ee.low[same], rel=0.02)


def test_exclusions_come_back_from_plain_values(counted):
    for observed in (None, 2):
        found = exclude([counted(observed)], systematics=True)
        plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        back = Exclusion.from_dict(plain)
        assert back.to_dict() == plain
        assert (back.limit, back.level, back.protons) == (found.limit, 0.9, PROTONS)
        assert np.array_equal(back.shown[0].low, found.shown[0].low)
        assert (plain["observed"] is None) == (observed is None)


def test_a_real_sample_gives_a_closed_island_with_all_its_bands():
    settings = (
        "signal.decays=2000",
        "signal.events=300",
        "signal.masses_mev=[250.0, 640.0]",
        "signal.mass_points=5",
    )
    scan = Scan(bdana.load(overrides=settings), "mumu", None)
    scan.compute(scan.analysis.signal.masses("mumu"))
    found = exclude([ChannelCount(scan, 1.4e17, Background(0.016, 0.002), 0)], systematics=True)
    assert set(found.systematics) == {"meson_spectra", "proton_form_factor", "transition_form_factor", WIDTHS}
    (island,) = found.observed
    assert island.low[0] < 6e-7
    assert island.high[0] > 2e-6
    (low,), (high,) = found.systematics["proton_form_factor"]
    assert low.low[1] > island.low[1] > high.low[1]
    expected = expected_events(mass_yields(scan.analysis, "mumu", 250.0), 1.4e17)
    assert expected(np.array([island.low[0], island.high[0]])) == pytest.approx([found.limit] * 2, rel=5e-3)
