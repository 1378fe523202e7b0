"""The open part of blinded data: where a pair lies, and which simulated candidates would be counted."""

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.analysis import scaffold
from bdana.events.open_part import OpenPart
from bdana.masses import MASS
from bdana.reconstruction import ClusterPairs, Clusters, Line, Pairs, Tracks
from tests.attacks.raw import dimuon_at
from tests.searches import with_clusters
from tests.synthetic import diphoton_event, records

PLACES = {"SR": 20.0, "CR": 46.0, "CR1": 56.0, "CR2": 64.0, "CR3": 90.0, "none": 120.0}
"""z_TAX (m) inside each envelope and no more secret one."""


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("open_part")
    scaffold(folder)
    return bdana.load(folder).gate


def events():
    return ak.Array([dimuon_at(i, 1e3 * z, 5.0, run=11001) for i, z in enumerate(PLACES.values())])


@pytest.mark.parametrize("shift", [0.0, 300.0])
def test_a_pair_is_placed_by_the_beam_line_of_the_gate_whatever_its_own_is(gate, shift):
    tracks = Tracks.of_events(events(), gate.detector)
    first = np.arange(0, 2 * len(PLACES), 2)
    line = Line(gate.beam_line.point + np.array([shift, 0.0, 0.0]), gate.beam_line.direction)
    pairs = Pairs.by_charge(tracks, first, first + 1, MASS[13], line)
    part = OpenPart(gate, {})
    assert [[*part.envelopes, "none"][i] for i in part.place(pairs)] == list(PLACES)


def test_simulated_candidates_count_as_data_of_their_place_would(gate):
    def taken(region, opened):
        regions = np.full(len(PLACES), region)
        names = [*gate.names, "outside"]
        mask = OpenPart(gate, opened).takes(regions, events(), names)
        return [name for name, counted in zip(PLACES, mask, strict=True) if counted]

    assert taken("outside", {}) == ["none"]
    assert taken("CR3", {}) == list(PLACES)  # closed: all that will be counted in the end
    assert taken("CR3", {"CR3": ["CR3"]}) == ["CR3", "none"]
    assert taken("CR3", {"CR3": ["CR3", "CR2"]}) == ["CR2", "CR3", "none"]
    assert taken("undefined", {}) == []


def test_pairs_of_clusters_are_placed_by_the_policy_of_clusters(tmp_path):
    """The envelopes are those of mass and distance, with the dump and the reference of the policy, whatever the pairs have."""
    scaffold(tmp_path)
    analysis = bdana.load(with_clusters(tmp_path))
    centres = {"SR": 0.0, "CR": 930.0, "CR1": 970.0, "CR2": 1010.0, "CR3": 1050.0, "none": 1090.0}
    found = records([diphoton_event(i, centre=(r, -22.0)) for i, r in enumerate(centres.values())])
    clusters = Clusters.of_events(found, analysis.detector)
    first = np.arange(0, 2 * len(centres), 2)
    elsewhere = Line(np.array([500.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    pairs = ClusterPairs.by_energy(clusters, first, first + 1, np.zeros(3), elsewhere, 239e3)
    part = OpenPart(analysis.gate, {})
    assert [[*part.envelopes, "none"][i] for i in part.place(pairs)] == list(centres)
    missing = part.missing(analysis.cluster_regions)
    assert missing == {"outside": ("CR3",)}
