"""The gate for pairs of clusters: which stage closes them, beside pairs of tracks."""

from pathlib import Path

import hist
import numpy as np
import pytest

import bdana
from bdana.analysis import AnalysisFolder, template_folder
from bdana.errors import ConfigError
from bdana.events import GATE_COLUMNS, EventArrays
from bdana.events.gate import CLUSTER_COLUMNS
from bdana.regions import ClusterBox, Envelopes
from bdana.selection import plane_histogram
from tests.searches import analysis_folder, with_clusters
from tests.synthetic import dimuon_event, diphoton_event, good_bursts, policy_with_clusters, records


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return with_clusters(analysis_folder(tmp_path_factory.mktemp("clusters") / "analysis"))


@pytest.fixture(scope="module")
def analysis(folder):
    return bdana.load(folder)


@pytest.fixture(scope="module")
def gate(analysis):
    return analysis.gate


STAGES = ("SR", "CR", "CR1", "CR2", "CR3")
SR, OPEN = 0, len(STAGES)
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("centre", "expected"), [(0.0, "SR"), (910.0, "SR"), (920.0, "CR"), (960.0, "CR1"), (1000.0, "CR2"), (1070.0, "CR3"), (1080.0, None)]
)  # fmt: skip
def test_the_stage_is_that_of_the_distance_of_the_centre(gate, centre, expected):
    found = gate.secrecy(records([diphoton_event(centre=(centre, -22.0))]))[0]
    assert found == (STAGES.index(expected) if expected else OPEN)


@pytest.mark.parametrize(
    ("mass", "expected"), [(4.0, OPEN), (5.0, 4), (100.0, SR), (1500.0, 1), (1900.0, OPEN)]
)
def test_and_that_of_the_mass_in_the_middle_of_the_decay_volume(gate, mass, expected):
    assert gate.secrecy(records([diphoton_event(mass=mass, z=142.5e3)]))[0] == expected


def test_an_event_goes_with_its_most_secret_pair_of_either_kind(gate):
    photons, muons = diphoton_event(centre=(930.0, 0.0)), dimuon_event()
    far = diphoton_event(centre=(970.0, 0.0))
    three = far | {"lkr": [*far["lkr"], *diphoton_event(mass=80.0)["lkr"]]}
    late = [cluster | {"time": 40.0} for cluster in photons["lkr"]]
    both = muons | {"lkr": late}
    events = records([photons, far, three, muons, both, photons | {"lkr": []}, photons | {"lkr": late[:1]}])
    assert gate.secrecy(events).tolist() == [1, 2, SR, SR, SR, OPEN, OPEN]


def test_clusters_change_nothing_of_events_of_tracks(gate):
    plain = bdana.load(template_folder()).gate
    events = records([dimuon_event(i, origin=(0.0, 10.0 * i, 23_070.0)) for i in range(60)])
    assert plain.secrecy(events).tolist() == gate.secrecy(events).tolist()
    assert plain.clusters is None
    assert plain.columns == GATE_COLUMNS
    assert gate.columns == (*GATE_COLUMNS, *CLUSTER_COLUMNS)


def arrays(events):
    return EventArrays(records(events), bursts=good_bursts())


def test_simulation_is_selected_in_every_region(analysis):
    events = [
        diphoton_event(0),
        diphoton_event(1, centre=(0.0, 905.0)),
        diphoton_event(2, centre=(0.0, 1065.0)),
    ]
    run = analysis.select(arrays(events), selection="diphoton", kind="mc")
    assert run.candidates.region.tolist() == ["SR", "CR", "outside"]
    assert run.candidates.cda_tax == pytest.approx([np.hypot(380, 172), 927.0, 1087.0], abs=0.1)


def test_regions_of_clusters_have_the_names_of_the_others(folder):
    with pytest.raises(ConfigError, match=r"must have the names of \[regions\]"):
        bdana.load(
            folder, overrides=["cluster_regions.XR={mass_min_mev=1.0, mass_max_mev=2.0, centre_max_mm=5.0}"]
        )


def test_a_policy_without_clusters_has_the_hash_that_people_signed(folder):
    """The table came later: what was signed without it still says the same."""
    policy = AnalysisFolder.read(template_folder()).policy
    assert "clusters" not in policy.document
    assert all("clusters" not in stage for stage in policy.document["stages"].values())
    assert "clusters" in AnalysisFolder.read(folder).policy.document


def test_the_boxes_of_clusters_are_those_of_a_plane():
    box = ClusterBox("SR", 20.0, 700.0, 500.0)
    assert box.contains([20.0, 21.0, 700.0, 300.0, np.nan], [0.0, 499.0, 0.0, 500.0, 0.0]).tolist() == [False, True, False, False, False]  # fmt: skip
    assert Envelopes((box,)).secrecy([20.0, 19.9, np.nan], [500.0, 0.0, 9e9]).tolist() == [0, 1, 0]


def test_the_tables_of_the_docs_are_those_that_are_tested(analysis):
    text = (Path(__file__).parents[2] / "docs" / "channels.md").read_text()
    assert f"```toml\n{policy_with_clusters('').lstrip()}```" in text
    assert analysis.gate.clusters.reference_z == sum(analysis.detector.volume_mm) / 2


def test_the_plane_of_a_selection_is_that_of_its_pairs(analysis):
    """Mass against distance of the centre for clusters, with the envelopes of clusters; z_TAX and CDA_TAX for tracks."""
    regions, closed = analysis.plane_of("diphoton", ["SR", "CR"])
    assert [(box.name, box.ends, box.top) for box in closed] == [
        ("SR", (9.0, 1450.0), 915.0),
        ("CR", (7.5, 1550.0), 955.0),
    ]
    assert regions.of_clusters
    assert regions.frame == ((0.0, 1800.0 + 1795.0 / 4), (20.0, 4000.0))
    tracks, envelopes = analysis.plane_of("dimuon", ["SR"])
    assert not tracks.of_clusters
    assert [box.ends for box in envelopes] == [(4e3, 42e3)]
    assert bdana.load(template_folder()).plane_of("diphoton")[1] == []
    events = [diphoton_event(i, mass=mass, z=142.5e3) for i, mass in enumerate((101.0, 104.0, 301.0))]
    plane = plane_histogram(
        analysis.select(arrays(events), selection="diphoton", kind="mc").candidates, regions
    )
    assert plane.axes.name == ("mass", "cda_tax")
    low, high = plane.axes[0].edges[[0, -1]]
    assert (low, high) == regions.frame[0]
    assert plane.values().sum() == 3.0
    assert plane[hist.loc(280.0) : hist.loc(320.0) : sum, sum].value == 1.0
    assert plane[hist.loc(80.0) : hist.loc(120.0) : sum, sum].value == 2.0
