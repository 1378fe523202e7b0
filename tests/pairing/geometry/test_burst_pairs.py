"""Pairs of many bursts at once: those that the search of single bursts finds, bit for bit."""

import numpy as np
import pytest

import bdana
from bdana.pairing import PairBounds
from bdana.pairing.geometry.building import built_pairs
from bdana.pairing.geometry.burst_pairs import pairs_of_bursts
from bdana.pairing.geometry.kernel import beam_numbers
from bdana.reconstruction import Line
from tests.pairing.halo import halo_columns

BOUNDS = PairBounds(20.0, 105_000.0, 180_000.0)
BEAM = beam_numbers(bdana.load().setup.beam_line)
NUMBERS = ((40, 20), (0, 5), (7, 0), (300, 250), (1, 1), (90, 120))
MASS = np.resize([105.6583755, 0.511], np.sum(NUMBERS))


def sample(rng):
    """Lines and momenta of bursts with as many positive and negative tracks as `NUMBERS`, and the places of both."""
    n = int(np.sum(NUMBERS))
    x, y, tx, ty = halo_columns(n, rng)
    x[rng.integers(n, size=3)] = (
        np.nan,
        np.inf,
        3e9,
    )  # neither, nor: paired with nothing; so far: with all in reach
    ends = np.cumsum(np.ravel(NUMBERS)).reshape(-1, 2)
    sets = np.stack([ends[:, 0] - np.array(NUMBERS)[:, 0], ends[:, 0], ends[:, 0], ends[:, 1]], axis=1)
    return Line.from_slopes(x, y, np.full(n, 183e3), tx, ty), rng.uniform(1e4, 8e4, n), sets


def apart(line, p, sets, places, *, within):
    """Pairs by the search of single bursts, each once."""
    rows = []
    for burst, (a, b, c, d) in enumerate(sets):
        one, other = places[a:b], places[c:d]
        second = None if within else (line.take(other), p[other], MASS[other])
        for block in built_pairs((line.take(one), p[one], MASS[one]), second, BOUNDS, BEAM, 1000):
            i, j = one[block.track], (one if within else other)[block.partner]
            rows += [
                (burst, *pair, *q)
                for *pair, q in zip(i, j, block.quantities.T, strict=True)
                if not within or np.flatnonzero(places == pair[0]) < np.flatnonzero(places == pair[1])
            ]
    return sorted(map(tuple, np.array([np.hstack(row) for row in rows]).tolist()))


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("size", [2, 100, 100_000])
def test_the_pairs_are_those_of_each_burst_alone(within, size):
    rng = np.random.default_rng(2)
    line, p, sets = sample(rng)
    if within:
        sets = np.concatenate([sets[:, [0, 1, 0, 1]], sets[:, [2, 3, 2, 3]]])
    places = rng.permutation(len(p))
    blocks = list(pairs_of_bursts((line, p, MASS), places, sets, BOUNDS, BEAM, size))
    found = [
        (float(burst), float(i), float(j), *q.tolist())
        for block in blocks
        for burst, i, j, q in zip(block.set_, block.first, block.second, block.quantities.T, strict=True)
    ]
    assert len(found) > 300
    assert sorted(found) == apart(line, p, sets, places, within=within)
    bursts = [set(block.set_.tolist()) for block in blocks]
    assert sum(map(len, bursts)) == len(set().union(*bursts))  # whole bursts


def test_without_bursts_there_is_nothing():
    line, p, sets = sample(np.random.default_rng(2))
    assert not list(pairs_of_bursts((line, p, MASS), np.arange(len(p)), sets[:0], BOUNDS, BEAM, 10))
