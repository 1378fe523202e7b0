"""Dark photons: widths and production."""

from bdana.signal.production import (
    bremsstrahlung_density,
    bremsstrahlung_yield,
    inelastic_cross_section,
    proton_form_factor,
    splitting,
)
from bdana.signal.widths import lepton_width, leptonic_width

__all__ = [
    "bremsstrahlung_density",
    "bremsstrahlung_yield",
    "inelastic_cross_section",
    "lepton_width",
    "leptonic_width",
    "proton_form_factor",
    "splitting",
]
