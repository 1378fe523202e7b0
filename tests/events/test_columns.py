"""Numbers of a file become canonical ones: ranges of every kind of column hold, whole floats are integers where exact."""

import awkward as ak
import numpy as np
import pytest
import uproot

from bdana.errors import ConfigError, InputError
from bdana.events import EventArrays, load_schema, open_events
from bdana.events.writing import make_container

SCHEMA = """
name = "mine"
title = "mine"
[events]
tree = "events"
[events.columns]
run = { branch = "run" }
event = { branch = "event", range = [0, 9_007_199_254_740_991] }
trigger = { branch = "trigger", range = [0, 3] }
trigger_time = { branch = "t", unit = "ns", nan = true }
[collections.tracks]
[collections.tracks.columns]
charge = { branch = "q", range = [-1, 1] }
[bursts]
tree = "spills"
[bursts.columns]
run = { branch = "run" }
burst = { branch = "spill" }
pot = { branch = "pot" }
live_time_s = { branch = "live", unit = "s" }
good = { branch = "good" }
"""


def opened(tmp_path, events=None, spills=None, change=("", ""), kind="ttree"):
    columns = {"run": [1, 2], "event": [3, 4], "trigger": [1, 2], "t": [1.0, 2.0], "q": [[1, -1], [0]]} | (
        events or {}
    )
    bursts = {"run": [1, 2], "spill": [1, 1], "pot": [1e12, 1e12], "live": [3.0, 3.0], "good": [1, 0]} | (
        spills or {}
    )
    assert change[0] in SCHEMA
    (tmp_path / "mine.toml").write_text(SCHEMA.replace(*change))
    with uproot.recreate(tmp_path / "f.root") as file:
        for name, table in (("events", columns), ("spills", bursts)):
            arrays = {key: ak.Array(value) for key, value in table.items()}
            make_container(file, name, arrays, kind).extend(arrays)
    return open_events(tmp_path / "f.root", str(tmp_path / "mine.toml"))


def read(*args, **options):
    file = opened(*args, **options)
    return file.read(file.columns() - {"weight"}, 0, file.entries)


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int32, np.uint16])
def test_whole_numbers_of_any_type_are_integers(tmp_path, dtype, kind):
    whole = ak.values_astype(ak.Array([[1, 0], [1]]), dtype)
    found = read(
        tmp_path,
        {"run": np.array([99, 100], dtype), "trigger": np.array([3, 0], dtype), "q": whole},
        kind=kind,
    )
    assert found.run.to_list() == [99, 100]
    assert found.trigger.to_list() == [3, 0]
    assert found.tracks.charge.to_list() == [[1, 0], [1]]
    for column in (found.run, found.trigger, found.tracks.charge):
        assert ak.type(ak.flatten(column, axis=None)).content.primitive == "int64"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("run", np.array([1, 2.5])),
        ("run", np.array([1, np.nan])),
        ("run", np.array([1, np.inf])),
        ("event", np.array([1, 2**24], dtype=np.float32)),  # 2^24 + 1 is this number too
        ("event", np.array([1.0, 2.0**53])),
        ("run", np.array([1, 2**63], dtype=np.uint64)),
        ("run", np.array([1, -1e300])),
        ("trigger", np.array([1, 4])),
        ("trigger", np.array([1, 4.0])),
        ("trigger", np.array([-1, 1])),
        ("q", ak.Array([[1.0, -1.5], [0.0]])),
        ("q", ak.values_astype(ak.Array([[1, 255], [0]]), np.uint8)),
        ("q", ak.Array([[1.0, np.nan], [0.0]])),
    ],
)
def test_numbers_that_are_no_integers_or_out_of_range_are_refused(tmp_path, column, values):
    branch = {"q": "q"}.get(column, column)
    with pytest.raises(InputError, match=rf"branch '{branch}' .*1 of \d values are not whole numbers"):
        read(tmp_path, {column: values})


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(
    ("written", "change", "good"),
    [
        ([1, 0], ("", ""), [True, False]),
        ([1, 7], ("", ""), None),
        ([1, 7], ('"good" }', '"good", range = [0, 1] }'), None),
        ([1, 7], ('"good" }', '"good", range = [0, 7] }'), [True, True]),
        ([7, 0], ('"good" }', '"good", equals = 7 }'), [True, False]),
        ([7, 9], ('"good" }', '"good", equals = 7, range = [0, 8] }'), None),
    ],
)
def test_ranges_of_flags_hold(tmp_path, dtype, written, change, good):
    file = opened(tmp_path, spills={"good": np.array(written, dtype)}, change=change)
    if good is None:
        with pytest.raises(InputError, match="branch 'good' of tree 'spills': 1 of 2 values"):
            file.bursts()
    else:
        assert file.bursts().good.tolist() == good


