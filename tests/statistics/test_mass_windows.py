"""Windows of mass: backgrounds from a spectrum, limits at the published event, and global p-values by other means."""

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.statistics.limits import cls
from bdana.statistics.mass_windows import (
    MassSearch,
    MassSpectrum,
    Resolution,
    scan_masses,
    weighted_half_width,
)
from bdana.statistics.poisson import Background

ASSUMED = Resolution(((220.0, 0.4), (411.0, 2.0), (700.0, 3.2)))
PAPER = Background(0.016, 0.002)


def test_the_resolution_is_a_line_between_points_and_beyond():
    assert [ASSUMED(m) for m in (220.0, 411.0, 700.0)] == pytest.approx([0.4, 2.0, 3.2])
    assert ASSUMED(315.5) == pytest.approx(1.2)
    assert ASSUMED(989.0) == pytest.approx(4.4)
    assert Resolution(((400.0, 2.0),))(900.0) == 2.0
    with pytest.raises(InputError, match="at 150 MeV is not above zero"):
        ASSUMED(150.0)


@pytest.mark.parametrize("points", [(), ((400.0, 0.0),), ((400.0, 1.0), (300.0, 1.0)), ((np.nan, 1.0),)])
def test_impossible_resolutions_are_refused(points):
    with pytest.raises(InputError, match="points of mass and resolution"):
        Resolution(points)


def test_limits_at_the_published_event_and_elsewhere():
    """One event at 411 MeV: 3.87 there, 2.30 where there is none, with the background of the whole region."""
    scan = scan_masses(
        MassSearch(ASSUMED, 2.0, PAPER, np.array([411.0])), [411.0, 700.0], methods=("cls", "classical")
    )
    assert [x["cls"].high for x in scan.limits] == pytest.approx([3.874, 2.3026], abs=5e-4)
    assert scan.limits[1]["classical"].high == pytest.approx(2.287, abs=5e-4)
    assert scan.p_local == pytest.approx([0.01587, 1.0], abs=1e-5)
    assert (scan.smallest[1], scan.p_global) == (411.0, scan.p_local[0])
    assert [window.observed for window in scan.windows] == [1, 0]
    assert scan.windows[0].efficiency == pytest.approx(0.9545, abs=1e-4)


def test_a_closed_region_has_expected_limits_only():
    document = scan_masses(MassSearch(ASSUMED, 2.0, PAPER), [411.0]).to_dict()
    assert document["state"] == "closed"
    assert document["windows"][0].keys().isdisjoint({"observed", "p_local", "limits"})
    assert document["windows"][0]["expected_limits"][2] == pytest.approx(2.3026, abs=5e-4)
    assert "p_global" not in document


def test_the_background_of_a_window_has_the_covariance_of_its_bins():
    covariance = np.array([[4.0, 1.0], [1.0, 9.0]])
    spectrum = MassSpectrum(np.array([300.0, 400.0, 600.0]), np.array([10.0, 40.0]), covariance)
    found = spectrum.background(390.0, 450.0)  # a tenth of the first bin, a quarter of the second
    assert found.expected == pytest.approx(11.0)
    assert found.error == pytest.approx(np.sqrt(0.04 + 2 * 0.025 + 9 / 16))
    with pytest.raises(InputError, match="is not inside the spectrum from 300 to 600 MeV"):
        spectrum.background(590.0, 610.0)


def test_an_empty_window_counts_with_the_limit_of_a_pair():
    contents, edges = np.array([5.0, 0.0]), np.array([300.0, 400.0, 500.0])
    empty = MassSpectrum(edges, contents, np.zeros((2, 2)), unseen_limit=0.1).background(410.0, 420.0)
    assert empty == Background.unseen(0.1)
    assert MassSpectrum(edges, contents, np.zeros((2, 2))).background(410.0, 420.0) == Background(0.0)


