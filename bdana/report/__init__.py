"""The HTML report of a search, and the layout of its tables."""

from bdana.report.document import Document, Figure, Section, Table, Text
from bdana.report.search_report import save_figures, write_report

__all__ = ["Document", "Figure", "Section", "Table", "Text", "save_figures", "write_report"]
