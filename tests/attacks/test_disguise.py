"""Data under another name, settings that move pairs, borders, and closed numbers that somebody wants to see."""

import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import awkward as ak
import fsspec
import hist
import numpy as np
import pytest

import bdana
from bdana.analysis import template_folder
from bdana.blinding.canonical import canonical
from bdana.blinding.signing import sign
from bdana.errors import BdanaError, BlindingError, ConfigError
from bdana.events import EventArrays
from bdana.events.dataset import require_countable
from bdana.events.files import forget_files, open_events
from bdana.events.gate import Gate
from bdana.observed import Observed
from bdana.sealing.manifest import ManifestAdmission, check_open_file
from bdana.sealing.seal_file import seal
from tests.attacks.raw import canary, like_sign, of_stage, raw_file
from tests.searches import STAGES
from tests.synthetic import dimuon_event, records

TRUTH = {"truth": {"process": 1, "mass": 500.0, "p": 80e3, "z_decay": 140e3}}


@pytest.fixture
def data(tmp_path, sealing):
    """Sealed data with the raw file still beside them."""
    raw = raw_file(tmp_path / "run.root", [like_sign(1), canary(1), like_sign(2)])
    seal(raw, tmp_path, sealing)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("run.root", "data", "run.root is not sealed: data are read from NAME.open.root files"),
        ("renamed.open.root", "data", "or its signature is absent or damaged"),
        ("signal.root", "mc", r"signal.root is data and not mc, since .*run.manifest.json names it"),
        ("run.root", "mc", r"run.root is data and not mc, since .*run.manifest.json names it"),
        ("run.root", "pseudo", r"run.root is data and not pseudo, since .*run.manifest.json names it"),
        ("run.open.root", "mc", r"run.open.root is data and not mc, since .*run.manifest.json names it"),
        ("run.open.root", "pseudo", r"run.open.root is data and not pseudo, since"),
        ("run.root", "monte-carlo", "kind 'monte-carlo' is unknown"),
        ("run.root", "DATA", "kind 'DATA' is unknown"),
    ],
)
def test_data_under_another_name(data, analysis, name, kind, message):
    if not (data / name).exists():
        shutil.copy(data / "run.root", data / name)
    with pytest.raises(BdanaError, match=message):
        analysis.select([data / name], kind=kind)


@pytest.mark.parametrize("name", ["run.root", "run.open.root"])
def test_data_read_as_simulation_without_anybody_in_the_policy(data, name):
    """The manifest beside the file knows better, in a folder that is no analysis too."""
    plain = bdana.load(template_folder())
    with pytest.raises(
        BlindingError, match=rf"{name} is data and not mc, since .*run.manifest.json names it"
    ):
        plain.select([data / name], kind="mc")
    with pytest.raises(
        BlindingError, match=rf"{name} is data and not mc, since .*run.manifest.json names it"
    ):
        require_countable(open_events(data / name, "bdana"), "mc", plain.gate)
    with pytest.raises(BlindingError, match=rf"{name} is data that are not sealed"):
        require_countable(open_events(data / name, "bdana"), None, plain.gate)


def elsewhere(data, folder, name="else.root", truth=False):
    """Copy the raw events out of the reach of the manifest, by hash too."""
    folder.mkdir()
    events = [like_sign(1), canary(1)]
    return raw_file(folder / name, [event | TRUTH for event in events] if truth else events)


@pytest.mark.parametrize("kind", ["mc", "pseudo"])
def test_a_changed_copy_of_data_has_runs_of_the_data(data, tmp_path, analysis, kind):
    path = elsewhere(data, tmp_path / "copy")
    with pytest.raises(
        BlindingError, match=f"has runs of the data and no truth columns, so it is data and not {kind}"
    ):
        analysis.select([path], kind=kind)


@pytest.mark.parametrize("kind", ["mc", "pseudo"])
def test_events_in_memory_with_runs_of_the_data(analysis, kind):
    with pytest.raises(BlindingError, match=f"so it is data and not {kind}"):
        analysis.select([EventArrays(records([canary(1)]))], kind=kind)


