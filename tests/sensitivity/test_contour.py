"""Islands: branches where the events cross the limit, tips, holes, ends of the scan, and the grid as CSV."""

import csv

import numpy as np
import pytest
from scipy.special import lambertw

from bdana.errors import ConfigError, InputError
from bdana.sensitivity.contour import Island, inside, trace, write_grid

RANGE = (1e-8, 1e-4)
MASSES = np.linspace(200.0, 900.0, 15)
LIMIT = 2.3026
A, K = 1e14, 2e-4
TIP = K * np.sqrt(A / LIMIT / np.e)  # where the largest of A c^2 exp(-(c m / K)^2) is the limit


def bump(mass):
    """Events A c^2 exp(-(c m / K)^2), whose crossings are known in closed form."""
    return lambda c: A * c**2 * np.exp(-((c * mass / K) ** 2))


def crossings(mass):
    argument = -LIMIT / A * (mass / K) ** 2
    return [float(K / mass * np.sqrt(-lambertw(argument, branch).real)) for branch in (0, -1)]


def lognormal(centre, width):
    return lambda c: np.exp(-0.5 * (np.log(c / centre) / width) ** 2)


def test_branches_are_where_the_events_cross_the_limit():
    (island,) = trace(MASSES, bump, lambda mass: LIMIT, RANGE)
    away = island.mass < TIP - 0.1  # from the tip, where the branches turn round within the last step
    expected = np.array([crossings(mass) for mass in island.mass[away]])
    np.testing.assert_allclose(island.low[away], expected[:, 0], rtol=1e-4)
    np.testing.assert_allclose(island.high[away], expected[:, 1], rtol=1e-4)


def test_the_branches_meet_at_a_tip_found_between_the_masses():
    (island,) = trace(MASSES, bump, lambda mass: LIMIT, RANGE, halvings=8)
    assert island.mass[-1] == pytest.approx(TIP, abs=50 / 2**8)
    assert island.low[-1] == island.high[-1] == pytest.approx(K / TIP, rel=0.05)
    assert island.open_at == ("low mass",)


def test_an_outline_goes_round_but_not_along_the_end_of_the_scan():
    (island,) = trace(MASSES, bump, lambda mass: LIMIT, RANGE)
    mass, coupling = island.outline()
    assert (mass[0], mass[-1]) == (200.0, 200.0)
    assert (coupling[0], coupling[-1]) == (island.low[0], island.high[0]) or (
        coupling[0],
        coupling[-1],
    ) == (island.high[0], island.low[0])
    closed = Island(island.mass, island.low, island.high).outline()
    assert (closed[0][0], closed[1][0]) == (closed[0][-1], closed[1][-1])


def test_events_are_asked_once_for_each_mass():
    asked = []

    def events(mass):
        asked.append(mass)
        return bump(mass)

    trace(MASSES, events, lambda mass: LIMIT, RANGE, halvings=5, bend=0.01)
    assert len(asked) == len(set(asked))
    asked.clear()
    trace(MASSES, events, lambda mass: LIMIT, RANGE, halvings=5)
    assert len(asked) == len(MASSES) + 5  # one tip


def test_nothing_is_excluded_where_too_few_events_are_expected():
    assert trace(MASSES, lambda mass: lambda c: 0 * c, lambda mass: LIMIT, RANGE) == ()
    assert trace(MASSES, bump, lambda mass: np.inf, RANGE) == ()


def test_a_scan_that_is_all_excluded_has_no_border_of_its_own():
    (island,) = trace(MASSES, lambda mass: lambda c: 9 + 0 * c, lambda mass: LIMIT, RANGE)
    assert island.open_at == ("low mass", "high mass", "low coupling", "high coupling")
    assert set(island.low) == {RANGE[0]}
    assert set(island.high) == {RANGE[1]}
    assert [len(values) for values in island.outline()] == [0, 0]