def test_true_and_false_are_flags(tmp_path):
    assert opened(tmp_path, spills={"good": np.array([True, False])}).bursts().good.tolist() == [True, False]


@pytest.mark.parametrize(("t", "right"), [([1.0, None], [1.0, None]), ([1.0, 2.0], [1.0, 2.0])])
def test_optional_numbers_that_are_missing_are_nan(tmp_path, t, right):
    found = read(tmp_path, {"t": ak.Array(t)}, kind="rntuple").trigger_time
    assert ak.nan_to_none(found).to_list() == right
    with pytest.raises(InputError, match=r"branch 'run'.* not whole numbers"):
        read(tmp_path, {"run": ak.Array([1, None])}, kind="rntuple")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'unit = "ns"',
            'unit = "GeV"',
            r"'trigger_time' needs a unit of time, such as ns; .*'GeV', a unit of energy",
        ),
        ('unit = "ns"', 'unit = "mm"', "unit of length"),
        ('unit = "ns"', 'unit = "Hz"', "not a unit of a column"),
        ('unit = "ns"', "scale = 1.0", "needs a unit of time"),
        ('unit = "ns"', 'unit = "ns", scale = 0', "is no factor"),
        ('unit = "ns"', 'unit = "ns", scale = "2"', "scale"),
        ('unit = "ns"', 'unit = "GeV", scale = 2.0', "unit of energy"),
        ('"q", range', '"q", unit = "GeV", scale = 2.0, range', "'tracks.charge' needs no unit"),
        ('unit = "s"', 'unit = "m"', "'live_time_s' needs a unit of time"),
        ('"pot" }', '"pot", unit = "mm" }', "'pot' needs no unit"),
        ('"q", range', '"q", scale = 0.5, range', "'scale'"),
        ('"q", range', '"q", equals = 1, range', "'equals'"),
        ('"q", range', '"q", nan = true, range', "'nan'"),
        ('"q", range = [-1, 1]', '"q", range = [1, -1]', "holds no number"),
        ('run = { branch = "run" }\nevent', "run = { value = 2.5 }\nevent", "2.5 is no value"),
        ('run = { branch = "run" }\nevent', 'run = { norm = ["a", "b"] }\nevent', "make fractions"),
        ('good = { branch = "good" }', "good = { value = 7 }", "7 is no value"),
        ('"t", unit', '"t", nan = "no", unit', "nan"),
    ],
)
def test_mistakes_of_a_column_are_named(tmp_path, old, new, said):
    assert old in SCHEMA
    (tmp_path / "bad.toml").write_text(SCHEMA.replace(old, new))
    with pytest.raises(ConfigError, match=said):
        load_schema(str(tmp_path / "bad.toml"))


def test_counts_of_a_unit_and_turned_signs_are_read(tmp_path):
    change = ('branch = "t", unit = "ns"', 'branch = "t", scale = 25.0')
    assert read(tmp_path, change=change).trigger_time.to_list() == [25.0, 50.0]
    found = read(tmp_path, change=('"q", range', '"q", scale = -1, range'))
    assert found.tracks.charge.to_list() == [[-1, 1], [0]]
    assert ak.type(found.tracks.charge[0]).content.primitive == "int64"


def test_a_schema_that_is_edited_is_read_again(tmp_path):
    for factor in (1.0, 2.0, 3.0):  # of the same length, within one tick of the clock
        change = ('branch = "t", unit = "ns"', f'branch = "t", unit = "ns", scale = {factor}')
        assert read(tmp_path, change=change).trigger_time.to_list() == [factor, 2.0 * factor]


def test_workers_read_with_the_schema_of_the_one_who_sent_them(tmp_path):
    file = opened(tmp_path)
    remake, arguments = file.__reduce__()
    (tmp_path / "mine.toml").write_text("changed since")
    assert remake(*arguments).read(["trigger_time"], 0, 2).trigger_time.to_list() == [1.0, 2.0]


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
def test_events_in_memory_have_integers_too(value):
    with pytest.raises(InputError, match=r"'tracks\.charge' holds numbers that are no integers"):
        EventArrays(ak.Array([{"run": 1.0, "tracks": [{"charge": 1.0}, {"charge": value}]}]))
    kept = EventArrays(ak.Array([{"run": 1.0, "tracks": [{"charge": -1.0}]}])).read(["run"], 0, 1)
    assert kept.tracks.charge.to_list() == [[-1]]
    assert ak.type(kept.run).content.primitive == "int64"
