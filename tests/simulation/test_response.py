"""Resolutions of the simulated detector against the working numbers they were chosen for."""

import awkward as ak
import numpy as np
import pytest
from scipy.special import gammainc

import bdana
from bdana.detector import load_detector
from bdana.simulation import Halo, Response, Signal, SimulationConfig, simulate
from bdana.simulation.halo import draw_halo, draw_prompt_partners
from bdana.simulation.response import calorimeter, muon_veto, radiated
from bdana.simulation.tracks import ELECTRON, MUON, PION, Flight, Tracks

TAX_Z = 23_070.0
PENCIL = {"spot_mm": 0.0, "depth_mm": 1e-9}


@pytest.fixture(scope="module")
def select():
    analysis = bdana.load()
    selection, par = analysis.selection("dimuon")

    def run(**signal):
        config = SimulationConfig(pot=1e14, bursts=5, signal=Signal(decays=40_000, **signal))
        events, _ = simulate(config, seed=2)
        return selection.apply(events, par, analysis.setup).candidates

    return run


def half_68(values):
    return np.quantile(np.abs(values), 0.68)


@pytest.mark.parametrize(("mass", "sigma"), [(220.0, 0.4), (411.0, 2.0), (700.0, 3.2)])
def test_the_mass_resolution_is_the_one_chosen(select, mass, sigma):
    deviation = select(mass_mev=mass, **PENCIL).mass - mass
    assert np.std(deviation[np.abs(deviation) < 10.0]) == pytest.approx(sigma, rel=0.08)
    assert np.median(deviation) == pytest.approx(0.0, abs=0.1 * sigma)


@pytest.mark.parametrize(
    ("settings", "z_m", "cda_mm", "in_sr"),
    [
        (PENCIL, 1.9, 2.3, 0.97),
        (PENCIL | {"p_max_mev": 100e3}, 2.6, 3.4, None),
        ({}, 4.5, 5.5, 0.93),  # beam spot of 5 mm, production 153 mm deep
    ],
)
def test_pointing_back_to_the_tax(select, settings, z_m, cda_mm, in_sr):
    found = select(mass_mev=411.0, **settings)
    depth = settings.get("depth_mm", 153.0)
    assert half_68(found.z_tax - TAX_Z - depth) / 1e3 == pytest.approx(z_m, rel=0.12)
    assert half_68(found.cda_tax) == pytest.approx(cda_mm, rel=0.12)
    if in_sr:
        assert np.mean(found.region == "SR") == pytest.approx(in_sr, abs=0.01)


@pytest.fixture(scope="module")
def events():
    return simulate(SimulationConfig(pot=3e15, bursts=10), seed=5)[0]


def test_muons_are_minimum_ionising_in_the_calorimeter(events):
    single = events[(ak.num(events.tracks) == 1) & (ak.num(events.lkr) == 1)]
    energy = ak.to_numpy(ak.flatten(single.lkr.energy))
    assert np.median(energy) == pytest.approx(600.0, rel=0.05)


def test_tails_of_the_track_fit(events):
    chi2 = ak.to_numpy(ak.flatten(events.tracks.chi2))
    assert 0.0 < np.mean(np.isnan(chi2)) < 0.003
    assert 0.0005 < np.mean(chi2 > 20.0) < 0.01
    chambers = ak.to_numpy(ak.flatten(events.tracks.n_chambers))
    assert set(chambers) == {3, 4}


def test_the_kick_bends_positive_tracks_to_negative_x(events):
    tracks = ak.flatten(events.tracks)
    kick = ak.to_numpy(tracks.charge * tracks.p * (tracks.tx_after - tracks.tx_before))
    assert np.median(kick) == pytest.approx(-270.0, rel=0.01)
    assert np.median(np.abs(tracks.ty_after - tracks.ty_before)) < 1e-4


def test_muon_veto_tiles_are_on_their_grid(events):
    x = ak.to_numpy(ak.flatten(events.muv3.x))
    place = np.abs(x / 220.0 - 0.5)
    on_grid = np.abs(place - np.round(place)) < 1e-4
    assert 0.2 < on_grid.mean() <= 1.0


def straight(species, p, n):
    """Particles of one species and momentum through the calorimeter, 500 mm beside the beam."""
    at, none = np.full(n, 500.0), np.zeros(n)
    return Tracks(
        at, at, none + 180e3, none, none, none + p, np.ones(n, dtype=int), none, np.arange(n), np.full(n, species)
    )  # fmt: skip


