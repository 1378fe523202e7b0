"""Limits on signal events and local p-values against the mass of the particle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import special

from bdana.plotting.figures import figure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["save_mass_limits"]

BANDS = {2: "#fbe7a1", 1: "#9ccf9a"}
COLOURS = ("black", "#0072B2", "#D55E00", "#CC79A7")  # told apart by colour-blind readers
DASHES = ("-", "--", ":", "-.")
NARROW = 0.002  # of the limit: a narrower band is the line itself


def save_mass_limits(
    mass: NDArray[np.float64],
    expected: NDArray[np.float64],
    path: Path,
    observed: Mapping[str, NDArray[np.float64]] | None = None,
    p_local: NDArray[np.float64] | None = None,
    title: str = "",
) -> None:
    """Draw upper limits against mass, and below them the local p-values once there is an observation.

    Parameters
    ----------
    mass : ndarray, shape (M,)
        Ascending candidate masses, in MeV/c2.
    expected : ndarray, shape (M, 5) or (M, 1)
        Limits in events at the -2, -1, 0, +1 and +2 sigma quantiles of the count, or at its median alone. Where all
        quantiles are one count there is no band to draw, which is said in words.
    path : Path
        The picture; replaced if it exists.
    observed : mapping of str to ndarray, shape (M,)
        By the name of the method; the one of the expected limits first.
    p_local : ndarray, shape (M,)
        Above zero.
    title : str
        Written above the frame.
    """
    seen = observed or {}
    numbers = {
        "mass_mev": mass,
        "expected": expected,
        "observed": dict(seen),
        "p_local": p_local,
        "title": title,
    }
    with figure(path, size=(11, 8.5 if p_local is not None else 6.5), numbers=numbers) as fig:
        if p_local is None:
            axes = fig.subplots()
            axes.set_xlabel(r"mass [MeV/$c^2$]")
        else:
            axes, below = fig.subplots(2, sharex=True, height_ratios=(3, 2))
            _draw_p(below, mass, p_local)
        _draw_expected(axes, mass, expected)
        for (name, limit), colour, dash in zip(seen.items(), COLOURS, DASHES, strict=False):
            axes.plot(mass, limit, color=colour, linestyle=dash, linewidth=1.6, label=f"observed, {name}")
        highest = max([float(expected.max()), *(float(limit.max()) for limit in seen.values())])
        axes.set(xlim=_ends(mass), ylim=(0.0, 1.45 * highest))
        axes.set_ylabel("limit [events in the window]")
        axes.set_title(title, loc="left")
        axes.legend(loc="upper left", ncols=2)


def _draw_expected(axes: Axes, mass: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    middle = expected.shape[1] // 2
    median, note = expected[:, middle], ""
    if middle:
        bands = {k: (expected[:, middle - k], expected[:, middle + k]) for k in BANDS}
        if bool(((bands[2][1] - bands[2][0]) < NARROW * median).all()):
            note = " (all of ±2 sigma are this line)"
        else:
            for k, (low, high) in bands.items():
                axes.fill_between(mass, low, high, color=BANDS[k], linewidth=0, label=f"expected ±{k} sigma")
    axes.plot(mass, median, color="0.35", linestyle=(0, (6, 3)), linewidth=2, label=f"median expected{note}")


def _draw_p(axes: Axes, mass: NDArray[np.float64], p_local: NDArray[np.float64]) -> None:
    axes.plot(mass, p_local, color="black", linewidth=1.6)
    bottom = 0.2 * min(float(p_local.min()), float(special.ndtr(-3.0)))
    for z in range(1, 6):
        level = float(special.ndtr(-z))
        if level > bottom:
            axes.axhline(level, color="#D55E00", linestyle=":", linewidth=1.2)
            axes.annotate(
                rf"{z}$\sigma$", (1.0, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
                textcoords="offset points", va="center", fontsize=13, color="#D55E00",
            )  # fmt: skip
    axes.set_yscale("log")
    axes.set(ylim=(bottom, 2.0), xlabel=r"mass [MeV/$c^2$]")
    axes.set_ylabel("local p")


def _ends(mass: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(mass[0]), float(mass[-1])
    return (low, high) if low < high else (0.9 * low, 1.1 * low)
