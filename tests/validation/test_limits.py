"""Limits against the reference table, and against the published tables of Feldman and Cousins."""

import csv

import pytest

from bdana.statistics.asymptotic import asymptotic_cls
from bdana.statistics.feldman_cousins import feldman_cousins
from bdana.statistics.limits import bayes, classical, cls
from bdana.statistics.poisson import Background

EXACT = {"classical_one_sided": classical, "cls_poisson_exact_hybrid": cls, "bayes_flat": bayes}


def _rows(shared, wanted):
    with (shared / "reference" / "limits_90cl.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if wanted(row)]
    assert rows
    for row in rows:
        n, b, db, error, cl, _low, high = (float(row[k]) for k in list(row)[1:8])
        yield row, (int(n), Background(b, db), cl, error), high


@pytest.mark.parametrize("method", EXACT)
def test_exact_limits_are_those_of_the_table(shared, method):
    def wanted(row):
        # Rows with a truncated Gaussian efficiency have another convention than the log-normal one here.
        exact = row["source"].startswith("closed form")
        gaussian = row["eff_rel_err"] != "0" and "lognormal" not in row["source"]
        return row["method"] == method and exact and not gaussian

    if method == "classical_one_sided":
        rows = [r for r in _rows(shared, wanted) if r[1][3] == 0]
    else:
        rows = list(_rows(shared, wanted))
    for row, arguments, high in rows:
        assert EXACT[method](*arguments).high == pytest.approx(high, rel=1e-6, abs=1e-9), row


def test_feldman_cousins_limits_are_those_of_the_table(shared):
    rows = list(_rows(shared, lambda row: row["method"].startswith("feldman_cousins")))
    found = {}
    for row, arguments, high in rows:
        if arguments not in found:
            found[arguments] = feldman_cousins(*arguments)
        tolerance = 0.006 if "ROOT" in row["source"] else 1e-3
        interval = found[arguments]
        # The monotone step may only raise the raw belt's edge.
        assert interval.high > high * (1 - tolerance), row
        assert interval.high == pytest.approx(high, rel=tolerance), row
        assert interval.low == pytest.approx(float(row["limit_lo"]), rel=tolerance, abs=0.006), row


# Phys. Rev. D 57 (1998) 3873, table IV: 90% CL, a row for each count and a column for each background. The scan
# of the paper has steps of 0.005: the largest difference is at n = 0, b = 2, where the edge is 1.265.
BACKGROUNDS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
LOW = """
0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00
0.11 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00
0.53 0.03 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00
1.10 0.60 0.10 0.00 0.00 0.00 0.00 0.00 0.00 0.00
1.47 1.17 0.74 0.24 0.00 0.00 0.00 0.00 0.00 0.00
1.84 1.53 1.25 0.93 0.43 0.00 0.00 0.00 0.00 0.00
2.21 1.90 1.61 1.33 1.08 0.65 0.15 0.00 0.00 0.00
"""
HIGH = """
2.44 1.94 1.61 1.33 1.26 1.18 1.08 1.06 1.01 0.98
4.36 3.86 3.36 2.91 2.53 2.19 1.88 1.59 1.39 1.22
5.91 5.41 4.91 4.41 3.91 3.45 3.04 2.67 2.33 1.73
7.42 6.92 6.42 5.92 5.42 4.92 4.42 3.95 3.53 2.78
8.60 8.10 7.60 7.10 6.60 6.10 5.60 5.10 4.60 3.60
9.99 9.49 8.99 8.49 7.99 7.49 6.99 6.49 5.99 4.99
11.47 10.97 10.47 9.97 9.47 8.97 8.47 7.97 7.47 6.47
"""


@pytest.mark.parametrize("n", range(7))
def test_feldman_cousins_limits_are_the_published_ones(n):
    rows = [[float(x) for x in text.strip().splitlines()[n].split()] for text in (LOW, HIGH)]
    for b, low, high in zip(BACKGROUNDS, *rows, strict=True):
        interval = feldman_cousins(n, Background(b))
        assert interval.low == pytest.approx(low, abs=0.006), b
        assert interval.high == pytest.approx(high, abs=0.006), b


@pytest.mark.parametrize(
    ("n", "level", "low", "high"),
    # Tables II, VI and VIII of the same paper, b = 0.
    [
        (0, 0.6827, 0, 1.29),
        (1, 0.6827, 0.37, 2.75),
        (2, 0.6827, 0.74, 4.25),
        (0, 0.95, 0, 3.09),
        (1, 0.95, 0.05, 5.14),
        (2, 0.95, 0.36, 6.72),
        (0, 0.99, 0, 4.74),
        (1, 0.99, 0.01, 6.91),
    ],
)
def test_published_feldman_cousins_at_other_levels(n, level, low, high):
    interval = feldman_cousins(n, Background(0.0), level)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.0061)


@pytest.mark.parametrize(("n", "b"), [(0, 0.016), (1, 0.016), (4, 2.57), (10, 6.0)])
def test_feldman_cousins_limits_are_those_of_root(n, b):
    root = pytest.importorskip("ROOT")
    theirs = root.TFeldmanCousins(0.9)
    theirs.SetMuStep(0.005)
    theirs.SetMuMax(50)
    high = theirs.CalculateUpperLimit(n, b)
    interval = feldman_cousins(n, Background(b))
    assert interval.high == pytest.approx(high, rel=0.006)
    assert interval.low == pytest.approx(theirs.GetLowerLimit(), abs=0.006)


def test_asymptotic_limits_are_those_of_the_table(shared):
    # Without errors, where the models of pyhf and of the closed form are this one.
    def wanted(row):
        program = row["source"].startswith(("closed form", "pyhf 0.7.6 numpy"))
        known = row["db"] == row["eff_rel_err"] == "0"
        return row["method"] == "cls_asymptotic_qtilde" and known and program

    for row, arguments, high in _rows(shared, wanted):
        with pytest.warns(UserWarning, match="from the exact limit"):
            assert asymptotic_cls(*arguments).high == pytest.approx(high, rel=1e-4), row
