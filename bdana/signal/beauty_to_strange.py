"""Form factors of B mesons that decay into strange ones, for a new particle beside them.

Those of P. Ball, R. Zwicky, Phys. Rev. D 71, 014015 and 014029 (arXiv:hep-ph/0406232, hep-ph/0412079): f0 of B -> K and A0 of
B -> K*, at the squared mass of what leaves with the meson.
"""

from __future__ import annotations

from bdana.masses import MASS
from bdana.signal.meson_spectra import meson_mass

__all__ = ["STRANGE_MESONS", "form_factor", "strange_mass"]

STRANGE_MESONS = {"B_pm": {"K": 321, "K*": 323}, "B0": {"K": 311, "K*": 313}}
"""PDG numbers of what is left of a B meson."""


def strange_mass(meson: str, kaon: str) -> float:
    """Return the mass of the strange meson that is left, in MeV.

    Parameters
    ----------
    meson : str
        `B_pm` or `B0`.
    kaon : str
        `K` or `K*`.
    """
    return MASS[STRANGE_MESONS[meson][kaon]]


def form_factor(mass: float, meson: str, kaon: str) -> float:
    """Return f0(m^2) of B -> K, or A0(m^2) of B -> K*.

    Parameters
    ----------
    mass : float
        Of the new particle, in MeV.
    meson : str
        `B_pm` or `B0`.
    kaon : str
        `K` or `K*`.

    Examples
    --------
    >>> form_factor(0.0, "B_pm", "K"), round(form_factor(0.0, "B_pm", "K*"), 3)
    (0.33, 0.374)
    """
    q2 = (mass * 1e-3) ** 2
    if kaon == "K":
        return 0.33 / (1.0 - q2 / 37.46)
    return 1.364 / (1.0 - q2 / (meson_mass(meson) * 1e-3) ** 2) - 0.990 / (1.0 - q2 / 36.78)
