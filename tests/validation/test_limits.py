"""Limits against the reference table, and against the published tables of Feldman and Cousins."""

import csv

import pytest

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
def test_exact_rows(shared, method):
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


def test_feldman_cousins_rows(shared):
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


@pytest.mark.parametrize(
    ("n", "b", "low", "high"),
    # Phys. Rev. D 57 (1998) 3873, table IV (90% CL).
    [(0, 0, 0, 2.44), (0, 2, 0, 1.26), (0, 3, 0, 1.08), (0, 4, 0, 1.01), (0, 5, 0, 0.98), (3, 0, 1.10, 7.42)],
)
def test_published_feldman_cousins(n, b, low, high):
    interval = feldman_cousins(n, Background(b))
    assert interval.low == pytest.approx(low, abs=0.006)
    assert interval.high == pytest.approx(high, abs=0.006)
