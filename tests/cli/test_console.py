"""Tables are printed as rich draws them."""

import io

import pytest
from rich.console import Console

from bdana.cli import console
from bdana.cli.console import filled, print_tables

LONG = "a remark of many words, and a path/without/any/space/that/is/longer/than/its/column, which is folded"
ROWS = [["SR", "0.020 ± 0.002", "closed"], ["出力 outside", "26.0", "27"], ["", "two\nlines", "1"]]


@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("rows", [ROWS, [*ROWS, [LONG, LONG, LONG]], []], ids=["short", "folded", "empty"])
def test_a_table_looks_as_rich_draws_it(rows, numbers, capsys):
    shown = filled(["region", "expected events", "observed"], rows, numbers=numbers)
    print_tables(shown)
    drawn = Console(file=io.StringIO(), width=10_000, highlight=False, markup=False, emoji=False)
    drawn.print(shown, soft_wrap=True)
    assert capsys.readouterr().out == drawn.file.getvalue()
    assert sum(column.width for column in shown.columns) <= 200
    assert console._fit(shown, 200)
