"""Schemas: the shipped ones, one of the documentation, and mistakes in them."""

import re
from pathlib import Path

import awkward as ak
import pytest
import uproot

import bdana
from bdana.errors import ConfigError, InputError
from bdana.events import load_schema, shipped_schemas
from bdana.events.source import read_with_closed
from bdana.events.writing import make_container

DOCS = Path(__file__).parents[2] / "docs" / "schemas.md"
EXAMPLE = re.search(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]


@pytest.mark.parametrize("name", list(shipped_schemas()))
def test_shipped_schemas_load_and_bound_every_number(name):
    schema = load_schema(name)
    assert schema.name == name
    for column, source in {**schema.columns, **schema.burst_columns}.items():
        bounded = source.map.range or source.map.value is not None or source.map.equals is not None
        assert bounded or column == "good", column


def test_the_documented_schema_reads_a_file(tmp_path):
    (tmp_path / "mine.toml").write_text(EXAMPLE)
    jagged = {"q": [[1, -1]], "px": [[0.3, -0.3]], "py": [[0.0, 0.0]], "pz": [[30.0, 40.0]], "time": [[1.0, 2.0]],
              "chi2": [[1.0, 2.0]], "x": [[3.0, -4.0]], "y": [[0.0, 0.0]]}  # fmt: skip
    flat = {"run": [1], "spill": [2], "evt": [3], "trig_time": [1.5], "trigger": [2]}
    columns = {key: ak.Array(value) for key, value in flat.items()}
    columns |= {f"trk_{key}": ak.Array(value) for key, value in jagged.items()}
    spills = {"run": [1], "spill": [2], "pot_e12": [6.5], "live_ms": [4500.0], "bad": [0]}
    with uproot.recreate(tmp_path / "f.root") as file:
        make_container(file, "events", columns, "rntuple").extend(columns)
        make_container(file, "spills", spills, "rntuple").extend(spills)
    analysis = bdana.load(bdana.analysis.template_folder())
    run = analysis.select(
        [tmp_path / "f.root"], kind="mc", schema=str(tmp_path / "mine.toml"), selection="vertex_only"
    )
    assert run.exposure == bdana.events.Exposure(6.5e12, 4.5, 1)
    found = run.candidates
    assert found.p_plus[0] == pytest.approx(1e3 * (0.3**2 + 30.0**2) ** 0.5)
    # x = 30 mm and -40 mm at 180 m with slopes +-0.01 and -0.0075: they met 4 m before.
    assert found.z_vertex[0] == pytest.approx(176_000.0)
    assert found.dt[0] == -1.0
    opened = bdana.events.open_events(tmp_path / "f.root", str(tmp_path / "mine.toml"))
    both, _ = read_with_closed(opened, ["tracks.z_before", "tracks.time"], 0, 1)
    assert both.tracks.z_before.to_list() == [[180_000.0, 180_000.0]]
    with pytest.raises(InputError, match=r"all columns of 'tracks' that are asked for are constants"):
        opened.read(["tracks.z_before"], 0, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('unit = "GeV"', 'unit = "GeeV"', "not a unit"),
        ("p = { norm", "momentum = { norm", "unknown column 'tracks.momentum'"),
        ("[collections.tracks", "[collections.muons", "unknown collection"),
        ('value = 18_000, unit = "cm"', 'value = 18_000, branch = "z"', "give one of"),
        ('unit = "cm", range = [-1e4, 1e4] }\nz_before', "range = [-1e4, 1e4] }\nz_before", "needs a unit"),
        ('name = "mine"', 'name = "mine"\ncolour = "blue"', "colour"),
        ("[events]", "[events", "schema"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, message):
    assert old in EXAMPLE
    (tmp_path / "bad.toml").write_text(EXAMPLE.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_schema(str(tmp_path / "bad.toml"))


def test_unknown_schemas_list_the_shipped_ones():
    with pytest.raises(ConfigError, match=r"^my\.toml: no such schema file; shipped are bdana"):
        load_schema("my.toml")
    with pytest.raises(ConfigError, match="shipped are bdana, flat, hps, na62-reco, spinquest"):
        load_schema("na61")