def test_events_in_memory_are_no_sealed_data(analysis):
    with pytest.raises(BlindingError, match="arrays in memory is not sealed"):
        analysis.select([EventArrays(records([canary(1)]))], kind="data")


def served(path):
    """Return the address of a copy of a file, on a server in memory."""
    fsspec.filesystem("memory").pipe(f"/{path.name}", path.read_bytes())
    return f"memory://{path.name}"


@pytest.mark.parametrize("kind", ["mc", "pseudo"])
@pytest.mark.parametrize("name", ["run.root", "run.open.root"])
def test_remote_files_are_no_way_around_a_manifest_while_nothing_is_sealed(data, analysis, name, kind):
    gate = replace(analysis.gate, data_runs=(), admission=ManifestAdmission((data,)))
    with pytest.raises(BlindingError, match=f"memory://{name} is a remote file, which nobody can compare"):
        bdana.events.Dataset.open([served(data / name)], kind=kind, gate=gate)


@pytest.mark.parametrize("kind", ["data", "mc", None])
def test_remote_data_are_not_read(data, analysis, kind):
    """No manifest is compared with what a server sends, so a server would be a way around every one of them."""
    gate, address = replace(analysis.gate, data_runs=()), served(data / "run.root")

    def read():
        if kind is None:
            return require_countable(open_events(address, "bdana"), None, gate)
        return bdana.events.Dataset.open([address], kind=kind, gate=gate)

    with pytest.raises(BlindingError, match=f"{address} is a remote file, which nobody can compare"):
        read()


def test_data_without_a_policy_are_not_read(tmp_path):
    path = raw_file(tmp_path / "run.root", [canary(1)])
    for kind in ("data", "pseudo"):
        with pytest.raises(BlindingError, match=r"has no blinding/policy.toml that says what stays closed"):
            bdana.events.Dataset.open([path], kind=kind, gate=None)


@pytest.mark.parametrize("column", ["charge", "p", "time", "chi2", "x_before", "ty_before"])
def test_data_that_the_gate_cannot_judge_are_not_read(column):
    events = records([canary(1)])
    fields = [name for name in ak.fields(events.tracks) if name != column]
    source = EventArrays(ak.with_field(events, events.tracks[fields], "tracks"))
    with pytest.raises(BlindingError, match=rf"lacks tracks.{column}, without which nobody can tell what is"):
        bdana.events.Dataset.open([source], kind="data", gate=GATE)


def test_data_of_another_geometry_are_not_read(tmp_path):
    path = raw_file(tmp_path / "run.root", [canary(1)])
    there = replace(GATE, detector=GATE.detector.model_copy(update={"name": "elsewhere"}))
    schema = tmp_path / "bdana-na62.toml"
    shipped = (Path(bdana.__file__).parent / "events" / "schemas" / "bdana.toml").read_text()
    schema.write_text(f'detector = "na62"\n{shipped}')
    with pytest.raises(BlindingError, match=r"was measured with the geometry na62, but .* is for elsewhere"):
        bdana.events.Dataset.open([path], kind="data", schema=str(schema), gate=there)


def test_simulation_with_runs_of_the_data_is_simulation(data, tmp_path, analysis):
    run = analysis.select([elsewhere(data, tmp_path / "copy", truth=True)], kind="mc")
    assert run.cutflow.rows[0].events == 2


