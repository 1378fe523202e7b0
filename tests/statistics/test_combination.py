"""Combined limits: one channel, closed forms, coverage by enumeration, what moves together, and what is refused."""

import itertools
import re

import numpy as np
import pytest
from scipy import optimize, special, stats

from bdana.errors import InputError
from bdana.statistics import combination
from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.limits import bayes, check_efficiency_error, cls, known_background
from bdana.statistics.poisson import Background, TooManyCountsError

SINGLE = {"cls": cls, "bayes": bayes}


def pair(counts, backgrounds, shares=(1.0, 1.0)):
    return [
        CountedChannel(name, n, background, share)
        for name, n, background, share in zip("ab", counts, backgrounds, shares, strict=True)
    ]


@pytest.mark.parametrize("method", ["cls", "bayes"])
@pytest.mark.parametrize("level", [0.683, 0.9, 0.95])
@pytest.mark.parametrize("efficiency_error", [0.0, 0.2, 1.0])
@pytest.mark.parametrize(
    ("n", "background"),
    [
        (0, Background(0.016, 0.002)), (1, Background(0.016, 0.002)), (2, Background(0.0)), (4, Background(2.57, 0.33)),
        (5, Background(2.0, 3.0)), (0, Background(3.0)), (3, Background(0.0, 0.2)), (28, Background(26.3, 3.4)),
        (1, Background.unseen(0.5)),
    ],
)  # fmt: skip
def test_one_channel_has_the_limit_of_its_count(n, background, efficiency_error, level, method):
    combined = combined_limit([CountedChannel("a", n, background)], level, efficiency_error, method)
    alone = SINGLE[method](n, background, level, efficiency_error)
    assert combined.high == pytest.approx(alone.high, rel=1e-6)
    assert (combined.low, combined.level) == (0.0, level)


@pytest.mark.parametrize("counts", [(0, 0), (1, 0), (2, 3), (0, 4)])
@pytest.mark.parametrize("method", ["cls", "bayes"])
def test_channels_of_one_signal_over_background_are_the_summed_count(counts, method):
    """The division of the counts among them tells nothing of the signal."""
    found = combined_limit(pair(counts, [Background(0.3), Background(0.9)], (1.0, 3.0)), 0.9, method=method)
    assert found.high == pytest.approx(known_background(sum(counts), 1.2), rel=1e-7)


@pytest.mark.parametrize("method", ["cls", "bayes"])
def test_one_common_relative_error_leaves_the_summed_count_all_there_is(method):
    backgrounds = [Background(0.3, 0.06), Background(0.9, 0.18)]
    found = combined_limit(pair((1, 3), backgrounds, (2.0, 6.0)), 0.95, 0.2, method)
    assert found.high == pytest.approx(SINGLE[method](4, Background(1.2, 0.24), 0.95, 0.2).high, rel=1e-6)


@pytest.mark.parametrize("shares", [(1.0, 1.0), (0.05, 0.95)])
def test_without_a_count_every_known_background_gives_the_same_limit(shares):
    found = combined_limit(pair((0, 0), [Background(0.016), Background(2.0)], shares), 0.9)
    assert found.high == pytest.approx(np.log(10.0), rel=1e-9)


def test_a_channel_without_signal_and_correlation_changes_nothing():
    backgrounds = [Background(0.6, 0.2), Background(5.0, 1.0)]
    found = combined_limit(pair((2, 9), backgrounds, (0.7, 0.0)), 0.9, covariance=np.diag([0.04, 1.0]))
    assert found.high == pytest.approx(cls(2, backgrounds[0], 0.9).high, rel=1e-6)


def test_a_channel_without_signal_measures_a_background_that_is_common():
    """Many counts in it say that the background of the other channel is large, so that its counts are no signal."""
    backgrounds = [Background(0.5, 0.4), Background(5.0, 4.0)]
    found = {n: combined_limit(pair((2, n), backgrounds, (1.0, 0.0)), method="bayes").high for n in (0, 20)}
    assert found[20] < found[0] - 0.5


def test_a_count_where_the_signal_is_not_limits_less_than_one_where_it_is():
    backgrounds, shares = [Background(0.1), Background(0.1)], (0.9, 0.1)
    likely, unlikely = (combined_limit(pair(n, backgrounds, shares)).high for n in ((1, 0), (0, 1)))
    assert unlikely < likely


