"""Pairs of tracks by their time difference, and a model of it: a constant or trends, waves, and terms that fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hepunits
import numba
import numpy as np
from scipy import ndimage, special

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    TrackTimes = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]

__all__ = ["LAGS", "Lags", "count_lags", "flat_pairs", "variance_of_tracks"]

LAGS = 0.1 * hepunits.ms
"""Width of the bins of time differences: structure up to 5 kHz is seen."""
CHANCE_LINE = 0.01
"""Probability that a constant rate has any line in its spectrum that is taken for one, assumed."""
MOST_TERMS = 24
NORMAL_MEAN = 1.2533
"""Standard deviation of a normal number over the mean of its size."""
STEP = 0.05
"""Between the logarithms of the time differences that are tried."""
CHANGED = 4.0
"""Standard deviations by which close pairs must be more than the model has to be added to it, assumed."""
LIKELY = 4.5
"""Fall of the logarithm of the likelihood within which reaches of a term are averaged: three standard deviations."""
REACHES = 21
"""Number of those."""


def flat_pairs(
    edges: NDArray[np.float64], pairs: NDArray[np.float64], length: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the expected number of pairs of each bin of time differences for constant rates, shape (bins,).

    Parameters
    ----------
    edges : ndarray, shape (1 + bins,)
        Of the bins, in ns.
    pairs, length : ndarray, shape (bursts,)
        Number of pairs of tracks in each burst, and its length in ns.
    """
    below = np.zeros(len(edges))
    lengths, at = np.unique(length, return_inverse=True)
    for one, number in zip(lengths, np.bincount(at, pairs), strict=True):
        inside = np.minimum(edges, one)
        below += number * (inside - 0.5 * inside**2 / one) / one
    return np.diff(below)


