"""Tables as LaTeX: numbers in mathematics, signs escaped, text on the left."""

import pytest

from bdana.report.export_latex import latex_table


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
        ("<R>² ≤ $x^2$", r"$<$R$>$$^2$ $\leq$ \$x\textasciicircum{}2\$"),
    ],
)
def test_a_cell(cell, written):
    assert latex_table(["a"], [[cell]]).splitlines()[4] == rf"{written} \\"


def test_columns_of_numbers_stand_on_the_right():
    text = latex_table(["region", "n", "from"], [["SR", "closed", "data"], ["CR", "3", ""]])
    assert text.startswith(r"\begin{tabular}{lrl}")
    assert text.count("&") == 3 * 2
