"""Electrons in the simulated detector: radiation before the magnet, energy in the calorimeter, mass of a pair."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
from scipy.special import gammaincc

import bdana
from bdana.simulation import Response, Signal, SimulationConfig, simulate
from bdana.simulation.response import radiated
from bdana.simulation.tracks import ELECTRON, MUON, Tracks


def tracks(n, species, p=50e3):
    zero = np.zeros(n)
    whole = np.zeros(n, dtype=np.int64)
    return Tracks(zero, zero, zero, zero, zero, np.full(n, p), whole + 1, zero, np.arange(n), whole + species)


@pytest.mark.parametrize("thickness", [0.009, 0.1])
def test_electrons_radiate_as_bethe_and_heitler_say(thickness):
    """On average exp(-t) of the energy is left; more than half is lost with probability Q(t/ln 2, ln 2)."""
    response = replace(Response(), electron_x0=thickness)
    left = radiated(tracks(400_000, ELECTRON), response, np.random.default_rng(1)).p / 50e3
    assert left.mean() == pytest.approx(np.exp(-thickness), abs=4e-4)
    hard = gammaincc(thickness / np.log(2.0), np.log(2.0))
    assert np.mean(left < 0.5) == pytest.approx(hard, rel=0.08)
    muons = tracks(10, MUON)
    assert radiated(muons, response, np.random.default_rng(1)) is muons


@pytest.fixture(scope="module")
def pairs():
    analysis = bdana.load()
    config = SimulationConfig(pot=1e14, bursts=5, signal=Signal(100.0, decays=30_000, mode="ee"))
    selection, par = analysis.selection("dielectron")
    return selection.apply(simulate(config, seed=3)[0], par, analysis.setup)


def test_the_mass_of_electron_pairs_has_a_tail_of_radiation_to_low_values(pairs):
    mass = pairs.candidates.mass
    assert np.median(mass) == pytest.approx(100.0, rel=0.01)
    low, high = np.mean(mass < 90.0), np.mean(mass > 110.0)
    assert 0.01 < low < 0.05
    assert high < 0.3 * low


def test_nearly_all_electrons_in_the_calorimeter_pass_the_identification(pairs):
    """Cuts of 5% are three standard deviations and more; 2% of the clusters of each electron lack energy."""
    counted = {row["cut"]: row for row in pairs.cutflow.to_list()}
    share = counted["acceptance"]["events"] / counted["e_over_p"]["n_minus_1"]
    assert 0.94 < share < 0.99


def test_the_calorimeter_measures_the_energy_behind_the_radiator():
    config = SimulationConfig(pot=1e14, bursts=5, signal=Signal(100.0, decays=20_000, mode="ee"))
    events = simulate(config, seed=3)[0]
    single = events[(ak.num(events.tracks) == 2) & (ak.num(events.lkr) == 2)]
    ratio = ak.to_numpy(ak.sum(single.lkr.energy, axis=1) / ak.sum(single.tracks.p, axis=1))
    assert np.median(ratio) == pytest.approx(1.0, abs=0.005)
