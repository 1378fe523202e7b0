"""Limits on one signal that is searched in several channels: exact CLs over all tuples of counts, and Bayes.

Channel i counts n_i events, Poisson distributed around S f_i e + b_i: S is the expected number of signal events of all
channels together, f_i the share of channel i in it, e the common factor on the efficiency, b_i the background. Given K
signal events, their division among the channels is multinomial, so that P(n | S) = sum over K of P(K | S) P(n | K), in
which only P(K | S), a Poisson probability averaged over e, depends on S, and only P(n | K) on the backgrounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from bdana.errors import InputError
from bdana.statistics.correlated import MAX_RANK, blocks, full_covariance, points
from bdana.statistics.limits import Interval, check_efficiency_error, efficiency_nodes
from bdana.statistics.poisson import (
    TIE,
    Background,
    Floats,
    TooManyCountsError,
    check_level,
    count_probabilities,
    log_pmf,
    upper_count,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["COMBINED_METHODS", "CountedChannel", "combined_limit"]

COMBINED_METHODS = ("cls", "bayes")
"""Methods of `combined_limit`."""
SMALLEST = 1e-7  # assumed, in events: a known background of zero is taken as this, or no ratio could order its counts
RAREST = (
    1e-290  # probability of the observed counts without signal below which double precision cannot order them
)
MAX_ENTRIES = 30_000_000  # of the table of count tuples and signal events, assumed: 0.25 GB
STEPS = 64  # of the scan for the largest signal that is not excluded, assumed


@dataclass(frozen=True, slots=True)
class CountedChannel:
    """A channel with its observed count, its expected background, and its share of the signal.

    Attributes
    ----------
    name : str
    observed : int
    background : Background
        Truncated Gaussian, known, or that of a region where no pair was seen (`Background.unseen`).
    share : float
        Expected signal events of the channel, in any unit that is common to all channels.

    Examples
    --------
    >>> from bdana.statistics.combination import CountedChannel
    >>> from bdana.statistics.poisson import Background
    >>> CountedChannel("mumu", 1, Background(0.016, 0.002), share=0.4).share
    0.4
    """

    name: str
    observed: int
    background: Background
    share: float = 1.0

    def __post_init__(self) -> None:
        try:
            whole(self.observed)
        except InputError as err:
            raise InputError(f"channel {self.name}: {err}") from None
        if not (np.isfinite(self.share) and self.share >= 0):
            raise InputError(
                f"channel {self.name}: the share is {self.share}: give a finite number that is not negative"
            )


def combined_limit(
    channels: Sequence[CountedChannel],
    level: float = 0.9,
    efficiency_error: float = 0.0,
    method: str = "cls",
    covariance: ArrayLike | None = None,
) -> Interval:
    """Return the upper limit on the expected signal events of all channels together.

    CLs, Read, J. Phys. G 28 (2002) 2693: P(Q <= Qobs | S + b) / P(Q <= Qobs | b), summed over all tuples of counts, which
    are ordered by the ratio of their likelihoods, Q = P(n | S + b) / P(n | b). The limit is the largest S that is not
    excluded. Errors are marginalised as for one channel (Cousins and Highland, NIM A 320 (1992) 331). Bayes has a prior
    flat in S. With one channel both are the limits of `bdana.statistics.limits`.

    Parameters
    ----------
    channels : sequence of CountedChannel
        Their shares need not add up to 1: only ratios count. The limit on the events of one channel is that on all times
        its share of the sum.
    level : float
        Confidence level, between 0 and 1.
    efficiency_error : float
        Relative error of efficiency and protons on target, common to all channels, at most 1: log-normal of median 1,
        sigma = ln(1 + error).
    method : {"cls", "bayes"}
    covariance : array_like, optional
        Of the backgrounds, shape (channels, channels), events squared; by default all their errors move together, and
        the squared errors on the diagonal make them independent.

    Raises
    ------
    InputError
        When something in it is wrong, or there are more than three independent sources of background errors that move
        several channels.
    TooManyCountsError
        When the tuples of counts are too many to be summed.

    Examples
    --------
    >>> from bdana.statistics.combination import CountedChannel, combined_limit
    >>> from bdana.statistics.poisson import Background
    >>> mumu = CountedChannel("mumu", 1, Background(0.016, 0.002), share=0.45)
    >>> ee = CountedChannel("ee", 0, Background(0.2, 0.1), share=0.10)
    >>> round(combined_limit([mumu, ee], efficiency_error=0.2).high, 2)
    3.92
    """
    if method not in COMBINED_METHODS:
        raise InputError(f"unknown method '{method}' for channels: one of {', '.join(COMBINED_METHODS)}")
    check_level(level)
    check_efficiency_error(efficiency_error)
    names = [channel.name for channel in channels]
    if not names or len(set(names)) < len(names):
        raise InputError("give one channel or more, each with a name of its own")
    shares = np.array([channel.share for channel in channels])
    if shares.sum() == 0:
        raise InputError("all channels have a share of zero: one must have signal")
    model = _Model.of(channels, shares / shares.sum(), covariance, 1.0 - level)
    find = model.cls if method == "cls" else model.bayes
    high = find(1.0 - level, *efficiency_nodes(efficiency_error, int(model.observed.sum())))
    return Interval(0.0, high, level, _convention(channels, method, efficiency_error, covariance))


@dataclass(frozen=True, slots=True)
class _Model:
    """Probabilities of count tuples: `given` has shape (K, tuples), the observed tuple is number `seen`."""

    observed: NDArray[np.int64]
    given: Floats
    seen: int

    @classmethod
    def of(
        cls, channels: Sequence[CountedChannel], shares: Floats, covariance: ArrayLike | None, alpha: float
    ) -> _Model:
        backgrounds = [
            x.background if x.background.expected or x.background.error else Background(SMALLEST)
            for x in channels
        ]
        counts = np.array([whole(x.observed) for x in channels])
        cov = full_covariance(backgrounds, covariance)
        groups = blocks(cov)
        alone = [
            count_probabilities(x, upper_count(x, int(n))) for x, n in zip(backgrounds, counts, strict=True)
        ]
        tables = [(group, points(backgrounds, cov, group) if len(group) > 1 else None) for group in groups]
        if any(len(group) > 1 and found is None for group, found in tables):
            raise InputError(f"more than {MAX_RANK} independent sources move several backgrounds together")
        parts = [(group, *found) for group, found in tables if found is not None]
        singles = [int(group[0]) for group in groups if len(group) == 1]
        rare = float(np.prod([alone[i][counts[i]] for i in singles]))
        for group, values, weights in parts:
            rare *= float(weights @ np.exp(log_pmf(counts[group], values).sum(axis=1)))
        if not rare > RAREST:
            raise InputError(
                f"counts of {', '.join(map(str, counts))} are too far from their backgrounds to be ordered by likelihood"
            )
        # What lies beyond a size has P(n | S+b) <= Qobs P(n | b) if it counts, and Qobs is below 1 / P(nobs | b).
        sizes = [_size(p, int(n), 1e-9 * alpha * rare**2) for p, n in zip(alone, counts, strict=True)]
        entries = np.prod(sizes, dtype=float) * (sum(sizes) - len(sizes) + 1)
        if entries > MAX_ENTRIES:
            raise TooManyCountsError(
                f"the exact combination of {len(sizes)} channels with up to {max(sizes)} counts has too many terms; add up "
                "channels of similar signal over background first"
            )
        order = [int(i) for group in groups for i in group]
        factors = []
        for group, found in tables:
            lengths = [sizes[i] for i in group]
            factors.append(alone[group[0]][: lengths[0]] if found is None else _table(*found, lengths))
        table = reduce(np.multiply.outer, factors).transpose(np.argsort(order))
        given = _with_signal(table, shares).reshape(sum(sizes) - len(sizes) + 1, -1)
        return cls(counts, given, int(np.ravel_multi_index(tuple(counts), tuple(sizes))))

    def cls(self, alpha: float, efficiency: Floats, weights: Floats) -> float:
        """Return the largest signal with CLs above alpha."""
        without = self.given[0]
        signal_events = np.arange(len(self.given))[:, None]

        def tail(s: float) -> float:
            probabilities = (np.exp(log_pmf(signal_events, s * efficiency)) @ weights) @ self.given
            with np.errstate(over="ignore"):
                ratio = np.divide(
                    probabilities, without, out=np.full(without.shape, np.inf), where=without > 0
                )
            accepted = ratio <= ratio[self.seen] * (1 + TIE)
            return float(probabilities[accepted].sum() / without[accepted].sum()) - alpha

        high = 2.0 * float(special.gammainccinv(self.observed.sum() + 1, alpha))
        while True:
            # The order of the tuples may change with S, and so CLs may jump: the last step above alpha counts.
            scan = np.linspace(0.0, high, STEPS + 1)
            last = next(i for i in range(STEPS, -1, -1) if i == 0 or tail(scan[i]) > 0)
            if last < STEPS:
                return float(
                    optimize.brentq(tail, max(scan[last], 1e-12), scan[last + 1], xtol=1e-12, rtol=1e-12)
                )
            high *= 2.0

    def bayes(self, alpha: float, efficiency: Floats, weights: Floats) -> float:
        """Return the signal above which there is the fraction alpha of the posterior of a flat prior."""
        terms = self.given[:, self.seen]
        used = np.flatnonzero(terms)
        scale = weights / efficiency

        def tail(s: float) -> float:
            above = special.gammaincc(used[:, None] + 1.0, s * efficiency)
            return float(terms[used] @ (above @ scale))

        whole_posterior, high = tail(0.0), 2.0 * float(special.gammainccinv(self.observed.sum() + 1, alpha))
        while tail(high) > alpha * whole_posterior:
            high *= 2.0
        return float(
            optimize.brentq(lambda s: tail(s) / whole_posterior - alpha, 0.0, high, xtol=1e-12, rtol=1e-12)
        )


def _size(probabilities: Floats, n: int, rest: float) -> int:
    """Return how many counts of one channel are needed, the observed one and all but a probability of `rest`."""
    beyond = np.cumsum(probabilities[::-1])[::-1]
    return max(n + 1, int((beyond > rest).sum()))


def _table(values: Floats, weights: Floats, sizes: Sequence[int]) -> Floats:
    """Return the probability of every count tuple of channels with common errors, shape `sizes`."""
    *first, last = (np.exp(log_pmf(np.arange(size)[None, :], values[:, [i]])) for i, size in enumerate(sizes))
    left = weights[:, None]
    for p in first:
        left = (left[:, :, None] * p[:, None, :]).reshape(len(weights), -1)
    return np.asarray((left.T @ last).reshape(sizes))


def _with_signal(table: Floats, shares: Floats) -> Floats:
    """Return the probability of every count tuple given K = 0, 1, ... signal events, shape (K, *tuples).

    One more signal event is in channel i with the probability of its share.
    """
    found = np.zeros((sum(table.shape) - table.ndim + 1, *table.shape))
    found[0] = table
    for before, after in pairwise(found):
        for axis, share in enumerate(shares):
            moved, kept = np.moveaxis(after, axis, 0), np.moveaxis(before, axis, 0)
            moved[1:] += share * kept[:-1]
    return found


def _convention(
    channels: Sequence[CountedChannel], method: str, efficiency_error: float, covariance: ArrayLike | None
) -> str:
    names = ", ".join(channel.name for channel in channels)
    what = {
        "cls": "exact CLs over all count tuples, ordered by likelihood ratio",
        "bayes": "flat-prior Bayes",
    }[method]
    errors = "100% correlated" if covariance is None else "with the given covariance"
    efficiency = (
        f"efficiency log-normal, common, median 1, sigma = ln(1 + {efficiency_error:g})"
        if efficiency_error
        else "efficiency known"
    )
    return (
        f"limit on the expected signal events of all channels together ({names}); {what}; background errors marginalised "
        f"(truncated_gaussian), {errors}; {efficiency}"
    )
