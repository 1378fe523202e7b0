"""Expected signal events at one mass and coupling, by production process and region, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from bdana.sensitivity.yields import Counted, MassYields

__all__ = ["check_coupling", "signal_point"]


def check_coupling(coupling: float) -> None:
    """Raise an error unless a coupling is above 0 and at most 1.

    Parameters
    ----------
    coupling : float

    Raises
    ------
    ConfigError
    """
    if not 0.0 < coupling <= 1.0:
        raise ConfigError(f"epsilon {coupling:g}: give a coupling above 0 and at most 1")


def signal_point(yields: MassYields, coupling: float, protons: float) -> dict[str, Any]:
    """Return what is expected at one coupling.

    Parameters
    ----------
    yields : MassYields
    coupling : float
        Such as the kinetic mixing of a dark photon, above 0 and at most 1.
    protons : float
        On target.

    Returns
    -------
    dict
        For each production process decays to the mode in the decay volume, those accepted at efficiency 1, and those
        selected in the innermost region and in each region, with statistical errors of the decays drawn.

    Raises
    ------
    ConfigError
        When the coupling is out of range.
    """
    check_coupling(coupling)

    def number(counted: Counted) -> tuple[float, float]:
        return float(counted.expected(coupling, protons)), float(counted.error(coupling, protons))

    production = {}
    for name, part in yields.production.items():
        regions = {region: number(counted) for region, counted in part.selected.items()}
        accepted, (selected, error) = number(part.accepted), next(iter(regions.values()))
        production[name] = {
            "n_decays_fv": float(protons * coupling**2 * part.in_volume(coupling**2)),
            "n_accepted": accepted[0],
            "n_accepted_error": accepted[1],
            "n_selected": selected,
            "n_selected_error": error,
            "effective_decays": (selected / error) ** 2 if error else 0.0,
            "regions": {
                region: {"n_selected": value, "n_selected_error": wrong}
                for region, (value, wrong) in regions.items()
            },
            "systematics": {
                key: [float(protons * coupling**2 * end(np.float64(coupling**2))) for end in ends]
                for key, ends in part.variations.items()
            },
        }
    return {"mass_mev": yields.mass, "epsilon": coupling, "production": production}