def test_a_branch_that_leaves_the_scan_is_open_there():
    (island,) = trace(
        MASSES, lambda mass: lambda c: 100 * (c / 1e-6) ** 2 * 200 / mass, lambda mass: LIMIT, RANGE
    )
    assert island.open_at == ("low mass", "high mass", "high coupling")
    mass, coupling = island.outline()
    assert sorted(mass) == sorted(MASSES)
    np.testing.assert_allclose(sorted(coupling), sorted(island.low))


def test_two_separate_borders_have_a_gap_between_them():
    (island,) = trace(MASSES[:3], lambda mass: lambda c: 9 * lognormal(1e-6, 1)(c), lambda mass: LIMIT, RANGE)
    assert island.open_at == ("low mass", "high mass")
    mass, coupling = island.outline()
    assert np.isnan(mass).tolist() == np.isnan(coupling).tolist() == [False] * 3 + [True] + [False] * 3
    assert len({tuple(np.round(np.log(part), 6)) for part in (coupling[:3], coupling[4:])}) == 2


def notch(mass):
    """An island that a narrow loss of events at 550 MeV cuts in two."""
    return lambda c: 30 * lognormal(1e-6, 1)(c) * (1 - 0.99 * np.exp(-(((mass - 550) / 30) ** 2)))


def test_a_dip_in_mass_gives_two_islands_with_tips_on_both_sides():
    left, right = trace(MASSES, notch, lambda mass: LIMIT, RANGE)
    assert left.open_at == ("low mass",)
    assert right.open_at == ("high mass",)
    half = 30 * np.sqrt(-np.log((1 - LIMIT / 30) / 0.99))
    assert left.mass[-1] == pytest.approx(550 - half, abs=1)
    assert right.mass[0] == pytest.approx(550 + half, abs=1)
    assert left.low[-1] == left.high[-1]
    assert right.low[0] == right.high[0]


def fork(mass):
    """Two peaks in the coupling that part as the mass grows."""
    apart = 4 * max(mass - 300.0, 0.0) / 600
    return lambda c: 30 * (lognormal(1e-6 * np.exp(apart), 0.7)(c) + lognormal(1e-6 * np.exp(-apart), 0.7)(c))


def slanted(mass):
    """A thin island along which the coupling falls faster than neighbouring masses overlap."""
    return lambda c: 3 * lognormal(1e-5 * np.exp(-(mass - 200) / 60), 0.3)(c)


def spot(mass):
    """An island at one mass of the scan only."""
    return lambda c: 30 * lognormal(1e-6, 1)(c) * np.exp(-(((mass - 500) / 15) ** 2))


