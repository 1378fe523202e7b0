"""The HTML report of a search, and the layout of its tables."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.report.document import Block, Code, Document, Figure, Section, Table, Text
    from bdana.report.search_report import save_figures, write_report, write_review
    from bdana.report.variable_plots import save_variables

__all__ = [
    "Block",
    "Code",
    "Document",
    "Figure",
    "Section",
    "Table",
    "Text",
    "save_figures",
    "save_variables",
    "write_report",
    "write_review",
]

__getattr__ = on_demand(
    __name__,
    {
        "document": ("Block", "Code", "Document", "Figure", "Section", "Table", "Text"),
        "search_report": ("save_figures", "write_report", "write_review"),
        "variable_plots": ("save_variables",),
    },
)