def test_a_copy_of_raw_data_elsewhere_is_known_by_the_folders_of_the_samples(data, tmp_path, analysis):
    """Without runs of the data in the policy, the hash in the manifests of the samples' folders is what is left."""
    (tmp_path / "copy").mkdir()
    path = shutil.copy(data / "run.root", tmp_path / "copy" / "signal.root")
    gate = replace(analysis.gate, data_runs=())
    there = replace(gate, admission=replace(gate.admission, folders=(data,)))
    with pytest.raises(
        BlindingError, match=r"signal.root is data and not mc, since .*run.manifest.json names it"
    ):
        bdana.events.Dataset.open([path], kind="mc", gate=there)
    nowhere = replace(gate, admission=replace(gate.admission, folders=()))
    bdana.events.Dataset.open([path], kind="mc", gate=nowhere)  # without this guard it would have been read


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ("no manifest", "or its signature is absent or damaged"),
        ("no signature", "or its signature is absent or damaged"),
        ("manifest of nothing", "or its signature is absent or damaged"),
        ("not canonical", "or its signature is absent or damaged"),
        ("other size", "is not signed by anybody with the mark `production`"),
        ("signed by an analyst", "is not signed by anybody with the mark `production`"),
        ("of a stranger", "is not signed by anybody with the mark `production`"),
        ("other policy", "was made with another blinding/policy.toml"),
        ("one byte more", "is not the file that its manifest names"),
        ("symbolic link to raw", "is not the file that its manifest names"),
        ("folder", r"is a folder|is not the file that its manifest names"),
    ],
)  # fmt: skip
def test_a_manifest_that_does_not_fit(data, analysis, sealing, keys, attack, message):
    opened, document = data / "run.open.root", data / "run.manifest.json"
    forget_files()
    if attack == "no manifest":
        document.unlink()
    elif attack == "no signature":
        (data / "run.manifest.json.sig").unlink()
    elif attack == "manifest of nothing":
        document.write_bytes(b"[]")
    elif attack == "not canonical":
        document.write_text(json.dumps(json.loads(document.read_text()), indent=1))
    elif attack == "other size":
        document.write_text(document.read_text().replace('"size":', '"size":1'))
    elif attack in {"signed by an analyst", "of a stranger", "other policy"}:
        content = json.loads(document.read_text())
        who = "bob" if attack == "other policy" else "ann"
        content |= {"person": who if attack != "of a stranger" else "eve"}
        if attack == "other policy":
            content |= {"policy": "0" * 64}
        text = canonical(content)
        document.write_bytes(text)
        (data / "run.manifest.json.sig").write_bytes(sign(text, keys[who]))
    elif attack == "one byte more":
        opened.write_bytes(opened.read_bytes() + b"\0")
    elif attack == "symbolic link to raw":
        opened.unlink()
        opened.symlink_to(data / "run.root")
    else:
        opened.unlink()
        opened.mkdir()
    with pytest.raises(BdanaError, match=message):
        analysis.select([opened])


