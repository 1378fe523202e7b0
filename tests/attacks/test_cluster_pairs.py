"""Pairs of clusters that must stay closed: borders, what cannot be decided, selections and policies that would show them."""

import json
import shutil

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.analysis import template_folder
from bdana.errors import BlindingError, ConfigError
from bdana.events import EventArrays
from bdana.sealing.seal_file import seal
from tests.attacks.interference import World, closed_clusters, closed_events, differences, mixed
from tests.attacks.raw import CANARY, raw_file
from tests.sealed import decrypt_events
from tests.searches import analysis_folder, sealing_of, with_clusters
from tests.synthetic import dimuon_event, diphoton_event, good_bursts, records

STAGES = ("SR", "CR", "CR1", "CR2", "CR3")
SR, OPEN = 0, len(STAGES)
NAN, INF = float("nan"), float("inf")
FAR = (0.0, 1070.0)
"""A centre outside of all envelopes."""
COMMANDS = (
    ("run",),
    ("select", "data/run{ending}"),
    ("select", "data/run{ending}", "--selection", "diphoton"),
    (
        "select",
        "data/run{ending}",
        "--selection",
        "diphoton",
        "--json",
        "--set",
        "selection.diphoton.muon_veto=false",
    ),
    ("select", "data/nothing.root", "--selection", "diphoton"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, keys):
    made = tmp_path_factory.mktemp("clusters") / "analysis"
    return with_clusters(analysis_folder(made))


@pytest.fixture(scope="module")
def analysis(folder):
    return bdana.load(folder)


@pytest.fixture(scope="module")
def gate(analysis):
    return analysis.gate


def edited(centre=(380.0, 150.0), **cluster):
    event = diphoton_event(centre=centre)
    event["lkr"][0] |= cluster
    return event


def arrays(events):
    return EventArrays(records(events), bursts=good_bursts())


@pytest.mark.parametrize("field", ["time", "energy", "x", "y"])
def test_what_cannot_be_decided_of_a_control_region_is_most_secret(gate, field):
    assert gate.secrecy(records([edited(centre=(0.0, 1030.0))]))[0] == STAGES.index("CR3")
    assert gate.secrecy(records([edited(centre=(0.0, 1030.0), **{field: NAN})]))[0] == SR


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
    ids=str,
)
def test_what_is_a_closed_pair_of_clusters(gate, fields, expected):
    assert gate.secrecy(records([edited(**fields)]))[0] == expected


@pytest.mark.parametrize(("apart", "expected"), [(0.0, OPEN), (1.99, OPEN), (2.0, SR), (-2.5, SR), (NAN, SR)])
def test_a_track_in_time_makes_the_pair_open(gate, apart, expected):
    event = diphoton_event()
    event["tracks"][0]["time"] = 10.0 + apart
    assert gate.secrecy(records([event]))[0] == expected


def test_closed_pairs_of_clusters_are_dropped_at_reading(analysis):
    events = [diphoton_event(0), diphoton_event(1, centre=FAR), diphoton_event(2, mass=300.0)]
    run = analysis.select(arrays(events), selection="diphoton", kind="data")
    assert run.candidates.event.tolist() == [1]
    assert [region.name for region in run.regions] == ["outside"]
    assert run.cutflow.rows[0].events == 1


def test_files_without_clusters_are_refused(analysis):
    events = records([diphoton_event()])
    without = events[[name for name in ak.fields(events) if name != "lkr"]]
    with pytest.raises(BlindingError, match=r"lacks lkr\.energy, lkr\.x, lkr\.y, lkr\.time"):
        analysis.select(EventArrays(without, bursts=good_bursts()), selection="dimuon", kind="data")


@pytest.mark.parametrize(
    "events", [[], [dimuon_event()], [diphoton_event(centre=FAR)]], ids=["nothing", "muons", "photons"]
)
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
        moved.select(arrays([diphoton_event(centre=FAR)]), selection="diphoton", kind="data")


CR1 = "[stages.CR1.clusters]\nmass_min_mev = 6.5\nmass_max_mev = 1650.0\ncentre_max_mm = 995.0\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(CR1, "", r"add \[stages.CR1.clusters\]", id="stage without"),
        pytest.param(
            "centre_max_mm = 915.0",
            "centre_max_mm = 890.0",
            "region SR of pairs of clusters leaves",
            id="region outside",
        ),
        pytest.param(
            "track_dt_ns = 2.0", 'track_dt_ns = "2.0"', r"\[clusters\] track_dt_ns", id="text for a number"
        ),
        pytest.param(
            "mass_max_mev = 1450.0",
            "mass_max_mev = 8.0",
            "region SR is empty: mass_min_mev must be below",
            id="empty envelope",
        ),
        pytest.param(
            "centre_max_mm = 955.0", "centre_max_mm = 910.0", "region SR is not inside CR", id="not nested"
        ),
    ],
)
def test_a_policy_that_opens_too_much_is_refused(folder, tmp_path, old, new, message):
    there = shutil.copytree(folder, tmp_path / "analysis")
    policy = there / "blinding" / "policy.toml"
    assert policy.read_text().count(old) == 1
    policy.write_text(policy.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=message):
        bdana.load(there).gate  # noqa: B018


