"""Figures in one style, whatever the settings of the person or machine; their files are written whole or not at all.

What all figures of one result share is a `Look`: experiment, state, hash, style, and which files are written beside each.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context
from matplotlib.text import Annotation

from bdana.atomic import temporary_beside
from bdana.errors import InputError
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from matplotlib.backends import backend_pdf as pdf
else:
    pdf = late_module("matplotlib.backends.backend_pdf")

__all__ = ["FORMATS", "PALETTE", "Look", "check_format", "current_look", "figure", "look", "plain", "stamped"]

FORMATS = (".pdf", ".png", ".svg")
"""Endings a figure may have."""
PALETTE = ("#92dadd", "#ffc97f", "#c3b1e1", "#b5d99c", "#d9d9d9")
"""Fills of stacked backgrounds: told apart by colour-blind readers, and in grey by their order."""
DPI = 110

# A fixed salt, so that an SVG's identifiers are the same every time.
_STYLE = {"svg.hashsalt": "bdana", "font.size": 16, "legend.fontsize": 13, "axes.titlesize": 15}
_LINE, _LETTERS = 0.26, 11.0  # inches of a line of the header, and its letters an inch


@dataclass(frozen=True)
class Look:
    """What all figures of one result share.

    Attributes
    ----------
    experiment : str
        Written on every figure, in bold.
    state : str
        What was counted, and what is closed: `pseudo-data, blinded: SR closed`.
    stamp : str
        At the right end of the header: hash of the analysis, exposure.
    beside : tuple of str
        Endings of further pictures that are written beside each.
    numbers : bool
        Whether the numbers of each figure are written beside it, as JSON.
    font_size : float
        In points.
    colours : mapping of str to str
        Of what is drawn, by its name in figures: `signal`, `combinatorial`.
    labels : mapping of str to str
        Texts of legends in place of these names.
    panel : str
        Below a comparison: `pull`, `ratio` or `none`.
    logarithmic : tuple of str
        Variables whose counts have a logarithmic axis.
    """

    experiment: str = ""
    state: str = ""
    stamp: str = ""
    beside: tuple[str, ...] = ()
    numbers: bool = False
    font_size: float = 16.0
    colours: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    panel: str = "pull"
    logarithmic: tuple[str, ...] = ()

    @property
    def style(self) -> dict[str, Any]:
        """Settings of matplotlib."""
        scale = self.font_size / 16.0
        sizes = {"font.size": 16.0, "legend.fontsize": 13.0, "axes.titlesize": 15.0, "axes.labelsize": 16.0}
        return {name: size * scale for name, size in sizes.items()} if scale != 1.0 else {}

    def label(self, name: str) -> str:
        """Return the text of a legend.

        Parameters
        ----------
        name : str
        """
        return self.labels.get(name, name)


_look: ContextVar[Look] = ContextVar("look", default=Look())  # noqa: B039 - frozen

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
def look(chosen: Look) -> Iterator[Look]:
    """Draw all figures of the block with one look.

    Parameters
    ----------
    chosen : Look
    """
    token = _look.set(chosen)
    try:
        yield chosen
    finally:
        _look.reset(token)


def current_look() -> Look:
    """Return the look of the block that draws."""
    return _look.get()


def check_format(path: Path) -> None:
    """Raise an error when the name of a picture does not end in one of `FORMATS`.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        Naming them.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: end the name of a picture in {', '.join(FORMATS)}")


