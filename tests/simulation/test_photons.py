"""Photons in the simulated detector: straight lines, clusters with the resolution of the calorimeter, and nothing else."""

from dataclasses import replace
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.events import load_schema
from bdana.signal.contract import Mode
from bdana.simulation import SimulationConfig, simulate_bursts
from bdana.simulation.decays import Dump, FlatSpectrum, check_mode, place_decays
from bdana.simulation.response import is_seen, of_either
from bdana.simulation.sample_config import Activity
from bdana.simulation.signal_events import decay_events
from bdana.simulation.tracks import Flight

QUIET = Activity(lav_mhz=0.0, irc_mhz=0.0, sac_mhz=0.0, lkr_mhz=0.0, muv3_mhz=0.0)
PHOTONS = Mode(1.0, (22, 22))
MASS, N = 120.0, 6000


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def decays_of(analysis, mode, mass=MASS, n=N, seed=2):
    rng = np.random.default_rng(seed)
    dump = Dump(analysis.detector.beam_dump.point_mm)
    return place_decays(FlatSpectrum(20e3, 200e3, 80.0).draw(n, rng), mass, mode, dump, (105e3, 180e3), rng)


def events_of(decays, mass=MASS, **changes):
    config = replace(SimulationConfig(pot=1e15, bursts=3), activity=QUIET, **changes)
    n = len(decays.z)
    return decay_events(
        config, decays, mass, np.ones(n), simulate_bursts(config, 1), range(n), np.random.default_rng(4)
    )


@pytest.fixture(scope="module")
def decays(analysis):
    return decays_of(analysis, PHOTONS)


@pytest.fixture(scope="module")
def events(decays):
    return events_of(decays)


def test_photons_make_clusters_and_no_tracks_or_hits(events):
    assert ak.sum(ak.num(events.tracks)) == ak.sum(ak.num(events.muv3)) == 0
    assert ak.sum(ak.num(events.lkr) == 2) > 1500


def test_photons_in_the_calorimeter_trigger_as_those_of_the_halo_do(analysis, decays, events):
    detector = analysis.detector
    inside = Flight.of(decays.tracks, detector.magnet).in_all(detector, detector.uses.calorimeter)
    bits = load_schema("bdana").triggers
    expected = np.array([0, 1 << bits["Q1"], 1 << bits["H2"]])
    fired = np.bincount(decays.tracks.event[inside], minlength=N)
    assert np.array_equal(ak.to_numpy(events.trigger), expected[fired])
    assert set(np.unique(events.trigger)) == set(expected)


def test_their_clusters_lie_where_straight_lines_lead(analysis, decays, events):
    lkr = analysis.detector["LKr"]
    photons = decays.tracks
    step = lkr.z_mm - photons.z
    x, y = photons.x + step * photons.tx, photons.y + step * photons.ty
    hit = lkr.contains(x, y)
    assert hit.reshape(-1, 2).sum(axis=1).tolist() == ak.num(events.lkr).tolist()
    moved = ak.to_numpy(ak.flatten(events.lkr.x)) - x[hit]
    assert abs(moved.mean()) < 0.3
    assert moved.std() == pytest.approx(SimulationConfig().response.lkr_mm, rel=0.03)


@pytest.mark.parametrize(
    ("stochastic", "noise", "constant"), [(0.048, 110.0, 0.009), (0.2, 0.0, 0.0), (0.0, 0.0, 0.05)]
)
def test_their_energy_has_the_resolution_of_the_calorimeter(analysis, decays, stochastic, noise, constant):
    response = replace(
        SimulationConfig().response,
        lkr_stochastic=stochastic, lkr_noise_mev=noise, lkr_constant=constant, electron_tail_fraction=0.0,
    )  # fmt: skip
    found = ak.to_numpy(ak.flatten(events_of(decays, response=response).lkr.energy))
    lkr = analysis.detector["LKr"]
    true = decays.tracks.p[Flight.of(decays.tracks, analysis.detector.magnet).hits(lkr)]
    sigma = true * np.sqrt(stochastic**2 / (true * 1e-3) + (noise / true) ** 2 + constant**2)
    hard = true > 5e3
    assert ((found - true) / sigma)[hard].std() == pytest.approx(1.0, rel=0.04)


def test_two_photons_share_the_momentum_and_are_isotropic(decays):
    """In the rest frame: the energy of one is flat between (E - p)/2 and (E + p)/2."""
    tracks = decays.tracks
    total = tracks.p.reshape(-1, 2).sum(axis=1)
    energy = np.hypot(decays.particles.p, MASS)
    assert total == pytest.approx(energy, rel=1e-9)
    cosine = (2.0 * tracks.p[0::2] - energy) / decays.particles.p
    assert np.histogram(cosine, 5, (-1.0, 1.0))[0] == pytest.approx(N / 5, rel=0.1)
    assert not tracks.charge.any()


def test_a_photon_is_seen_as_a_cluster_and_a_muon_as_a_track(analysis, decays):
    flight = Flight.of(decays.tracks, analysis.detector.magnet)
    assert (
        is_seen(decays.tracks, flight, analysis.detector).tolist()
        == flight.hits(analysis.detector["LKr"]).tolist()
    )
    muons = decays_of(analysis, Mode(1.0, (-13, 13)), mass=400.0, n=500)
    seen = is_seen(muons.tracks, Flight.of(muons.tracks, analysis.detector.magnet), analysis.detector)
    assert seen.sum() == ak.sum(ak.num(events_of(muons, mass=400.0).tracks))


@pytest.mark.parametrize("products", [(22, 22, 22), (22,), (22, 13), (111, 22), ()])
def test_other_decays_with_photons_are_refused(products):
    model = SimpleNamespace(mass=300.0, modes={"gammagamma": PHOTONS, "other": Mode(1.0, products)})
    check_mode(model, "gammagamma")
    with pytest.raises(ConfigError, match=r"or into two photons are simulated: gammagamma"):
        check_mode(model, "other")


@pytest.mark.parametrize("charge", [[1, -1], [0, 0], [1, 0]])
def test_what_holds_of_particles_is_asked_for_those_that_there_are(charge):
    asked = []

    def answer(name, values):
        asked.append(name)
        return np.array(values)

    found = of_either(
        np.array(charge), lambda: answer("charged", [True, True]), lambda: answer("photons", [False, False])
    )
    assert found.tolist() == [each != 0 for each in charge]
    assert asked == ["charged"] * any(charge) + ["photons"] * (0 in charge)
