"""What is wrong in TOML is said in sentences, by place, with the nearest name: every table, every field, every kind of mistake."""

import itertools
import math
import pickle
from inspect import isabstract

import pytest

import bdana
from bdana.analysis.config import AnalysisConfig
from bdana.blinding.policy import Policy
from bdana.detector import Detector
from bdana.errors import ConfigError
from bdana.events.schema import Schema
from bdana.mistakes import OfOption, Written, did_you_mean, nearest, validated
from bdana.strict import StrictModel

FILE = Written("a.toml")
WRONG = (
    True,
    "12",
    "x",
    math.nan,
    math.inf,
    3.5,
    -1e30,
    [],
    {},
    [True],
    [[math.nan]],
    {"a b": 3},
    {"x": {"y": 1}},
)
FOREIGN = (
    "Input should",
    "Value error",
    "Extra inputs",
    "Field required",
    "http",
    "pydantic",
    "type=",
    "something else",
)


def tables(model=StrictModel):
    """Every table that TOML may have, those of the packaged selections and backgrounds too."""
    bdana.load(bdana.analysis.template_folder()).parameters()
    found = {model}
    for other in model.__subclasses__():
        found |= tables(other)
    return {table for table in found if not (isabstract(table) or table.__module__.startswith("tests"))}


TABLES = sorted(tables() - {StrictModel}, key=lambda table: f"{table.__module__}.{table.__qualname__}")


def said(model, values):
    """Return what is said of wrong values; empty when they are right."""
    try:
        validated(model, values, FILE)
    except ConfigError as err:
        return str(err)
    return ""


def test_the_tables_are_those_of_every_file():
    assert {AnalysisConfig, Schema, Detector, Policy} < set(TABLES)
    assert len(TABLES) > 30


@pytest.mark.parametrize("model", TABLES, ids=lambda model: f"{model.__module__}.{model.__qualname__}")
def test_no_mistake_in_a_field_is_told_in_the_words_of_pydantic(model):
    for (name, field), value in itertools.product(model.model_fields.items(), WRONG):
        text = said(model, {field.alias or name: value})
        assert not any(word in text for word in FOREIGN), text


@pytest.mark.parametrize("model", TABLES, ids=lambda model: f"{model.__module__}.{model.__qualname__}")
def test_a_misspelt_key_is_named_with_the_right_one(model):
    for name, field in model.model_fields.items():
        key = field.alias or name
        text = said(model, {key + "q": 1})
        keys = [other.alias or name for name, other in model.model_fields.items()]
        assert f"no key '{key}q': did you mean '{nearest(key + 'q', keys)}'?" in text
        assert nearest(key + "q", [key]) == key


@pytest.mark.parametrize("model", TABLES, ids=lambda model: f"{model.__module__}.{model.__qualname__}")
def test_a_text_and_a_truth_value_are_no_number(model):
    for name, field in model.model_fields.items():
        if field.annotation in {float, int, float | None, int | None}:
            finite = (math.nan, math.inf) if model.model_config["allow_inf_nan"] is False else ()
            for value in ("12", True, *finite):
                assert f"{field.alias or name} = " in said(model, {field.alias or name: value}), (name, value)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("regions.SR.z_tax_mn_m=3.0", "--set regions.SR.z_tax_mn_m=3.0: [regions.SR] has no key 'z_tax_mn_m': did you mean"),
        ("selections.dimuon.max_cda_mm=3.0", "--set selections.dimuon.max_cda_mm=3.0: no key 'selections': did you mean 'sel"),
        ("selection.dimoun.max_cda_mm=3.0", "--set selection.dimoun.max_cda_mm=3.0: [selection.dimoun] has no selections/dimoun.p"),
        ("background.combinatorail.slice_ms=3.0", "did you mean 'combinatorial'?"),
        ("signal.parameters.form_fctor='low'", "--set signal.parameters.form_fctor='low': [signal.parameters] has no key 'form_f"),
        ("signal.parameters.pt_max_gev=-1", "--set signal.parameters.pt_max_gev=-1: must be above 0 or must be 'none'"),
        ("search.data='daat'", "--set search.data='daat': [search] data: no sample 'daat': there are none"),
        ("search.joint=['CR11']", "[search] joint: no region 'CR11': did you mean 'CR1'?"),
        ("signal.masses_mev=[300.0,200.0]", "--set signal.masses_mev=[300.0,200.0]: must ascend, not [300, 200]"),
        ("samples.x.kind='data'", "with --set samples.x.kind='data': [samples.x] files: is missing: ROOT files"),
        ("search.mass_windows.resolution_mev=[[1.0,'a']]", "resolution_mev[0][1] = \"a\": must be a number"),
    ],
)  # fmt: skip
def test_a_mistake_of_the_command_line_is_told_as_such(override, text):
    with pytest.raises(ConfigError) as raised:
        bdana.load(bdana.analysis.template_folder(), overrides=[override])
    assert text in str(raised.value)


def test_an_option_that_stands_for_an_override_is_named_as_it_was_typed():
    asked = [
        "signal.pot=1e17",
        OfOption("signal.parameters={}", "--model x"),
        OfOption("signal.parameters.pt_max_gev=-1", "--pt-max -1"),
    ]
    written = Written("a.toml", "signal", tuple(asked))
    assert written.origin(["parameters", "pt_max_gev"]) == "--pt-max -1"
    assert written.origin(["parameters", "theta_max_rad"]) == "--model x"
    assert written.origin(["parameters"]) == "--model x with --pt-max -1"
    assert written.origin(["model"]) == "a.toml"
    assert written.origin([]) == "a.toml with --set signal.pot=1e17 with --model x with --pt-max -1"
    assert pickle.loads(pickle.dumps(asked[1])).option == "--model x"


def test_parameters_are_told_by_their_table_in_the_file(tmp_path):
    bdana.analysis.scaffold(tmp_path / "ana")
    path = tmp_path / "ana" / "analysis.toml"
    path.write_text(
        path.read_text().replace("[selection.dimuon]", "[selection.dimuon]\nmax_cda = 3.0\nmax_dt_ns = -2.0")
    )
    with pytest.raises(ConfigError) as raised:
        bdana.load(tmp_path / "ana").single_track("single_track")
    assert f"{path}: [selection.dimuon] max_dt_ns = -2: must be 0 or more" in str(raised.value)
    assert "[selection.dimuon] has no key 'max_cda': did you mean 'max_cda_mm'?" in str(raised.value)


def test_of_a_choice_of_tables_the_right_keys_are_told():
    element = {"shape": "ring", "z_mm": 1.0, "r_min_mm": 2.0, "rmax_mm": 3.0}
    values = {"name": "x", "magnet": {"z_mm": 1.0, "px_kick_mev": -270.0}, "elements": {"A": element}}
    text = said(Detector, values)
    assert text == (
        "a.toml: [elements.A] r_max_mm: is missing: outer radius; [elements.A] has no key 'rmax_mm': did you mean 'r_max_mm'?"
    )
    values["elements"] = {"A": element | {"shape": "rign"}}
    assert said(Detector, values).endswith("did you mean 'ring'?")


def test_names_that_are_like_no_other_get_the_list():
    assert did_you_mean("q", ["alpha", "beta"]) == "there are alpha, beta"
    assert did_you_mean("q", []) == "there are none"
    assert did_you_mean("Alhpa", ["alpha", "beta"]) == "did you mean 'alpha'?"
