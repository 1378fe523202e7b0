"""The spectrum at production: it closes in every bin, on simulated muons and in its own pseudo-experiments."""

import numpy as np
import pytest
from hepunits import GeV, m

from bdana.errors import InputError
from bdana.upstream import IRON, Block, MuonStates, backward, forward, spectrum
from bdana.upstream.spectrum import production_spectrum, seen_above, simulate_response, spectrum_edges

BEAM = 400 * GeV

BLOCKS = [Block(IRON, 0.0, 3 * m)]
THRESHOLD = 10 * GeV


@pytest.fixture(scope="module")
def falling():
    """Energies of a falling spectrum, and of those that are seen after 3 m of iron what is carried back."""
    rng = np.random.default_rng(2)
    true = 8 * GeV * (1.0 - rng.random(60_000)) ** (-1 / 1.5)
    true = true[true < 200 * GeV]
    zeros = np.zeros(len(true))
    down = forward(MuonStates(zeros, zeros, zeros, zeros, true, 0.0), BLOCKS, rng)
    back = backward(down.take(down.energy >= THRESHOLD), BLOCKS, rng, BEAM).energy
    edges = spectrum_edges(back, np.ones(len(back)), seen_above(THRESHOLD, BLOCKS, rng, BEAM), 10, BEAM)
    return true, back, edges


def test_the_unfolding_closes_in_every_bin(falling):
    """Unfolding finds the spectrum within its error; what it is given is not that."""
    true, back, edges = falling
    found = production_spectrum(back, np.ones(len(back)), edges, BLOCKS, np.random.default_rng(3), THRESHOLD)
    counts = np.histogram(true, edges)[0]
    assert found.unfolded.all()
    assert counts.min() > 20
    pulls = (found.counts - counts) / np.sqrt((found.covariance + found.response_covariance).diagonal())
    assert np.abs(pulls).max() < 3.0
    assert np.sqrt(np.mean(pulls**2)) < 1.5
    before = (np.histogram(back, edges)[0] - counts) / np.sqrt(counts)
    assert np.abs(before).max() > 4.0


def test_the_number_of_iterations_is_the_smallest_that_closes(falling):
    _, back, edges = falling

    def pulls(iterations):
        rng = np.random.default_rng(4)
        return production_spectrum(back, np.ones(len(back)), edges, BLOCKS, rng, THRESHOLD, iterations)

    chosen = pulls(None)
    assert chosen.closure.rms_pull < 1.1
    assert pulls(1).closure.rms_pull > 1.5
    before = spectrum.ITERATIONS[spectrum.ITERATIONS.index(chosen.iterations) - 1]
    assert pulls(before).closure.rms_pull > chosen.closure.rms_pull - 0.02
    assert 1 < chosen.iterations < 64
    assert pulls(7).iterations == 7


def test_fewer_simulated_muons_make_a_larger_error(falling, monkeypatch):
    _, back, edges = falling
    found = []
    for generated in (60_000, 6_000):
        monkeypatch.setattr(spectrum, "GENERATED", generated)
        rng = np.random.default_rng(5)
        found.append(production_spectrum(back, np.ones(len(back)), edges, BLOCKS, rng, THRESHOLD, 4))
    large, small = (np.sqrt(np.trace(f.response_covariance)) for f in found)
    assert small / large == pytest.approx(np.sqrt(10), rel=0.35)
    # The error is the spread of what independent responses give.
    monkeypatch.setattr(spectrum, "GENERATED", 3_000)
    runs = [
        production_spectrum(back, np.ones(len(back)), edges, BLOCKS, np.random.default_rng(s), THRESHOLD, 4)
        for s in range(12)
    ]
    spread = np.std([r.counts for r in runs], axis=0, ddof=1)
    quoted = np.sqrt(np.mean([r.response_covariance.diagonal() for r in runs], axis=0))
    assert np.sqrt(np.mean((spread / quoted) ** 2)) == pytest.approx(1.0, abs=0.3)


def test_a_bin_that_is_not_seen_is_not_unfolded():
    """Muons of 4 to 6 GeV stop: their bin is flagged and empty, and says nothing about the others."""
    rng = np.random.default_rng(6)
    edges = np.array([4.0, 6.0, 20.0, 60.0]) * GeV
    energy = rng.uniform(6 * GeV, 60 * GeV, 5_000)
    found = production_spectrum(energy, np.ones(5_000), edges, BLOCKS, rng, THRESHOLD, 4)
    assert found.unfolded.tolist() == [False, True, True]
    assert found.efficiency[0] < 0.01
    assert found.counts[0] == found.covariance[0, 0] == found.response_covariance[0, 0] == 0.0
    assert found.closure.true[0] == found.closure.unfolded[0] == 0.0


def test_columns_of_a_response_hold_every_muon():
    rng = np.random.default_rng(7)
    edges = np.array([6.0, 20.0, 60.0, 150.0]) * GeV
    response = simulate_response(np.empty(0), np.empty(0), edges, BLOCKS, THRESHOLD, rng)
    assert response.shape == (4, 3)
    assert np.all(response.sum(axis=0) == spectrum.GENERATED // 3)


def test_edges_begin_where_muons_are_seen_and_end_with_tracks():
    rng = np.random.default_rng(8)
    lowest = seen_above(THRESHOLD, BLOCKS, rng, BEAM)
    at = np.full(4_000, lowest)
    zeros = np.zeros(4_000)
    down = forward(MuonStates(zeros, zeros, zeros, zeros, at, 0.0), BLOCKS, rng)
    assert np.mean(down.energy >= THRESHOLD) == pytest.approx(0.5, abs=0.1)
    energy = np.concatenate([rng.uniform(15 * GeV, 100 * GeV, 1_000), np.full(24, 300 * GeV)])
    edges = spectrum_edges(energy, np.full(len(energy), 7.0), lowest, 10, BEAM)
    assert edges[0] == lowest
    assert edges[-1] == 400 * GeV
    assert edges[-2] < 100 * GeV  # 24 tracks are too few for a bin of their own
    few = spectrum_edges(np.full(3, 50 * GeV), np.ones(3), lowest, 10, BEAM)
    assert few.tolist() == [lowest, 400 * GeV]


def test_spectra_without_muons_are_refused():
    rng = np.random.default_rng(9)
    edges = np.array([6.0, 20.0]) * GeV
    with pytest.raises(InputError, match="no muon has an energy between"):
        production_spectrum(np.array([5 * GeV]), np.ones(1), edges, BLOCKS, rng)
    with pytest.raises(InputError, match="do not arrive"):
        spectrum_edges(np.ones(3), np.ones(3), 400 * GeV, 10, BEAM)
