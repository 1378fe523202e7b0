"""A self-contained HTML document: sections of text, tables and figures."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from bdana.atomic import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Document", "Figure", "Section", "Table", "Text"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind = "text"


@dataclass(frozen=True)
class Table:
    """A table of text cells; the first column and those named in `words` are left-aligned, the others right."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    words: Sequence[str] = ()
    kind = "table"


@dataclass(frozen=True)
class Figure:
    """A PNG file with its caption; the document holds the picture itself."""

    path: Path
    caption: str
    kind = "figure"

    @property
    def data(self) -> str:
        """The picture in base64."""
        return base64.b64encode(self.path.read_bytes()).decode("ascii")


@dataclass(frozen=True)
class Section:
    """A titled part of a document."""

    title: str
    blocks: Sequence[Text | Table | Figure]


@dataclass(frozen=True)
class Document:
    """An HTML report.

    Attributes
    ----------
    title : str
    summary : str
        One sentence below the title.
    sections : sequence of Section
    """

    title: str
    summary: str
    sections: Sequence[Section]

    def html(self) -> str:
        """Render to one HTML page that refers to no other file: no script, no font, no picture from elsewhere."""
        environment = Environment(
            loader=PackageLoader("bdana.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        return environment.get_template("document.html.j2").render(document=self)

    def write(self, path: Path) -> None:
        """Write the page into a file, whole or not at all.

        Parameters
        ----------
        path : Path
        """
        with write_atomically(path) as file:
            file.write(self.html())