def respond(simulate_hits, species, p, n=20_000, **settings):
    tracks, detector = straight(species, p, n), load_detector("na62")
    flight = Flight.of(tracks, detector.magnet)
    return simulate_hits(tracks, flight, detector, Response(**settings), np.random.default_rng(1))


@pytest.mark.parametrize("p", [10e3, 20e3, 80e3])
def test_electrons_are_measured_with_the_resolution_of_the_calorimeter(p):
    ratio = respond(calorimeter, ELECTRON, p, electron_tail_fraction=0.0).fields["energy"] / p
    gev = p / 1e3
    expected = np.sqrt((0.048 / np.sqrt(gev)) ** 2 + (0.11 / gev) ** 2 + 0.009**2)
    assert np.mean(ratio) == pytest.approx(1.0, abs=1e-3)
    assert np.std(ratio) == pytest.approx(expected, rel=0.03)


def test_some_electrons_lose_energy_in_front_of_the_calorimeter():
    ratio = respond(calorimeter, ELECTRON, 80e3, electron_tail_fraction=0.1).fields["energy"] / 80e3
    assert 0.03 < np.mean(ratio < 0.95) < 0.09
    assert np.mean(ratio > 1.05) < 1e-3


def test_pions_are_minimum_ionising_or_shower():
    ratio = respond(calorimeter, PION, 40e3, pion_mip_fraction=0.4).fields["energy"] / 40e3
    minimum = np.abs(ratio - 0.6 / 40) < 0.01
    assert np.mean(minimum) == pytest.approx(0.4, abs=0.02)
    assert np.mean(ratio[~minimum]) == pytest.approx(0.5, abs=0.02)
    assert np.max(ratio) < 1.0


@pytest.mark.parametrize(("species", "expected"), [(ELECTRON, 0.0), (MUON, 0.995), (PION, 0.01)])
def test_only_muons_and_few_pions_reach_the_muon_veto(species, expected):
    hits = respond(muon_veto, species, 40e3)
    assert len(hits.event) / 20_000 == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("x0", [0.009, 0.3])
def test_electrons_radiate_before_the_magnet(x0):
    """Of the energy, exp(-u) is left: its mean is exp(-t), and P(u < x) the incomplete gamma function."""
    electrons = straight(ELECTRON, 40e3, 200_000)
    left = radiated(electrons, Response(electron_x0=x0), np.random.default_rng(1)).p / electrons.p
    assert np.mean(left) == pytest.approx(np.exp(-x0), rel=2e-3)
    for part in (0.99, 0.9, 0.5):
        assert np.mean(left > part) == pytest.approx(gammainc(x0 / np.log(2.0), -np.log(part)), abs=4e-3)


@pytest.mark.parametrize("species", [MUON, PION])
def test_only_electrons_radiate(species):
    rng, untouched = np.random.default_rng(1), np.random.default_rng(1)
    tracks = straight(species, 40e3, 10)
    assert radiated(tracks, Response(electron_x0=0.5), rng) is tracks
    assert rng.random() == untouched.random(), "samples of muons keep their events"


def test_the_halo_is_made_of_muons():
    rng = np.random.default_rng(1)
    halo = draw_halo(Halo(), load_detector("na62"), rng, np.arange(50), np.zeros(50))
    partners = draw_prompt_partners(Halo(), rng, halo)
    assert set(halo.species.tolist()) == set(partners.species.tolist()) == {MUON}


@pytest.mark.parametrize(("mode", "selection"), [("mumu", "dimuon"), ("ee", "dielectron"), ("pipi", None)])
def test_each_mode_is_taken_by_its_own_selection(mode, selection):
    analysis = bdana.load()
    config = SimulationConfig(pot=1e14, bursts=5, signal=Signal(mass_mev=411.0, mode=mode, decays=10_000))
    events, _ = simulate(config, seed=2)
    for name in ("dimuon", "dielectron"):
        chosen, par = analysis.selection(name)
        found = chosen.apply(events, par, analysis.setup).candidates
        if name == selection:
            assert 0.25 < len(found) / 10_000 < 0.5
            assert np.median(found.mass) == pytest.approx(411.0, abs=1.0)
        else:
            assert len(found) / 10_000 < 1e-3