def test_candidate_masses_stand_apart_by_the_resolution():
    search = MassSearch(ASSUMED, 2.0, PAPER)
    masses = search.masses(220.0, 700.0, 1.5)
    assert (masses[0], masses[-1]) == (220.0, 700.0)
    steps = np.diff(masses)[:-1]
    assert steps == pytest.approx([1.5 * ASSUMED(m) for m in masses[:-2]])


@pytest.mark.parametrize(
    ("total", "seen"), [(0.05, [500.0]), (2.6, [500.0, 501.0]), (12.0, [499.0, 500.0, 502.0])]
)
def test_the_global_p_value_is_that_of_experiments(total, seen):
    """Flat background, windows of one width: as often as any window holds as many events, by a scan of other code."""
    spectrum = MassSpectrum.flat(400.0, 600.0, Background(total))
    search = MassSearch(Resolution(((500.0, 2.0),)), 2.0, spectrum, np.array(seen))
    masses = np.arange(410.0, 591.0, 2.0)
    scan = scan_masses(search, masses.tolist())
    assert scan.smallest[0] == pytest.approx(stats.poisson.sf(len(seen) - 1, total * 8.0 / 200.0))
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(20_000):
        events = rng.uniform(400.0, 600.0, rng.poisson(total))
        hits += (np.abs(events[:, None] - masses) <= 4.0).sum(axis=0).max(initial=0) >= len(seen)
    assert scan.p_global == pytest.approx(hits / 20_000, abs=5 * np.sqrt(hits) / 20_000 + 1e-4)
    assert scan.p_global > scan.smallest[0]


def test_a_global_p_value_is_never_zero_and_one_without_events():
    spectrum = MassSpectrum.flat(400.0, 600.0, Background(0.5))
    resolution = Resolution(((500.0, 2.0),))
    many = scan_masses(MassSearch(resolution, 2.0, spectrum, np.full(12, 500.0)), [480.0, 500.0])
    assert 0 < many.p_global < 1e-4
    none = scan_masses(MassSearch(resolution, 2.0, spectrum, np.array([])), [480.0, 500.0])
    assert (none.p_global, none.smallest[0]) == (1.0, 1.0)


def test_limits_fall_with_the_background_of_the_window():
    spectrum = MassSpectrum.flat(400.0, 600.0, Background(20.0, 2.0))
    search = MassSearch(Resolution(((500.0, 2.0),)), 2.0, spectrum, np.array([500.0]))
    (found,) = scan_masses(search, [500.0]).limits
    assert found["cls"].high == pytest.approx(cls(1, Background(0.8, 0.08)).high)


def test_the_width_of_a_gaussian_is_its_standard_deviation():
    pulls = np.random.default_rng(1).normal(0.0, 2.0, 100_000)
    assert weighted_half_width(pulls, np.ones(pulls.size)) == pytest.approx(2.0, rel=0.02)
    assert weighted_half_width([-1.0, 5.0], [3.0, 1.0]) == 1.0
    with pytest.raises(InputError, match="no event has a weight"):
        weighted_half_width([1.0], [0.0])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: MassSearch(ASSUMED, 0.0, PAPER), "half width of 0"),
        (lambda: MassSearch(ASSUMED, 2.0, PAPER, np.array([np.nan])), "observed mass is not finite"),
        (lambda: MassSearch(ASSUMED, 2.0, PAPER).window(-5.0), "candidate mass of -5 MeV"),
        (lambda: MassSearch(ASSUMED, 2.0, PAPER).masses(500.0, 400.0), "ascending ends"),
        (lambda: MassSpectrum.flat(500.0, 400.0, PAPER), "is empty"),
        (lambda: MassSpectrum.flat(400.0, 500.0, Background(1.0, 0.1, "gamma")), "one Gaussian error"),
        (lambda: scan_masses(MassSearch(ASSUMED, 2.0, PAPER), []), "at least one candidate mass"),
    ],
)
def test_impossible_searches_are_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()
