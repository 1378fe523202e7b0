"""Dark photons: widths and production."""

from bdana.signal.hadrons import branching_ratio, hadronic_ratio, total_width
from bdana.signal.production import (
    bremsstrahlung_density,
    bremsstrahlung_yield,
    inelastic_cross_section,
    proton_form_factor,
    splitting,
)
from bdana.signal.widths import lepton_width, leptonic_width

__all__ = [
    "branching_ratio",
    "bremsstrahlung_density",
    "bremsstrahlung_yield",
    "hadronic_ratio",
    "inelastic_cross_section",
    "lepton_width",
    "leptonic_width",
    "proton_form_factor",
    "splitting",
    "total_width",
]
