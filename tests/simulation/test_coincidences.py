"""Halo muons and their accidental pairs: rates, asymmetry, activity, and the expectation by region."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.events import load_schema
from bdana.simulation import (
    Activity,
    Beam,
    Halo,
    SimulationConfig,
    simulate,
    simulate_bursts,
    simulate_coincidences,
)
from bdana.simulation.bursts import mean_coincidences

PUBLISHED = {"SR": 0.016, "CR": 0.17, "CR1": 0.29, "CR2": 0.58, "CR3": 1.70, "outside": 26.3}
H2 = 1 << load_schema("bdana").triggers["H2"]
Q1 = 1 << load_schema("bdana").triggers["Q1"]
FULL = SimulationConfig()


@pytest.fixture(scope="module")
def pairs():
    """Accidental pairs of a tenth of the exposure, 60 times over."""
    config = SimulationConfig(pot=1.4e16, bursts=200)
    return ak.concatenate(list(simulate_coincidences(config, seed=7, oversample=60.0)))


def time_difference(events):
    two = events[ak.num(events.tracks) == 2]
    plus_first = two.tracks.charge[:, 0] > two.tracks.charge[:, 1]
    dt = two.tracks.time[:, 0] - two.tracks.time[:, 1]
    return ak.to_numpy(ak.where(plus_first, dt, -dt))


def test_weights_add_up_to_the_expectation(pairs):
    config = SimulationConfig(pot=1.4e16, bursts=200)
    expected = mean_coincidences(config, simulate_bursts(config, 7)).sum()
    assert np.sum(pairs.weight) == pytest.approx(expected, rel=0.02)
    assert (pairs.trigger == H2).to_numpy().all()


def test_time_difference_is_flat_inside_the_window(pairs):
    counts, _ = np.histogram(time_difference(pairs), bins=16, range=(-8.0, 8.0))
    chi2 = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    assert chi2 < 40.0  # 15 degrees of freedom: p = 5e-4
    assert counts.min() > 1000


def test_charges_are_as_unequal_as_chosen(pairs):
    charge = ak.to_numpy(ak.flatten(pairs.tracks.charge))
    assert np.mean(charge == 1) / np.mean(charge == -1) == pytest.approx(2.0, rel=0.03)
    two = pairs[ak.num(pairs.tracks) == 2].tracks.charge
    product = two[:, 0] * two[:, 1]
    assert ak.sum(product == -1) / ak.sum(product == 1) == pytest.approx(0.80, rel=0.03)


def test_lav_hits_are_flat_accidentals_and_hits_of_the_muon():
    config = SimulationConfig(pot=4e15, bursts=20, beam=Beam(intensity_rms=0.0))
    quiet = replace(config, activity=Activity(lav_correlated=0.0))
    for settings, in_time in ((quiet, 0.0), (config, 0.05)):
        events, _ = simulate(settings, seed=1)
        near = ak.sum(abs(events.lav.time - events.trigger_time) < 5.0, axis=1)
        far = ak.sum(abs(events.lav.time - events.trigger_time) > 20.0, axis=1)
        assert np.mean(far) == pytest.approx(60e-3, rel=0.07)  # 1 MHz for 60 ns
        assert np.mean(near) == pytest.approx(10e-3 + in_time, rel=0.15)


def test_estimate_from_single_tracks_is_the_expectation():
    """The sum of D^2 (W / T_k) n+ n- over bursts is the expected number of pairs in the window."""
    beam = Beam(intensity_rms=float(np.sqrt(np.expm1(0.6**2))), downscale=225.0)
    activity = Activity(lav_mhz=0.0, irc_mhz=0.0, sac_mhz=0.0, lkr_mhz=0.0, muv3_mhz=0.0)
    config = SimulationConfig(pot=2.8e16, bursts=400, beam=beam, activity=activity)
    events, bursts = simulate(config, seed=11)
    single = events[(events.trigger == Q1) & (ak.num(events.tracks) == 1)]
    charge = ak.to_numpy(single.tracks.charge[:, 0])
    burst = ak.to_numpy(single.burst)
    plus, minus = (np.bincount(burst[charge == q], minlength=401)[1:] for q in (1, -1))
    window = 10e-9
    estimate = (beam.downscale**2 * window / bursts.live_time_s * plus * minus).sum()
    truth, oversample = 0.0, 40.0
    for block in simulate_coincidences(config, 11, oversample):
        two = block[ak.num(block.tracks) == 2]
        opposite = ak.to_numpy(two.tracks.charge[:, 0] * two.tracks.charge[:, 1]) == -1
        close = np.abs(ak.to_numpy(two.tracks.time[:, 0] - two.tracks.time[:, 1])) < 5.0
        truth += np.count_nonzero(opposite & close) / oversample
    assert estimate / truth == pytest.approx(1.0, abs=0.02)
    across = beam.downscale**2 * window / bursts.live_time_s.sum() * plus.sum() * minus.sum()
    assert across / truth == pytest.approx(0.70, abs=0.06), "pairing across bursts is wrong"


def test_prompt_pairs_are_an_optional_fraction_in_time():
    config = SimulationConfig(
        pot=1.4e17, bursts=100, beam=Beam(downscale=1e6), halo=Halo(prompt_fraction=0.3)
    )
    events, _ = simulate(config, seed=1)
    prompt = events[events.truth.process == 2]
    accidental = events[(events.truth.process == 0) & (events.trigger == H2)]
    assert len(prompt) / len(accidental) == pytest.approx(0.3, rel=0.05)
    assert np.abs(time_difference(prompt)).mean() < 1.0
    two = prompt[ak.num(prompt.tracks) == 2].tracks.charge
    assert ak.mean(two[:, 0] * two[:, 1] == -1) > 0.99  # but for a third, accidental track
    plain, _ = simulate(SimulationConfig(pot=1e16, bursts=10), seed=1)
    assert set(np.asarray(plain.truth.process)) == {0}


def expectation(oversample, seed):
    analysis = bdana.load()
    selection, par = analysis.selection("dimuon")
    found = dict.fromkeys(PUBLISHED, 0.0)
    for block in simulate_coincidences(FULL, seed, oversample):
        candidates = selection.apply(block, par, analysis.setup).candidates
        for region in found:
            found[region] += candidates.weight[candidates.region == region].sum()
    return found


def test_expectation_of_the_full_exposure_is_the_published_one():
    found = expectation(oversample=16.0, seed=21)
    assert sum(found.values()) == pytest.approx(sum(PUBLISHED.values()), rel=0.10)
    assert found["CR3"] == pytest.approx(PUBLISHED["CR3"], rel=0.4)


@pytest.mark.exhaustive
def test_the_expectation_by_region_is_the_published_one():
    """Within the 13% of the published expectation, and the statistics of the draw."""
    oversample = 800.0
    found = expectation(oversample, seed=22)
    for region, published in PUBLISHED.items():
        spread = np.hypot(0.13, 1.0 / np.sqrt(published * oversample))
        assert found[region] == pytest.approx(published, rel=2.0 * spread), region
