"""Acceptance, efficiency and mass resolution of simulated signal against the mass of the particle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.plotting.figures import figure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Curve = Mapping[str, NDArray[np.float64]]

__all__ = ["save_efficiency", "save_resolution"]

COLOURS = ("black", "#D55E00", "#0072B2", "#009E73", "#CC79A7")  # told apart by colour-blind readers


def save_efficiency(curves: Mapping[str, Curve], path: Path, title: str = "") -> None:
    """Draw the acceptance and the selected share of the decays in the decay volume against mass.

    Parameters
    ----------
    curves : mapping of str to mapping of str to ndarray
        By decay mode: `mass_mev`, `accepted`, `accepted_error`, `selected` and `selected_error`, each of shape (M,), the last
        four as shares of the decays.
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    """
    with figure(path, size=(9, 6.5), numbers={"curves": _copied(curves), "title": title}) as fig:
        axes, top = fig.add_subplot(), 0.0
        for (mode, curve), colour in zip(curves.items(), COLOURS, strict=False):
            for key, dash, said in (
                ("accepted", "--", "acceptance"),
                ("selected", "-", "acceptance x efficiency"),
            ):
                share, error = curve[key], curve[f"{key}_error"]
                axes.plot(
                    curve["mass_mev"],
                    share,
                    color=colour,
                    linestyle=dash,
                    linewidth=1.8,
                    label=f"{mode}: {said}",
                )
                axes.fill_between(
                    curve["mass_mev"], share - error, share + error, color=colour, alpha=0.2, linewidth=0
                )
                top = max(top, float(np.nanmax(share + error, initial=0.0)))
        axes.set(ylim=(0.0, 1.4 * max(top, 1e-3)), xlabel=r"mass [MeV/$c^2$]")
        axes.margins(x=0.0)
        axes.set_ylabel("share of the decays in the volume")
        axes.set_title(title, loc="left")
        axes.legend(loc="upper right")


def save_resolution(curves: Mapping[str, Curve], path: Path, title: str = "") -> None:
    """Draw the half width of the central 68.3% of the reconstructed mass against the true one.

    Parameters
    ----------
    curves : mapping of str to mapping of str to ndarray
        By decay mode: `mass_mev`, `resolution_mev` and `resolution_error_mev` in MeV/c2, each of shape (M,).
    path : Path
        The picture; replaced if it exists.
    title : str
        Written above the frame.
    """
    with figure(path, size=(9, 6.5), numbers={"curves": _copied(curves), "title": title}) as fig:
        axes, top = fig.add_subplot(), 0.0
        for (mode, curve), colour, mark in zip(curves.items(), COLOURS, "os^Dv", strict=False):
            mass, width, error = (
                curve[key] for key in ("mass_mev", "resolution_mev", "resolution_error_mev")
            )
            axes.errorbar(
                mass, width, error, color=colour, marker=mark, markersize=5, linewidth=1.2, label=mode
            )
            axes.fill_between(mass, width - error, width + error, color=colour, alpha=0.2, linewidth=0)
            top = max(top, float(np.nanmax(width + error, initial=0.0)))
        axes.set(ylim=(0.0, 1.3 * max(top, 1e-3)), xlabel=r"mass [MeV/$c^2$]")
        axes.set_ylabel(r"mass resolution [MeV/$c^2$]")
        axes.set_title(title, loc="left")
        axes.legend(loc="upper left")


def _copied(curves: Mapping[str, Curve]) -> dict[str, dict[str, NDArray[np.float64]]]:
    return {mode: dict(curve) for mode, curve in curves.items()}
