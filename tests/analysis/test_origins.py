"""Where each value of the configuration comes from."""

import bdana
from bdana.analysis import settings_with_origin, template_folder


def settings(*overrides):
    return {s.key: s for s in settings_with_origin(bdana.load(template_folder(), overrides=overrides))}


def test_origin_of_every_kind_of_value():
    found = settings("selection.dimuon.max_cda_mm=10.0", "regions.SR.z_tax_max_m=39.0")
    assert (found["selection.dimuon.max_cda_mm"].value, found["selection.dimuon.max_cda_mm"].origin) == (
        10.0,
        "--set",
    )
    assert (found["regions.SR.z_tax_max_m"].value, found["regions.SR.z_tax_max_m"].origin) == (39.0, "--set")
    assert found["regions.SR.z_tax_min_m"].origin == "analysis.toml"
    assert found["selection.dimuon.acceptance"].origin == "analysis.toml"
    assert found["selection.dimuon.max_chi2"].origin == "default of selections/dimuon.py"
    assert found["selection.dimuon.lepton"].value == "muon"
    assert found["beam_line.point_mm"].value == [0.0, -22.0, 23070.0]


def test_every_parameter_says_what_it_means():
    assert all(s.meaning for key, s in settings().items() if key.startswith("selection."))


def test_a_replaced_table_is_marked_as_a_whole():
    found = settings("regions.SR={z_tax_min_m=7.0,z_tax_max_m=30.0,cda_tax_max_mm=10.0}")
    assert {found[f"regions.SR.{name}"].origin for name in ("z_tax_min_m", "z_tax_max_m")} == {"--set"}


def test_single_tracks_take_the_numbers_of_the_selection_they_are_like():
    found = settings("selection.dimuon.max_dt_ns=4.0", "selection.single_track.max_chi2=9.0")
    origins = {
        name: found[f"selection.single_track.{name}"].origin
        for name in ("max_dt_ns", "max_chi2", "acceptance", "min_chambers")
    }
    assert origins == {
        "max_dt_ns": "--set, [selection.dimuon]",
        "max_chi2": "--set",
        "acceptance": "analysis.toml, [selection.dimuon]",
        "min_chambers": "default of selections/single_track.py",
    }


def test_a_key_is_the_one_that_can_be_set():
    sample = 'samples.x={kind="mc",files=["x.root"],schema="flat"}'
    found = settings(sample)
    assert (found["samples.x.schema"].value, found["samples.x.schema"].origin) == ("flat", "--set")
    again = settings(sample, 'samples.x.schema="bdana"')
    assert again["samples.x.schema"].value == "bdana"


def test_what_is_left_to_the_detector_has_the_value_of_its_geometry():
    found = {s.key: s for s in settings_with_origin(bdana.load(template_folder(), ["signal.spot_mm=1.0"]))}
    volume = found["signal.decay_volume_m"]
    assert (volume.value, volume.origin) == ([105.0, 180.0], "geometry na62")
    assert found["signal.acceptance"].value == ["STRAW1", "STRAW2", "STRAW3", "STRAW4", "LKr", "MUV3"]
    assert (found["signal.spot_mm"].value, found["signal.spot_mm"].origin) == (1.0, "--set")
    assert found["beam_line.point_mm"].origin == "analysis.toml"
