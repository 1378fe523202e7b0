"""Constants that models of new particles share, in MeV and mm."""

from __future__ import annotations

from bdana.masses import MASS

__all__ = ["ALPHA", "ELECTRON_MASS", "HBAR_C", "MUON_MASS", "PION_MASS", "PROTON_MASS"]

ALPHA = 1.0 / 137.036
"""Fine-structure constant at zero momentum transfer."""
HBAR_C = 197.3269804e-12
"""hbar c in MeV mm (CODATA 2018)."""
ELECTRON_MASS = MASS[11]
MUON_MASS = MASS[13]
PION_MASS = MASS[211]
"""Mass of the charged pion in MeV."""
PROTON_MASS = MASS[2212]
