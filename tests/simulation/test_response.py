"""Resolutions of the simulated detector against the working numbers they were chosen for."""

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.simulation import Signal, SimulationConfig, simulate

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