def test_only_ratios_of_shares_count_and_no_order():
    channels = pair((1, 2), [Background(0.1, 0.05), Background(0.7, 0.1)], (0.2, 0.3))
    scaled = pair((1, 2), [Background(0.1, 0.05), Background(0.7, 0.1)], (2e-4, 3e-4))
    limits = [combined_limit(x, 0.9, 0.2).high for x in (channels, scaled, channels[::-1])]
    assert limits == pytest.approx([limits[0]] * 3, rel=1e-9)


def written_out(channels, s, covariance, size=40):
    """CLs of a signal, the probabilities of all pairs of counts averaged over a grid of backgrounds."""
    mean = np.array([x.background.expected for x in channels])
    axes = [
        np.linspace(max(m - 6 * e, 1e-9), m + 6 * e, 121)
        for m, e in zip(mean, np.sqrt(np.diag(covariance)), strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    density = stats.multivariate_normal(mean, covariance).pdf(grid)
    density /= density.sum()
    shares = np.array([x.share for x in channels]) / sum(x.share for x in channels)
    table = {}
    for signal in (0.0, s):
        p = [
            stats.poisson.pmf(np.arange(size)[:, None], axis + signal * f)
            for axis, f in zip(axes, shares, strict=True)
        ]
        table[signal] = np.einsum("ia,jb,ab->ij", *p, density)
    ratio = table[s] / table[0.0]
    accepted = ratio <= ratio[tuple(x.observed for x in channels)] * (1 + 1e-9)
    return table[s][accepted].sum() / table[0.0][accepted].sum()


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.8])
def test_cls_is_the_ratio_of_sums_over_all_pairs_of_counts(correlation):
    errors = np.array([0.15, 0.3])
    covariance = np.outer(errors, errors) * np.array([[1, correlation], [correlation, 1]])
    channels = pair((2, 1), [Background(0.6, 0.15), Background(1.1, 0.3)], (0.8, 0.4))
    limit = combined_limit(channels, 0.9, covariance=covariance).high
    assert written_out(channels, limit, covariance) == pytest.approx(0.1, rel=2e-3)


@pytest.mark.parametrize("method", ["cls", "bayes"])
def test_channels_between_two_that_move_together_stay_in_their_place(method):
    channels = [
        CountedChannel("a", 2, Background(0.6, 0.5), 0.5),
        CountedChannel("b", 0, Background(3.0, 0.1), 0.1),
        CountedChannel("c", 1, Background(1.1, 0.9), 0.4),
    ]
    covariance = np.array([[0.25, 0.0, 0.45], [0.0, 0.01, 0.0], [0.45, 0.0, 0.81]])
    order = [0, 2, 1]
    sorted_ = combined_limit(
        [channels[i] for i in order], method=method, covariance=covariance[np.ix_(order, order)]
    )
    found = combined_limit(channels, method=method, covariance=covariance)
    assert found.high == pytest.approx(sorted_.high, rel=1e-9)


def test_bayes_is_the_integral_of_the_posterior():
    channels = pair((2, 1), [Background(0.6), Background(1.1)], (0.8, 0.4))
    s = np.linspace(0, 60, 60_001)
    posterior = stats.poisson.pmf(2, 0.6 + s * 2 / 3) * stats.poisson.pmf(1, 1.1 + s / 3)
    total = np.cumsum(posterior) / posterior.sum()
    assert combined_limit(channels, 0.9, method="bayes").high == pytest.approx(
        np.interp(0.9, total, s), abs=2e-3
    )


def test_a_common_efficiency_is_averaged_for_all_channels_at_once():
    """With no count and no background the limit solves E[exp(-S e)] = 1 - CL."""
    z, w = np.polynomial.hermite_e.hermegauss(60)
    w /= w.sum()
    expected = optimize.brentq(lambda s: w @ np.exp(-s * np.exp(np.log(1.2) * z)) - 0.1, 1, 5)
    found = combined_limit(pair((0, 0), [Background(0.0), Background(0.0)]), 0.9, 0.2).high
    assert found == pytest.approx(expected, rel=1e-6)
    assert found == pytest.approx(2.353, abs=5e-4)  # as for one channel


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(
    ("backgrounds", "shares"),
    [((0.016, 0.2), (0.45, 0.1)), ((0.5, 2.5), (1.0, 1.0)), ((0.0, 1.0), (0.3, 0.7))],
)
def test_cls_never_covers_below_nominal(backgrounds, shares, level):
    known = [Background(b) for b in backgrounds]
    fractions = np.array(shares) / sum(shares)
    signals = np.array([0.0, 0.3, 1.0, 2.0, 3.0, 4.5, 6.0])
    covered, seen = np.zeros(signals.size), np.zeros(signals.size)
    for counts in itertools.product(range(14), range(16)):
        p = np.prod(
            [
                stats.poisson.pmf(n, signals * f + b)
                for n, f, b in zip(counts, fractions, backgrounds, strict=True)
            ],
            axis=0,
        )
        if p.max() > 1e-6:
            covered += p * (combined_limit(pair(counts, known, shares), level).high >= signals)
            seen += p
    assert seen.min() > 0.999
    assert (covered + 1 - seen).min() > level - 1e-7  # CLs covers more than it says
    assert covered.max() <= 1