@contextmanager
def figure(
    path: Path, size: tuple[float, float] = (10, 7.5), numbers: Mapping[str, Any] | None = None
) -> Iterator[Figure]:
    """Yield an empty figure, and save it when the block ends without error, with what its `Look` wants beside it.

    The picture depends on what is drawn alone: no matplotlibrc, style, back end or setting of the caller changes it, and
    the caller's settings and pyplot figures are left as they were.

    Parameters
    ----------
    path : Path
    size : tuple of float
        Width and height in inches.
    numbers : mapping, optional
        The numbers that are drawn: plain values and arrays.

    Raises
    ------
    InputError
        When the ending is not one of `FORMATS`, or the folder cannot be written.
    """
    check_format(path)
    chosen = current_look()
    paths = [path, *(path.with_suffix(ending) for ending in chosen.beside if ending != path.suffix)]
    written = [*paths, path.with_suffix(".json")] if chosen.numbers and numbers is not None else paths
    with ExitStack() as files:
        temporary = {final: files.enter_context(temporary_beside(final)) for final in written}
        # No pyplot: nothing global is opened, so nothing has to be closed. Matplotlib's own defaults come first: what a
        # matplotlibrc or a style changed would show through otherwise.
        files.enter_context(context([mplhep.style.ROOT, _STYLE, chosen.style], after_reset=True))
        made = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(made)
        yield made
        if _STAMP.get():
            made.supxlabel(_STAMP.get(), fontsize=11, color="firebrick")
        _write_header(made, chosen)
        for place, final in enumerate(paths):
            temporary[final].write_bytes(_picture(made, final.suffix, laid_out=place > 0))
            made.set_layout_engine("none")  # all formats have the places of the first
        if path.with_suffix(".json") in temporary:
            document = {"figure": path.stem, "experiment": chosen.experiment, "state": chosen.state}
            text = json.dumps(document | {"stamp": chosen.stamp} | plain(dict(numbers or {})), indent=1)
            temporary[path.with_suffix(".json")].write_text(text + "\n", encoding="utf-8")


def _picture(made: Figure, ending: str, *, laid_out: bool) -> bytes:
    picture = BytesIO()  # on a full disk some back ends hide what went wrong
    if ending == ".pdf" and laid_out:
        # Draws once; `savefig` draws once more to lay out.
        pdf.FigureCanvasPdf(made).print_pdf(picture, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
    elif ending == ".png":
        made.set_dpi(DPI)
        FigureCanvasAgg(made).print_png(picture)  # type: ignore[no-untyped-call]
    else:
        date = {".svg": "Date", ".pdf": "CreationDate"}[ending]
        made.savefig(picture, format=ending[1:], dpi=DPI, metadata={date: None})
    return picture.getvalue()


def _write_header(made: Figure, chosen: Look) -> None:
    """Write experiment and state, and at the right end or below them the stamp, into a strip above the axes."""
    if not (chosen.experiment or chosen.state or chosen.stamp):
        return
    width, height = made.get_size_inches()
    apart = len(f"{chosen.experiment}  {chosen.state}  {chosen.stamp}") > _LETTERS * width
    lines = 1 + (apart and bool(chosen.stamp))
    strip = (0.06 + _LINE * lines) / height
    engine = made.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0.0, 0.0, 1.0, 1.0 - strip))  # type: ignore[call-arg]
    top, left = 1.0 - 0.06 / height, 0.08 / width
    size = 0.8 * float(mpl.rcParams["font.size"])
    if chosen.experiment:
        bold = made.text(left, top, chosen.experiment, weight="bold", size=size, va="top")
        made.add_artist(
            Annotation(
                chosen.state, (1.0, 1.0), (8.0, 0.0), xycoords=bold, textcoords="offset points", size=size,
                style="italic", va="top", annotation_clip=False,
            )
        )  # fmt: skip
    else:
        made.text(left, top, chosen.state, size=size, style="italic", va="top")
    place = (left, top - _LINE / height, "left") if apart else (1.0 - left, top, "right")
    made.text(
        *place[:2],
        chosen.stamp,
        size=0.65 * float(mpl.rcParams["font.size"]),
        color="0.35",
        va="top",
        ha=place[2],
    )


def plain(value: Any) -> Any:
    """Return numbers, arrays and what holds them as plain values for JSON; None for what is not finite.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> import numpy as np
    >>> plain({"x": np.array([1.0, np.nan]), "n": np.int64(3)})
    {'x': [1.0, None], 'n': 3}
    """
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