def test_a_swapped_open_file_of_the_same_size(data, sealing):
    opened = data / "run.open.root"
    content = bytearray(opened.read_bytes())
    content[len(content) // 2] ^= 1
    opened.write_bytes(content)
    check_open_file(opened, sealing.policy)  # name, size and UUID fit: what every run asks for
    with pytest.raises(BlindingError, match="is not the file that its manifest names"):
        check_open_file(opened, sealing.policy, whole=True)


def test_another_open_file_of_the_same_name_and_size(data, tmp_path, analysis, sealing):
    """Sealed by the same people with the same policy, but of other events."""
    other = tmp_path / "other"
    other.mkdir()
    seal(raw_file(other / "run.root", [like_sign(3), like_sign(4)]), other, sealing)
    size = (data / "run.open.root").stat().st_size
    content = (other / "run.open.root").read_bytes().ljust(size, b"\0")
    assert len(content) == size
    (data / "run.open.root").write_bytes(content)
    forget_files()
    with pytest.raises(BlindingError, match=r"run.open.root is not the file that its manifest names"):
        analysis.select([data / "run.open.root"])


def closed_bin_texts():
    return [
        ("padded", "{:5}".format), ("percent", lambda n: "%d" % n), ("int", int), ("float", float), ("complex", complex),  # noqa: UP031
        ("bool", bool), ("not", lambda n: not n), ("index", lambda n: [1, 2][n]), ("range", range), ("hash", hash),
        ("equal", lambda n: n == 0), ("differs", lambda n: n != 0), ("less", lambda n: n < 1), ("more", lambda n: n > 0),
        ("at least", lambda n: n >= 1), ("at most", lambda n: n <= 1), ("reflected", lambda n: 3 < n),  # noqa: SIM300
        ("sum", lambda n: n + Observed("CR", 1)), ("value", lambda n: n.value), ("json", lambda n: json.dumps(n, default=int)),
        ("array", lambda n: np.asarray([n], dtype=np.float64)), ("sorted", lambda n: sorted([n, Observed("CR", 1)])),
        ("in a list", [1, 2].index), ("in a set", lambda n: {n}), ("round", lambda n: round(n.value)),
        ("max", lambda n: max(n, Observed("CR", 1))), ("key", lambda n: {n: 1}),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [str, repr, "{}".format, "%s".__mod__])
def test_a_closed_number_prints_as_closed(text):
    assert text(Observed("SR")).count("closed") == 1
    assert not set("0123456789") & set(text(Observed("SR")))


@pytest.mark.parametrize(("name", "use"), closed_bin_texts(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_closed_number_is_not_shown(name, use):
    with pytest.raises(BlindingError, match="the observed number of region SR is closed"):
        use(Observed("SR"))


GATE = bdana.load(bdana.analysis.template_folder()).gate
NAN, INF = float("nan"), float("inf")


def pair_with(**fields):
    event = dimuon_event(1)
    event["tracks"][0] |= fields
    return records([event])


@pytest.mark.parametrize(
    "fields",
    [
        {"chi2": -0.0}, {"chi2": 0.0}, {"chi2": -INF}, {"chi2": NAN}, {"chi2": np.nextafter(50.0, 0)},
        {"p": NAN}, {"p": INF}, {"time": 9.8 + np.nextafter(10.0, 0) - 1e-9}, {"time": NAN}, {"charge": 0},
        {"tx_before": NAN}, {"ty_before": NAN}, {"x_before": NAN}, {"z_before": NAN}, {"z_before": INF},
        {"x_before": -INF}, {"y_before": INF}, {"tx_before": INF}, {"chi2": INF}, {"p": -INF}, {"time": INF},
        {"charge": 7},
    ],
    ids=str,
)  # fmt: skip
def test_borders_and_numbers_that_are_none_are_closed(fields):
    assert GATE.secrecy(pair_with(**fields))[0] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"chi2": 50.0}, {"p": 5000.0}, {"p": -0.0}, {"time": 19.8 + 1e-9}, {"charge": -1},
    ],
    ids=str,
)  # fmt: skip
def test_beyond_a_border_of_the_pair_is_open(fields):
    assert GATE.secrecy(pair_with(**fields))[0] == len(GATE.names)


@pytest.mark.parametrize("field", ["charge", "chi2", "p", "time"])
def test_what_cannot_be_decided_of_a_control_region_is_most_secret(field):
    event = missing(80.0)
    assert GATE.names[GATE.secrecy(records([event]))[0]] == "CR2"
    event["tracks"][0][field] = 0 if field == "charge" else NAN
    assert GATE.secrecy(records([event]))[0] == 0


def missing(y):
    """Return an event whose pair comes from `y` mm beside the impact of the beam."""
    return dimuon_event(1, vertex=(60.0, 40.0, 140e3), origin=(0.0, -22.0 + y, 23_070.0))


@pytest.mark.parametrize("box", GATE.envelopes.boxes, ids=lambda box: box.name)
def test_the_next_number_beyond_every_border_is_less_secret(box):
    boxes = GATE.envelopes
    place = boxes.names.index(box.name)
    z, cda = (box.z_min + box.z_max) / 2, 0.0
    for edge, away in ((box.z_min, -INF), (box.z_max, INF)):
        assert boxes.secrecy([edge, np.nextafter(edge, away)], [cda, -0.0]).tolist() == [place, place + 1]
    assert boxes.secrecy([z, z], [box.cda_max, np.nextafter(box.cda_max, INF)]).tolist() == [place, place + 1]


def test_without_nan_counting_as_closed_it_would_be_open():
    """The guard shown: comparisons the other way round let NaN out."""
    tracks = pair_with(chi2=NAN).tracks
    assert not ak.all((tracks.chi2 < GATE.max_chi2) & (tracks.p > GATE.min_p))
    assert GATE.secrecy(pair_with(chi2=NAN))[0] == 0


def second_wall(events, settings=(), gate=GATE, *, n_minus_1=False):
    """Run the default selection on events of open data that the reader has let through."""
    moved = bdana.load(bdana.analysis.template_folder(), list(settings))
    selection, par = moved.selection("dimuon")
    shown = moved.distributions("dimuon", moved.regions.names) if n_minus_1 else None
    return selection.apply(events, par, moved.setup, gate, distributions=shown)


