"""The HTML report of a search, and the layout of its tables."""

from bdana.report.document import Block, Code, Document, Figure, Section, Table, Text
from bdana.report.search_report import save_figures, write_report, write_review

__all__ = [
    "Block",
    "Code",
    "Document",
    "Figure",
    "Section",
    "Table",
    "Text",
    "save_figures",
    "write_report",
    "write_review",
]
