"""The pair search loses no pair: against brute force, with every awkward track there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.pairing import PairBounds, PairFinder, close_pairs
from bdana.reconstruction import Line, closest_approach
from tests.pairing.halo import Z, halo_lines

CUTS = PairBounds(20.0, 105_000.0, 180_000.0)


def brute_force(first, second, cuts):
    """Name every pair (i, j) within the cuts, as i * 10^7 + j."""
    found = []
    others = np.arange(len(second.point))
    for i in range(len(first.point)):
        near = closest_approach(first.take(np.full(len(others), i)), second)
        z = near.midpoint[:, 2]
        found.append(i * 10**7 + others[(near.distance < cuts.max_cda) & (cuts.z_min < z) & (z < cuts.z_max)])
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def assert_none_lost(first, second, cuts=CUTS):
    i, j = close_pairs(first, second, cuts)
    names = i * 10**7 + j
    assert len(np.unique(names)) == len(names)
    wanted = brute_force(first, second, cuts)
    assert np.isin(wanted, names).all()
    return len(wanted), len(names)


def joined(*parts):
    return Line(np.concatenate([p.point for p in parts]), np.concatenate([p.direction for p in parts]))


@pytest.mark.parametrize("shape", [{}, {"width": 550.0, "origin": 1400.0}, {"width": 30.0, "origin": 5.0}])
def test_no_pair_of_halo_tracks_is_lost_and_few_are_tested(shape):
    rng = np.random.default_rng(1)
    first, second = halo_lines(900, rng, **shape), halo_lines(1100, rng, **shape)
    wanted, found = assert_none_lost(first, second)
    assert wanted > 1000
    if shape.get("width") != 30.0:  # a beam as narrow as the cut: its tracks are close everywhere
        assert found < 1.3 * wanted


@pytest.mark.exhaustive
def test_of_many_million_pairs_none_is_lost():
    rng = np.random.default_rng(2)
    for width, origin in ((700.0, 300.0), (550.0, 1400.0), (1000.0, 50.0), (10.0, 1.0)):
        shape = {"width": width, "origin": origin}
        assert_none_lost(halo_lines(4000, rng, **shape), halo_lines(5000, rng, **shape))


def test_no_pair_of_identical_or_parallel_tracks_is_lost():
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
    i, _ = close_pairs(broken, lines, CUTS)
    assert not np.isin([3, 5, 7, 9], i).any()
    assert_none_lost(broken, lines)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (5, 0), (1, 1), (1, 64), (65, 1)])
def test_no_pair_of_few_tracks_is_lost(n, m):
    rng = np.random.default_rng(5)
    assert_none_lost(halo_lines(n, rng, width=20.0), halo_lines(m, rng, width=20.0))


def test_no_pair_of_steep_or_distant_tracks_is_lost():
    rng = np.random.default_rng(6)
    n = 400
    steep = Line.from_slopes(
        *(3000.0 * rng.standard_normal((2, n))), np.full(n, Z), *(0.3 * rng.standard_normal((2, n)))
    )
    far = Line(steep.point + np.array([0.0, 8e4, 0.0]), steep.direction)
    assert_none_lost(joined(steep, far), joined(steep, far), PairBounds(200.0, 150_000.0, 200_000.0))


coordinate = st.floats(-1e4, 1e4, allow_nan=False).map(lambda v: round(v, 3))
slope = st.floats(-0.02, 0.02, allow_nan=False)
track = st.tuples(coordinate, coordinate, slope, slope)


@given(
    st.lists(track, min_size=1, max_size=6), st.lists(track, min_size=1, max_size=6), st.floats(0.01, 5000.0)
)
def test_no_pair_of_any_tracks_is_lost(first, second, max_cda):
    lines = [
        Line.from_slopes(x, y, np.full(len(x), Z), tx, ty)
        for x, y, tx, ty in (np.array(s).T for s in (first, second))
    ]
    assert_none_lost(*lines, PairBounds(max_cda, 105_000.0, 180_000.0))


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
def test_no_pair_at_a_border_of_the_cuts_is_lost(opening, reach, place):
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
        i, j = close_pairs(one, other, PairBounds(cut[k], z_min[k], z_max[k]))
        assert (0, 0) in zip(i.tolist(), j.tolist(), strict=True)


@pytest.mark.parametrize("like_sign", [False, True])
def test_same_for_any_number_of_threads(thread_numbers, like_sign):
    rng = np.random.default_rng(8)
    first, second = halo_lines(1500, rng), None if like_sign else halo_lines(1300, rng)
    alone = close_pairs(first, second, CUTS)
    assert len(alone[0]) > 1000
    for threads in thread_numbers():
        assert PairFinder.prepare(first, second, CUTS).threads == threads
        assert np.array_equal(close_pairs(first, second, CUTS), alone)


def test_each_pair_of_one_set_is_found_once():
    """Each pair once, none of a track with itself; `twice`, from both tracks."""
    rng = np.random.default_rng(11)
    lines = halo_lines(700, rng)
    lines = joined(lines, lines.take(np.arange(30)))  # tracks that are there twice
    wanted = brute_force(lines, lines, CUTS)
    i, j = close_pairs(lines, None, CUTS)
    assert (i < j).all()
    names = i * 10**7 + j
    assert len(np.unique(names)) == len(names)
    one, other = wanted // 10**7, wanted % 10**7
    assert (one < other).sum() > 500
    assert np.isin(wanted[one < other], names).all()
    k, m = PairFinder.prepare(lines, None, CUTS, twice=True).pairs()
    both = np.concatenate([names, j * 10**7 + i])
    assert sorted((k * 10**7 + m).tolist()) == sorted(both.tolist())


@pytest.mark.parametrize("slope", [0.1, 1.0, 10.0, 1e3, 1e7, 1e12, 1e200])
def test_a_steep_track_slows_no_other(slope):
    rng = np.random.default_rng(12)
    first, second = halo_lines(800, rng), halo_lines(800, rng)
    usual = len(close_pairs(first, second, CUTS)[0])
    for lines in (first, second):
        lines.direction[0, 0] = slope
        lines.direction[1, 1] = -slope
    _, found = assert_none_lost(first, second)
    assert found < usual + 4 * 16 * 800


@pytest.mark.parametrize("x", [1e5, 1e7, 1e9, 1e12, 1e25, 1e38, 1e60])
def test_a_far_track_slows_no_other(x):
    """A track that comes from far away, and one that stays there; with it some that come close to it."""
    rng = np.random.default_rng(13)
    first, second = halo_lines(800, rng), halo_lines(800, rng)
    usual = len(close_pairs(first, second, CUTS)[0])
    for lines in (first, second):
        lines.point[0, 0] = x
        lines.direction[0, 0] = x / (Z - 150_000.0)  # it crosses the beam at z = 150 m
        lines.point[1, 1] = -x
    second.point[1, 1] += min(10.0, 1e-3 * x)
    second.direction[1] = first.direction[1] + np.array([0.3, 0.0, 0.0])
    wanted, found = assert_none_lost(first, second)
    assert wanted > 500
    assert found < usual + 4 * 16 * 800


def test_no_pair_is_lost_where_all_tracks_are_steep_or_far():
    rng = np.random.default_rng(14)
    for size in (1e6, 1e10):
        x, y = size * rng.standard_normal((2, 200))
        tx, ty = size / 1e5 * rng.standard_normal((2, 200))
        lines = Line.from_slopes(x, y, np.full(200, Z), tx, ty)
        assert_none_lost(lines, lines.take(np.arange(100)), PairBounds(size / 10.0, 105e3, 180e3))


def test_few_pairs_are_tested():
    rng = np.random.default_rng(9)
    prepared = PairFinder.prepare(halo_lines(20_000, rng), halo_lines(20_000, rng), CUTS)
    assert prepared.count().sum() < prepared.tested() < 0.2 * 20_000**2
    assert prepared.tested_boxes() < 0.2 * 20_000**2
