"""Masses of known particles in MeV."""

from __future__ import annotations

__all__ = ["MASS"]

MASS = {
    11: 0.51099895069,  # electron
    13: 105.6583755,  # muon
    15: 1776.93,  # tau
    111: 134.9768,  # pi0
    211: 139.57039,  # charged pion
    113: 775.26,  # rho0
    213: 775.11,  # charged rho
    221: 547.862,  # eta
    223: 782.66,  # omega
    311: 497.611,  # K0
    321: 493.677,  # charged kaon
    331: 957.78,  # eta'
    333: 1019.46,  # phi
    313: 895.56,  # K*0
    323: 891.88,  # charged K*
    411: 1869.66,  # charged D
    421: 1864.84,  # D0
    431: 1968.35,  # charged Ds
    511: 5279.72,  # B0
    521: 5279.41,  # charged B
    2212: 938.27208943,  # proton
}
"""Mass in MeV by PDG number: the 2026 table of the Particle Data Group, as the package `particle` has it.

Copied, since reading that table takes longer than a whole small selection; a test compares the two."""
