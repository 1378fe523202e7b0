"""Table [signal] of analysis.toml: what it holds, and what is refused."""

import numpy as np
import pytest
from pydantic import ValidationError

import bdana
from bdana.analysis.signal_config import SignalConfig
from bdana.detector import load_detector
from bdana.errors import ConfigError


def test_the_scan_is_even_in_the_logarithm():
    config = SignalConfig(masses_mev=(250.0, 600.0), mass_points=8)
    masses = config.masses("mumu")
    assert len(masses) == 8
    assert (masses[0], masses[-1]) == pytest.approx((250.0, 600.0))
    assert np.diff(np.log(masses)) == pytest.approx([np.log(2.4) / 7] * 7)


def test_masses_at_which_the_mode_is_closed_are_left_out():
    config = SignalConfig(masses_mev=(100.0, 3000.0), mass_points=40)
    grid = np.geomspace(100.0, 3000.0, 40)
    assert config.masses("mumu") == pytest.approx(grid[(grid > 211.3) & (grid <= 2000.0)])
    assert config.masses("ee") == pytest.approx(grid[grid <= 2000.0])


@pytest.mark.parametrize(
    ("config", "mode", "message"),
    [
        (SignalConfig(masses_mev=(50.0, 200.0)), "mumu", "the mode mumu is closed at all of them"),
        (SignalConfig(masses_mev=(2500.0, 3000.0)), "ee", "the mode ee is closed at all of them"),
        (SignalConfig(), "gg", "no decay mode 'gg': this particle has ee, mumu"),
        (SignalConfig(model="chameleon"), "mumu", "no signal model 'chameleon': there are"),
        (SignalConfig(parameters={"form_factor": "large"}), "mumu", "parameters of the signal model dark_photon: form_factor"),
        (SignalConfig(parameters={"spin": 1}), "mumu", "no key 'spin'"),
        (SignalConfig(parameters={"z_range": (0.9, 0.1)}), "mumu", "must ascend and lie between 0 and 1"),
        (SignalConfig(parameters={"pt_max_gev": "none"}), "mumu", "without a limit on pT or angle bremsstrahlung diverges"),
    ],
)  # fmt: skip
def test_scans_of_nothing_are_refused(config, mode, message):
    with pytest.raises(ConfigError, match=message):
        config.masses(mode)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("decay_volume_m", (180.0, 105.0)), ("masses_mev", (300.0, 300.0)), ("couplings", (1e-4, 1e-8)),
        ("masses_mev", (0.0, 300.0)), ("couplings", (-1e-8, 1e-4)), ("pot", 0.0), ("pot", float("inf")),
        ("pot_error", -0.1), ("pot_error", 20.0), ("min_energy_gev", -1.0), ("spot_mm", -1.0), ("depth_mm", -1.0),
        ("decays", 10), ("events", 0), ("mass_points", 1), ("seed", -1), ("point", (0.0, 1e-6)), ("masses", (1.0, 2.0)),
        ("decay_volume_m", (105.0, float("nan"))),
    ],
)  # fmt: skip
def test_impossible_values_are_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        SignalConfig(**{key: value})


@pytest.mark.parametrize(
    ("config", "modes"),
    [
        (SignalConfig(), ["mumu", "ee"]),
        (SignalConfig(model="dark_scalar"), ["mumu", "ee"]),
        (SignalConfig(model="alp"), ["gammagamma"]),
        (SignalConfig(model="hnl", point=(400.0, 1e-4)), ["pie", "nuee", "numumu", "rhoe"]),
        (SignalConfig(model="hnl", channels={"pie": "mine"}), ["pie"]),
        (SignalConfig(model="alp", channels={"mumu": "dimuon"}), ["mumu"]),
    ],
)
def test_channels_that_are_not_named_are_those_of_the_particle(config, modes):
    """By their widths where it has neither mumu nor ee; what is named is not changed."""
    assert list(config.in_detector(load_detector("na62")).channels) == modes


def test_what_people_must_know_is_said_once():
    config = SignalConfig()
    assert config.cautions([250.0, 400.0]) == ()
    said = config.cautions([700.0, 705.0, 250.0])
    assert len(said) == len(set(said)) >= 1


def test_overrides_reach_the_model():
    analysis = bdana.load(overrides=["signal.parameters.form_factor='none'", "signal.mass_points=3"])
    assert analysis.signal.mass_points == 3
    plain, dressed = analysis.signal.particle(400.0), bdana.load().signal.particle(400.0)
    ratio = dressed.production["bremsstrahlung"].per_proton / plain.production["bremsstrahlung"].per_proton
    assert ratio == pytest.approx(2.31, abs=0.01)


@pytest.mark.parametrize(
    ("overrides", "mode"),
    [
        ([], "mumu"),
        (["signal.point=[100.0, 1e-6]"], "ee"),
        (["signal.model='alp'"], "gammagamma"),
        (["signal.model='hnl'"], "pie"),  # wider than e e nu
        (["signal.model='hnl'", "signal.channels={nuee='dielectron'}"], "nuee"),
    ],
)
def test_where_no_mode_is_named_the_first_open_channel_is_searched_for(overrides, mode):
    assert bdana.load(bdana.analysis.template_folder(), overrides=overrides).signal.usual_mode == mode


def test_a_particle_that_no_selection_looks_for_is_named():
    analysis = bdana.load(bdana.analysis.template_folder(), overrides=["signal.model='alp'"])
    closed = analysis.signal.model_copy(update={"model": "hnl", "point": (0.1, 1e-5)})
    with pytest.raises(ConfigError, match=r"no decay mode of hnl at 0\.1 MeV has a selection"):
        closed.usual_mode  # noqa: B018
