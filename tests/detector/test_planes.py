"""Shapes of the detector planes, and the shipped geometry against the reference table."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from bdana.detector import load_detector, planes, shipped_detectors
from bdana.errors import ConfigError
from bdana.simulation import Halo, SimulationConfig, simulate

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


@pytest.mark.parametrize("name", shipped_detectors())
def test_every_number_of_a_shipped_geometry_has_its_source(name):
    """A line with a number says where it comes from, or stands in a table or file that does."""
    text = (Path(planes.__file__).parent / f"{name}.toml").read_text()
    if name != "na62":  # from one public source, which the file names
        sourced = (
            "assumed",
            "[code]",
            "(PDG)",
            "[2203]",
            "min_chambers",
            "z_before",
            "z_after",
            "0.0",
            "of the one-track",
        )
        body = text.partition("[simulation.beam]")[0]  # all of it assumed
        lines = [line for line in body.splitlines() if re.match(r"[a-z_]+ *= *\[?[-\d]", line)]
        elements = text.index("[elements.")
        unsourced = [
            line
            for line in lines
            if not any(word in line for word in sourced) and text.index(line) < elements
        ]
        assert not unsourced
    assert load_detector(name).name == name


def test_a_rectangle_leaves_the_band_of_the_beam_free():
    layer = load_detector("hps")["L4"]
    assert (layer.z_mm, layer.y_min_mm, layer.extent_mm) == (500.0, 7.5, 100.0)
    x, y = np.array([0.0, 0.0, 0.0, 0.0, 120.0, np.nan]), np.array([7.4, 7.5, -20.0, 50.0, 20.0, 20.0])
    assert layer.contains(x, y).tolist() == [False, True, True, False, False, False]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('before = ["STRAW1", "STRAW2"]', 'before = ["STRAW1", "STRAW9"]', "no element STRAW9"),
        ('before = ["STRAW1", "STRAW2"]', 'before = ["STRAW2", "STRAW1"]', "in the order of z"),
        ('calorimeter = "LKr"', 'calorimeter = "ECAL"', "no element ECAL"),
        ("z_max_mm = 180000.0", "z_max_mm = 1000.0", "before it begins"),
        ("[simulation.beam]", "[simulation.bean]", "bean"),
    ],
)
def test_a_geometry_that_contradicts_itself_is_refused(tmp_path, old, new, message):
    text = (Path(planes.__file__).parent / "na62.toml").read_text() + "\n[simulation.beam]\nspill_s = 4.8\n"
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_detector("mine.toml", tmp_path)


def test_what_a_geometry_lacks_is_asked_for_by_what_needs_it(tmp_path):
    text = (Path(planes.__file__).parent / "na62.toml").read_text()
    head, _, rest = text.partition("[dump]")
    (tmp_path / "mine.toml").write_text(head + rest[rest.index("[decay_volume]") :])
    detector = load_detector("mine.toml", tmp_path)
    assert detector["STRAW1"].z_mm == 183508.0
    with pytest.raises(ConfigError, match=r"needs the table \[dump\] in the geometry of na62"):
        _ = detector.beam_dump


def test_values_of_simulation_come_from_the_geometry(tmp_path):
    text = (Path(planes.__file__).parent / "na62.toml").read_text()
    (tmp_path / "mine.toml").write_text(f"{text}\n[simulation.halo]\nrate_hz = 10\n")
    path = str(tmp_path / "mine.toml")
    assert SimulationConfig.of_detector(path).halo.rate_hz == 10.0
    assert SimulationConfig.of_detector(path, halo=Halo()).halo.rate_hz == 4460.0
    (tmp_path / "mine.toml").write_text(f"{text}\n[simulation.halo]\nrate = 10\n")
    with pytest.raises(
        ConfigError,
        match=r"\[simulation\] of the geometry na62: halo.rate=10.0: no key 'rate': did you mean 'rate_hz'",
    ):
        SimulationConfig.of_detector(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("z_before_mm = 180000.0", "z_before_mm = 23000.0", "must be behind it"),
        ('shape = "ring"\nz_mm = 238131.5\nr_min_mm = 140.0', 'shape = "ring"\nz_mm = 238131.5\nr_min_mm = 1069.99999', "reaches"),
    ],
)  # fmt: skip
def test_a_halo_that_cannot_reach_the_trigger_is_refused(tmp_path, old, new, message):
    text = (Path(planes.__file__).parent / "na62.toml").read_text()
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    config = SimulationConfig(pot=1e11, bursts=1, detector=str(tmp_path / "mine.toml"))
    with pytest.raises(ConfigError, match=message):
        simulate(config, seed=1)
