"""The table of a search: published numbers again, and nothing of what is closed."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from bdana.errors import BlindingError
from bdana.observed import Observed, Predicted
from bdana.report.tables import counting
from bdana.statistics import Systematic
from bdana.statistics.error_sources import ErrorSources
from bdana.statistics.joint import joint_p_values
from bdana.statistics.poisson import Background, p_values
from bdana.statistics.regions_csv import read_regions
from bdana.statistics.table import counting_table

# NA62, A' -> mu mu, workshop of 2 November 2022 (preliminary): expected, error, observed; p-values recalculated.
PUBLISHED = {
    "outside": (26.3, 3.4, 28, "0.4065", "0.7440"),
    "CR3": (1.70, 0.22, 2, "0.5037", "0.6909"),
    "CR2": (0.58, 0.07, 1, "0.4387", "0.4387"),
    "CR1": (0.29, 0.04, 1, "0.2511", "0.2511"),
    "CR": (0.17, 0.02, 0, "1.0000", "1.0000"),
    "SR": (0.016, 0.002, 1, "0.0159", "0.0159"),
}
EXPECTED = {name: Predicted(b, db) for name, (b, db, *_) in PUBLISHED.items()}
CONTROL = ("CR1", "CR2", "CR3")


def table(*closed):
    observed = {name: Observed(name, None if name in closed else row[2]) for name, row in PUBLISHED.items()}
    return counting_table(EXPECTED, observed, CONTROL)


def test_published_numbers_come_out():
    document = table().to_dict()
    for row in document["regions"]:
        assert (f"{row['p_n']:.4f}", f"{row['p_l']:.4f}") == PUBLISHED[row["name"]][3:], row["name"]
    # The sum is 2.57 +- 0.33, and four are seen.
    assert f"{document['joint']['p_n']:.4f}" == "0.2595"
    assert f"{document['joint']['p_l']:.4f}" == "0.2396"
    assert document["joint"]["regions"] == list(CONTROL)


def sources(covariance):
    """Return sources of error of all regions that have a covariance."""
    return ErrorSources.of(tuple(EXPECTED), [row.value for row in EXPECTED.values()], covariance)


def test_joint_p_values_have_the_given_covariance():
    """Independent errors: not the published p-values, and those of the joint likelihood with that covariance."""
    errors = [row[1] for row in PUBLISHED.values()]
    observed = {name: Observed(name, row[2]) for name, row in PUBLISHED.items()}
    made = counting_table(EXPECTED, observed, CONTROL, sources(np.diag(np.square(errors)))).joint
    backgrounds = [Background(*PUBLISHED[name][:2]) for name in CONTROL]
    exact = joint_p_values(
        [PUBLISHED[name][2] for name in CONTROL], backgrounds, np.diag(np.square(errors[3:0:-1]))
    )
    assert (made.p_n, made.p_l) == pytest.approx((exact.p_n, exact.p_l))
    assert abs(made.p_n - 0.2595) > 1e-3
    assert "given covariance" in made.convention
    together = counting_table(EXPECTED, observed, CONTROL, sources(np.outer(errors, errors))).joint
    assert (round(together.p_n, 4), round(together.p_l, 4)) == (0.2595, 0.2396)


def test_a_region_with_a_limit_only_has_no_covariance():
    expected = EXPECTED | {"CR1": Predicted(0.0, 0.0, upper_limit=0.4)}
    observed = {name: Observed(name, row[2]) for name, row in PUBLISHED.items()}
    errors = [0.0 if name == "CR1" else row[1] for name, row in PUBLISHED.items()]
    made = counting_table(expected, observed, CONTROL, sources(np.outer(errors, errors))).joint
    plain = counting_table(expected, observed, CONTROL).joint
    assert (made.p_n, made.p_l) == pytest.approx((plain.p_n, plain.p_l))


def test_closed_regions_have_no_observed_number_and_no_p_values():
    document = table("SR", "CR").to_dict()
    rows = {row["name"]: row for row in document["regions"]}
    for name in ("SR", "CR"):
        assert rows[name].keys() == {"name", "expected", "error", "state"}
        assert rows[name]["state"] == "closed"
    assert rows["CR1"]["observed"] == 1
    assert "joint" in document


@pytest.mark.parametrize("closed", CONTROL)
def test_no_joint_number_while_one_of_its_regions_is_closed(closed):
    assert "joint" not in table(closed).to_dict()


def test_a_closed_number_cannot_be_taken_from_the_table():
    row = next(row for row in table("SR").rows if row.name == "SR")
    with pytest.raises(BlindingError, match="SR is closed"):
        _ = row.observed.value


def test_rows_stand_in_the_order_given():
    assert [row.name for row in table().rows] == list(PUBLISHED)


def test_a_number_of_an_open_part_and_what_came_later_are_said():
    observed = {"CR3": Observed("CR3", 3, {"CR2": 1}), "CR": Observed("CR")}
    expected = {"CR3": Predicted(2.0, 0.1), "CR": Predicted(1.0, 0.1)}
    missing = {"CR3": ("CR1",), "CR": ("SR",)}
    made = counting_table(expected, observed, joint=(), missing=missing)
    row, closed = made.to_dict()["regions"]
    assert (row["observed"], row["from_guard_bands"], row["closed_guard_bands"]) == (3, {"CR2": 1}, ["CR1"])
    assert row["p_n"] == p_values(3, Background(2.0, 0.1)).p_n
    assert closed == {"name": "CR", "expected": 1.0, "error": 0.1, "state": "closed"}
    said = made.conventions
    assert said["CR3"].startswith("expected and observed in its open part: without the guard band of CR1,")
    assert "p-values are those of the sum" in said["+"]
    assert "CR" not in said
    assert not {"+", "CR3", "outside"} & table().to_dict()["conventions"].keys()


def test_a_region_without_a_pair_has_a_limit_and_a_p_value_above_zero():
    """Largest pair weight 0.01: P(N >= 1) = 0.01/1.01, where an expectation of exactly 0 would say 0."""
    expected = EXPECTED | {"CR1": Predicted(0.0, 0.0, 0.01 * math.log(10))}
    observed = {name: Observed(name, row[2]) for name, row in PUBLISHED.items()}
    document = counting_table(expected, observed, CONTROL).to_dict()
    rows = {row["name"]: row for row in document["regions"]}
    assert rows["CR1"]["p_n"] == rows["CR1"]["p_l"] == pytest.approx(0.01 / 1.01)
    assert rows["CR1"]["upper_limit_90"] == pytest.approx(0.01 * math.log(10))
    assert "upper_limit_90" not in rows["CR2"]
    assert 0.0 < document["joint"]["p_l"] < 0.05
    assert "posterior" in document["conventions"]["p where expected is <"]
    assert "truncated_gaussian" in document["conventions"]["p"]
    shown = {row[0]: row for row in counting(document)[1]}
    assert shown["CR1"][1] == "< 0.023"
    assert shown["CR2"][1] == "0.580 ± 0.070"


def test_the_written_table_is_read_with_its_limit(tmp_path):
    expected = {"SR": Predicted(0.0, 0.0, 0.023)}
    document = counting_table(expected, {"SR": Observed("SR", 1)}, []).to_dict()
    path = tmp_path / "table.json"
    path.write_text(json.dumps(document))
    (read,) = read_regions(path)
    assert read.background == Background.unseen(0.023)


def test_joint_p_values_are_those_of_statistical_and_named_systematic_errors():
    """Large errors of their own beside a common one: draws of the expectations and counts, by code of this test alone."""
    names, expected = ("CR1", "CR2", "CR3"), np.array([3.0, 5.0, 9.0])
    statistical = np.outer(0.35 * expected, 0.35 * expected) * np.array(
        [[1.0, 0.2, 0.1], [0.2, 1.0, 0.3], [0.1, 0.3, 1.0]]
    )
    halo = Systematic("halo", dict.fromkeys(names, 0.1), correlated=True, source="made up")
    own = Systematic("window", dict.fromkeys(names, 0.05), correlated=False, source="made up")
    sources = ErrorSources.of(names, expected, statistical, [halo, own])
    errors = np.sqrt(np.diag(sources.covariance))
    assert errors == pytest.approx(expected * np.sqrt(0.35**2 + 0.1**2 + 0.05**2))
    given = {
        name: Predicted(b, e) for name, b, e in zip(names, expected.tolist(), errors.tolist(), strict=True)
    }
    counts = [9, 2, 18]
    observed = {name: Observed(name, n) for name, n in zip(names, counts, strict=True)}
    right = counting_table(given, observed, names, sources).joint
    together = counting_table(given, observed, names).joint

    rng = np.random.default_rng(11)
    z = rng.multivariate_normal(np.zeros(3), statistical, 20_000)
    values = expected + z + 0.1 * expected * rng.normal(size=(20_000, 1))
    values = values + 0.05 * expected * rng.normal(size=(20_000, 3))
    values = values[(values > 0).all(axis=1)]
    p = [stats.poisson.pmf(np.arange(most), values[:, [i]]) for i, most in enumerate((25, 32, 45))]
    table = np.einsum("za,zb,zc->abc", *p, optimize=True) / len(values)
    assert right.p_l == pytest.approx(table[table <= table[tuple(counts)]].sum(), rel=0.05)
    assert right.p_n == pytest.approx(stats.poisson.sf(28, values.sum(axis=1)).mean(), rel=0.02)
    assert together.p_l < 0.8 * right.p_l or together.p_l > 1.2 * right.p_l