@pytest.mark.parametrize(
    ("shape", "pieces"),
    [(bump, 1), (notch, 2), (fork, 2), (slanted, 1), (spot, 1)],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_inside_means_more_events_than_the_limit(shape, pieces):
    islands = trace(MASSES, shape, lambda mass: LIMIT, RANGE, bend=0.02)
    assert len(islands) == pieces
    rng = np.random.default_rng(0)
    masses = rng.uniform(200, 900, 1000)
    couplings = np.exp(rng.uniform(*np.log(RANGE), (1000, 50)))
    expected = np.array([shape(mass)(row) for mass, row in zip(masses, couplings, strict=True)])
    clear = np.abs(np.log(expected.clip(1e-300) / LIMIT)) > 0.25
    found = inside(islands, masses[:, None], couplings)
    assert (found == (expected > LIMIT))[clear].all()
    assert found.any()


def test_islands_that_lie_far_apart_in_the_coupling_are_not_joined():
    def events(mass):
        return lambda c: 30 * lognormal(1e-7 if mass < 525 else 1e-5, 0.5)(c)

    low, high = trace(MASSES, events, lambda mass: LIMIT, RANGE)
    assert low.mass[-1] == pytest.approx(525, abs=1)
    assert high.mass[0] == pytest.approx(525, abs=1)
    assert low.high.max() < 1e-6 < high.low.min()


def test_the_arms_of_a_fork_touch():
    one, other = trace(MASSES, fork, lambda mass: LIMIT, RANGE)
    (where,) = np.flatnonzero(one.mass == other.mass[0])
    assert one.low[where] <= other.low[0] < other.high[0] <= one.high[where]


def test_an_island_at_one_mass_of_the_scan_has_two_tips():
    (island,) = trace(MASSES, spot, lambda mass: LIMIT, RANGE)
    assert island.open_at == ()
    half = 15 * np.sqrt(np.log(30 / LIMIT))
    assert island.mass[[0, -1]] == pytest.approx([500 - half, 500 + half], abs=1)


def test_a_scan_of_one_mass_shows_the_couplings_between_the_branches():
    (island,) = trace([250.0], bump, lambda mass: LIMIT, RANGE)
    assert island.open_at == ("low mass", "high mass")
    mass, coupling = island.outline()
    assert mass.tolist() == [250.0, 250.0]
    assert coupling == pytest.approx(crossings(250.0), rel=1e-4)


@pytest.mark.parametrize("centre", [1.1e-6, 1.7e-6, 2.9e-6])
def test_an_interval_narrower_than_the_step_of_the_scan_is_found(centre):
    (island,) = trace(
        [250.0], lambda mass: lambda c: 5 * lognormal(centre, 0.005)(c), lambda mass: LIMIT, RANGE
    )
    half = 0.005 * np.sqrt(2 * np.log(5 / LIMIT))
    assert np.log(island.high / island.low)[0] == pytest.approx(2 * half, abs=2e-4)


def test_a_gap_narrower_than_the_step_of_the_scan_is_found():
    islands = trace(
        [250.0], lambda mass: lambda c: 9 * (1 - lognormal(1.8e-6, 0.03)(c)), lambda mass: LIMIT, RANGE
    )
    assert [island.open_at[2:] for island in islands] == [("low coupling",), ("high coupling",)]


def test_masses_are_put_in_where_a_branch_bends():
    def events(mass):
        return lambda c: 9 * lognormal(1e-6 * (1 + 3 * np.exp(-(((mass - 500) / 60) ** 2))), 1)(c)

    (straight,) = trace(MASSES, events, lambda mass: LIMIT, RANGE)
    (bent,) = trace(MASSES, events, lambda mass: LIMIT, RANGE, bend=0.05)
    assert straight.mass.tolist() == MASSES.tolist()
    added = sorted(set(bent.mass) - set(MASSES))
    assert added
    assert all(300 < mass < 700 for mass in added)


@pytest.mark.parametrize(
    ("masses", "couplings"), [([], RANGE), ([300.0, 200.0], RANGE), ([-1.0], RANGE), ([200.0], (1e-4, 1e-8)), ([200.0], (0.0, 1e-4))]
)  # fmt: skip
def test_a_scan_without_ascending_positive_ends_is_refused(masses, couplings):
    with pytest.raises(ConfigError, match="of the scan"):
        trace(masses, bump, lambda mass: LIMIT, couplings)


def test_events_that_are_no_numbers_are_refused():
    with pytest.raises(ConfigError, match=r"250 MeV.*not a number"):
        trace([250.0], lambda mass: lambda c: np.nan * c, lambda mass: LIMIT, RANGE)


def test_a_grid_has_one_line_for_each_mass_of_an_island(tmp_path):
    islands = trace(MASSES, notch, lambda mass: LIMIT, RANGE)
    write_grid(tmp_path / "grid.csv", islands)
    with (tmp_path / "grid.csv").open() as file:
        assert file.readline() == "mass_mev,epsilon_low,epsilon_high\n"
        rows = np.array([[float(cell) for cell in row] for row in csv.reader(file)])
    for column, name in enumerate(("mass", "low", "high")):
        expected = np.concatenate([getattr(island, name) for island in islands])
        np.testing.assert_allclose(rows[:, column], expected, rtol=1e-5)


def test_a_grid_of_nothing_is_its_header(tmp_path):
    write_grid(tmp_path / "grid.csv", ())
    assert (tmp_path / "grid.csv").read_text() == "mass_mev,epsilon_low,epsilon_high\n"
    with pytest.raises(InputError, match="cannot write there"):
        write_grid(tmp_path / "no" / "grid.csv", ())
