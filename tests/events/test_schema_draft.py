"""Drafts of schemas: what names and types tell is written, the rest is marked, and values of data are not read."""

import re
import tomllib
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from bdana.errors import InputError
from bdana.events import load_schema, open_events, write_events
from bdana.events.branches import unit_in_title
from bdana.events.schema import SchemaText
from bdana.events.schema_draft import NEEDED, draft_schema
from bdana.events.writing import make_container
from bdana.simulation import Signal, SimulationConfig, simulate
from tests.commands import bdana

RNG = np.random.default_rng(5)
COUNTS = RNG.integers(1, 4, 200)


def lists(low, high, kind=np.float32):
    values = RNG.uniform(low, high, COUNTS.sum())
    return ak.unflatten(ak.Array(values.astype(kind)), COUNTS)


def numbers(n=200):
    return ak.Array(np.arange(n, dtype=np.int32))


def written(path, kind="tree", **trees):
    with uproot.recreate(path) as file:
        for name, columns in trees.items():
            arrays = {key: ak.Array(value) for key, value in columns.items()}
            make_container(file, name, arrays, kind).extend(arrays)
    return path


FOREIGN = {
    "RunNumber": numbers(), "SpillNo": numbers(), "EventID": numbers(), "refTime": ak.Array(RNG.uniform(0, 25, 200)),
    "triggerMask": numbers(), "hadronE": ak.Array(RNG.uniform(0, 1, 200)),
    "mu_charge": ak.unflatten(ak.Array(RNG.choice([-1, 1], COUNTS.sum()).astype(np.int32)), COUNTS),
    "mu_px": lists(-500, 500), "mu_py": lists(-500, 500), "mu_pz": lists(20e3, 90e3),
    "mu_pos_x1": lists(-900, 900), "mu_pos_y1": lists(-900, 900), "mu_slopeX1": lists(-5, 5), "mu_slopeY1": lists(-5, 5),
    "mu_pos_x2": lists(-900, 900), "mu_slopeX2": lists(-5, 5), "mu_chisq": lists(0, 9), "mu_t": lists(-3, 3),
    "ecal_energy_GeV": lists(0, 50), "ecal_x": lists(-900, 900), "ecal_y": lists(-900, 900), "ecal_time": lists(0, 1),
    "mcjunk": numbers(),
}  # fmt: skip
SPILLS = {"RunNumber": numbers(3), "SpillNo": numbers(3), "protons_e11": ak.Array([1.0, 2.0, 3.0]),
          "liveTime": ak.Array([1.0, 2.0, 3.0]), "isBad": numbers(3)}  # fmt: skip


def columns_of(text):
    schema = tomllib.loads(text)
    return {
        **schema["events"]["columns"],
        **{f"{c}.{f}": v for c, t in schema["collections"].items() for f, v in t["columns"].items()},
    }


@pytest.mark.parametrize("kind", ["tree", "rntuple"])
def test_names_tell_columns_and_units_are_asked_for(tmp_path, kind):
    path = written(tmp_path / "f.root", kind, ana=FOREIGN, spills=SPILLS, histograms={"x": numbers(2)})
    draft = draft_schema(path, "mine")
    found = columns_of(draft.text)
    assert {name: found[name]["branch"] for name in ("run", "burst", "event", "trigger_time", "trigger")} == {
        "run": "RunNumber", "burst": "SpillNo", "event": "EventID", "trigger_time": "refTime", "trigger": "triggerMask",
    }  # fmt: skip
    assert tomllib.loads(draft.text)["collections"]["tracks"]["prefix"] == ["mu_"]
    assert found["tracks.charge"]["branch"] == "charge"
    assert found["tracks.chi2"] == {"branch": "chisq", "range": [0, 1_000_000_000], "nan": True}
    assert found["lkr.energy"] | {"range": 0} == {"branch": "energy_GeV", "unit": "GeV", "range": 0}
    assert found["lkr.energy"]["range"] == [-1, 1000]  # as bdana's own layout, in the unit of the file
    bursts = tomllib.loads(draft.text)["bursts"]["columns"]
    assert bursts["pot"] == {"branch": "protons_e11", "scale": 1e11, "range": [0, 1e7]}
    assert bursts["good"] == {"branch": "isBad", "equals": 0}
    assert draft.needed == (
        "tracks.p", "tracks.x_before", "tracks.y_before", "tracks.z_before", "tracks.tx_before", "tracks.ty_before",
        "tracks.x_after", "tracks.z_after", "tracks.tx_after", "lkr.x", "lkr.y", "bursts.live_time_s",
    )  # fmt: skip
    assert draft.text.count(f"# {NEEDED}:") == len(draft.needed)
    assert "mcjunk" in draft.text.rpartition("not used")[2]


def filled(line, units):
    entry = line.removeprefix("# ").partition(f" # {NEEDED}")[0]
    unit = units.get(entry.partition("_")[0].partition(" ")[0])
    return entry.replace('"..."', f'"{unit}"').replace("value = ...", "value = 180000")


def records(columns):
    """Return columns of one prefix as one branch of records: mu_px, mu_py, ... as mu with px, py, ..."""
    members = {name.removeprefix("mu_"): values for name, values in columns.items() if name.startswith("mu_")}
    return {name: values for name, values in columns.items() if not name.startswith("mu_")} | {
        "mu": ak.zip(members)
    }


