"""The mass resolution, and the background against mass."""

import numpy as np
import pytest

from bdana.errors import InputError
from bdana.statistics.mass_spectrum import MassSpectrum, Resolution, weighted_half_width
from bdana.statistics.poisson import Background

ASSUMED = Resolution(((220.0, 0.4), (411.0, 2.0), (700.0, 3.2)))


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


def test_the_width_of_a_gaussian_is_its_standard_deviation():
    pulls = np.random.default_rng(1).normal(0.0, 2.0, 100_000)
    assert weighted_half_width(pulls, np.ones(pulls.size)) == pytest.approx(2.0, rel=0.02)
    assert weighted_half_width([-1.0, 5.0], [3.0, 1.0]) == 1.0
    with pytest.raises(InputError, match="no event has a weight"):
        weighted_half_width([1.0], [0.0])


def test_a_one_sided_source_is_in_one_of_the_errors_of_a_window():
    covariance = np.diag([4.0, 9.0])
    edges, contents = np.array([300.0, 400.0, 600.0]), np.array([10.0, 40.0])
    whole = MassSpectrum(edges, contents, covariance, one_sided=(0.1, -0.2)).background(300.0, 600.0)
    assert whole.expected == pytest.approx(50.0)
    assert np.square(whole.errors) == pytest.approx([13.0 + 25.0, 13.0 + 100.0])
