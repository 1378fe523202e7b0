"""Numbers that an analysis declares have a range, by declaration or by name."""

import math

import pytest
from pydantic import Field

import bdana
from bdana.errors import ConfigError
from bdana.mistakes import Written, validated
from bdana.parameters import ParameterTable, usual_range

PARAMETERS = bdana.load(bdana.analysis.template_folder()).parameters()
NUMBERS = [
    (table, name)
    for table, values in PARAMETERS.items()
    for name, field in type(values).model_fields.items()
    if field.annotation in {float, int}
]
SIGNED = {"min_z_vertex_m", "max_z_vertex_m", "min_e_over_p"}


class Mine(bdana.Parameters):
    max_cda_mm: float = Field(20.0, description="as a user writes it")
    max_shift_mm: float = Field(0.0, ge=-5.0, le=5.0)
    min_z_vertex_m: float = 105.0
    max_z_vertex_m: float = 180.0
    veto_efficiency: float = 0.9
    t0_ns: float = 0.0
    ends_ns: tuple[float, float] = (-3.0, 3.0)


@pytest.mark.parametrize(("table", "name"), NUMBERS)
def test_every_number_of_the_packaged_analysis_has_a_range(table, name):
    low = -math.inf if name in SIGNED else -1.0
    overrides = [f"{table}.{name}={value}" for value in (low, math.nan, math.inf, "'12'", "true")]
    for override in overrides:
        with pytest.raises(ConfigError, match=f"--set {table}.{name}=.*: must be"):
            bdana.load(
                bdana.analysis.template_folder(), overrides=[override.replace("=inf", "=+inf")]
            ).parameters()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"max_cda_mm": -0.1}, "max_cda_mm = -0.1: must be 0 or more"),
        ({"max_shift_mm": -5.1}, "max_shift_mm = -5.1: must be -5 or more"),
        ({"veto_efficiency": 1.1}, "veto_efficiency = 1.1: must be between 0 and 1"),
        ({"min_z_vertex_m": 190.0}, "min_z_vertex_m = 190 is above max_z_vertex_m = 180: nothing is between"),
        ({"ends_ns": [math.nan, 3.0]}, r"ends_ns\[0\] = nan: must be a finite number"),
    ],
)
def test_a_number_outside_is_refused_with_its_range(values, text):
    with pytest.raises(ConfigError, match=rf"a\.toml: (\[selection\.mine\]:? )?{text}"):
        validated(Mine, values, Written("a.toml", "selection.mine"))


@pytest.mark.parametrize(
    "values", [{"max_shift_mm": -5.0}, {"t0_ns": -3.0}, {"min_z_vertex_m": -1.0}, {"max_cda_mm": 0.0}]
)
def test_a_range_that_the_author_gives_takes_the_place_of_the_usual_one(values):
    assert validated(Mine, values, Written("a.toml")).model_dump().items() >= values.items()


def test_a_default_is_checked_too():
    class Wrong(ParameterTable):
        max_dt_ns: float = -5.0

    with pytest.raises(ConfigError, match="max_dt_ns = -5: must be 0 or more"):
        validated(Wrong, {}, Written("a.toml"))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("max_dt_ns", 0, math.inf),
        ("max_e_over_p", 0, math.inf),
        ("lkr_distance_mm", 0, math.inf),
        ("spill_s", -math.inf, math.inf),
        ("max_z_m", -math.inf, math.inf),
        ("q1_efficiency_error", 0, 1),
        ("window_error_ns", 0, math.inf),
        ("max_time_error", 0, math.inf),
        ("noise_level", -math.inf, math.inf),
        ("beam_momentum_gev", 0, math.inf),
        ("n_chambers", 0, math.inf),
    ],
)
def test_the_usual_range_follows_from_the_name(name, low, high):
    assert usual_range(name) == (low, high)
