"""Figures in one style, whatever the settings of the person or machine; their files are written whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from typing import TYPE_CHECKING

import mplhep
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context

from bdana.atomic import temporary_beside
from bdana.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FORMATS", "figure", "stamped"]

FORMATS = (".pdf", ".png", ".svg")
"""Endings a figure may have."""
DPI = 110

# A fixed salt, so that an SVG's identifiers are the same every time.
_STYLE = {"svg.hashsalt": "bdana", "font.size": 16, "legend.fontsize": 13, "axes.titlesize": 15}

_STAMP = ContextVar("stamp", default="")


@contextmanager
def stamped(text: str) -> Iterator[None]:
    """Write a line at the foot of every figure that is made in the block.

    Parameters
    ----------
    text : str
        Empty: no line.
    """
    before = _STAMP.set(text)
    try:
        yield
    finally:
        _STAMP.reset(before)


@contextmanager
def figure(path: Path, size: tuple[float, float] = (10, 7.5)) -> Iterator[Figure]:
    """Yield an empty figure, and save it when the block ends without error.

    The picture depends on what is drawn alone: no matplotlibrc, style, back end or setting of the caller changes it, and
    the caller's settings and pyplot figures are left as they were.

    Parameters
    ----------
    path : Path
    size : tuple of float
        Width and height in inches.

    Raises
    ------
    InputError
        When the ending is not one of `FORMATS`, or the folder cannot be written.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: end the name of a picture in {', '.join(FORMATS)}")
    # No pyplot: nothing global is opened, so nothing has to be closed. Matplotlib's own defaults come first: what a
    # matplotlibrc or a style changed would show through otherwise.
    with temporary_beside(path) as temporary, context([mplhep.style.ROOT, _STYLE], after_reset=True):
        made = Figure(figsize=size, layout="constrained")
        canvas = FigureCanvasAgg(made)
        yield made
        if _STAMP.get():
            made.supxlabel(_STAMP.get(), fontsize=11, color="firebrick")
        picture = BytesIO()  # on a full disk some back ends hide what went wrong
        if path.suffix == ".png":
            made.set_dpi(DPI)
            # Draws once; `savefig` draws once more to lay out.
            canvas.print_png(picture)  # type: ignore[no-untyped-call]
        else:
            date = {".svg": "Date", ".pdf": "CreationDate"}[path.suffix]
            made.savefig(picture, format=path.suffix[1:], dpi=DPI, metadata={date: None})
        temporary.write_bytes(picture.getvalue())
