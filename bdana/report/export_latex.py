"""Tables of a search as LaTeX, to be read into a paper."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bdana.latex_text import latex_text
from bdana.report import tables
from bdana.report.signal_sections import signal_rows
from bdana.selection.cutflow import accounting_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.search.signal_result import SignalResult
    from bdana.search.stored import StoredRun

__all__ = ["latex_table", "latex_tables"]

LONG, COLUMN = 60, "p{7cm}"
"""Letters of a text that is broken into lines, and the column that does it."""
_NUMBER = re.compile(r"[<>]? ?\(?[+-]?\d+(\.\d+)?( ± \d+(\.\d+)?| \+\S+ -[^\s)]+)?\)?(e[+-]\d+)?%?", re.ASCII)


def latex_tables(run: StoredRun, signal: SignalResult | None) -> dict[str, str]:
    """Return the tables of a search as LaTeX tabulars by name.

    Parameters
    ----------
    run : StoredRun
    signal : SignalResult or None
    """
    found: dict[str, str] = {}
    for channel, part in {"": run, **run.channels}.items():
        start = f"{channel}_" if channel else ""
        if part.table:
            found[f"{start}regions"] = latex_table(*tables.counting(part.table))
        if part.prediction:
            found[f"{start}background"] = latex_table(*tables.estimated(part.prediction))
            found[f"{start}systematics"] = latex_table(*tables.sources(part.prediction))
        for sample in part.samples:
            found[f"{start}cutflow_{sample.name}"] = latex_table(*accounting_table(sample.summary))
    for channel, expected in signal.channels.items() if signal else ():
        found[f"{channel}_signal"] = latex_table(*signal_rows(expected))
    return found


def latex_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return a tabular with rules of booktabs: texts on the left, columns of numbers on the right.

    Parameters
    ----------
    headers : sequence of str
    rows : sequence of sequence of str

    Examples
    --------
    >>> from bdana.report.export_latex import latex_table
    >>> print(latex_table(["region", "expected"], [["SR", "0.016 ± 0.002"]]), end="")
    \begin{tabular}{lr}
    \toprule
    region & expected \\
    \midrule
    SR & $0.016 \pm 0.002$ \\
    \bottomrule
    \end{tabular}
    """
    numeric = [
        all(not row[i] or row[i] == "closed" or _NUMBER.fullmatch(row[i]) for row in rows)
        for i in range(len(headers))
    ]
    kinds = ["r" if number else "l" for number in numeric]
    for i in range(len(headers)):
        if any(len(row[i]) > LONG for row in rows):
            kinds[i] = COLUMN
    lines = [" & ".join(_cell(cell) for cell in row) + r" \\" for row in rows]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{''.join(kinds)}}}",
            r"\toprule",
            " & ".join(latex_text(header) for header in headers) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _cell(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        return latex_text(text)
    inner = text.replace("±", r"\pm").replace("%", r"\%")
    inner = re.sub(r" \+(\S+) -([^\s)]+)", r"^{+\1}_{-\2}", inner)
    return f"${re.sub(r'e([+-])0*([0-9]+)', _power, inner)}$"


def _power(found: re.Match[str]) -> str:
    sign = "-" if found[1] == "-" else ""
    return rf" \times 10^{{{sign}{found[2]}}}"