def weak(**fields):
    event = dimuon_event(1)
    for track in event["tracks"]:
        track.update(fields)
    events = records([event])
    assert GATE.secrecy(events)[0] == len(GATE.names)
    return events


WIDE = (
    "selection.dimuon.acceptance=false",
    "selection.dimuon.max_e_over_p=9.0",
    "selection.dimuon.muv3_distance_mm=5000.0",
)


def test_a_looser_chi2_cut_meets_the_second_wall():
    events = weak(chi2=60.0)
    assert len(second_wall(events).candidates) == 0
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        second_wall(events, ["selection.dimuon.max_chi2=100.0"])


def test_a_looser_chi2_cut_in_a_distribution_without_another_cut_meets_the_second_wall():
    event = dimuon_event(1) | {"lav": [{"time": 10.0}]}  # vetoed, so that it is no candidate
    for track in event["tracks"]:
        track["chi2"] = 60.0
    looser = ["selection.dimuon.max_chi2=100.0"]
    assert len(second_wall(records([event]), looser).candidates) == 0
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        second_wall(records([event]), looser, n_minus_1=True)


def test_a_looser_momentum_cut_meets_the_second_wall():
    events = weak(p=4500.0)
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        second_wall(events, ["selection.dimuon.min_p_gev=1.0", *WIDE])


def test_a_time_sideband_is_open():
    event = dimuon_event(1)
    event["tracks"][0]["time"] += 15.0
    assert GATE.secrecy(records([event]))[0] == len(GATE.names)
    second_wall(records([event]), ["selection.dimuon.max_dt_ns=20.0"])


def just_outside():
    """Return a pair outside all envelopes which a recalibration by one sigma (0.1 mrad, 1 mm) brings in."""
    for y in np.linspace(0.0, 4000.0, 4001):
        event = missing(y)
        events = records([event])
        if GATE.secrecy(events)[0] == len(GATE.names):
            return event
    raise AssertionError("no pair leaves the envelopes")


def test_a_recalibration_by_one_sigma_meets_the_wall_of_the_reader():
    event = just_outside()
    gate = replace(GATE, admission=SimpleNamespace(sealed=True))
    assert len(gate.open_events(records([event]))) == 1
    moved = ak.to_list(records([event, event]))
    for sigma, one in zip((1e-4, -1e-4), moved, strict=True):
        for track in one["tracks"]:
            track["ty_before"] += sigma
    with pytest.raises(BlindingError, match="there are closed pairs in open data") as refusal:
        gate.open_events(records(moved))
    assert not any(character.isdigit() for character in str(refusal.value))


def test_the_walls_are_what_refuses(monkeypatch):
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        second_wall(records([dimuon_event(1)]))
    monkeypatch.setattr(Gate, "refuse_closed", lambda gate, pairs: None)
    assert len(second_wall(records([dimuon_event(1)])).candidates) == 1


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_every_stage_meets_the_second_wall(stage):
    with pytest.raises(BlindingError, match="there are closed pairs in open data"):
        second_wall(records([of_stage(1, stage)]), WIDE)


def test_another_beam_line_in_the_settings_does_not_move_the_gate():
    moved = bdana.load(bdana.analysis.template_folder(), ["beam_line.point_mm=[5000.0, 0.0, 23070.0]"])
    assert moved.gate.secrecy(records([dimuon_event(1)]))[0] == 0


@pytest.mark.parametrize(
    "override",
    [
        "blinding.open=true",
        "gate.open=true",
        "analysis.unblind=true",
        "search.unblind=true",
        "regions.SR.open=true",
        "unblind=1",
    ],
)
def test_no_setting_opens_anything(override):
    with pytest.raises(ConfigError, match=r"no key '(open|unblind|gate|blinding)'"):
        bdana.load(bdana.analysis.template_folder(), [override])


