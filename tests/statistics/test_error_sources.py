"""Sources of error: their covariance is the one they were made of, and joint numbers use it."""

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.observed import Observed, Predicted
from bdana.statistics import Systematic
from bdana.statistics.correlated import valid_covariance
from bdana.statistics.error_sources import ErrorSources
from bdana.statistics.joint import joint_p_values
from bdana.statistics.poisson import Background
from bdana.statistics.table import counting_table

NAMES = ("CR3", "CR2", "CR1")
EXPECTED = np.array([12.0, 6.0, 3.0])
STATISTICAL = np.array([[9.0, 0.5, 0.2], [0.5, 4.0, 0.3], [0.2, 0.3, 2.0]])


def systematic(name, effect, *, correlated=True):
    return Systematic(name, dict.fromkeys(NAMES, effect), correlated, "made up")


def sources():
    return ErrorSources.of(
        NAMES,
        EXPECTED,
        STATISTICAL,
        [systematic("halo", 0.1), systematic("cuts", 0.05, correlated=False)],
    )


def test_the_covariance_is_statistical_plus_each_systematic():
    common, own = 0.01 * np.outer(EXPECTED, EXPECTED), np.diag(0.0025 * EXPECTED**2)
    assert sources().covariance == pytest.approx(STATISTICAL + common + own)
    assert {"halo", "cuts, CR3", "cuts, CR2", "cuts, CR1"} < set(sources().shifts)
    part = sources().select(("CR1", "CR3"))
    assert part.covariance == pytest.approx(sources().covariance[np.ix_([2, 0], [2, 0])])


def test_sources_come_back_from_plain_values():
    again = ErrorSources.of_dict(sources().to_dict())
    assert again.regions == NAMES
    assert again.covariance == pytest.approx(sources().covariance)
    with pytest.raises(InputError, match="'halo': give one finite shift"):
        ErrorSources.of_dict({"regions": ["CR1", "CR2"], "shifts": {"halo": [1.0]}})
    with pytest.raises(InputError, match="no errors of region 'SR'"):
        sources().select(("SR",))


def one_sided():
    """A source that can only raise all three, and one that can only lower the second."""
    up = Systematic(
        "duty_factor", dict.fromkeys(NAMES, 0.3), correlated=True, source="made up", one_sided=True
    )
    down = Systematic("overlap", {"CR2": -0.2}, correlated=True, source="made up", one_sided=True)
    return ErrorSources.of(NAMES, EXPECTED, STATISTICAL, [systematic("halo", 0.1), up, down])


def test_one_sided_sources_are_in_one_of_the_errors():
    made = one_sided()
    both = np.diag(STATISTICAL) + (0.1 * EXPECTED) ** 2
    raised = (0.3 * EXPECTED) ** 2
    assert made.errors[0] ** 2 == pytest.approx(both + raised)
    assert made.errors[1] ** 2 == pytest.approx(both + np.array([0.0, (0.2 * 6.0) ** 2, 0.0]))
    assert np.diag(made.covariance) == pytest.approx(made.errors[0] ** 2)
    assert made.covariance[0, 2] == pytest.approx(0.2 + 0.1 * 12.0 * 3.0)
    again = ErrorSources.of_dict(made.to_dict())
    assert again.one_sided == {"duty_factor", "overlap"}
    assert again.select(("CR3",)).one_sided == {"duty_factor"}
    with pytest.raises(InputError, match="'halo' is called one-sided"):
        ErrorSources.of_dict({"regions": ["CR1"], "shifts": {}, "one_sided": ["halo"]})


def test_the_table_takes_one_sided_sources_as_such():
    """What can only raise the expectation makes an excess likelier, and a deficit no likelier."""
    up, down = one_sided().errors
    expected = {
        name: Predicted(b, u, None, d)
        for name, b, u, d in zip(NAMES, EXPECTED.tolist(), up.tolist(), down.tolist(), strict=True)
    }
    symmetric = {name: Predicted(row.value, row.error) for name, row in expected.items()}

    def judged(rows, *counts):
        observed = {n: Observed(n, x) for n, x in zip(NAMES, counts, strict=True)}
        return counting_table(rows, observed, NAMES[:2], one_sided())

    table, other = (judged(rows, 20, 9, 5) for rows in (expected, symmetric))
    for row, b, u, d in zip(table.rows, EXPECTED, up, down, strict=True):
        x = np.linspace(0.0, b + 8 * u, 20_001)
        density = np.exp(-0.5 * ((x - b) / np.where(x > b, u, d)) ** 2)
        p = stats.poisson.sf(row.observed.value - 1, x) @ density / density.sum()
        assert row.counting.p_n == pytest.approx(p, rel=1e-3)
    assert "split_normal" in table.conventions["p"]
    assert table.joint.p_n > other.joint.p_n
    assert other.joint.p_l != pytest.approx(table.joint.p_l, rel=0.01)


def test_an_estimate_with_a_negative_variance_in_a_direction_keeps_its_errors():
    """Two tracks of each charge whose four pairs fall crosswise into two regions: variances 2, covariance 4."""
    made = valid_covariance([[2.0, 4.0], [4.0, 2.0]])
    assert np.diag(made) == pytest.approx([2.0, 2.0])
    assert np.linalg.eigvalsh(made).min() >= -1e-12
    assert made[0, 1] > 0
    assert valid_covariance(STATISTICAL) == pytest.approx(STATISTICAL)
    errors = ErrorSources.of(("a", "b"), [1.0, 1.0], [[2.0, 4.0], [4.0, 2.0]])
    assert np.diag(errors.covariance) == pytest.approx([2.0, 2.0])


def by_toys(counts, covariance, seed=3, number=200_000):
    """The joint p-values by brute force, without the package: normal expectations, cut at zero."""
    rng = np.random.default_rng(seed)
    means = rng.multivariate_normal(EXPECTED, covariance, number)
    means = means[(means >= 0).all(axis=1)]
    toys = rng.poisson(means)
    sizes = (50, 40, 30)
    one, two, three = (stats.poisson.pmf(np.arange(n), means[:20_000, [i]]) for i, n in enumerate(sizes))
    pairs = (one[:, :, None] * two[:, None, :]).reshape(len(one), -1)
    probability = (pairs.T @ three).reshape(sizes) / len(one)
    seen = probability[tuple(counts)]
    inside = (toys < sizes).all(axis=1)
    p_l = np.mean(probability[tuple(toys[inside].T)] <= seen)
    return np.mean(toys.sum(axis=1) >= sum(counts)), p_l


def test_the_table_judges_regions_with_their_covariance():
    counts = (5, 14, 2)
    total = np.sqrt(np.diag(sources().covariance))
    expected = {n: Predicted(*x) for n, *x in zip(NAMES, EXPECTED.tolist(), total.tolist(), strict=True)}
    observed = {n: Observed(n, x) for n, x in zip(NAMES, counts, strict=True)}
    table = counting_table(expected, observed, NAMES, sources())
    p_n, p_l = by_toys(counts, sources().covariance)
    assert table.joint.p_n == pytest.approx(p_n, abs=0.004)
    assert table.joint.p_l == pytest.approx(p_l, rel=0.05)
    moved = counting_table(expected, observed, NAMES).joint  # as if all errors were one common scale
    assert abs(moved.p_l / p_l - 1) > 0.3
    assert table.to_dict()["errors"]["regions"] == list(NAMES)


def test_one_region_alone_has_its_own_p_values():
    alone = joint_p_values([0], [Background(100.0, 10.0)])
    assert alone.p_l == pytest.approx(2.489934e-22, rel=1e-5, abs=0)
