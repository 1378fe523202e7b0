"""A self-contained HTML document: sections of text, tables and figures."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from bdana.atomic import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Block", "Code", "Document", "Figure", "Section", "Table", "Text"]


@dataclass(frozen=True)
class Text:
    """A paragraph; one that starts with `Warning: ` is shown as such."""

    text: str
    kind = "text"

    @property
    def warns(self) -> bool:
        """Whether it is a warning."""
        return self.text.startswith("Warning: ")


@dataclass(frozen=True)
class Code:
    """Lines that are typed or compared, in a fixed-width font."""

    text: str
    kind = "code"


@dataclass(frozen=True)
class Table:
    """A table of text cells; the first column and those named in `words` are left-aligned, the others right.

    Cells of `words` may be broken into lines; a number never is.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    words: Sequence[str] = ()
    kind = "table"


@dataclass(frozen=True)
class Figure:
    """A PNG file with its caption; the document holds the picture itself, and the numbers that lie beside it.

    Attributes
    ----------
    path : Path
    caption : str
    alt : str
        What is seen, for who cannot see it; by default the caption.
    """

    path: Path
    caption: str
    alt: str = ""
    kind = "figure"

    @property
    def name(self) -> str:
        """Name of the file without ending."""
        return self.path.stem

    @property
    def data(self) -> str:
        """The picture in base64."""
        return _base64(self.path)

    @property
    def numbers(self) -> tuple[tuple[str, str, str], ...]:
        """File name, media type and content in base64 of the numbers beside the picture."""
        kinds = {".json": "application/json", ".csv": "text/csv"}
        beside = ((self.path.with_suffix(ending), kind) for ending, kind in kinds.items())
        return tuple((path.name, kind, _base64(path)) for path, kind in beside if path.is_file())


Block = Text | Code | Table | Figure
"""What a section holds."""


@dataclass(frozen=True)
class Section:
    """A titled part of a document."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """An HTML report.

    Attributes
    ----------
    title : str
    summary : str
        A few sentences below the title.
    sections : sequence of Section
    facts : mapping of str to str
        What stands in the head of the document, such as its date.
    """

    title: str
    summary: str
    sections: Sequence[Section]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def anchors(self) -> list[str]:
        """Name of each section in addresses, from its title, so that a link into the report stays true."""
        found: list[str] = []
        for section in self.sections:
            plain = re.sub(r"\W+", "-", section.title.lower()).strip("-")
            same = sum(re.fullmatch(rf"{re.escape(plain)}(-\d+)?", one) is not None for one in found)
            found.append(f"{plain}-{same + 1}" if same else plain)
        return found

    def html(self) -> str:
        """Render to one HTML page that refers to no other file: no script, no font, no picture from elsewhere."""
        environment = Environment(
            loader=PackageLoader("bdana.report"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["unbroken"] = _unbroken
        return environment.get_template("document.html.j2").render(document=self)

    def write(self, path: Path) -> None:
        """Write the page into a file, whole or not at all.

        Parameters
        ----------
        path : Path
        """
        with write_atomically(path) as file:
            file.write(self.html())


def _unbroken(text: str) -> str:
    """Put no-break spaces where a number would be torn from its error or unit."""
    joined = re.sub(r"(?<=\d) (±|\+\d|-\d)", "\u00a0\\1", text)
    joined = re.sub(r"(±|[<=]) (?=[\d.])", "\\1\u00a0", joined)
    return re.sub(r"(?<=\d) (?=(?:MeV|GeV|mm|m|ns|s|mrad|sigma|events|protons)\b)", "\u00a0", joined)


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
