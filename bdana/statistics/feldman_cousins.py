"""Feldman-Cousins intervals, with nuisances averaged as in Highland and Cousins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special
from scipy.linalg import toeplitz

from bdana.statistics.limits import Interval, efficiency_nodes
from bdana.statistics.poisson import (
    Background,
    Floats,
    check_level,
    count_probabilities,
    log_pmf,
    upper_count,
    whole,
)

__all__ = ["feldman_cousins"]


@dataclass(frozen=True, slots=True)
class _Belt:
    n: int
    level: float
    s: Floats  # scanned signals
    signal: Floats  # P(k signal counts | s), shape (s, k)
    ladder: Floats  # signals among which the best one of each count is looked for
    ladder_signal: Floats
    efficiency_error: float


def _signal_table(s: Floats, size: int, error: float) -> Floats:
    e, w = efficiency_nodes(error)
    counts = np.arange(size)
    table = np.zeros((s.size, size))
    for factor, weight in zip(e[w > 1e-14], w[w > 1e-14], strict=True):
        table += weight * np.exp(log_pmf(counts[None, :], factor * s[:, None]))
    return table


def _smear(background: Background, size: int) -> Floats:
    p = count_probabilities(background, size - 1)
    return np.asarray(toeplitz(p, np.zeros(size)).T)


def _best(belt: _Belt, smear: Floats, background: Background) -> Floats:
    """Find the largest P(m | s) over s >= 0 for every count m."""
    counts = np.arange(smear.shape[0])
    if background.error == 0 and belt.efficiency_error == 0:
        return np.exp(log_pmf(counts, np.maximum(counts, background.expected)))
    table = belt.ladder_signal @ smear
    top = np.clip(table.argmax(axis=0), 1, belt.ladder.size - 2)
    left, mid, right = (np.log(np.maximum(table[top + k, counts], 1e-300)) for k in (-1, 0, 1))
    curve = left - 2 * mid + right
    shift = np.where(curve < 0, (left - right) / (2 * np.where(curve < 0, curve, -1)), 0)
    peak = mid - (left - right) * shift / 4
    return np.maximum(table.max(axis=0), np.where(np.abs(shift) < 1, np.exp(np.minimum(peak, 0.0)), 0.0))


def _accepted(belt: _Belt, table: Floats, best: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    ratio = table / np.maximum(best, 1e-300)
    ahead = ratio > ratio[:, [belt.n]] * (1 + 1e-12)
    return np.asarray((table * ahead).sum(axis=1) < belt.level)


def _edge(belt: _Belt, smear: Floats, best: Floats, inside: float, outside: float) -> float:
    for _ in range(36):
        middle = (inside + outside) / 2
        row = _signal_table(np.array([middle]), smear.shape[0], belt.efficiency_error) @ smear
        inside, outside = (middle, outside) if _accepted(belt, row, best)[0] else (inside, middle)
    return inside


def _raw(belt: _Belt, background: Background, above: float = -1.0) -> tuple[float, float] | None:
    """Outer edges of the accepted signals above `above`, or None when there are none."""
    smear = _smear(background, belt.signal.shape[1])
    best = _best(belt, smear, background)
    start = int(np.searchsorted(belt.s, above, side="right"))
    s = belt.s[start:]
    found = np.flatnonzero(_accepted(belt, belt.signal[start:] @ smear, best))
    if not found.size:
        return None
    first, last = int(found[0]), min(int(found[-1]), s.size - 2)
    low = 0.0 if above >= 0 or first == 0 else _edge(belt, smear, best, s[first], s[first - 1])
    return float(low), float(_edge(belt, smear, best, s[last], s[last + 1]))


def _belt(n: int, background: Background, level: float, error: float) -> _Belt:
    width = float(special.ndtri((1 + level) / 2)) + 1.0
    spread = (1 + error) ** width
    top = (n + width**2 + width * np.sqrt(n + 1.0) + 4) * spread
    ahead = background.expected + 3.5
    size = max(
        upper_count(Background(top * spread + ahead)), upper_count(replace(background, expected=ahead), n)
    )
    s = np.arange(0.0, top, max(0.005, top / 6000))
    # Even in the root of s, in which the likelihood of every count has about the same width.
    ladder = np.arange(0.0, np.sqrt(size), 0.02) ** 2 if background.error or error else np.zeros(2)
    tables = [_signal_table(x, size, error) for x in (s, ladder)]
    return _Belt(n, level, s, tables[0], ladder, tables[1], error)


def feldman_cousins(
    observed: int, background: Background, level: float = 0.9, efficiency_error: float = 0.0
) -> Interval:
    """Unified interval: Feldman and Cousins, Phys. Rev. D 57 (1998) 3873, section IV.

    Nuisances are averaged before ordering (Conrad et al., Phys. Rev. D 67 (2003) 012002). The upper limit is
    the outer edge of the accepted signals, and the largest one of all backgrounds not below this one (section
    IV.B: it must not rise with the background).
    """
    n = whole(observed)
    belt = _belt(n, background, check_level(level), efficiency_error)
    edges = _raw(belt, background)
    low, high = edges if edges is not None else (0.0, 0.0)
    best_b = background.expected
    for step, reach in ((0.05, 3.0), (0.004, 0.05), (0.0005, 0.004)):
        start = max(background.expected, best_b - reach)
        for b in np.arange(start, best_b + reach, step)[1:]:
            edges = _raw(belt, replace(background, expected=float(b)), above=high)
            if edges is not None and edges[1] > high:
                high, best_b = edges[1], float(b)
    convention = "Feldman-Cousins, outer edge, upper limit not rising with the background; nuisances averaged"
    return Interval(low, high, level, convention)
