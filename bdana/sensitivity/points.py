"""Expected signal events at one mass and coupling, by production process and region, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.sensitivity.yields import Counted, MassYields

__all__ = ["check_coupling", "signal_point"]


def check_coupling(coupling: float, name: str = "epsilon") -> None:
    """Raise an error unless a coupling is above 0 and at most 1.

    Parameters
    ----------
    coupling : float
    name : str
        What it is called.

    Raises
    ------
    ConfigError
    """
    if not 0.0 < coupling <= 1.0:
        raise ConfigError(f"{name} {coupling:g}: give a coupling above 0 and at most 1")


def signal_point(
    yields: MassYields, coupling: float, protons: float, name: str = "epsilon"
) -> dict[str, Any]:
    """Return what is expected at one coupling.

    Parameters
    ----------
    yields : MassYields
    coupling : float
        Such as the kinetic mixing of a dark photon, above 0 and at most 1.
    protons : float
        On target.
    name : str
        Of the coupling, under which its value is given.

    Returns
    -------
    dict
        For each production process decays to the mode in the decay volume, those accepted at efficiency 1, and those
        selected in the innermost region and in each region, with statistical errors of the decays drawn. `shares` has the
        share of each region in the selected events of all processes.

    Raises
    ------
    ConfigError
        When the coupling is out of range.
    """
    check_coupling(coupling, name)

    def number(counted: Counted) -> tuple[float, float]:
        return float(counted.expected(coupling, protons)), float(counted.error(coupling, protons))

    production: dict[str, dict[str, Any]] = {}
    for process, part in yields.production.items():
        regions = {region: number(counted) for region, counted in part.selected.items()}
        accepted, (selected, error) = number(part.accepted), next(iter(regions.values()))
        production[process] = {
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
    shares = _shares([made["regions"] for made in production.values()])
    return {
        "mass_mev": yields.mass,
        "coupling": name,
        name: coupling,
        "production": production,
        "shares": shares,
    }


def _shares(processes: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float | None]]:
    """Return the share of each region in all selected events with its error; None where nothing is selected."""
    names = list(processes[0]) if processes else []
    number = {name: sum(process[name]["n_selected"] for process in processes) for name in names}
    variance = {name: sum(process[name]["n_selected_error"] ** 2 for process in processes) for name in names}
    total, spread = sum(number.values()), sum(variance.values())
    if not total:
        return {name: {"share": None, "error": None} for name in names}
    shares = {}
    for name in names:
        share = number[name] / total
        # Regions are independent: what moves the share is the region against all others.
        error = ((1.0 - 2.0 * share) * variance[name] + share**2 * spread) ** 0.5 / total
        shares[name] = {"share": share, "error": error}
    return shares
