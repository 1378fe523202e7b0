"""Good-run lists: lines with mistakes are refused with their line, as are protons and live times that no burst has."""

import numpy as np
import pytest

import bdana
from bdana.errors import InputError
from bdana.events import EventArrays, GoodRuns
from tests.synthetic import dimuon_event, good_bursts, records

ANALYSIS = bdana.load(bdana.analysis.template_folder())


def listed(path, text):
    path.write_text(text)
    return GoodRuns.read(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("8001,1,-1e12,4.0", r"line 3: pot = -1e\+12 is that of no burst"),
        ("8001,1,6.5,4.0", r"line 3: pot = 6\.5 is that of no burst"),
        ("8001,1,1e30,4.0", r"line 3: pot = 1e\+30"),
        ("8001,1,1e12,-4", r"line 3: live_time_s = -4"),
        ("8001,1,1e12,1e-9", r"line 3: live_time_s = 1e-09"),
        ("8001,1,1e12,4e9", r"line 3: live_time_s = 4e\+09"),
        ("8001,1,nan,4.0", r"line 3, pot: 'nan'"),
        ("8001,1,1e12,4,0", r"line 3: 5 fields, more"),
        ("8001,1,1e12", r"line 3: 3 fields, fewer"),
        ("8001,1.5,1e12,4.0", r"line 3, burst"),
        ("8001,-1,1e12,4.0", r"line 3, burst"),
        ("8001,4294967296,1e12,4.0", r"line 3, burst"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, said):
    text = f"run,burst,pot,live_time_s\n8001,2,1e12,4.0\n{line}\n"
    with pytest.raises(InputError, match=rf"l\.csv, {said}"):
        listed(tmp_path / "l.csv", text)


def test_a_burst_without_beam_and_a_mark_of_byte_order_are_read(tmp_path):
    table = listed(
        tmp_path / "l.csv", "\ufeffrun,burst,pot,live_time_s\n8001,1,0,0\n\n8001,2,1e12,4.0\n"
    ).table()
    assert table.exposure == bdana.events.Exposure(1e12, 4.0, 2)


def test_a_list_without_burst_or_with_an_unknown_column_is_refused(tmp_path):
    with pytest.raises(InputError, match="names no burst"):
        listed(tmp_path / "l.csv", "run,burst\n\n")
    with pytest.raises(InputError, match="column 'spill'"):
        listed(tmp_path / "l.csv", "run,spill\n8001,1\n")


@pytest.mark.parametrize(
    ("name", "value"), [("pot", -1e12), ("pot", 6.5), ("live_time_s", -3.0), ("live_time_s", 1e-9)]
)
def test_burst_tables_have_numbers_that_a_burst_can_have(name, value):
    events = records([dimuon_event(i, burst=1 + i % 3) for i in range(6)])
    columns = {name: np.array([1e12 if name == "pot" else 3.0, value, 1e12 if name == "pot" else 3.0])}
    with pytest.raises(InputError, match=rf"run 99001 burst 2: {name} = {value:g}".replace("+", r"\+")):
        ANALYSIS.select([EventArrays(events, good_bursts(3, **columns))], kind="mc")
    bad = good_bursts(3, good=[True, False, True], **columns)
    assert ANALYSIS.select([EventArrays(events, bad)], kind="mc").exposure.bursts == 2
