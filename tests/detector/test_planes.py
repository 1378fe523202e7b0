"""Shapes of the detector planes, and the shipped geometry against the reference table."""

import csv

import numpy as np
import pytest

from bdana.detector import load_detector
from bdana.errors import ConfigError

NA62 = load_detector("na62")


def covers(name, x, y):
    return bool(NA62[name].contains(np.array([x]), np.array([y]))[0])


@pytest.mark.parametrize(
    ("name", "x", "y", "expected"),
    [
        ("NewCHOD", 139.9, 0.0, False),
        ("NewCHOD", 0.0, 140.1, True),
        ("NewCHOD", 0.0, -1069.9, True),
        ("NewCHOD", 800.0, 800.0, False),
        ("LKr", 0.0, 149.0, False),
        ("LKr", 1129.0, 0.0, True),
        ("LKr", 1131.0, 0.0, False),
        ("LKr", 800.0, 790.0, True),
        ("LKr", 800.0, 800.0, False),
        ("MUV3", 1319.0, 1319.0, True),
        ("MUV3", 1321.0, 0.0, False),
        ("MUV3", 70.0, 70.0, False),
        ("STRAW1", 101.2, 0.0, False),
        ("STRAW1", 300.0, 300.0, True),
        ("STRAW1", -999.0, 0.0, True),
        ("STRAW1", 1001.0, 0.0, False),
        ("LAV12", 0.0, 1069.0, False),
        ("LAV12", 0.0, 1071.0, True),
    ],
)
def test_a_plane_covers_the_points_in_its_shape(name, x, y, expected):
    assert covers(name, x, y) is expected


@pytest.mark.parametrize("name", list(NA62.elements))
def test_an_undefined_position_is_never_inside(name):
    for x, y in [(np.nan, 300.0), (300.0, np.nan)]:
        assert not covers(name, x, y)


def test_shipped_numbers_are_those_of_the_table(shared):
    with (shared / "reference" / "na62_geometry.csv").open() as file:
        rows = {row["element"]: row for row in csv.DictReader(file)}
    names = {"NewCHOD": "NewCHOD centre", "CHOD_V": "CHOD V plane", "CHOD_H": "CHOD H plane"}
    for name, element in NA62.elements.items():
        row = rows[names.get(name, name)]
        assert element.z_mm == pytest.approx(1e3 * float(row["z_front_m"])), name
        sizes = [1e3 * float(row[key]) for key in ("r_in_m", "r_out_m")]
        fields = element.model_dump()
        own = [v for k, v in fields.items() if k not in ("z_mm", "shape", "centre_x_mm")]
        assert own == pytest.approx(sizes), name
    assert pytest.approx(1e3 * float(rows["MNP33 centre"]["z_front_m"])) == NA62.magnet.z_mm


def test_unknown_names_list_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match="no element RICH; it has STRAW1"):
        NA62["RICH"]
    with pytest.raises(ConfigError, match="no detector geometry 'ship'"):
        load_detector("ship")
    (tmp_path / "mine.toml").write_text('name = "mine"\n[magnet]\nz_mm = 1.0\n')
    with pytest.raises(ConfigError, match="px_kick_mev"):
        load_detector("mine.toml", tmp_path)
