"""The HTML report."""

from bdana.report.document import Document, Figure, Section, Table, Text

__all__ = ["Document", "Figure", "Section", "Table", "Text"]
