"""Constants that models of new particles share, in MeV and mm."""

from __future__ import annotations

from bdana.masses import MASS

__all__ = [
    "ALPHA",
    "ELECTRON_MASS",
    "FERMI",
    "F_KAON",
    "F_PION",
    "G_RHO",
    "HBAR_C",
    "MUON_MASS",
    "PION_MASS",
    "PROTON_MASS",
    "V_CD",
    "V_CS",
    "V_UD",
    "V_US",
]

ALPHA = 1.0 / 137.036
"""Fine-structure constant at zero momentum transfer."""
FERMI = 1.1663788e-11
"""Fermi constant in MeV^-2 (PDG)."""
V_UD, V_US, V_CD, V_CS = 0.97367, 0.22431, 0.221, 0.975
"""Elements of the CKM matrix (PDG)."""
F_PION, F_KAON = 130.2, 155.7
"""Decay constants in MeV (FLAG)."""
G_RHO = 0.162e6
"""Coupling of the rho to the weak current in MeV^2 (arXiv:1805.08567)."""
HBAR_C = 197.3269804e-12
"""hbar c in MeV mm (CODATA 2018)."""
ELECTRON_MASS = MASS[11]
MUON_MASS = MASS[13]
PION_MASS = MASS[211]
"""Mass of the charged pion in MeV."""
PROTON_MASS = MASS[2212]
