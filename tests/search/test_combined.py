"""The combined table: sums over channels, what their errors have in common, and joint p-values."""

from types import SimpleNamespace

import numpy as np
import pytest

from bdana.observed import Observed, Predicted
from bdana.search.combined import channel_covariance, combined_table
from bdana.statistics import Systematic
from bdana.statistics.joint import joint_p_values
from bdana.statistics.poisson import Background
from bdana.statistics.table import counting_table

REGIONS = ("SR", "CR")


def estimate(expected, errors, systematics=()):
    """A stand-in with the parts of a PairEstimate that the table uses."""
    expected, statistical = np.array(expected), np.diag(np.square(errors))
    systematic = sum(
        (np.diag((expected * s.effect["SR"]) ** 2) if not s.correlated else np.outer(expected, expected) * s.effect["SR"] ** 2
         for s in systematics), np.zeros((2, 2)),
    )  # fmt: skip
    return SimpleNamespace(
        regions=REGIONS, expected=expected, covariance=statistical, systematic_covariance=systematic,
        systematics=tuple(systematics),
    )  # fmt: skip


def source(name, effect, *, correlated=True):
    return Systematic(name, dict.fromkeys(REGIONS, effect), correlated, "made up")


def run(channel, made, counts, events=(), limits=(None, None)):
    total = np.sqrt(np.diag(made.covariance + made.systematic_covariance))
    expected = {
        n: Predicted(*x)
        for n, *x in zip(REGIONS, made.expected.tolist(), total.tolist(), limits, strict=True)
    }
    observed = {name: Observed(name, n) for name, n in zip(REGIONS, counts, strict=True)}
    table = counting_table(dict(reversed(expected.items())), observed, ("CR", "SR"))
    one = np.ones(len(events), dtype=int)
    return SimpleNamespace(
        channel=channel, table=table, estimate=made,
        candidates=SimpleNamespace(run=one, burst=one, event=np.array(events, dtype=int)),
    )  # fmt: skip


MUMU = estimate([0.016, 0.17], [0.001, 0.01], [source("halo", 0.13), source("mumu_only", 0.05)])
EE = estimate([0.2, 1.1], [0.1, 0.3], [source("halo", 0.13), source("own", 0.2, correlated=False)])


def test_sources_of_one_name_are_common_and_all_else_is_independent():
    found = channel_covariance([MUMU, EE])
    assert found.shape == (2, 2, 2, 2)
    assert found[0, :, 0] == pytest.approx(MUMU.covariance + MUMU.systematic_covariance)
    assert found[1, :, 1] == pytest.approx(EE.covariance + EE.systematic_covariance)
    assert found[0, :, 1] == pytest.approx(0.13**2 * np.outer(MUMU.expected, EE.expected))
    assert found[1, :, 0] == pytest.approx(found[0, :, 1].T)


def test_a_source_that_moves_no_regions_together_moves_no_channels_together():
    apart = source("halo", 0.13, correlated=False)
    found = channel_covariance([MUMU, estimate([0.2, 1.1], [0.1, 0.3], [apart])])
    assert not found[0, :, 1].any()


def test_a_row_is_the_sum_of_the_channels_and_their_joint_likelihood():
    table = combined_table([run("mumu", MUMU, (1, 0)), run("ee", EE, (0, 2))], joint=("CR",))
    assert [row.name for row in table.rows] == ["CR", "SR"]  # as in the tables of the channels
    covariance = channel_covariance([MUMU, EE])
    for row, place, counts in zip(table.rows, (1, 0), ([0, 2], [1, 0]), strict=True):
        cov = covariance[:, place, :, place]
        means = (MUMU.expected[place], EE.expected[place])
        expected = joint_p_values(
            counts, [Background(b, e) for b, e in zip(means, np.sqrt(np.diag(cov)), strict=True)], cov
        )
        assert row.observed.value == sum(counts)
        assert row.expected.value == pytest.approx(sum(means))
        assert row.expected.error == pytest.approx(np.sqrt(cov.sum()))
        assert (row.counting.p_n, row.counting.p_l) == pytest.approx((expected.p_n, expected.p_l))
        assert row.counting.computed == "exact"
    assert table.joint.p_n == pytest.approx(table.rows[0].counting.p_n)


def test_several_regions_of_all_channels_are_judged_together():
    table = combined_table([run("mumu", MUMU, (1, 0)), run("ee", EE, (0, 2))], joint=("SR", "CR"))
    assert table.joint_regions == ("SR", "CR")
    assert 0 < table.joint.p_l < table.rows[1].counting.p_l + 0.05
    assert "with the given covariance" in table.joint.convention
    assert table.to_dict()["joint"]["regions"] == ["SR", "CR"]


@pytest.mark.parametrize("counts", [((None, 0), (0, 2)), ((1, 0), (None, 2))])
def test_what_is_closed_in_one_channel_is_closed_in_all(counts):
    table = combined_table([run("mumu", MUMU, counts[0]), run("ee", EE, counts[1])], joint=("SR", "CR"))
    rows = {row["name"]: row for row in table.to_dict()["regions"]}
    assert rows["SR"]["state"] == "closed"
    assert "observed" not in rows["SR"]
    assert rows["CR"]["observed"] == 2
    assert table.joint is None


def test_a_channel_without_a_pair_counts_with_what_its_limit_tells():
    unseen = estimate([0.0, 1.1], [0.0, 0.3])
    table = combined_table(
        [run("mumu", MUMU, (1, 0)), run("ee", unseen, (1, 2), limits=(0.05, None))], joint=()
    )
    row = table.rows[1]
    w = 0.05 / np.log(10.0)
    variance = (MUMU.covariance + MUMU.systematic_covariance)[0, 0]
    assert row.expected.value == pytest.approx(0.016 + w)
    assert row.expected.error == pytest.approx(np.sqrt(variance + w**2))
    alone = joint_p_values(
        [1, 1], [Background(0.016, np.sqrt(variance)), Background.unseen(0.05)], np.diag([variance, 0.0])
    )
    assert row.counting.p_l == pytest.approx(alone.p_l)
    assert "exponential" in table.conventions["expected"]


def test_one_channel_has_no_combined_table():
    assert combined_table([run("mumu", MUMU, (1, 0))], joint=()) is None
    signal = SimpleNamespace(channel="ee", table=None, estimate=None)
    assert combined_table([run("mumu", MUMU, (1, 0)), signal], joint=()) is None


def test_events_that_two_channels_select_are_said():
    clean = [run("mumu", MUMU, (1, 0), events=(1, 2)), run("ee", EE, (0, 2), events=(3, 4))]
    assert "warning" not in combined_table(clean, joint=()).conventions
    both = [clean[0], run("ee", EE, (0, 2), events=(2, 4))]
    found = combined_table(both, joint=())
    assert found.shared == 1
    assert found.conventions["warning"].startswith("1 candidates are in several channels")
