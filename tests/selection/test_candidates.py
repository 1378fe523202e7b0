"""Candidates as tables of other packages, with names and units of their attributes."""

import sys
from dataclasses import fields
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.selection import CSV_COLUMNS, Candidates
from bdana.selection.candidates import SHOWN, UNITS
from tests.synthetic import dimuon_event, records

ANALYSIS = bdana.load(bdana.analysis.template_folder())


@pytest.fixture(scope="module")
def found():
    selection, par = ANALYSIS.selection("dimuon")
    return selection.apply(records([dimuon_event(i) for i in range(12)]), par, ANALYSIS.setup).candidates


class Frame(dict):
    """What pandas makes of columns."""

    def __init__(self, columns):
        super().__init__(columns)
        self.attrs = {}


def test_records_of_awkward(found):
    table = found.to_awkward()
    assert ak.fields(table) == [field.name for field in fields(Candidates)]
    assert table.mass.to_list() == found.mass.tolist()
    assert table.region.to_list() == found.region.tolist()
    assert table.attrs["units"] == UNITS
    assert len(found.take(np.zeros(12, bool)).to_awkward()) == 0


def test_a_data_frame(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=Frame))
    frame = found.to_pandas()
    assert list(frame) == [field.name for field in fields(Candidates)]
    np.testing.assert_array_equal(frame["z_tax"], found.z_tax)
    assert frame.attrs["units"] == UNITS


def test_a_data_frame_of_pandas(found):
    pytest.importorskip("pandas")
    frame = found.to_pandas()
    assert len(frame) == 12
    assert frame["mass"].mean() == pytest.approx(found.mass.mean())
    assert frame.attrs["units"]["mass"] == "MeV"


def test_without_pandas_the_extra_is_named(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"pip install 'bdana\[pandas\]'"):
        found.to_pandas()


def test_units_are_those_that_the_csv_converts_from():
    assert UNITS.keys() == {name for name, unit in CSV_COLUMNS.values() if unit}
    assert found_units() == UNITS


def found_units():
    """Units that the docstring of `Candidates` gives to attributes."""
    told, names = {}, []
    for line in Candidates.__doc__.splitlines():
        if " : ndarray" in line:
            names = line.partition(" :")[0].replace(" ", "").split(",")
        for unit in ("in mm", "in MeV", "in ns"):
            if unit in line and names:
                told |= dict.fromkeys(names, unit.removeprefix("in "))
    return told


def test_a_notebook_shows_the_first_of_them(found):
    html = found._repr_html_()
    assert html.count("<tr>") == 1 + SHOWN
    assert f"12 candidates, the first {SHOWN} of them" in html
    assert all(f"<th>{header}</th>" in html for header in CSV_COLUMNS)
    assert repr(found) == "Candidates(12 in mm, ns, MeV: SR 12)"
    assert repr(Candidates.of_rows([])) == "Candidates(0 in mm, ns, MeV)"