@pytest.mark.parametrize("error", [-0.1, 1.01, 20.0, np.nan, np.inf])
def test_an_efficiency_error_in_percent_is_refused(error):
    with pytest.raises(InputError, match="it is relative, so give a number from 0 to 1"):
        check_efficiency_error(error)
    with pytest.raises(InputError, match="it is relative"):
        combined_limit([CountedChannel("a", 0, Background(1.0))], 0.9, error)


def test_wrong_channels_are_named():
    good = Background(0.1)
    with pytest.raises(InputError, match=r"channel ee: the observed count is 1\.5"):
        CountedChannel("ee", 1.5, good)
    with pytest.raises(InputError, match="channel ee: the share is -1"):
        CountedChannel("ee", 1, good, -1.0)
    with pytest.raises(InputError, match="each with a name of its own"):
        combined_limit([CountedChannel("a", 0, good)] * 2)
    with pytest.raises(InputError, match="one channel or more"):
        combined_limit([])
    with pytest.raises(InputError, match="all channels have a share of zero"):
        combined_limit([CountedChannel("a", 0, good, 0.0)])
    with pytest.raises(InputError, match="one of cls, bayes"):
        combined_limit([CountedChannel("a", 0, good)], method="classical")
    with pytest.raises(InputError, match="confidence level"):
        combined_limit([CountedChannel("a", 0, good)], 90)


def test_what_cannot_be_enumerated_is_refused():
    with pytest.raises(InputError, match="counts of 60 are too far from their backgrounds"):
        combined_limit([CountedChannel("a", 60, Background(0.0))])
    many = [CountedChannel(name, 30, Background(30.0)) for name in "abc"]
    with pytest.raises(TooManyCountsError, match="too many terms; add up"):
        combined_limit(many)
    errors = np.diag([0.01] * 4) + 1e-3
    four = [CountedChannel(name, 0, Background(0.5, np.sqrt(0.011))) for name in "abcd"]
    with pytest.raises(InputError, match="more than 3 independent sources"):
        combined_limit(four, covariance=errors)


def test_the_convention_says_what_the_limit_is_on():
    found = combined_limit(pair((0, 0), [Background(0.1, 0.02)] * 2), 0.9, 0.2)
    assert re.search(
        r"all channels together \(a, b\).*ordered by likelihood ratio.*100% correlated", found.convention
    )
    assert "ln(1 + 0.2)" in found.convention


def test_counts_far_above_a_small_background_are_within_range(monkeypatch):
    """Sizes of the table that are ten times larger give the same."""
    channels = pair((5, 0), [Background(0.016, 0.002), Background(0.2, 0.1)], (0.4, 0.1))
    found = combined_limit(channels, 0.9, 0.2).high
    size = combination._size
    monkeypatch.setattr(combination, "_size", lambda p, n, rest: size(p, n, rest * 1e-12))
    assert combined_limit(channels, 0.9, 0.2).high == pytest.approx(found, rel=1e-9)
    monkeypatch.setattr(combination, "_size", lambda p, n, rest: n + 1)
    assert combined_limit(channels, 0.9, 0.2).high != pytest.approx(found, rel=1e-9)


def test_the_closed_form_of_two_counts_in_one_of_two_channels():
    """Where one channel has all the signal and the backgrounds are known, the other may count what it likes."""
    for n in (0, 3, 8):
        found = combined_limit(pair((2, n), [Background(0.6), Background(3.0)], (1.0, 0.0))).high
        alone = special.gammainccinv(3, 0.1 * special.gammaincc(3, 0.6)) - 0.6
        assert found == pytest.approx(alone, rel=1e-7)
