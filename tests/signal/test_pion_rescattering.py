"""Rescattering of two pions: published phase shifts, the enhancement of the reference, and a dispersion integral by hand."""

import numpy as np
import pytest
from scipy.integrate import quad

from bdana.errors import ConfigError
from bdana.signal.constants import PION_MASS
from bdana.signal.pion_rescattering import omnes_function, pion_phase_shift


def test_phase_shifts_of_the_fit():
    # Degrees of arXiv:1102.2183's constrained fit, evaluated independently.
    shifts = np.degrees(pion_phase_shift([300.0, 400.0, 500.0, 600.0, 700.0, 850.0]))
    assert shifts == pytest.approx([5.6, 21.8, 40.0, 57.3, 72.2, 93.0], abs=0.06)


def test_nothing_is_shifted_at_threshold():
    assert pion_phase_shift(2.0 * PION_MASS) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("energy", "expected"),
    [(280, 1.458), (300, 1.515), (350, 1.656), (400, 1.783), (500, 1.945), (600, 1.980), (700, 2.000), (800, 2.208)],
)  # fmt: skip
def test_enhancement_of_the_reference(energy, expected):
    assert omnes_function(energy) == pytest.approx(expected, abs=6e-4)


def test_no_enhancement_at_zero_energy():
    assert omnes_function(0.0) == 1.0
    assert omnes_function(1.0) == pytest.approx(1.0, abs=1e-5)


def test_dispersion_integral_by_another_method():
    # A principal value by quad's Cauchy weight, up to the end of the fit; the two pieces beyond have no pole.
    s, start, fitted, kaons = 450.0**2, 4 * PION_MASS**2, 850.0**2, 4 * 493.677**2
    last = float(pion_phase_shift(850.0))
    inner, _ = quad(
        lambda x: float(pion_phase_shift(np.sqrt(x))) / x, start, fitted, weight="cauchy", wvar=s, limit=400
    )
    line, _ = quad(
        lambda x: (last + (np.pi - last) * (np.sqrt(x) - 850.0) / (2 * 493.677 - 850.0)) / (x * (x - s)),
        fitted,
        kaons,
    )
    tail, _ = quad(lambda t: np.pi / (kaons - s * t), 0.0, 1.0)  # x = kaons / t
    assert omnes_function(450.0) == pytest.approx(np.exp(s / np.pi * (inner + line + tail)), rel=1e-5)


def test_no_number_where_kaons_matter():
    with pytest.raises(ConfigError, match=r"from 0 to 800 MeV, not at 900 MeV"):
        omnes_function(900.0)
    with pytest.raises(ConfigError, match="phase shift"):
        pion_phase_shift(270.0)
