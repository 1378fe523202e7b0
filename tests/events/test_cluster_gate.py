"""The gate for pairs of clusters: which are closed, in what order, and that nobody selects clusters without a rule."""

import shutil

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.analysis import AnalysisFolder, template_folder
from bdana.errors import BlindingError, ConfigError
from bdana.events import GATE_COLUMNS, EventArrays
from bdana.events.gate import CLUSTER_COLUMNS
from bdana.regions import ClusterBox, Envelopes
from tests.synthetic import dimuon_event, diphoton_event, good_bursts, policy_with_clusters, records


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("clusters")
    for name in ("selections", "backgrounds", "blinding"):
        shutil.copytree(template_folder() / name, made / name)
    shutil.copy(template_folder() / "analysis.toml", made)
    policy = made / "blinding" / "policy.toml"
    policy.write_text(policy_with_clusters(policy.read_text()))
    return made


@pytest.fixture(scope="module")
def analysis(folder):
    return bdana.load(folder)


@pytest.fixture(scope="module")
def gate(analysis):
    return analysis.gate


STAGES = ("SR", "CR", "CR1", "CR2", "CR3")
SR, OPEN = 0, len(STAGES)
NAN, INF = float("nan"), float("inf")


def edited(**cluster):
    event = diphoton_event()
    event["lkr"][0] |= cluster
    return event


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, SR),
        ({"energy": 800.0}, OPEN),
        ({"energy": NAN}, SR),
        ({"energy": INF}, SR),
        ({"energy": -INF}, SR),
        ({"time": 10.0 + 9.99}, SR),
        ({"time": 10.0 + 10.01}, OPEN),
        ({"time": NAN}, SR),
        ({"time": -INF}, SR),
        ({"x": NAN}, SR),
        ({"y": INF}, SR),
        ({"y": NAN, "time": 25.0}, OPEN),  # not known where, but known to be out of time
    ],
)
def test_what_is_a_closed_pair_of_clusters(gate, fields, expected):
    assert gate.secrecy(records([edited(**fields)]))[0] == expected


@pytest.mark.parametrize(
    ("centre", "expected"), [(0.0, "SR"), (515.0, "SR"), (560.0, "CR"), (660.0, "CR1"), (810.0, "CR2"), (915.0, "CR3"), (925.0, None)]
)  # fmt: skip
def test_the_stage_is_that_of_the_distance_of_the_centre(gate, centre, expected):
    found = gate.secrecy(records([diphoton_event(centre=(centre, -22.0))]))[0]
    assert found == (STAGES.index(expected) if expected else OPEN)


@pytest.mark.parametrize(
    ("mass", "expected"), [(5.0, OPEN), (8.0, 4), (100.0, SR), (800.0, 1), (1300.0, OPEN)]
)
def test_and_that_of_the_mass_in_the_middle_of_the_decay_volume(gate, mass, expected):
    assert gate.secrecy(records([diphoton_event(mass=mass, z=142.5e3)]))[0] == expected


@pytest.mark.parametrize(("apart", "expected"), [(0.0, OPEN), (1.99, OPEN), (2.0, SR), (-2.5, SR), (NAN, SR)])
def test_a_track_in_time_makes_the_pair_open(gate, apart, expected):
    event = diphoton_event()
    event["tracks"][0]["time"] = 10.0 + apart
    assert gate.secrecy(records([event]))[0] == expected


def test_an_event_goes_with_its_most_secret_pair_of_either_kind(gate):
    photons, muons = diphoton_event(centre=(600.0, 0.0)), dimuon_event()
    far = diphoton_event(centre=(650.0, 0.0))
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


def test_closed_pairs_of_clusters_are_dropped_at_reading(analysis):
    events = [diphoton_event(0), diphoton_event(1, centre=(0.0, 930.0)), diphoton_event(2, mass=300.0)]
    run = analysis.select(arrays(events), selection="diphoton", kind="data")
    assert run.candidates.event.tolist() == [1]
    assert [region.name for region in run.regions] == ["outside"]
    assert run.cutflow.rows[0].events == 1


def test_simulation_is_selected_in_every_region(analysis):
    events = [
        diphoton_event(0),
        diphoton_event(1, centre=(550.0, 0.0)),
        diphoton_event(2, centre=(0.0, 930.0)),
    ]
    run = analysis.select(arrays(events), selection="diphoton", kind="mc")
    assert run.candidates.region.tolist() == ["SR", "CR", "outside"]
    assert run.candidates.cda_tax == pytest.approx([np.hypot(380, 172), np.hypot(550, 22), 952.0], abs=0.1)


def test_files_without_clusters_are_refused(analysis):
    events = records([diphoton_event()])
    without = events[[name for name in ak.fields(events) if name != "lkr"]]
    with pytest.raises(BlindingError, match=r"lacks lkr\.energy, lkr\.x, lkr\.y, lkr\.time"):
        analysis.select(EventArrays(without, bursts=good_bursts()), selection="dimuon", kind="data")


@pytest.mark.parametrize("events", [[], [dimuon_event()], [diphoton_event(centre=(0.0, 930.0))]])
def test_without_a_rule_no_data_are_selected_whatever_they_hold(events):
    analysis = bdana.load(template_folder())
    some = arrays([*events, diphoton_event(9)][: max(len(events), 1)])
    with pytest.raises(BlindingError, match=r"no table \[clusters\]"):
        analysis.select(some, selection="diphoton", kind="data")
    with pytest.raises(BlindingError, match=r"no table \[clusters\]"):
        analysis.select(some, selection="diphoton", kind="pseudo")
    assert len(analysis.select(some, selection="dimuon", kind="data").candidates) == 0


def test_a_selection_with_softer_clusters_than_the_rule_stops_at_a_closed_pair(folder):
    """Its pairs are judged once more, whatever their energy."""
    looser = bdana.load(folder, overrides=["selection.diphoton.min_energy_gev=0.3"])
    soft = diphoton_event(mass=30.0, energies=(60_000.0, 500.0))
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        looser.select(arrays([soft]), selection="diphoton", kind="data")


def test_a_selection_whose_pairs_move_into_an_envelope_stops(folder):
    """Another beam line moves the centre's distance; the rule has its own."""
    moved = bdana.load(folder, overrides=["beam_line.point_mm=[0.0, 500.0, 23070.0]"])
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        moved.select(arrays([diphoton_event(centre=(0.0, 930.0))]), selection="diphoton", kind="data")


def test_a_policy_has_clusters_in_every_stage_or_in_none(folder, tmp_path):
    text = (folder / "blinding" / "policy.toml").read_text()
    for wrong, said in (
        (text.replace("[stages.CR1.clusters]\nmass_min_mev = 11.0\nmass_max_mev = 950.0\ncentre_max_mm = 720.0\n", ""), r"add \[stages.CR1.clusters\]"),
        (text.replace("centre_max_mm = 520.0", "centre_max_mm = 490.0"), "region SR of pairs of clusters leaves"),
        (text.replace("max_dt_ns = 10.0\nmin_energy_gev", 'max_dt_ns = "10"\nmin_energy_gev'), "max_dt_ns"),
        (text.replace("mass_max_mev = 750.0", "mass_max_mev = 17.0"), "region SR is empty: mass_min_mev must be below"),
    ):  # fmt: skip
        assert wrong != text
        there = tmp_path / str(len(said))
        shutil.copytree(folder, there)
        (there / "blinding" / "policy.toml").write_text(wrong)
        with pytest.raises(ConfigError, match=said):
            bdana.load(there).gate  # noqa: B018


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
