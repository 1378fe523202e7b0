"""Every formula of the signal has a range: outside it refuses, or warns when that is asked for; docs/signal.md lists them."""

import importlib
import math
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import bdana.signal
from bdana.errors import ConfigError
from bdana.signal import Mode, branching_ratio, decay_length, total_width
from bdana.signal.bremsstrahlung import Bremsstrahlung, bremsstrahlung_density, pp_cross_section, splitting
from bdana.signal.hadronic_ratio import hadronic_ratio, hadronic_ratios, relative_error
from bdana.signal.meson_spectra import meson_mass
from bdana.signal.models.dark_photon import (
    DarkPhoton,
    Parameters,
    form_factor_band,
    lepton_width,
    proton_form_factor,
)
from bdana.signal.photon_like import meson_decays, mixing_probabilities, transition_form_factor
from bdana.signal.resonances import Meson, breit_wigner, gounaris_sakurai, pair_momentum, three_pion_space
from bdana.signal.validity import ExtrapolationWarning, ValidRange

RHO = Meson(775.0, 149.0)
# Function of one argument, whether it can be asked for more, and values outside of its range.
FORMULAS = {
    "proton_form_factor": (proton_form_factor, True, [651.0, 770.0, 2000.0]),
    "form_factor_band": (form_factor_band, True, [1001.0, 3000.0]),
    "pp_cross_section": (pp_cross_section, True, [24.9, 3.5]),
    "mixing_probabilities": (mixing_probabilities, True, [2001.0]),
    "splitting of z": (lambda z, **how: splitting(z, 1e4, 400.0, **how), True, [0.09, 0.91]),
    "splitting of pT": (lambda pt, **how: splitting(0.5, pt**2, 400.0, **how), True, [1001.0]),
    "density of z": (lambda z, **how: bremsstrahlung_density(z, 1e4, 400.0, **how), True, [0.09, 0.91]),
    "density of pT": (lambda pt, **how: bremsstrahlung_density(0.5, pt**2, 400.0, **how), True, [1001.0]),
    "density of beam": (lambda p, **how: bremsstrahlung_density(0.9, 1e4, 400.0, p, **how), True, [100e3]),
    "hadronic_ratio": (hadronic_ratio, False, [2000.1]),
    "hadronic_ratios": (hadronic_ratios, False, [2000.1]),
    "relative_error": (relative_error, False, [2000.1]),
    "three_pion_space": (three_pion_space, False, [2500.0**2]),
    "gounaris_sakurai": (lambda s: gounaris_sakurai(np.array([s]), RHO), False, [270.0**2]),
    "breit_wigner": (lambda s: breit_wigner(np.array([s]), RHO), False, [0.0]),
    "pair_momentum": (lambda s: pair_momentum(np.array([s]), 1.0, 1.0), False, [0.0]),
    "lepton_width": (lambda mass: lepton_width(mass, 1.0, 0.511), False, [0.0]),
    "meson_decays": (meson_decays, False, []),
    "transition_form_factor": (lambda m: transition_form_factor(m, "eta", "gamma"), False, [meson_mass("eta") + 1.0]),
    "total_width": (lambda mass: total_width(DarkPhoton(mass)), False, [0.5, 2001.0]),
    "coupling": (lambda coupling: total_width(DarkPhoton(250.0), coupling), False, []),
}  # fmt: skip


def ranges():
    """Every range that a module of the signal declares."""
    found = {}
    for module in pkgutil.walk_packages(bdana.signal.__path__, "bdana.signal."):
        members = vars(importlib.import_module(module.name)).items()
        found |= {f"{module.name}.{name}": value for name, value in members if isinstance(value, ValidRange)}
    return found


@dataclass(frozen=True)
class Stable:
    mass: float = 100.0
    mass_range: tuple[float, float] = (1.0, 1000.0)
    modes: dict[str, Mode] = field(default_factory=lambda: {"ee": Mode(0.0, (-11, 11))})


