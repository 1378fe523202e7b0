"""Feldman-Cousins intervals, with nuisance parameters marginalised (Cousins and Highland).

For an observed count n the count k is ahead of n at the signal s when its likelihood ratio P(k|s)/max P(k|.) is
larger, and s is accepted when the counts ahead have less probability than the confidence level. For each k there
is one s where it gets ahead of n (k > n) or stops being so (k < n): between two such turns the counts ahead are
fixed, and their probability, which rises and then falls with s, is below the level up to a root or from a root
on. So the edges of the accepted signals are turns or roots, and none is missed between the points of a scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special
from scipy.linalg import toeplitz

from bdana.statistics.limits import Interval, classical, efficiency_nodes
from bdana.statistics.poisson import (
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
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["feldman_cousins"]

_STEP = 0.02  # of the grid of signals, in the variable u of `_Belt`
_STEP_B, _REACH = 0.15, 3.0  # events above the background: larger backgrounds give no larger upper limit
MAX_COUNTS = 3000  # assumed: up to here they take seconds
_TINY = 1e-300


@dataclass(frozen=True)
class _Belt:
    """Probabilities P(k|s) of the counts without background, on a grid of signals.

    The grid is equidistant in u with s = (sinh(sigma u) / sigma)^2, u = sqrt(s) without an efficiency error: in u the
    likelihood of every count is about 1/2 wide. It begins one step below zero, since P is an even function of u.
    """

    n: int
    level: float
    signal: Floats  # shape (rungs, counts)
    rungs: int  # signals that can be accepted; those above only serve to find the best signal of each count
    sigma: float  # of the logarithm of the efficiency


@dataclass(frozen=True)
class _Ordering:
    """Ordering of the counts at one background: their probabilities, and the signals at which each is ahead of n."""

    belt: _Belt
    table: Floats  # P(k|s), shape (rungs, counts)
    gap: Floats  # logarithm of the likelihood ratio of k over the one of n; positive: ahead

    def edges(self) -> tuple[float, float, int]:
        """Return the lowest and highest accepted signal, and how many counts are ahead next to the highest."""
        at, ahead = self._turns()
        end = np.append(at[1:], float(len(self.gap) - 4))
        begins = self._probability(at, ahead) < self.belt.level
        ends = self._probability(end, ahead) < self.belt.level
        found = np.flatnonzero(begins | ends)
        first, last = found[0], found[-1]
        low = at[first] if begins[first] else self._root(at[first], end[first], ahead[first])
        high = end[last] if ends[last] else self._root(at[last], end[last], ahead[last])
        low, high = _signal(np.array([low, high]) * _STEP, self.belt.sigma).tolist()
        return low, high, int(ahead[last].sum())

    def _turns(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the signals, in grid steps, where the set of counts ahead changes, and that set from there on."""
        ahead = self.gap[1:-2] > 1e-9
        rung, count = np.nonzero(ahead[1:] != ahead[:-1])
        at = _crossing(np.stack([self.gap[rung + k, count] for k in range(4)], axis=1)) + rung
        at[self.gap[1, count] > -1e-9] *= rung[self.gap[1, count] > -1e-9] > 0  # a tie at s = 0 ends at once
        order = np.argsort(at, kind="stable")
        after = np.repeat(ahead[:1], order.size + 1, axis=0)
        for i, turn in enumerate(order):
            after[i + 1 :, count[turn]] = ahead[rung[turn] + 1, count[turn]]
        return np.append(0.0, at[order]), after

    def _probability(self, at: Floats, ahead: NDArray[np.bool_]) -> Floats:
        below = np.minimum(at.astype(np.int64), len(self.gap) - 4)
        weights = _cubic(at - below)
        rows = sum(self.table[below + k] * weights[:, [k]] for k in range(4))
        return np.asarray((rows * ahead).sum(axis=1))

    def _root(self, low: float, high: float, ahead: NDArray[np.bool_]) -> float:
        def excess(at: float) -> float:
            return float(self._probability(np.array([at]), ahead)[0]) - self.belt.level

        return float(optimize.brentq(excess, low, high, xtol=1e-9))


def _signal(u: Floats, sigma: float) -> Floats:
    return np.asarray(np.square(np.sinh(sigma * u) / sigma if sigma else u))


def _cubic(t: Floats) -> Floats:
    """Return the weights at `t` of values at -1, 0, 1 and 2 (cubic interpolation), shape (..., 4)."""
    a, b, c, d = t + 1, t, t - 1, t - 2
    return np.stack([-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6], axis=-1)


def _crossing(values: Floats) -> Floats:
    """Return the zero, between 0 and 1, of the cubic through `values` at -1, 0, 1 and 2."""
    low, high = np.zeros(len(values)), np.ones(len(values))
    for _ in range(40):
        middle = (low + high) / 2
        same = ((values * _cubic(middle)).sum(axis=1) > 0) == (values[:, 1] > 0)
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.asarray((low + high) / 2)


def _signal_table(s: Floats, size: int, error: float) -> Floats:
    e, w = efficiency_nodes(error, size)
    counts = np.arange(size)
    table = np.zeros((s.size, size))
    for factor, weight in zip(e[w > 1e-14], w[w > 1e-14], strict=True):
        table += weight * np.exp(log_pmf(counts[None, :], factor * s[:, None]))
    return table


