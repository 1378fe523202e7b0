"""Constants that models of new particles share, in MeV and mm."""

from __future__ import annotations

from particle import literals

__all__ = ["ALPHA", "ELECTRON_MASS", "HBAR_C", "MUON_MASS", "PION_MASS", "PROTON_MASS"]

ALPHA = 1.0 / 137.036
"""Fine-structure constant at zero momentum transfer."""
HBAR_C = 197.3269804e-12
"""hbar c in MeV mm (CODATA 2018)."""
ELECTRON_MASS: float = literals.e_minus.mass  # type: ignore[assignment]
MUON_MASS: float = literals.mu_minus.mass  # type: ignore[assignment]
PION_MASS: float = literals.pi_plus.mass  # type: ignore[assignment]
"""Mass of the charged pion in MeV."""
PROTON_MASS: float = literals.proton.mass  # type: ignore[assignment]
