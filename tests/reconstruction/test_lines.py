"""Closest approach: against constructions, under the symmetries it must have, and where it has no answer."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bdana.reconstruction import Line, closest_approach

coordinate = st.floats(-1e5, 1e5)
point = st.tuples(coordinate, coordinate, coordinate).map(np.array)
direction = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda d: np.linalg.norm(d) > 0.1)
lines = st.builds(lambda p, d: Line(p[None], d[None]), point, direction)


def sine(a, b):
    norms = np.linalg.norm(a.direction) * np.linalg.norm(b.direction)
    return float(np.linalg.norm(np.cross(a.direction, b.direction)) / norms)


@given(point, direction, direction, st.floats(0, 1e3), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_finds_the_segment_that_the_lines_were_built_around(start, d1, d2, distance, s, t):
    normal = np.cross(d1, d2)
    assume(np.linalg.norm(normal) > 1e-3)
    end = start + distance * normal / np.linalg.norm(normal)
    found = closest_approach(Line((start + s * d1)[None], d1[None]), Line((end + t * d2)[None], d2[None]))
    np.testing.assert_allclose(found.on_first[0], start, atol=1e-4)
    np.testing.assert_allclose(found.on_second[0], end, atol=1e-4)
    np.testing.assert_allclose(found.midpoint[0], (start + end) / 2, atol=1e-4)
    assert found.distance[0] == pytest.approx(distance, abs=1e-6)
    assert found.valid[0]


@given(lines, lines)
def test_exchange_of_the_lines_exchanges_the_ends(a, b):
    assume(sine(a, b) > 1e-2)
    there, back = closest_approach(a, b), closest_approach(b, a)
    np.testing.assert_allclose(there.distance, back.distance, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(there.on_first, back.on_second, rtol=1e-9, atol=1e-6)


@given(lines, lines, st.tuples(*[st.floats(-np.pi, np.pi)] * 3), point)
def test_moves_with_rotation_and_translation(a, b, angles, shift):
    assume(sine(a, b) > 1e-2)
    turn = Rotation.from_euler("xyz", angles)

    def moved(line):
        return Line(turn.apply(line.point) + shift, turn.apply(line.direction))

    found, after = closest_approach(a, b), closest_approach(moved(a), moved(b))
    np.testing.assert_allclose(after.distance, found.distance, atol=1e-6)
    np.testing.assert_allclose(after.midpoint, turn.apply(found.midpoint) + shift, atol=1e-3)


@given(lines, lines, st.floats(0.01, 100))
def test_length_of_a_direction_does_not_matter(a, b, factor):
    assume(sine(a, b) > 1e-2)
    longer = Line(a.point, factor * a.direction)
    np.testing.assert_allclose(
        closest_approach(longer, b).distance, closest_approach(a, b).distance, atol=1e-6
    )


def test_milliradian_tracks_keep_their_precision():
    # Two tracks 0.2 mrad apart that meet 50 m upstream of their reference plane, 1 mm apart in y.
    slopes = np.array([1.2e-3]), np.array([1.0e-3])
    first = Line.from_slopes([slopes[0][0] * 5e4], [0.5], [180_000.0], slopes[0], [0.0])
    second = Line.from_slopes([slopes[1][0] * 5e4], [-0.5], [180_000.0], slopes[1], [0.0])
    found = closest_approach(first, second)
    assert found.distance[0] == pytest.approx(1.0, rel=1e-9)
    assert found.midpoint[0, 2] == pytest.approx(130_000.0, abs=1e-3)


@pytest.mark.parametrize(
    ("point_2", "direction_2"),
    [
        ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
        ((1.0, 0.0, 0.0), (0.0, 0.0, -3.0)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
        ((1.0, 0.0, 0.0), (0.0, 1e-14, 1.0)),
        ((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ((1.0, 0.0, 0.0), (np.nan, 0.0, 1.0)),
        ((np.nan, 0.0, 0.0), (1.0, 0.0, 1.0)),
        ((1.0, 0.0, 0.0), (np.inf, 0.0, 1.0)),
        ((np.inf, 0.0, 0.0), (1.0, 0.0, 1.0)),
    ],
)
def test_lines_without_closest_approach_are_invalid(point_2, direction_2):
    beam = Line(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]))
    found = closest_approach(beam, Line(np.array([point_2]), np.array([direction_2])))
    assert not found.valid[0]
    assert np.isnan(found.distance[0])
    assert np.isnan(found.midpoint[0]).any()


def test_one_line_is_used_against_many():
    beam = Line(np.array([0.0, -22.0, 23_070.0]), np.array([0.0, 0.0, 1.0]))
    x = np.array([1.0, 2.0, 3.0])
    tracks = Line.from_slopes(x, 0 * x, 0 * x + 180_000, 0 * x, 0 * x + 1e-3)
    np.testing.assert_allclose(closest_approach(tracks, beam).distance, x)


def test_at_follows_the_slopes():
    track = Line.from_slopes([10.0], [-5.0], [180_000.0], [1e-3], [-2e-3])
    np.testing.assert_allclose(track.at(181_000.0), [[11.0], [-7.0]])