@pytest.mark.parametrize("name", FORMULAS)
def test_outside_of_its_range_a_formula_refuses(name):
    formula, _, outside = FORMULAS[name]
    for value in [*outside, -1.0, math.nan]:
        if value == -1.0 and name.endswith("pT"):
            continue  # squared
        with pytest.raises(ConfigError):
            formula(value)


@pytest.mark.parametrize("name", [name for name, (_, more, _) in FORMULAS.items() if more])
def test_a_number_outside_that_is_asked_for_comes_with_the_reason(name):
    formula, _, outside = FORMULAS[name]
    for value in outside:
        with pytest.warns(
            ExtrapolationWarning, match=f"holds for .*, not at {value:g}|holds for s from 25"
        ) as warned:
            assert formula(value, extrapolate=True) is not None
        assert all(": " in str(warning.message) for warning in warned)
        for impossible in (-1.0, math.nan):
            if not name.endswith("pT"):
                with pytest.raises(ConfigError):
                    formula(impossible, extrapolate=True)


def test_the_ends_belong_to_a_range_within_rounding():
    for limits in ranges().values():
        high = limits.high if math.isfinite(limits.high) else max(1e6, limits.low)
        for value in (high, high * (1.0 + 1e-12), limits.low or 1e-3):
            assert limits.check(value) == value
        if math.isfinite(limits.high):
            with pytest.raises(ConfigError, match="holds for"):
                limits.check([limits.low or 1.0, limits.high * 1.001])


def test_the_documentation_lists_every_range():
    text = (Path(__file__).parents[2] / "docs" / "signal.md").read_text()
    assert len(ranges()) >= 10
    for limits in ranges().values():
        row = next((line for line in text.splitlines() if line.startswith(f"| {limits.formula} |")), "")
        assert limits.argument in row, limits.formula
        assert limits.text in row or limits.unit == "MeV^2", limits.formula


def test_the_form_factor_is_refused_where_a_yield_is_made():
    with pytest.raises(
        ConfigError, match=r"holds for mass from 0 to 650 MeV, not at 770 MeV: .*omega pole.*extrapolate"
    ):
        _ = DarkPhoton(770.0).production["bremsstrahlung"].per_proton
    with pytest.raises(ConfigError, match="omega pole"):
        DarkPhoton(770.0).production["bremsstrahlung"].draw(10, np.random.default_rng(1))
    assert DarkPhoton(770.0).production["mixing"].per_proton > 0.0
    for way_out in ({"extrapolate": True}, {"form_factor": "none"}, {"production": ("mesons", "mixing")}):
        assert all(
            made.per_proton > 0.0 for made in DarkPhoton(770.0, Parameters(**way_out)).production.values()
        )
    assert "omega pole" in DarkPhoton(770.0, Parameters(extrapolate=True)).cautions[0]


def test_a_particle_that_does_not_decay_is_told():
    assert total_width(Stable()) == 0.0
    with pytest.raises(ConfigError, match=r"does not decay, since all its widths \(ee\) are 0"):
        branching_ratio(Stable(), "ee")
    with pytest.raises(ConfigError, match="does not decay"):
        decay_length(Stable(), 1e-6, np.array([1e3]))
    with pytest.raises(ConfigError, match="does not decay"):
        decay_length(DarkPhoton(250.0), 0.0, np.array([1e3]))


@pytest.mark.parametrize(
    "limits",
    [{"mass": 0.0}, {"mass": math.nan}, {"beam_momentum": -1.0}, {"z_range": (0.5, 0.4)}, {"z_range": (0.0, 0.4)}, {"pt_max": 0.0},
     {"theta_max": 2.0}, {"factor": math.inf}],
)  # fmt: skip
def test_impossible_limits_of_bremsstrahlung_are_refused(limits):
    with pytest.raises(ConfigError, match=f"bremsstrahlung: {next(iter(limits))} = "):
        Bremsstrahlung(**{"mass": 250.0} | limits)


@pytest.mark.parametrize(("meson", "recoil"), [("eta", "pi0"), ("kaon", "gamma")])
def test_a_decay_that_there_is_not_is_refused(meson, recoil):
    with pytest.raises(ConfigError, match=f"no decay {meson} -> {recoil}"):
        transition_form_factor(100.0, meson, recoil)
