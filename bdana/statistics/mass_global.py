"""The global p-value of a scan in windows of mass, of one channel or of several that are searched together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.statistics.background import Background
from bdana.statistics.correlated import drawn_expectations
from bdana.statistics.joint import sum_tails
from bdana.statistics.mass_spectrum import MassSpectrum
from bdana.statistics.poisson import TIE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.statistics.background import Floats
    from bdana.statistics.mass_windows import MassSearch, MassWindow

__all__ = ["global_p_value", "p_anywhere", "with_common"]

TOYS = 20_000
_EVENTS = 2_000_000  # of all toys together, assumed: some seconds
_DRAWS = 4096  # expectations of all masses that the toys choose from


def p_anywhere(
    spectra: Sequence[MassSpectrum],
    totals: Sequence[Background],
    covariance: Floats,
    ends: NDArray[np.float64],
    needed: NDArray[np.int64],
    seed: int = 1,
) -> tuple[float, float, str]:
    """Return the probability that the counts of any window come to what it needs, its error, and how it was found.

    Toys have an event at least: the expectation of all masses is drawn from its errors, the events from the spectra. Of
    N toys of which k are as rare the probability is (k + 1)/(N + 1).

    Parameters
    ----------
    spectra : sequence of MassSpectrum
        One for each channel.
    totals : sequence of Background
        Of all masses of each channel.
    covariance : ndarray, shape (channels, channels)
        Of the totals, events squared; 0 for those that are `Background.unseen`, which are independent.
    ends : ndarray, shape (2, channels, windows)
        Lower and upper ends of the windows, in MeV/c2.
    needed : ndarray of int, shape (windows,)
        Smallest count, of all channels together, that is as rare as the rarest one seen.
    seed : int
    """
    rng = np.random.default_rng(seed)
    mean = np.array([total.expected for total in totals])
    unseen = np.array([total.prior == "exponential" for total in totals])
    known, weights, _, _ = drawn_expectations(
        [x for x in totals if x.prior != "exponential"], covariance[np.ix_(~unseen, ~unseen)], _DRAWS, seed
    )
    values = np.empty((len(weights), len(totals)))
    values[:, ~unseen] = known
    values[:, unseen] = rng.exponential(mean[unseen], (len(values), int(unseen.sum())))
    expected = values.sum(axis=1)
    some = float(weights @ -np.expm1(-expected))
    if not some:
        return 0.0, 0.0, "no background expected"
    number = int(np.clip(_EVENTS / (1.0 + mean.sum()), 1000, TOYS))
    chosen = rng.choice(len(weights), size=number, p=weights * -np.expm1(-expected) / some)
    mu = expected[chosen]
    # The first event of each toy comes at an exponential time before mu, the others after it.
    first = -np.log1p(rng.random(number) * np.expm1(-mu))
    counts = 1 + rng.poisson(np.maximum(mu - first, 0.0))
    found = 0
    for toy in np.flatnonzero(counts >= needed.min()).tolist():
        own = rng.multinomial(counts[toy], values[chosen[toy]] / mu[toy])
        inside = np.zeros(len(needed), dtype=np.int64)
        for channel, n in enumerate(own.tolist()):
            events = np.sort(_masses(spectra[channel], n, rng))
            low, high = ends[:, channel]
            inside += np.searchsorted(events, high, side="right") - np.searchsorted(events, low, side="left")
        found += bool((inside >= needed).any())
    p = (found + 1) / (number + 1)  # never zero: the data are one more experiment
    error = max(float(np.sqrt(p * (1 - p) / number)), 1 / number)
    return some * p, some * error, f"toys, n={number}, of experiments with an event"


def _masses(spectrum: MassSpectrum, n: int, rng: np.random.Generator) -> Floats:
    shares = spectrum.contents.clip(0.0)
    if not shares.sum():  # no pair was seen at any mass
        shares = np.diff(spectrum.edges)
    place = rng.choice(len(shares), size=n, p=shares / shares.sum())
    return np.asarray(spectrum.edges[place] + np.diff(spectrum.edges)[place] * rng.random(n))


def global_p_value(
    searches: Sequence[MassSearch],
    windows: Sequence[Sequence[MassWindow]],
    p_local: Sequence[float],
    common: Floats,
    seed: int = 1,
) -> tuple[float, float, str]:
    """Return the probability of a local p-value as small as the smallest one, its error, and how it was found.

    Parameters
    ----------
    searches : sequence of MassSearch
        One for each channel.
    windows : sequence of sequence of MassWindow
        For each candidate mass one of each channel.
    p_local : sequence of float
        P(N >= n) of the counts of all channels together, one for each mass.
    common : ndarray, shape (channels, channels)
        As for `with_common`.
    seed : int
        Of the toys.
    """
    smallest = min(p_local)
    if all(isinstance(search.spectrum, Background) for search in searches):
        return smallest, 0.0, "upper bound, since no window holds more than the whole region"
    if smallest >= 1:
        return 1.0, 0.0, "no event in any window"
    spectra = [search.spectrum for search in searches if isinstance(search.spectrum, MassSpectrum)]
    totals = [spectrum.background(spectrum.edges[0], spectrum.edges[-1]) for spectrum in spectra]
    cases: dict[tuple[Background, ...], tuple[int, float]] = {}
    for at in windows:
        backgrounds = tuple(window.background for window in at)
        if backgrounds not in cases:
            cases[backgrounds] = _needed(backgrounds, with_common(backgrounds, common), smallest)
    chosen = [cases[tuple(window.background for window in at)] for at in windows]
    ends = np.array([[[getattr(w, end) for w in at] for at in windows] for end in ("low", "high")])
    p, error, how = p_anywhere(
        spectra,
        totals,
        with_common(totals, common),
        ends.transpose(0, 2, 1),
        np.array([n for n, _ in chosen]),
        seed,
    )
    if p == 0:
        return smallest, 0.0, f"{how}: the local one"
    bound = sum(tail for _, tail in chosen)
    if bound < p:  # too rare for the toys
        return max(bound, smallest), 0.0, "upper bound, the sum over all windows"
    return max(p, smallest), error, how


def with_common(backgrounds: Sequence[Background], common: Floats) -> Floats:
    """Return the covariance of the backgrounds of channels: their own errors, and what different ones have in common.

    Parameters
    ----------
    backgrounds : sequence of Background
    common : ndarray, shape (channels, channels)
        Relative covariance of different channels, of errors that move the background of all masses; its diagonal is not
        used.
    """
    unseen = np.array([x.prior == "exponential" for x in backgrounds])
    errors = np.where(unseen, 0.0, [x.error for x in backgrounds])
    expected = np.array([x.expected for x in backgrounds])
    found = np.where(np.logical_or.outer(unseen, unseen), 0.0, common * np.outer(expected, expected))
    np.fill_diagonal(found, errors**2)
    return np.asarray(found)


def _needed(backgrounds: Sequence[Background], covariance: Floats, p: float) -> tuple[int, float]:
    """Return the smallest count of all channels together whose P(N >= n) is no larger than p, and that P."""
    n = 1
    while True:
        for tail in sum_tails(range(n, n + 16), backgrounds, covariance):
            if tail <= p * (1 + TIE):
                return n, tail
            n += 1
