"""Limits and local p-values in windows of mass."""

import numpy as np
import pytest

from bdana.statistics.limits import cls
from bdana.statistics.mass_limits import scan_masses
from bdana.statistics.mass_spectrum import MassSpectrum, Resolution
from bdana.statistics.mass_windows import MassSearch
from bdana.statistics.poisson import Background

ASSUMED = Resolution(((220.0, 0.4), (411.0, 2.0), (700.0, 3.2)))
PAPER = Background(0.016, 0.002)


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


def test_limits_fall_with_the_background_of_the_window():
    spectrum = MassSpectrum.flat(400.0, 600.0, Background(20.0, 2.0))
    search = MassSearch(Resolution(((500.0, 2.0),)), 2.0, spectrum, np.array([500.0]))
    (found,) = scan_masses(search, [500.0]).limits
    assert found["cls"].high == pytest.approx(cls(1, Background(0.8, 0.08)).high)
