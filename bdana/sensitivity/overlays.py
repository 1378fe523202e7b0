"""Published exclusion contours to draw beside our own: tables of two columns, and limit files of darkcast.

A table has a mass and a coupling in each line, with commas, tabs or blanks between, and may have a header such as
`mass_GeV,epsilon^2`. With a third column, lines hold the ends of the excluded couplings at each mass, as in the grid that
bdana writes; the header then says lower and upper. Comments begin with #; `# cl: 0.95`, `# source: ...` and
`# name: ...` say what the contour is.

A limit file of darkcast (Ilten et al., JHEP 06 (2018) 004, arXiv:1801.04847) ends in `.lmt` and has the columns mass in
GeV, lower and, for some, upper. The paper of a limit stands in a Python file of the same name beside it, which is read as
text and not run.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Overlay", "compare_levels", "read_overlay"]

UNITS = {"kev": 1e-3, "mev": 1.0, "gev": 1e3, "tev": 1e6}
UNBOUNDED = 1e5  # the coupling that darkcast writes where nothing is excluded, or no upper end is known
UNIT = re.compile(r"[kMGT]eV", re.IGNORECASE)
MASS = re.compile(r"#+\s*m[\w'{}^$\\]*[\s_\[(/,]*[kMGT]eV", re.IGNORECASE)  # a header in a comment
SQUARED = re.compile(r"(\^|\*\*)\s*\{?2|²|squared|(eps|epsilon|kappa)_?2", re.IGNORECASE)
COUPLING_FIRST = re.compile(r"\W*(eps|coupling|kappa|ε)", re.IGNORECASE)
BRANCHES = re.compile(r"low.*(upp|high)", re.IGNORECASE)
COMMENT = re.compile(r"#+:?\s*(cl|source|name)\s*[:=]\s*(.+)", re.IGNORECASE)
LEVEL = re.compile(r"(\d+(?:\.\d+)?)\s*\\?%\s*(?:C\.?\s?L\b|confidence)", re.IGNORECASE)
BIBTEX = re.compile(r"^[\s#]*(\w+)\s*=\s*[\"{]+(.*?)[\"}]+\s*,?\s*$", re.MULTILINE)
ARXIV = re.compile(r"arXiv:\s*([\w.-]+(?:/\d+)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Overlay:
    """A published contour.

    Attributes
    ----------
    name : str
    mass : ndarray, shape (N,)
        In MeV/c2, along the line; NaN between two lines that do not touch.
    coupling : ndarray, shape (N,)
        Such as the kinetic mixing epsilon; never its square.
    source : str
        Paper, or the name of the file where it does not say one.
    level : float or None
        Confidence level; None where the file does not say it.
    """

    name: str
    mass: NDArray[np.float64]
    coupling: NDArray[np.float64]
    source: str
    level: float | None


def read_overlay(path: Path, mass_unit: str | None = None) -> Overlay:
    r"""Read a published contour from a table of two columns or a limit file of darkcast.

    Parameters
    ----------
    path : Path
        A file that ends in `.lmt` is one of darkcast.
    mass_unit : str, optional
        "MeV" or "GeV", in place of what the header says; without both, MeV, and GeV for darkcast.

    Returns
    -------
    Overlay
        Named after the file where no comment names it. The couplings are as published, also those that only close the
        contour at the top.

    Raises
    ------
    InputError
        When the file cannot be read, has no points, or has a line that is no mass and coupling.
    ConfigError
        When the unit is unknown.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bdana.sensitivity.overlays import read_overlay
    >>> table = "# cl: 0.9\n# source: arXiv:2303.08666\nmass_GeV epsilon^2\n0.25 1e-14\n0.30 4e-14\n"
    >>> _ = Path("mumu.txt").write_text(table)
    >>> overlay = read_overlay(Path("mumu.txt"))
    >>> overlay.mass, overlay.coupling, overlay.level, overlay.source
    (array([250., 300.]), array([1.e-07, 2.e-07]), 0.9, 'arXiv:2303.08666')
    """
    if mass_unit is not None and mass_unit.lower() not in UNITS:
        raise ConfigError(f"mass unit '{mass_unit}': give MeV or GeV")
    try:
        with open_text(path) as stream:
            lines = stream.read().splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read as text: {err}") from err
    if lines and lines[0].startswith(r"{\rtf"):
        raise InputError(f"{path}: is rich text (RTF), in which numbers hide: save it as plain text")
    darkcast = path.suffix.lower() == ".lmt"
    header, points = _points(path, lines, darkcast=darkcast)
    mass, coupling = points[:, 0], points[:, 1]
    if points.shape[1] == 3:
        mass, coupling = _around(points)
    elif darkcast:
        bounded = coupling < UNBOUNDED
        mass, coupling = _pieces([points[part] for part in _runs(bounded)])
    elif COUPLING_FIRST.match(header):
        mass, coupling = coupling, mass
    if not len(mass):
        raise InputError(f"{path}: excludes nothing: no line has a coupling below {UNBOUNDED:g}")
    said = UNIT.search(header)
    unit = mass_unit or (said[0] if said else "GeV" if darkcast else "MeV")
    comments = {key.lower(): value.strip() for key, value in filter(None, (_comment(line) for line in lines))}
    text = "\n".join(line for line in lines if not _numbers(line))
    text += _beside(path) if darkcast else ""
    return Overlay(
        comments.get("name", path.stem),
        UNITS[unit.lower()] * mass,
        np.sqrt(coupling) if SQUARED.search(header) else coupling,
        comments.get("source") or _paper(text) or path.name,
        _level(path, comments.get("cl"), text),
    )


def compare_levels(levels: Iterable[tuple[str, float | None]]) -> str:
    """Return a warning where contours of different or unknown confidence levels meet in one figure, else an empty text.

    Parameters
    ----------
    levels : iterable of (str, float or None)
        Name and confidence level of each contour; None where it is not known.

    Examples
    --------
    >>> from bdana.sensitivity.overlays import compare_levels
    >>> compare_levels([("this search", 0.9), ("LHCb", 0.95), ("NuCal", None)])
    'confidence levels differ: 90% CL of this search, 95% CL of LHCb, unknown CL of NuCal'
    >>> compare_levels([("this search", 0.9), ("CHARM", 0.9)])
    ''
    """
    names: dict[float | None, list[str]] = {}
    for name, level in levels:
        names.setdefault(level, []).append(name)
    if len(names) < 2:
        return ""
    known = sorted(level for level in names if level is not None)
    parts = [f"{100 * level:g}% CL of {', '.join(names[level])}" for level in known]
    parts += [f"unknown CL of {', '.join(names[None])}"] if None in names else []
    return f"confidence levels differ: {', '.join(parts)}"


def _cells(line: str) -> list[str]:
    """Return the cells of a line without its comment."""
    content = line.partition("#")[0].strip()
    mark = next((mark for mark in ",;" if mark in content), None)
    return [cell.strip() for cell in content.rstrip(",;").split(mark)] if content else []


def _numbers(line: str) -> list[float]:
    """Return the numbers of a line; empty when it is anything else."""
    try:
        return [float(cell) for cell in _cells(line)]
    except ValueError:
        return []


def _points(path: Path, lines: list[str], *, darkcast: bool) -> tuple[str, NDArray[np.float64]]:
    """Return the header and the lines of numbers of a file."""
    first = next((i for i, line in enumerate(lines) if _numbers(line)), len(lines))
    header = _header(path, lines[:first], darkcast=darkcast)
    rows: list[list[float]] = []
    for number, line in enumerate(lines[first:], first + 1):
        if not _cells(line):
            continue
        values, where = _numbers(line), f"{path}, line {number}"
        if not values:
            raise InputError(f"{where}: '{line.strip()}' is not a line of numbers")
        if len(values) == 1:
            raise InputError(f"{where}: one column; give the mass and the coupling in two columns")
        if rows and len(values) != len(rows[0]):
            raise InputError(f"{where}: {len(values)} columns, and {len(rows[0])} in the lines before")
        if not all(np.isfinite(value) and value > 0 for value in values):
            raise InputError(f"{where}: masses and couplings are positive numbers")
        rows.append(values)
    if not rows:
        raise InputError(f"{path}: no points; give a mass and a coupling in each line")
    columns = len(rows[0])
    if columns > 3 or (columns == 3 and not darkcast and not BRANCHES.search(header)):
        raise InputError(
            f"{path}: {columns} columns; give mass and coupling, or a header that names mass, lower and upper coupling"
        )
    return header, np.array(rows)


def _header(path: Path, lines: list[str], *, darkcast: bool) -> str:
    """Return the header among the lines before the first numbers: the only text, or a comment that names the mass."""
    texts = [] if darkcast else [(i, line.strip()) for i, line in enumerate(lines, 1) if _cells(line)]
    for i, line in texts:
        if i != texts[0][0] or re.match(r"[+-]?\.?\d", line):
            raise InputError(f"{path}, line {i}: '{line}' is not a line of numbers")
    comments = [line.strip() for line in lines if MASS.match(line.strip())]
    return next((line for _, line in texts), comments[-1] if comments else "")


def _runs(wanted: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the indices of each run of lines that are wanted."""
    index = np.flatnonzero(wanted)
    return [run for run in np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(run)]


