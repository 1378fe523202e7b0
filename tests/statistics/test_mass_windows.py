"""Windows of mass: their places, and searches that cannot be."""

import numpy as np
import pytest

from bdana.errors import InputError
from bdana.statistics.mass_limits import scan_masses
from bdana.statistics.mass_spectrum import MassSpectrum, Resolution
from bdana.statistics.mass_windows import MassSearch
from bdana.statistics.poisson import Background

ASSUMED = Resolution(((220.0, 0.4), (411.0, 2.0), (700.0, 3.2)))
PAPER = Background(0.016, 0.002)


def test_candidate_masses_stand_apart_by_the_resolution():
    search = MassSearch(ASSUMED, 2.0, PAPER)
    masses = search.masses(220.0, 700.0, 1.5)
    assert (masses[0], masses[-1]) == (220.0, 700.0)
    steps = np.diff(masses)[:-1]
    assert steps == pytest.approx([1.5 * ASSUMED(m) for m in masses[:-2]])


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