class Lags:
    """Pairs by time difference, those expected for constant rates, and a model of their ratio.

    Pairs are weighted; `squares` are the sums of squared weights. The model is a constant or the shape of the trends over
    the spill (`level`), waves, and terms 1 - t/w.

    Parameters
    ----------
    seen, squares, flat : ndarray, shape (bins,)
        Pairs of each bin, sums of their squared weights, and pairs of constant rates.
    width : float
        Of the bins, in ns.
    level : ndarray, shape (bins,)
        1, or the shape of the trends.
    """

    def __init__(
        self,
        seen: NDArray[np.float64],
        squares: NDArray[np.float64],
        flat: NDArray[np.float64],
        width: float,
        level: NDArray[np.float64],
    ) -> None:
        self.seen, self.squares, self.flat, self.width, self.level = seen, squares, flat, width, level
        self.below, self.squares_below, self.flat_below = (np.cumsum(x) for x in (seen, squares, flat))
        self.middle = width * (np.arange(len(seen)) + 0.5)
        self.found: list[tuple[float, float]] = []
        self._fit()

    def find_terms(self, spectra: float) -> None:
        """Add waves and falling terms to the model as long as one stands out, the most significant first.

        Parameters
        ----------
        spectra : float
            Without structure a spectrum is the mean of as many independent ones, each with exponential fluctuations.
        """
        bins = len(self.seen)
        highest = float(special.gammainccinv(spectra, 0.5 * CHANCE_LINE / bins))
        threshold = (highest - spectra) / np.sqrt(spectra)
        while len(self.found) < MOST_TERMS:
            line, of_line = self._line(threshold)
            reach, of_fall = self._fall()
            if of_line > max(of_fall, 0.0):
                self.found.append((line, bins * self.width))
            elif of_fall >= CHANGED:
                self.found.append((0.0, reach))
            else:
                return
            self._fit()

    def _line(self, threshold: float) -> tuple[float, float]:
        """Return the frequency of the highest line of the spectrum of what is left, and its height in standard deviations.

        The height is 0 where none is above the threshold.
        """
        bins = len(self.seen)
        noise = np.sqrt(0.5 * self.squares.sum())
        padded = 1 << int(np.ceil(np.log2(16 * bins)))
        frequency = np.fft.rfftfreq(padded, self.width)
        half_bin = np.exp(-1j * np.pi * frequency * self.width)
        searched = (frequency > 1.0 / (bins * self.width)) & (frequency < 0.45 / self.width)
        if not searched.any() or not noise:
            return 0.0, 0.0
        spectrum = np.where(searched, np.abs((np.fft.rfft(self.rest, padded) * half_bin).real), 0.0)
        # A line is narrow: what is as high in the neighbourhood is no line but noise of the beam.
        blocks = spectrum[1:].reshape(-1, 8).mean(axis=1)
        around = NORMAL_MEAN * np.repeat(ndimage.median_filter(blocks, 65, mode="nearest"), 8)
        spectrum[1:] *= spectrum[1:] > threshold * np.maximum(noise, around)
        best = int(np.argmax(spectrum[1:]))
        below, at, above = spectrum[[best, best + 1, min(best + 2, len(spectrum) - 1)]]
        bend = 2.0 * at - below - above
        shift = 0.5 * (above - below) / bend if bend > 0 else 0.0
        return float(frequency[best + 1] + np.clip(shift, -0.5, 0.5) * frequency[1]), float(at / noise)

    def _fall(self) -> tuple[float, float]:
        """Return the reach of the most significant term 1 - t/w in what is left, and its significance."""
        best = (0.0, 0.0)
        for size in self._sizes:
            reach = size * self.width
            if any(
                not line and abs(np.log(reach / known)) < 0.5 * np.log(10.0) * STEP
                for line, known in self.found
            ):
                continue
            near = 1.0 - self.middle[:size] / reach
            # Only what differs from the level counts.
            mean = float(near @ self.flat[:size]) / float(self.flat_below[-1])
            total = float(near @ self.rest[:size]) - mean * float(self.rest.sum())
            variance = float((near - mean) ** 2 @ self.squares[:size])
            variance += mean**2 * float(self.squares_below[-1] - self.squares_below[size - 1])
            seen, squares = float(self.below[size - 1]), float(self.squares_below[size - 1])
            if seen < 10 or not variance or total <= best[1] * np.sqrt(variance):
                continue
            # Few pairs are more than expected by as many standard deviations far more often than a normal number.
            alike = seen / max(squares, 1e-300)
            if special.gammainc(alike * seen, alike * max(seen - self.rest[:size].sum(), 0.0)) < special.ndtr(
                -3.0
            ):
                best = reach, total / float(np.sqrt(variance))
        return best

    def at_zero(self, window: int, precision: float, level: float) -> tuple[NDArray[np.float64], float]:
        """Return weights of the pairs of each bin, the sum of which is g at time difference 0, and an error.

        It is the mean of g in the window and what the terms add to it from there to 0. For a term that falls that depends on
        its reach, and the one that fits best fluctuates. So what all likely ones give is averaged with their likelihood, and
        the spread is the error.

        Parameters
        ----------
        window : int
            Bins that are averaged.
        precision : float
            Of the sum of the harmonics that do not stand out.
        level : float
            g of the constant, or of the trends over the spill, at 0.
        """
        weights = self._weights(np.concatenate([self.terms, self._harmonics(precision)]), window, level)
        best, variance = self._weights(self.terms, window, level), 0.0
        for place, (line, _) in enumerate(self.found):
            if line:
                continue
            likely, terms = self._likely_reaches(place)
            each = np.array([self._weights(one, window, level) for one in terms])
            values = each @ self.seen
            weights += likely @ each - best
            variance += float(likely @ (values - likely @ values) ** 2)
        return weights, float(np.sqrt(variance))

    def _weights(self, terms: NDArray[np.float64], window: int, level: float) -> NDArray[np.float64]:
        """Return the weights of the pairs of each bin for a model of these terms."""
        share = float(self.flat[:window].sum())
        inside = terms[:, :window] @ self.flat[:window] / share
        at_zero = np.ones(len(terms))
        at_zero[0] = level
        weights = (at_zero - inside) @ self._solution(terms) @ terms
        weights[:window] += 1.0 / share
        return np.asarray(weights)

    def _likely_reaches(self, place: int) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Return probabilities of reaches of a term that falls, equal ones in its logarithm before, and the terms of each."""
        own, longest = self.found[place][1], len(self.seen) * self.width

        def tried(steps: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
            reaches = np.clip(own * 10.0**steps, self.width, longest)
            terms = [self._terms_with(place, reach) for reach in reaches]
            found = np.array([self._likelihood(one) for one in terms])
            return found - found.max(), terms

        steps = STEP * np.arange(-6.0, 7.0)
        near = np.flatnonzero(tried(steps)[0] > -LIKELY)
        ends = steps[[max(near[0] - 1, 0), min(near[-1] + 1, len(steps) - 1)]]
        likelihood, terms = tried(np.linspace(ends[0], ends[1], REACHES))
        likely = np.exp(likelihood)
        return likely / likely.sum(), terms

    def _terms_with(self, place: int, reach: float) -> NDArray[np.float64]:
        terms = self.terms.copy()
        terms[1 + place] = np.maximum(1.0 - self.middle / reach, 0.0)
        return terms

    def _likelihood(self, terms: NDArray[np.float64]) -> float:
        """Return the logarithm of the likelihood of a model of these terms, for Poisson numbers of pairs."""
        model = np.maximum(self._amplitudes(terms) @ terms, 1e-3)
        alike = float(self.below[-1] / self.squares_below[-1])
        return alike * float(self.seen @ np.log(model) - self.flat @ model)

    def _harmonics(self, precision: float) -> NDArray[np.float64]:
        """Return cosines of the harmonics of the first line that are not in the model, shape (H, bins).

        Many small ones add up, none of which stands out. The lowest are taken, as many as have that precision together.
        """
        lines = np.array([line for line, _ in self.found if line])
        if not len(lines):
            return np.empty((0, len(self.middle)))
        resolved = 1.0 / (len(self.middle) * self.width)
        each = 2.0 * float(self.squares_below[-1] / self.flat_below[-1] ** 2)
        most = int(min(precision**2 / each, 0.45 / (self.width * lines[0])))
        higher = lines[0] * np.arange(2, max(most, 1) + 1)
        known = np.abs(higher[:, None] - lines).min(axis=1) < resolved
        return np.asarray(np.cos(2.0 * np.pi * higher[~known, None] * self.middle))

    @property
    def _sizes(self) -> NDArray[np.int64]:
        """Numbers of bins that are looked at."""
        steps = 10.0 ** np.arange(0.0, np.log10(len(self.seen)) + 1e-9, STEP)
        return np.unique(np.append(np.rint(steps), len(self.seen)).astype(np.int64))

    def _fit(self) -> None:
        """Fit the constant and all terms to the pairs by weighted least squares."""
        shapes = [
            np.cos(2.0 * np.pi * line * self.middle) * np.sinc(line * self.width)
            if line
            else np.maximum(1.0 - self.middle / reach, 0.0)
            for line, reach in self.found
        ]
        self.terms = np.array([self.level, *shapes])
        self.amplitudes = self._amplitudes(self.terms)
        self.rest = self.seen - self.flat * (self.amplitudes @ self.terms)

    def _amplitudes(self, terms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fit these terms to the pairs by weighted least squares."""
        return np.asarray(self._solution(terms) @ (terms @ self.seen))

    def _solution(self, terms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the matrix that makes amplitudes of the sums over all pairs of the terms, by the normal equations."""
        return np.asarray(np.linalg.pinv((terms * self.flat) @ terms.T, rcond=1e-9, hermitian=True))

    def window(self, precision: float, wanted: float | None) -> int | None:
        """Return the number of bins of the shortest time differences that are averaged; None without a pair in reach.

        Parameters
        ----------
        precision : float
            Relative error of the mean that is aimed at.
        wanted : float or None
            Time difference in ns that is taken instead.
        """
        if wanted is not None:
            return int(np.clip(np.rint(wanted / self.width), 1, len(self.seen)))
        sizes = self._sizes
        error = np.sqrt(self.squares_below[sizes - 1] + 1.0) / self.flat_below[sizes - 1]
        good = np.flatnonzero(error <= precision)
        return int(sizes[good[0]]) if len(good) else None

    def change(self, shorter: int, longer: int) -> tuple[float, float]:
        """Return how much more the model misses in shorter time differences than in longer ones, with its error.

        Parameters
        ----------
        shorter, longer : int
            Numbers of bins.
        """
        rest = np.cumsum(self.rest[:longer])
        flat, squares = self.flat_below, self.squares_below
        change = rest[shorter - 1] / flat[shorter - 1] - rest[longer - 1] / flat[longer - 1]
        inside, all_flat = flat[shorter - 1], flat[longer - 1]
        rate = (squares[longer - 1] + 1.0) / all_flat
        return float(change), float(np.sqrt(rate * max(1.0 / inside - 1.0 / all_flat, 0.0)))


def count_lags(tracks: Iterable[TrackTimes], width: float, bins: int) -> NDArray[np.float64]:
    """Count pairs of tracks of one burst by their time difference, of which one passed and both did, shape (2, bins).

    Parameters
    ----------
    tracks : iterable of (ndarray, ndarray of int, ndarray of bool)
        Times since the start of their bursts in ns, their bursts, and which passed the vetoes, each of some bursts.
    width : float
        Of the bins, in ns.
    bins : int
    """
    counts = np.zeros((3, bins), dtype=np.int64)
    for since, places, passed in tracks:
        order, ends = _by_burst(since, places)
        _count_lags(since[order], passed[order], ends, width, counts)
    return counts[1:].astype(np.float64)


def variance_of_tracks(
    tracks: Iterable[TrackTimes], width: float, weights: NDArray[np.float64], mean: float
) -> float:
    """Return the variance that a sum over pairs of tracks has because pairs share tracks.

    Summed is a weight by time difference less its mean; pairs of which one track was vetoed count half. As of every U-statistic
    (Hoeffding, Ann. Math. Statist. 19 (1948) 293) it is the sum over tracks of the squared sums over their pairs, less that
    of single pairs, which are in it twice.

    Parameters
    ----------
    tracks : iterable of (ndarray, ndarray of int, ndarray of bool)
        As of `count_lags`.
    width : float
        Of the bins of the time difference, in ns.
    weights : ndarray, shape (bins,)
        0 at longer time differences.
    mean : float
    """
    total = 0.0
    for since, places, passed in tracks:
        order, ends = _by_burst(since, places)
        total += _variance_of_tracks(since[order], passed[order], ends, width, weights, mean)
    return max(total, 0.0)


def _by_burst(
    since: NDArray[np.float64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the order of tracks by burst and time, and where in it bursts begin and end."""
    order = np.lexsort((since, places))
    return order, np.append(np.flatnonzero(np.diff(places[order], prepend=-1)), len(places))


@numba.njit(cache=True, nogil=True)
def _count_lags(since, passed, ends, width, counts):  # type: ignore[no-untyped-def]
    bins = counts.shape[1]
    for k in range(len(ends) - 1):
        for i in range(ends[k], ends[k + 1]):
            for j in range(i + 1, ends[k + 1]):
                bin_ = int((since[j] - since[i]) / width)
                if bin_ >= bins:
                    break
                counts[int(passed[i]) + int(passed[j]), bin_] += 1


@numba.njit(cache=True, nogil=True)
def _variance_of_tracks(since, passed, ends, width, weights, mean):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(len(ends) - 1):
        first, every = ends[k], ends[k + 1] - ends[k]
        sums, n, of_pairs = np.zeros(every), 0.0, 0.0
        for i in range(every):
            n += int(passed[first + i])
            for j in range(i + 1, every):
                bin_ = int((since[first + j] - since[first + i]) / width)
                if bin_ >= len(weights):
                    break
                counts = 0.5 * (int(passed[first + i]) + int(passed[first + j]))
                value = counts * weights[bin_]
                sums[i] += value
                sums[j] += value
                of_pairs += value * (value - 2.0 * mean * counts)
        for i in range(every):
            own = int(passed[first + i])
            total += (sums[i] - 0.5 * mean * (own * (every - 1.0) + n - own)) ** 2
        of_pairs += mean**2 * (0.5 * n * (n - 1.0) + 0.25 * n * (every - n))
        total -= 2.0 * of_pairs
    return total