def _around(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return closed lines around what lies between the lower and the upper couplings."""
    mass, low, high = points.T
    pieces = []
    for run in _runs((low < UNBOUNDED) & (low <= high)):
        lower, upper = np.stack([mass[run], low[run]], 1), np.stack([mass[run], high[run]], 1)
        pieces.append(np.concatenate([lower, upper[::-1], lower[:1]]))
    return _pieces(pieces)


def _pieces(pieces: list[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return masses and couplings of some lines, with NaN between two."""
    gap = np.full((1, 2), np.nan)
    chained = [part for piece in pieces for part in (piece[:, :2], gap)]
    joined = np.concatenate(chained[:-1] or [np.empty((0, 2))])
    return joined[:, 0], joined[:, 1]


def _comment(line: str) -> tuple[str, str] | None:
    found = COMMENT.match(line.strip())
    return (found[1], found[2]) if found else None


def _beside(path: Path) -> str:
    """Return the notes and the bibliography that darkcast keeps in a Python file beside a limit; empty without one.

    Several limits of a paper share the file that is named without their last word.
    """
    words = path.stem.split("_")
    names = ["_".join(words[:n]) for n in range(len(words), 1, -1)]
    found = next(
        (file for name in names or [path.stem] if (file := path.with_name(f"{name}.py")).is_file()), None
    )
    try:
        tree = ast.parse(found.read_text(encoding="utf-8")) if found else ast.Module([], [])
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
        return ""
    texts = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return "\n".join(["", *texts])


def _paper(text: str) -> str:
    """Return collaboration or first author and number of the paper, of what a BibTeX entry or a text says of it."""
    entry = {key.lower(): value for key, value in BIBTEX.findall(text)}
    mentioned = ARXIV.search(text)
    who = entry.get("collaboration") or entry.get("author", "").partition(",")[0]
    if "eprint" in entry:
        where = f"arXiv:{entry['eprint']}"
    elif "doi" in entry:
        where = f"doi:{entry['doi']}"
    else:
        where = f"arXiv:{mentioned[1]}" if mentioned else ""
    return ", ".join(part for part in (who, where) if part)


def _level(path: Path, given: str | None, text: str) -> float | None:
    """Return the confidence level of a comment, else the only one that the text mentions."""
    if given is None:
        mentioned = {float(number) for number in LEVEL.findall(text)}
        return mentioned.pop() / 100 if len(mentioned) == 1 else None
    try:
        level = float(given.rstrip("% "))
    except ValueError:
        level = 0.0
    level = level / 100 if level > 1 else level
    if not 0 < level < 1:
        raise InputError(f"{path}: '# cl: {given}' is no confidence level; write it as in '# cl: 0.9'")
    return level
