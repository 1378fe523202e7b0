"""The partition of the plane: every finite point in exactly one region, borders to the outer one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bdana
from bdana.errors import ConfigError
from bdana.regions import OUTSIDE, UNDEFINED, Box, Regions

REGIONS = bdana.load(bdana.analysis.template_folder()).regions
EXPECTED = {  # published signal region; control regions of the analysis note, z in m, CDA in mm
    "SR": (6, 40, 20),
    "CR": (-4, 50, 150),
    "CR1": (-15, 60, 270),
    "CR2": (-30, 75, 430),
    "CR3": (-60, 100, 735),
}


def classify(z_m, cda):
    return REGIONS.classify([z_m * 1e3], [cda])[0]


def test_default_regions_are_those_of_the_search():
    assert {b.name: (b.z_min / 1e3, b.z_max / 1e3, b.cda_max) for b in REGIONS.boxes} == EXPECTED
    assert REGIONS.names == ("SR", "CR", "CR1", "CR2", "CR3", OUTSIDE)


@given(st.floats(-200, 200), st.floats(0, 2000))
def test_a_point_is_in_the_innermost_box_around_it(z, cda):
    inside = [name for name, (low, high, limit) in EXPECTED.items() if low < z < high and cda < limit]
    assert classify(z, cda) == (inside[0] if inside else OUTSIDE)


@pytest.mark.parametrize(("name", "outer"), list(zip(EXPECTED, [*list(EXPECTED)[1:], OUTSIDE], strict=True)))
def test_a_border_belongs_to_the_outer_region(name, outer):
    low, high, limit = EXPECTED[name]
    middle = (low + high) / 2
    for z, cda in [(low, limit / 2), (high, limit / 2), (middle, limit)]:
        assert classify(z, cda) == outer
    assert REGIONS.classify([np.nextafter(low * 1e3, np.inf)], [np.nextafter(limit, 0)])[0] == name


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_in_no_region(bad):
    assert list(REGIONS.classify([bad, 1e4, bad], [1.0, bad, bad])) == [UNDEFINED] * 3


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([Box("A", 0, 1, 1), Box("B", 0.5, 2, 2)], "A is not inside B"),
        ([Box("A", 1, 1, 1)], "A is empty"),
        ([Box("A", 0, 1, 0)], "A is empty"),
        ([Box("A", 0, 1, 1), Box("A", 0, 2, 2)], "taken twice"),
        ([Box("outside", 0, 1, 1)], "reserved"),
        ([Box("A", np.nan, 1, 1)], "A is empty"),
    ],
)
def test_partitions_that_are_none_are_refused(boxes, message):
    with pytest.raises(ConfigError, match=message):
        Regions(tuple(boxes))
