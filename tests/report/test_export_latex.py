"""Tables as LaTeX: numbers in mathematics, signs escaped, text on the left."""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bdana.latex_text import _READ, _SIGNS
from bdana.report.export_latex import latex_table
from tests.typeset import is_read


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("0.0200 ± 0.0027", r"$0.0200 \pm 0.0027$"),
        ("2.46 +0.30 -0.21", "$2.46^{+0.30}_{-0.21}$"),
        ("(1.400 ± 0.021)e+17", r"$(1.400 \pm 0.021) \times 10^{17}$"),
        ("(1.09 +0.40 -0.35)e-10", r"$(1.09^{+0.40}_{-0.35}) \times 10^{-10}$"),
        ("1.2e-05", r"$1.2 \times 10^{-5}$"),
        ("93.0%", r"$93.0\%$"),
        ("< 0.02", "$< 0.02$"),
        ("p_n & 50% of #1", r"p\_n \& 50\% of \#1"),
        ("[search] σ, Δ × 2", r"{[}search] $\sigma$, $\Delta$ $\times$ 2"),
        ("a≈b, m₁ ħ e\u0301", r"a$\approx$b, m$_1$ $\hbar$ é"),
        ("Ǡ 中\n\n\tx\x07", r"A \texttt{U+4E2D} x\texttt{U+0007}"),
        ("٣", r"\texttt{U+0663}"),
        ("<R>² ≤ $x^2$", r"$<$R$>$$^2$ $\leq$ \$x\textasciicircum{}2\$"),
    ],
)
def test_a_cell(cell, written):
    assert latex_table(["a"], [[cell]]).splitlines()[4] == rf"{written} \\"


def test_columns_of_numbers_stand_on_the_right():
    text = latex_table(["region", "n", "from"], [["SR", "closed", "data"], ["CR", "3", ""]])
    assert text.startswith(r"\begin{tabular}{lrl}")
    assert text.count("&") == 3 * 2


@settings(max_examples=60)
@given(
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("±²μλΩ≤→")), min_size=3
    )
)
def test_whatever_the_text_tex_reads_one_row(cells):
    """No sign opens a group or mathematics that is not closed, or begins another cell, row or comment."""
    row = latex_table(["a"] * len(cells), [cells]).splitlines()[4]
    assert row.endswith(r" \\")
    commands = re.sub(r"\\(?:[A-Za-z]+|[_%&#${}])", "", row.removesuffix(r" \\"))  # what is escaped, or named
    assert "\\" not in commands
    assert commands.count("&") == len(cells) - 1
    assert not re.search(r"[%#~]", commands)
    for cell in commands.split("&"):
        plain = re.sub(r"\$[^$]*\$", "", cell)
        assert not re.search(r"[$_^]", plain), "outside of mathematics"
        assert cell.count("{") == cell.count("}")
    assert not re.match(r"\s*[\[*]", row)


def test_long_texts_are_broken_into_lines():
    text = latex_table(["source", "from"], [["window", "full width in ns; its error is assumed " * 2]])
    assert text.startswith(r"\begin{tabular}{lp{7cm}}")


def test_latex_reads_every_sign(tmp_path):
    """At the begin of a row and of a cell, in a heading, and in a text that is broken into lines."""
    signs = [*string.printable, *_SIGNS, *_READ, *"ǠĄ«»中٣😀\u202e\ufeff\u0301\u2028ﬁ⅓\x00\xad"]
    rows = [[sign, f"{sign}{sign}x{sign}"] for sign in signs]
    everything = "".join(signs)
    pages = [
        latex_table(["", everything[:20]], rows[start : start + 40]) for start in range(0, len(rows), 40)
    ]
    pages.append(latex_table(list(everything[20:60]), [list(everything[60:100])]))
    pages.append(
        latex_table(["p_n", "long"], [["1.2e-05", everything], ["2.46 +0.30 -0.21", everything[::-1]]])
    )
    is_read(tmp_path, *pages)