def _belt(n: int, background: Background, level: float, error: float) -> _Belt:
    highest = background.moved(background.expected + _REACH)
    # A one-sided limit at a higher level, without a background, is beyond the edge.
    top = classical(n, Background(0.0), 1 - (1 - level) / 4, error).high + 1
    # Counts that are rarer than this are not ahead of n where n is accepted.
    rare = 1e-2 * (1 - level)
    signal = top * (1 + error) ** -special.ndtri(rare)
    below = np.cumsum(count_probabilities(highest, upper_count(highest)))
    size = 1 + max(n, int(special.pdtrik(1 - rare, signal)) + int((below < 1 - rare).sum()))
    if size > MAX_COUNTS:
        raise TooManyCountsError(
            f"Feldman-Cousins intervals of up to {size} counts take too long (more than {MAX_COUNTS}): "
            f"ask for other methods, or for a smaller efficiency error or confidence level"
        )
    sigma = float(np.log1p(error))
    last, last_accepted = (
        int((np.arcsinh(sigma * np.sqrt(x)) / sigma if sigma else np.sqrt(x)) / _STEP) for x in (size, top)
    )
    ladder = _signal(_STEP * np.arange(-1.0, last + 4), sigma)
    return _Belt(n, level, _signal_table(ladder, size, error), min(last_accepted, last) + 4, sigma)


def _best(belt: _Belt, table: Floats, background: Background) -> Floats:
    """Return the logarithm of the largest P(k|s) over s >= 0 for every count k."""
    counts = np.arange(table.shape[1])
    if not any(background.errors) and belt.sigma == 0:
        return log_pmf(counts, np.maximum(counts, background.expected))
    top = np.clip(table[1:].argmax(axis=0) + 1, 1, len(table) - 2)
    left, mid, right = (np.log(np.maximum(table[top + k, counts], _TINY)) for k in (-1, 0, 1))
    curve = np.minimum(left - 2 * mid + right, -_TINY)
    shift = np.clip((left - right) / (2 * curve), -1, 1)
    return np.asarray(np.maximum(mid, mid - (left - right) * shift / 4))


def _ordering(belt: _Belt, background: Background) -> _Ordering:
    size = belt.signal.shape[1]
    smear = toeplitz(np.zeros(size), count_probabilities(background, size - 1))
    np.fill_diagonal(smear, count_probabilities(background, 0)[0])
    table = belt.signal @ smear
    best = _best(belt, table, background)
    ratio = np.log(np.maximum(table[: belt.rungs], _TINY)) - best
    # Where n has next to no probability, it is not accepted.
    possible = table[: belt.rungs, belt.n]
    rungs = int(np.flatnonzero(possible >= 1e-9 * (1 - belt.level) * possible.max())[-1]) + 5
    return _Ordering(belt, table[:rungs], ratio[:rungs] - ratio[:rungs, [belt.n]])


def feldman_cousins(
    observed: int, background: Background, level: float = 0.9, efficiency_error: float = 0.0
) -> Interval:
    """Return the Feldman-Cousins (unified) interval: Phys. Rev. D 57 (1998) 3873, section IV.

    Nuisances are averaged before ordering (Conrad et al., Phys. Rev. D 67 (2003) 012002). The upper limit is
    the outer edge of the accepted signals, and the largest one of all backgrounds not below this one (section
    IV.B: it must not rise with the background).

    Parameters
    ----------
    observed, background, level, efficiency_error
        As for `bdana.statistics.limits.cls`.

    Examples
    --------
    >>> from bdana.statistics.feldman_cousins import feldman_cousins
    >>> from bdana.statistics.poisson import Background
    >>> interval = feldman_cousins(4, Background(3.0))  # table IV of the paper
    >>> round(interval.low, 2), round(interval.high, 2)
    (0.0, 5.6)
    """
    n, b = whole(observed), background.expected
    belt = _belt(n, background, check_level(level), efficiency_error)

    def edges(at: float) -> tuple[float, float, int]:
        return _ordering(belt, background.moved(at)).edges()

    low, high, ahead = edges(b)
    # The edge falls with the background but where one more count is ahead next to it: there it jumps up. It
    # does so only where the best signal of n is zero, at backgrounds from about n.
    steps = np.arange(_STEP_B, _REACH, _STEP_B) if n <= b + background.error + _REACH else ()
    for above in b + np.asarray(steps):
        before, (_, edge, ahead) = ahead, edges(above)
        if ahead > before and edge + _STEP_B > high:
            high = max(high, _after_jump(edges, above - _STEP_B, above, before))
    convention = "Feldman-Cousins, outer edge, upper limit not rising with the background; nuisances averaged"
    return Interval(low, high, level, convention)


def _after_jump(
    edges: Callable[[float], tuple[float, float, int]], before: float, behind: float, ahead: int
) -> float:
    """Return the upper edge just behind its jump, where more than `ahead` counts get ahead of n."""
    while behind - before > 2e-6:
        middle = (before + behind) / 2
        if edges(middle)[2] > ahead:
            behind = middle
        else:
            before = middle
    return edges(behind)[1]