@pytest.mark.parametrize(
    "name", ["BDANA_UNBLIND", "BDANA_OPEN", "BDANA_NO_GATE", "UNBLIND", "BDANA_KIND", "BDANA_DEBUG"]
)
def test_no_environment_variable_opens_anything(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    fresh = bdana.load(bdana.analysis.template_folder())
    path = raw_file(tmp_path / "run.root", [like_sign(1), canary(1)])
    assert fresh.select([path]).cutflow.rows[0].events == 1


def test_a_region_closed_in_data_is_absent_not_zero(tmp_path):
    fresh = bdana.load(bdana.analysis.template_folder())
    events = [like_sign(1), canary(1), *(of_stage(2 + i, stage) for i, stage in enumerate(STAGES))]
    run = fresh.select([raw_file(tmp_path / "run.root", events)])
    assert [region.name for region in run.regions] == ["outside"]
    for histogram in run.hists.values():
        assert list(histogram.axes["region"]) == ["outside"]
        with pytest.raises(KeyError):
            histogram[{"region": hist.loc("SR")}]


@pytest.mark.parametrize("kind", ["data", "pseudo"])
def test_a_worker_reads_no_closed_event(tmp_path, kind):
    """A source goes to a worker with its gate."""
    raw = raw_file(tmp_path / "run.root", [like_sign(1), canary(1)])
    dataset = bdana.load(template_folder()).dataset([raw], kind=kind)
    source = pickle.loads(pickle.dumps(dataset)).sources[0]
    assert len(source.read(["event"], 0, source.entries)) == 1


@pytest.mark.parametrize("kind", ["data", "pseudo"])
def test_of_small_files_that_are_read_together_closed_events_are_dropped(tmp_path, kind):
    files = [
        raw_file(tmp_path / f"{number}.root", [canary(number), like_sign(number)]) for number in (1, 2, 3)
    ]
    dataset = bdana.load(template_folder()).dataset(files, kind=kind)
    (batch,) = dataset.batches(["event"])
    assert len(batch) == 3
    events, left = dataset.read_counted(batch, ["run", "burst", "event"])
    assert len(events) == 3
    assert {step: len(weights) for step, weights in left.items()} == dict.fromkeys(left, 3)


@pytest.fixture
def apart(data, tmp_path):
    """A copy of raw data in a folder without manifests, which was read as simulation before."""
    other = tmp_path / "apart" / "other.root"
    other.parent.mkdir()
    shutil.copy(data / "run.root", other)
    assert bdana.load(template_folder()).select([other], kind="mc").cutflow.rows
    return other


def later(data, folder):
    """Bring the manifest of raw data into a folder, in which they are known from then on."""
    shutil.copy(data / "run.manifest.json", folder / "later.manifest.json")
    return pytest.raises(BlindingError, match=r"other.root is data and not mc, since .*later.manifest.json")


@pytest.fixture
def settled(monkeypatch):
    """Every change counts as one of long ago."""
    monkeypatch.setattr("bdana.sealing.manifest.SETTLED_S", -1e9)


def test_a_manifest_that_comes_later_is_seen_though_the_folder_was_listed_before(settled, data, apart):
    with later(data, apart.parent):
        bdana.load(template_folder()).select([apart], kind="mc")


def test_a_manifest_of_the_same_tick_of_the_clock_is_seen(data, apart, monkeypatch):
    honest, states = Path.stat, {}

    def stat(path, **how):
        now = honest(path, **how)
        return states.setdefault(path, now) if path == apart.parent else now

    monkeypatch.setattr(Path, "stat", stat)
    plain = bdana.load(template_folder())
    assert plain.select([apart], kind="mc").cutflow.rows
    with later(data, apart.parent):
        plain.select([apart], kind="mc")


def test_a_file_that_takes_the_place_and_times_of_another_is_compared_again(settled, data, tmp_path):
    """Simulation of the size of the raw data, which then take its place with its times."""
    raw = data / "run.root"
    other = tmp_path / "other.root"
    other.write_bytes(bytes(raw.stat().st_size))
    os.utime(other, ns=(0, 0))
    admission = ManifestAdmission((data,))
    admission.check(other, "mc")
    shutil.copy(raw, tmp_path / "new.root")
    os.utime(tmp_path / "new.root", ns=(0, 0))
    (tmp_path / "new.root").replace(other)
    with pytest.raises(BlindingError, match=r"other.root is data and not mc"):
        admission.check(other, "mc")