def test_envelopes_of_clusters_need_their_rule(folder, tmp_path):
    there = shutil.copytree(folder, tmp_path / "analysis")
    policy = there / "blinding" / "policy.toml"
    before, _, after = policy.read_text().partition("\n[clusters]\n")
    policy.write_text(before + "\n" + after[after.index("[stages.CR3.clusters]") :])
    with pytest.raises(ConfigError, match=r"\[stages.CR3.clusters\] needs the table \[clusters\]"):
        bdana.load(there).gate  # noqa: B018


def test_closed_pairs_of_clusters_are_in_the_sealed_files_only(tmp_path, keys, secrets):
    folder = with_clusters(analysis_folder(tmp_path / "analysis", keys=keys))
    analysis = bdana.load(folder)
    events = [
        diphoton_event(1, run=11001),
        diphoton_event(2, run=11001, centre=FAR),
        diphoton_event(3, run=11001, centre=(0.0, 910.0)),
        dimuon_event(4, run=11001),
    ]
    events[0]["lkr"][0]["energy"] = CANARY
    raw = raw_file(tmp_path / "run.root", events)
    seal(raw, tmp_path, sealing_of(analysis, keys, secrets))
    raw.unlink()
    found = {
        stage: decrypt_events((tmp_path / f"run.{stage}.age").read_bytes(), str(secrets[stage]), "run")
        for stage in STAGES
    }
    assert {stage: some.event.tolist() for stage, some in found.items() if some is not None} == {
        "SR": [1, 4],
        "CR": [3],
    }
    for path in tmp_path.glob("run*"):
        assert np.float64(CANARY).tobytes() not in path.read_bytes()
    run = analysis.select([tmp_path / "run.open.root"], selection="diphoton")
    assert run.candidates.event.tolist() == [2]


def test_an_open_pair_of_clusters_in_sealed_data_that_a_new_policy_closes_is_an_error(
    tmp_path, keys, secrets
):
    """Sealed without pairs of clusters: the data must be sealed again."""
    folder = analysis_folder(tmp_path / "analysis", keys=keys)
    raw = raw_file(
        tmp_path / "run.root", [diphoton_event(1, run=11001), diphoton_event(2, run=11001, centre=FAR)]
    )
    seal(raw, tmp_path, sealing_of(bdana.load(folder), keys, secrets))
    with pytest.raises(
        BlindingError, match=r"made with another blinding/policy\.toml; seal the raw data again"
    ):
        bdana.load(with_clusters(folder)).select([tmp_path / "run.open.root"], selection="diphoton")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory, keys):
    return {
        sealed: World(
            tmp_path_factory.mktemp("world") / "analysis", keys, sealed=sealed, prompt=False, clusters=True
        )
        for sealed in (True, False)
    }


@pytest.mark.usefixtures("stopped_clocks", "undrawn")
@pytest.mark.parametrize("sealed", [True, False])
def test_closed_pairs_of_clusters_change_nothing_that_is_visible(worlds, sealed):
    """As closed pairs of tracks do: events that differ only in them give the same files, words and codes."""
    world, rng = worlds[sealed], np.random.default_rng(3)
    tracks = [dimuon_event(i, run=11001, origin=(800.0, -22.0, 23_070.0)) for i in range(20)]
    photons = [diphoton_event(100 + i, run=11001, centre=(20.0 * i, 1070.0)) for i in range(6)]
    events, bursts = records([*tracks, *photons]), good_bursts(run=11001)
    assert (world.gate.secrecy(events) == OPEN).all()
    views = []
    for number in (0, 300) if sealed else (0, "nan"):  # a file with NaN is not sealed
        closed = [*closed_clusters(number, rng, world.gate), *closed_events(number, rng, world.gate)]
        world.put(mixed(events, closed, rng), bursts)
        views.append(world.visible(COMMANDS))
    assert [views[0][" ".join(command)][0] for command in COMMANDS] == [0, 0, 0, 0, 2]
    assert views[0]["output/data/candidates.csv"].count(b"\n") == 7
    assert len(json.loads(views[0][" ".join(COMMANDS[3])][1])["cutflow"]) > 5
    for view in views[1:]:
        assert differences(views[0], view) == []
