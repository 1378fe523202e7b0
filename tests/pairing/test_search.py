"""The pair search loses no pair: against brute force, with every awkward track there is."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.pairing import PairSearch, close_pairs
from bdana.reconstruction import Line, closest_approach

from .halo import Z, halo_lines

CUTS = (20.0, 105_000.0, 180_000.0)


def brute_force(first, second, max_cda, z_min, z_max):
    """Name every pair (i, j) within the cuts, as i * 10^7 + j."""
    found = []
    others = np.arange(len(second.point))
    for i in range(len(first.point)):
        near = closest_approach(first.take(np.full(len(others), i)), second)
        z = near.midpoint[:, 2]
        found.append(i * 10**7 + others[(near.distance < max_cda) & (z_min < z) & (z < z_max)])
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def assert_none_lost(first, second, cuts=CUTS):
    i, j = close_pairs(first, second, *cuts)
    names = i * 10**7 + j
    assert len(np.unique(names)) == len(names)
    wanted = brute_force(first, second, *cuts)
    assert np.isin(wanted, names).all()
    return len(wanted), len(names)


def joined(*parts):
    return Line(np.concatenate([p.point for p in parts]), np.concatenate([p.direction for p in parts]))


@pytest.mark.parametrize("shape", [{}, {"width": 550.0, "origin": 1400.0}, {"width": 30.0, "origin": 5.0}])
def test_halo_tracks(shape):
    rng = np.random.default_rng(1)
    first, second = halo_lines(900, rng, **shape), halo_lines(1100, rng, **shape)
    wanted, found = assert_none_lost(first, second)
    assert wanted > 1000
    if shape.get("width") != 30.0:  # a beam as narrow as the cut: its tracks are close everywhere
        assert found < 1.3 * wanted


@pytest.mark.exhaustive
def test_many_million_pairs():
    rng = np.random.default_rng(2)
    for width, origin in ((700.0, 300.0), (550.0, 1400.0), (1000.0, 50.0), (10.0, 1.0)):
        shape = {"width": width, "origin": origin}
        assert_none_lost(halo_lines(4000, rng, **shape), halo_lines(5000, rng, **shape))


def test_identical_and_parallel_tracks():
    rng = np.random.default_rng(3)
    lines = halo_lines(200, rng)
    shifted = Line(lines.point + np.array([5.0, -3.0, 0.0]), lines.direction)
    nearly = Line(
        lines.point + np.array([5.0, -3.0, 0.0]), lines.direction + 1e-9 * rng.standard_normal((200, 3))
    )
    first = joined(lines, lines, shifted)
    assert_none_lost(first, joined(lines, shifted, nearly, nearly))
    # All tracks are one track: every leaf has the same box.
    same = lines.take(np.zeros(300, dtype=np.int64))
    assert_none_lost(same, joined(same, nearly))


def test_broken_tracks_are_in_no_pair():
    rng = np.random.default_rng(4)
    lines = halo_lines(100, rng)
    broken = Line(lines.point.copy(), lines.direction.copy())
    broken.point[3, 0] = np.nan
    broken.direction[5, 1] = np.inf
    broken.direction[7, 2] = 0.0
    broken.point[9] = np.inf
    i, _ = close_pairs(broken, lines, *CUTS)
    assert not np.isin([3, 5, 7, 9], i).any()
    assert_none_lost(broken, lines)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (5, 0), (1, 1), (1, 64), (65, 1)])
def test_few_tracks(n, m):
    rng = np.random.default_rng(5)
    assert_none_lost(halo_lines(n, rng, width=20.0), halo_lines(m, rng, width=20.0))


def test_steep_and_distant_tracks():
    rng = np.random.default_rng(6)
    n = 400
    steep = Line.from_slopes(
        *(3000.0 * rng.standard_normal((2, n))), np.full(n, Z), *(0.3 * rng.standard_normal((2, n)))
    )
    far = Line(steep.point + np.array([0.0, 8e4, 0.0]), steep.direction)
    assert_none_lost(joined(steep, far), joined(steep, far), (200.0, 150_000.0, 200_000.0))


coordinate = st.floats(-1e4, 1e4, allow_nan=False).map(lambda v: round(v, 3))
slope = st.floats(-0.02, 0.02, allow_nan=False)
track = st.tuples(coordinate, coordinate, slope, slope)


@given(
    st.lists(track, min_size=1, max_size=6), st.lists(track, min_size=1, max_size=6), st.floats(0.01, 5000.0)
)
def test_any_tracks(first, second, max_cda):
    lines = [
        Line.from_slopes(x, y, np.full(len(x), Z), tx, ty)
        for x, y, tx, ty in (np.array(s).T for s in (first, second))
    ]
    assert_none_lost(*lines, (max_cda, 105_000.0, 180_000.0))


def border_pairs(lines, angle, z, opening):
    """Return for each line one that comes as close as 20.0013 mm to it, at z, seen under an angle."""
    n = len(lines.point)
    along = np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], axis=1)
    across = np.stack([-np.sin(angle), np.cos(angle), np.zeros(n)], axis=1)
    at = lines.point + ((z - Z) / lines.direction[:, 2])[:, None] * lines.direction
    return Line(at + 20.0013 * across, lines.direction + opening * along)


@pytest.mark.parametrize("opening", [3e-3, 0.3])
@pytest.mark.parametrize("reach", [0.0, 5e4])
@pytest.mark.parametrize("place", ["ends", "inside"])
def test_borders(opening, reach, place):
    """Pairs just inside the cuts: alone, so that boxes are points, or with a far track that makes precision coarse."""
    rng = np.random.default_rng(10)
    n = 100
    lines = halo_lines(n, rng)
    lines = Line(lines.point + reach * np.array([1.0, 1.0, 0.0]), lines.direction)
    far = Line(np.array([[-reach, -reach, Z]]), np.array([[0.0, 0.0, 1.0]]))
    z = rng.choice([105e3, 180e3], n) if place == "ends" else rng.uniform(110e3, 175e3, n)
    partner = border_pairs(lines, 0.5 * np.pi * rng.integers(0, 4, n), z, opening)
    near = closest_approach(lines, partner)
    middle = near.midpoint[:, 2]
    z_min = np.where(middle < 107e3, np.nextafter(middle, 0.0), 105e3)
    z_max = np.where(middle > 178e3, np.nextafter(middle, np.inf), 180e3)
    cut = np.nextafter(near.distance, np.inf)
    for k in range(n):
        one, other = lines.take([k]), partner.take([k])
        if reach:
            one, other = joined(one, far), joined(other, far)
        i, j = close_pairs(one, other, cut[k], z_min[k], z_max[k])
        assert (0, 0) in zip(i.tolist(), j.tolist(), strict=True)


def test_same_for_any_number_of_threads():
    rng = np.random.default_rng(8)
    first, second = halo_lines(1500, rng), halo_lines(1500, rng)
    before, found = numba.get_num_threads(), []
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            found.append(close_pairs(first, second, *CUTS))
    finally:
        numba.set_num_threads(before)
    for i, j in found[1:]:
        assert np.array_equal(i, found[0][0])
        assert np.array_equal(j, found[0][1])


def test_few_pairs_are_tested():
    rng = np.random.default_rng(9)
    search = PairSearch.prepare(halo_lines(20_000, rng), halo_lines(20_000, rng), *CUTS)
    assert search.count().sum() < search.tested() < 0.2 * 20_000**2
