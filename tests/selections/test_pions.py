"""Channels with pions: which tracks they take for what, the masses of their pairs, and signals through the detector."""

import numpy as np
import pytest

import bdana
from bdana.simulation import Signal, SimulationConfig, simulate
from tests.synthetic import dimuon_event, records

PARTICLES = {"muon": (0.02, True), "electron": (1.0, False), "pion": (0.5, False), "late pion": (0.02, False)}
"""E/p, and whether a tile of the muon veto fires."""
CHANNELS = {
    "dimuon": {("muon", "muon")},
    "dielectron": {("electron", "electron")},
    "dipion": {("pion", "pion"), ("pion", "late pion"), ("late pion", "late pion")},
    "pion_lepton": {("pion", "muon"), ("late pion", "muon")},
    "pion_electron": {("pion", "electron"), ("late pion", "electron")},
}


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def event(number, plus, minus):
    """A candidate of two particles."""
    found = dimuon_event(number)
    seen = [PARTICLES[name] for name in (plus, minus)]
    lkr = [
        hit | {"energy": e_over_p * track["p"]}
        for hit, track, (e_over_p, _) in zip(found["lkr"], found["tracks"], seen, strict=True)
    ]
    muv3 = [hit for hit, (_, fired) in zip(found["muv3"], seen, strict=True) if fired]
    return found | {"lkr": lkr, "muv3": muv3}


@pytest.mark.parametrize("name", CHANNELS)
def test_each_channel_takes_its_particles_and_no_others(analysis, name):
    """Of all pairs of particles, whichever of them is positive; so no event is in two channels."""
    pairs = [(plus, minus) for plus in PARTICLES for minus in PARTICLES]
    events = records([event(number, *pair) for number, pair in enumerate(pairs)])
    selection, par = analysis.selection(name)
    taken = {pairs[i] for i in selection.apply(events, par, analysis.setup).candidates.event}
    assert taken == CHANNELS[name] | {pair[::-1] for pair in CHANNELS[name]}


@pytest.mark.parametrize(
    "name", ["single_pion", "single_pion_lepton", "single_pion_electron", "single_track"]
)
def test_single_tracks_are_those_that_a_pair_of_the_channel_is_made_of(analysis, name):
    selection, par = analysis.single_track(name)
    wanted = {particle for pair in CHANNELS[selection.like] for particle in pair}
    some = []
    for number, particle in enumerate(PARTICLES):
        found = event(number, particle, "muon")
        one = {name: found[name][:1] for name in ("tracks", "lkr")}
        some.append(found | one | {"muv3": found["muv3"][:1] if PARTICLES[particle][1] else []})
    tracks = selection.apply(records([*some, dimuon_event(9)]), par, analysis.setup).tracks
    assert {list(PARTICLES)[i] for i in tracks.events.event} == wanted


def signal(model, mode, mass, name, **parameters):
    analysis = bdana.load()
    particle = Signal(mass, decays=4_000, mode=mode, model=model, parameters=parameters)
    events = simulate(SimulationConfig(pot=1e14, bursts=5, signal=particle), seed=3)[0]
    selection, par = analysis.selection(name)
    return selection.apply(events, par, analysis.setup)


@pytest.mark.parametrize(
    ("model", "mode", "mass", "name", "parameters"),
    [
        ("dark_scalar", "pipi", 450.0, "dipion", {}),
        ("hnl", "pimu", 700.0, "pion_lepton", {"flavour": "mu"}),
        ("hnl", "pie", 700.0, "pion_electron", {"flavour": "e"}),
    ],
)
def test_the_mass_of_the_particle_is_found_again(model, mode, mass, name, parameters):
    """With the masses of both products; as two muons the pairs would be tens of MeV off."""
    candidates = signal(model, mode, mass, name, **parameters).candidates
    assert len(candidates) > 100
    assert np.median(candidates.mass) == pytest.approx(mass, rel=0.005)


def test_both_charges_of_a_pion_and_a_lepton_are_made(analysis):
    signals = simulate(
        SimulationConfig(
            pot=1e14, bursts=5, signal=Signal(700.0, decays=2000, mode="pie", model="hnl", parameters={})
        ),
        seed=1,
    )[0]
    tracks = bdana.Tracks.of_events(signals, analysis.setup.detector)
    selection, par = analysis.selection("pion_electron")
    electron = selection.mass(tracks, par) == bdana.MASS[11]
    assert np.mean(tracks.charge[electron]) == pytest.approx(0.0, abs=0.15)
