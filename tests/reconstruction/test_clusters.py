"""Pairs of clusters: mass, decay point and centre of two photons from the dump."""

import numpy as np
import pytest
import vector

from bdana.detector import load_detector
from bdana.errors import MissingColumnError
from bdana.reconstruction import ClusterPairs, Clusters, Line, two_photon_mass
from bdana.signal.contract import Mode
from bdana.simulation.decays import Dump, FlatSpectrum, place_decays
from bdana.simulation.tracks import Flight
from tests.synthetic import diphoton_event, records

NA62 = load_detector("na62")
DUMP = np.array([0.0, -22.0, 23_070.0])
AXIS = Line(DUMP, np.array([0.0, 0.0, 1.0]))
LKR = 241_093.0


def pairs_of(events, hypothesis=np.nan, reference_z=142_500.0):
    clusters = Clusters.of_events(records(events), NA62)
    one = np.arange(0, len(clusters), 2)
    pairs = ClusterPairs.by_energy(clusters, one, one + 1, DUMP, AXIS, reference_z)
    return ClusterPairs(pairs.first, pairs.second, DUMP, AXIS, reference_z, hypothesis)


@pytest.mark.parametrize("mass", [30.0, 135.0, 400.0])
@pytest.mark.parametrize("z", [106e3, 142.5e3, 178e3])
def test_the_mass_at_the_decay_point_and_the_decay_point_of_the_mass(mass, z):
    """The energy-weighted centre is the particle's own point to second order in the angles, 1e-4 here."""
    pairs = pairs_of([diphoton_event(mass=mass, z=z)], hypothesis=mass)
    assert pairs.mass_at(np.array([z])) == pytest.approx(mass, rel=1e-3)
    assert pairs.z_vertex == pytest.approx(z, abs=100.0)
    assert pairs.mass_at(pairs.z_vertex) == pytest.approx(mass, rel=1e-9)


def test_decays_drawn_by_the_simulation_come_back():
    """Other decays than the ones made here by hand: isotropic, with transverse momentum."""
    rng = np.random.default_rng(5)
    drawn = FlatSpectrum(20e3, 200e3, 60.0).draw(2000, rng)
    decays = place_decays(drawn, 150.0, Mode(1.0, (22, 22)), Dump(tuple(DUMP)), (105e3, 180e3), rng)
    x, y = Flight.of(decays.tracks, NA62.magnet).at(LKR)
    hit = np.isfinite(x).reshape(-1, 2).all(axis=1) & (decays.tracks.p.reshape(-1, 2).min(axis=1) > 1e3)
    events = [
        {
            "lkr": [
                {"x": x[i], "y": y[i], "energy": decays.tracks.p[i], "time": 0.0} for i in (2 * k, 2 * k + 1)
            ]
        }
        for k in np.flatnonzero(hit)
    ]
    pairs = pairs_of([diphoton_event() | event for event in events], hypothesis=150.0)
    d = LKR - decays.z[hit]
    assert len(pairs) > 500
    assert np.abs((pairs.z_vertex - decays.z[hit]) / d).max() < 5e-3
    assert np.median(np.abs((pairs.z_vertex - decays.z[hit]) / d)) < 1e-4


def test_the_mass_is_that_of_four_vectors():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 50, 3))
    energies = rng.uniform(1e3, 1e5, (2, 50))
    sums = [
        vector.array({name: energy * column / np.linalg.norm(v, axis=1) for name, column in zip(("px", "py", "pz"), v.T, strict=True)} | {"E": energy})
        for energy, v in zip(energies, (one, other), strict=True)
    ]  # fmt: skip
    expected = (sums[0] + sums[1]).mass
    assert two_photon_mass(energies[0], one, energies[1], other) == pytest.approx(expected, rel=1e-9)


def test_small_angles_keep_their_precision():
    angle = 1e-7
    one, other = np.array([[0.0, 0.0, 1.0]]), np.array([[np.sin(angle), 0.0, np.cos(angle)]])
    e = np.array([5e4])
    assert two_photon_mass(e, one, e, other) == pytest.approx(5e4 * 2 * np.sin(angle / 2), rel=1e-8)


def test_the_order_is_that_of_energies():
    for energies in ((3e4, 2e4), (2e4, 3e4)):
        pairs = pairs_of([diphoton_event(energies=energies)])
        assert (pairs.first.energy[0], pairs.second.energy[0], pairs.energy[0]) == (3e4, 2e4, 5e4)


def test_the_centre_is_weighted_with_energy_and_measured_from_the_beam_line():
    event = diphoton_event()
    event["lkr"] = [
        {"x": 100.0, "y": -22.0, "energy": 3e4, "time": 9.0},
        {"x": -300.0, "y": -22.0, "energy": 1e4, "time": 12.0},
    ]
    pairs = pairs_of([event])
    assert pairs.centre[0].tolist() == [0.0, -22.0, LKR]
    assert pairs.centre_distance[0] == pytest.approx(0.0, abs=1e-9)
    assert (pairs.separation[0], pairs.dt[0], pairs.time[0]) == (400.0, -3.0, 10.5)
    tilted = ClusterPairs(pairs.first, pairs.second, DUMP, Line(DUMP, np.array([0.001, 0.0, 1.0])), 142_500.0)
    assert tilted.centre_distance[0] == pytest.approx(0.001 * (LKR - DUMP[2]))
    nowhere = ClusterPairs(pairs.first, pairs.second, DUMP, None, 142_500.0)
    assert np.isnan(nowhere.centre_distance[0])


@pytest.mark.parametrize(
    ("change", "hypothesis"),
    [({"x": np.nan}, 100.0), ({"energy": np.nan}, 100.0), ({"energy": -4e4}, 100.0), ({}, np.nan), ({}, 0.0), ({}, 1e6), ({}, 1.0)],
)  # fmt: skip
def test_what_has_no_decay_point_has_none(change, hypothesis):
    """NaN, masses that the two cannot have, and such that would lie before the dump."""
    event = diphoton_event()
    event["lkr"][0] |= change
    assert np.isnan(pairs_of([event], hypothesis=hypothesis).z_vertex[0])


def test_pairs_that_are_taken_keep_their_own_hypothesis():
    masses = np.array([50.0, 100.0, 200.0])
    pairs = pairs_of([diphoton_event(mass=m) for m in masses], hypothesis=masses)
    kept = pairs.take(np.array([2, 0]))
    assert kept.z_vertex.tolist() == pairs.z_vertex[[2, 0]].tolist()
    assert kept.index.tolist() == [2, 0]


def test_clusters_are_read_only_and_name_what_they_lack():
    clusters = Clusters.of_events(records([diphoton_event()])[["lkr"]], NA62)
    with pytest.raises(ValueError, match="read-only"):
        clusters.energy[0] = 1.0
    without = Clusters(clusters.record[["x", "y"]], clusters.events, clusters.index, NA62)
    with pytest.raises(MissingColumnError, match=r"lkr\.energy"):
        without.energy  # noqa: B018