@pytest.mark.parametrize("layout", ["branches", "records"])
def test_a_filled_draft_passes_schema_check_and_reads(layout, tmp_path):
    path = tmp_path / "f.root"
    if layout == "branches":
        written(path, ana=FOREIGN, spills=SPILLS)
    else:
        written(path, "rntuple", ana=records(FOREIGN), spills=SPILLS)
    done = bdana("schema", "init", path, "mine.toml", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    text = (tmp_path / "mine.toml").read_text()
    assert (
        bdana("schema", "check", path, "--schema", "mine.toml", "--kind", "mc", cwd=tmp_path).returncode == 0
    )
    units = {"p": "MeV", "x": "mm", "y": "mm", "tx": "mrad", "ty": "mrad", "live": "s"}
    lines = [filled(line, units) if f"# {NEEDED}:" in line else line for line in text.splitlines()]
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    done = bdana("schema", "check", path, "--schema", "mine.toml", "--kind", "mc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "MISSING" not in done.stdout
    assert ("px, py, pz" if layout == "branches" else "mu.px, mu.py, mu.pz") in done.stdout.replace("mu_", "")
    assert re.search(r"vertex_only\s+yes", done.stdout)
    columns = ["tracks.p", "tracks.tx_before", "tracks.ty_before", "tracks.charge"]
    tracks = open_events(path, str(tmp_path / "mine.toml")).read(columns, 0, 200).tracks
    px, py, pz = (ak.flatten(FOREIGN[f"mu_{axis}"]) for axis in ("px", "py", "pz"))
    assert ak.flatten(tracks.p) == pytest.approx(np.sqrt(px**2 + py**2 + pz**2), rel=1e-6)
    slopes = ("tx_before", "mu_slopeX1"), ("ty_before", "mu_slopeY1")
    for field, branch in slopes:
        assert ak.flatten(tracks[field]) == pytest.approx(1e-3 * ak.flatten(FOREIGN[branch]), rel=1e-6)
    assert ak.all(tracks.charge == FOREIGN["mu_charge"])


def test_values_of_simulation_tell_units(tmp_path):
    path = written(tmp_path / "f.root", ana=FOREIGN, spills=SPILLS)
    asked = []
    draft = draft_schema(path, "mine", lambda text: not asked.append(text))
    found = columns_of(draft.text)
    assert len(asked) == 1
    assert (found["tracks.x_before"]["unit"], found["tracks.tx_before"]["unit"]) == ("mm", "mrad")
    assert found["tracks.p"] == {"norm": ["px", "py", "pz"], "unit": "MeV", "range": [-1_000_000, 1_000_000]}
    assert set(draft.needed) == {"tracks.z_before", "tracks.z_after", "bursts.live_time_s"}


def test_no_value_of_what_may_be_data_is_read(tmp_path, monkeypatch):
    path = written(tmp_path / "f.root", ana=FOREIGN, spills=SPILLS)
    monkeypatch.setattr("bdana.events.containers.Container.arrays", None)
    done = bdana("schema", "init", path, "mine.toml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"tracks.p"' in done.stdout


@pytest.mark.parametrize(
    "file", ["flat.root", "flat_rntuple.root", "na62_reco.root", "hps_like.root", "spinquest_like.root"]
)
def test_a_known_layout_is_drafted_as_it_is_shipped(shared, file):
    draft = draft_schema(shared / "data" / "open" / file, "mine")
    assert draft.needed == ()
    assert_same(draft)


def test_the_own_layout_is_drafted_as_it_is_shipped(tmp_path):
    events, bursts = simulate(SimulationConfig(bursts=3, signal=Signal(mass_mev=400.0, decays=20)), seed=1)
    write_events(tmp_path / "f.root", [events], bursts)
    draft = draft_schema(tmp_path / "f.root", "mine")
    assert (draft.like, draft.needed) == ("bdana", ())
    assert_same(draft)


def assert_same(draft):
    own, shipped = SchemaText(Path("draft.toml"), draft.text).schema, load_schema(draft.like)
    assert {k: s.map for k, s in own.columns.items()} == {k: s.map for k, s in shipped.columns.items()}
    required = {k for k, s in shipped.burst_columns.items() if s.map.required}
    assert required <= set(own.burst_columns)
    assert all(s.map == shipped.burst_columns[k].map for k, s in own.burst_columns.items())
    assert (own.triggers, own.absent, own.detector) == (shipped.triggers, shipped.absent, shipped.detector)


@pytest.mark.parametrize("text", ["momentum [GeV/c]", "p (GeV)"])
def test_a_title_tells_the_unit(text):
    assert unit_in_title(text) == "GeV"


def test_what_cannot_be_drafted_is_said(tmp_path):
    path = written(tmp_path / "f.root", ana=FOREIGN)
    with pytest.raises(InputError, match="no tree 'other'; trees in the file: ana"):
        draft_schema(path, "mine", tree="other")
    with uproot.recreate(tmp_path / "empty.root"):
        pass
    with pytest.raises(InputError, match="no tree or RNTuple"):
        draft_schema(tmp_path / "empty.root", "mine")
    (tmp_path / "there.toml").write_text("mine")
    done = bdana("schema", "init", path, "there.toml", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "there.toml").read_text()) == (2, "mine")
    assert "there already" in done.stderr


def test_members_of_records_that_are_used_in_part_are_listed(tmp_path):
    odd = records(FOREIGN | {"mu_whatever": FOREIGN["mu_charge"]}) | {
        "junk": ak.zip({"a": FOREIGN["mu_charge"]})
    }
    draft = draft_schema(written(tmp_path / "f.root", "rntuple", ana=odd, spills=SPILLS), "mine")
    left = draft.text.rpartition("not used")[2]
    assert "mu.whatever" in left
    assert "mu.charge" not in left
    assert "junk" in left
    assert "junk.a" not in left
