"""Histograms of candidates by region."""

import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.selection import Candidates, Variable, fill_histograms

MASS = Variable("mass", "invariant mass", "GeV", 4, 0.0, 2.0)


def candidates(regions, masses, weights):
    n = len(regions)
    values = dict.fromkeys(Candidates.__dataclass_fields__, np.zeros(n))
    return Candidates(
        **values | {"region": np.array(regions), "mass": np.array(masses), "weight": np.array(weights)}
    )


def test_weights_are_counted_by_region_in_the_units_of_the_axis():
    found = candidates(
        ["SR", "CR", "SR", "undefined", "CR"], [300.0, 700.0, 400.0, 300.0, 2100.0], [1.0, 2.0, 3.0, 4.0, 5.0]
    )
    filled = fill_histograms(found, {"mass": MASS}, ["SR", "CR"])["mass"]
    assert filled["SR", :].values().tolist() == [4.0, 0.0, 0.0, 0.0]
    assert filled["SR", :].variances().tolist() == [10.0, 0.0, 0.0, 0.0]
    assert filled["CR", :].values(flow=True).tolist() == [0.0, 0.0, 2.0, 0.0, 0.0, 5.0]
    assert filled.axes["mass"].label == "invariant mass [GeV]"


def test_regions_that_are_not_asked_for_are_absent():
    filled = fill_histograms(candidates(["SR"], [300.0], [1.0]), {"mass": MASS}, ["CR"])["mass"]
    assert list(filled.axes["region"]) == ["CR"]
    assert filled.sum(flow=True).value == 0


def test_no_candidates_give_an_empty_histogram():
    assert fill_histograms(candidates([], [], []), {"mass": MASS}, ["SR"])["mass"].sum().value == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('variables.charm={label="x",unit="mm",bins=3,min=0.0,max=1.0}', "no quantity 'charm'"),
        ("variables.mass.max=100.0", "min must be below max"),
        ("variables.mass.bins=0", "bins"),
        ('variables.mass.unit="mm"', r"variables\.mass.*a unit of length"),
        ('variables.mass.unit=""', "has no unit"),
        ('variables.z_tax.unit="ns"', "z_tax has the dimension of length"),
        ('variables.dt.label="dt [ns]"', "ends with a unit"),
        ('variables.dt.label="dt in GeV/c"', "ends with a unit"),
    ],
)
def test_wrong_variables_are_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        bdana.load(bdana.analysis.template_folder(), overrides=[override])
