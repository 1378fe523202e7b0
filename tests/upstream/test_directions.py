"""Places and slopes at production: their spread is found, and muons come down as wide as the tracks are."""

from dataclasses import replace

import numpy as np
import pytest
from hepunits import GeV, m

from bdana.upstream import COPPER, IRON, Block, MuonStates, backward, forward, unfold_directions
from bdana.upstream.directions import close_directions

BEAM = 400 * GeV

BLOCKS = [Block(COPPER, 23 * m, 24.6 * m), Block(IRON, 95 * m, 96 * m)]


def tracks(place, slope, n=12_000, seed=1):
    """Muons of given widths at production (mm, rad), and their tracks after the matter."""
    rng = np.random.default_rng(seed)
    energy = np.exp(rng.uniform(np.log(30 * GeV), np.log(150 * GeV), n))
    x, y = rng.normal(0.0, place, (2, n))
    tx, ty = rng.normal(0.0, slope, (2, n)) + 0.05 * np.stack([x, y]) * slope / place
    true = MuonStates(x, y, tx + 1e-3, ty, energy, BLOCKS[0].z_min)
    down = forward(true, BLOCKS, rng)
    arrived = down.energy > 10 * GeV
    return true.take(arrived), down.take(arrived)


def widths(muons, weights=None):
    values = np.array([muons.x, muons.y, muons.tx, muons.ty])
    return np.sqrt(np.cov(values, aweights=weights).diagonal())


def carried_back(seen, seed=2):
    rng = np.random.default_rng(seed)
    made = backward(seen, BLOCKS, rng, BEAM)
    return made, unfold_directions(made, np.ones(len(made.x)), BLOCKS, 10 * GeV, rng)


def test_widths_at_production_are_found_and_those_of_the_tracks_come_back():
    true, seen = tracks(300.0, 8e-3)
    made, directions = carried_back(seen)
    assert not directions.unresolved.any()
    # Straight lines are too wide at production, and come down wider still.
    assert np.all(widths(made)[2:] > 1.08 * widths(true)[2:])
    assert widths(directions.muons) == pytest.approx(widths(true), rel=0.04)
    assert directions.muons.tx.mean() == pytest.approx(1e-3, abs=3e-4)
    closure = close_directions(
        made,
        directions,
        np.ones(len(seen.x)),
        np.ones(len(seen.x)),
        BLOCKS,
        10 * GeV,
        np.random.default_rng(3),
    )
    assert closure.measured == pytest.approx(widths(seen), rel=1e-3)
    assert np.all(closure.straight > 1.04 * closure.measured)
    assert closure.unfolded == pytest.approx(closure.measured, rel=0.03)
    assert closure.seen == pytest.approx(closure.unfolded)


def test_place_and_slope_keep_their_correlation():
    true, seen = tracks(300.0, 8e-3)
    _, directions = carried_back(seen)
    at = BLOCKS[-1].z_max
    found, expected = (np.corrcoef(muons.at(at).x, muons.tx)[0, 1] for muons in (directions.muons, true))
    assert found == pytest.approx(expected, abs=0.02)


def test_tracks_narrower_than_the_scattering_select_those_that_come_down_like_them():
    """A selection that only takes slopes below what scattering makes: no spread can be lower than zero."""
    _, seen = tracks(300.0, 4e-3, n=24_000)
    seen = seen.take((np.abs(seen.tx) < 3e-3) & (np.abs(seen.ty) < 3e-3))
    made, directions = carried_back(seen)
    assert directions.unresolved.mean() > 0.3
    ones = np.ones(len(seen.x))
    closure = close_directions(made, directions, ones, ones, BLOCKS, 10 * GeV, np.random.default_rng(3))
    assert np.all(closure.unfolded[2:] > 1.1 * closure.measured[2:])
    assert closure.seen == pytest.approx(closure.measured, rel=0.06)
    # The weights keep the number of muons.
    down = forward(directions.muons, BLOCKS, np.random.default_rng(4))
    weights = directions.seen(down, np.arange(len(down.x)))
    assert weights[down.energy > 10 * GeV].mean() == pytest.approx(1.0, abs=0.15)
    assert np.all(weights <= directions.largest)


def test_a_handful_of_muons_and_none_of_any_weight():
    _, seen = tracks(300.0, 8e-3, n=5)
    made = backward(seen, BLOCKS, np.random.default_rng(5), BEAM)
    few = unfold_directions(made, np.ones(len(made.x)), BLOCKS, 0.0, np.random.default_rng(5))
    assert np.all(np.isfinite(few.muons.x))
    none = unfold_directions(made, np.zeros(len(made.x)), BLOCKS, 0.0, np.random.default_rng(5))
    assert none.muons.x == pytest.approx(made.x)
    stopped = replace(made, energy=np.full(len(made.x), 10.0))
    assert unfold_directions(
        stopped, np.ones(len(made.x)), BLOCKS, 0.0, np.random.default_rng(6)
    ).muons.tx == pytest.approx(made.tx)
