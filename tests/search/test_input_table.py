"""What is measured and what is assumed: every number of a search's estimate is listed once, as what it is."""

import pytest

import bdana
from bdana.search.input_table import search_inputs

EXPOSURE = {"pot": 1.4e17, "live_time_s": 1e5, "bursts": 2000}
PREDICTION = {
    "accidental_survival": 0.97,
    "duty_factor": {"value": 0.9, "error": 0.01, "slice_ms": 1.0},
    "systematics": [
        {"name": "accidental_survival", "effect": {"SR": 0.01}, "source": "binomial error"},
        {"name": "sample_choice", "effect": {"SR": 0.02, "CR": 0.03}, "source": "assumed: all tracks"},
    ],
}
CHECKS = {
    "normalisation": {"ratio": 0.95, "error": 0.11, "source": "measured: 71 pairs"},
    "prompt": {"share": {"prompt": 3.0, "prompt_low": 1.0, "prompt_high": 6.0, "pairs": 40}},
}


@pytest.fixture(scope="module")
def rows():
    return search_inputs(bdana.load(), EXPOSURE, PREDICTION, CHECKS)


def one(rows, name, part=None):
    (found,) = (row for row in rows if row.name == name and part in (None, row.part))
    return found


def test_measured_numbers_have_their_errors(rows):
    survival = one(rows, "accidental_survival")
    assert (survival.value, survival.error, survival.kind) == (0.97, pytest.approx(0.0097), "measured")
    assert one(rows, "duty_factor").error == pytest.approx(0.009)
    assert one(rows, "normalisation").value == 0.95
    assert one(rows, "in-time pairs of open regions").error == 2.5


def test_protons_are_measured_and_their_error_is_the_configured_one():
    rows = search_inputs(bdana.load(overrides=["signal.pot_error=0.13"]), EXPOSURE, PREDICTION, CHECKS)
    protons, error = one(rows, "protons on target"), one(rows, "uncertainty protons on target")
    assert (protons.value, protons.error, protons.kind) == (1.4e17, None, "measured")
    assert (error.value, error.error, error.kind) == (None, 0.13, "assumed")


def test_sources_of_uncertainty_are_what_they_say(rows):
    assumed, measured = one(rows, "uncertainty sample_choice"), one(rows, "uncertainty accidental_survival")
    assert (assumed.value, assumed.error, assumed.kind) == (None, 0.03, "assumed")
    assert measured.kind == "measured"


def test_every_assumed_parameter_of_the_backgrounds_is_listed_once_with_its_error(rows):
    analysis = bdana.load()
    for name in ("combinatorial", "prompt"):
        model = analysis.parameters()[f"background.{name}"]
        for field, info in type(model).model_fields.items():
            value = getattr(model, field)
            if "assumed" in (info.description or "") and not isinstance(value, str) and value is not None:
                listed = [row for row in rows if row.part == name and row.name == field]
                is_error = "_error" in field and field.replace("_error", "") in type(model).model_fields
                assert [row.kind for row in listed] == ([] if is_error else ["assumed"]), field
    assert one(rows, "h2_efficiency").error == 0.02
    assert one(rows, "dt_width_ns").error == 0.06
    assert one(rows, "spectrum_bins").kind == "chosen"


def test_changed_values_are_the_ones_shown():
    changed = bdana.load(overrides=["background.prompt.transfer_error=0.7"])
    assert one(search_inputs(changed, None, PREDICTION, None), "transfer_error").value == 0.7


def test_an_estimate_that_lists_its_inputs_is_not_asked_twice():
    stated = {
        "name": "h2_efficiency",
        "value": 0.9,
        "error": 0.1,
        "kind": "measured",
        "source": "tag and probe",
    }
    rows = search_inputs(bdana.load(), None, PREDICTION | {"inputs": [stated]}, None)
    assert (one(rows, "h2_efficiency").kind, one(rows, "h2_efficiency").value) == ("measured", 0.9)
    assert "accidental_survival" not in [row.name for row in rows]


@pytest.mark.parametrize(
    ("source", "kind"),
    [("the whole correction", "assumed"), ("by eye", "assumed"), ("measured: 71 pairs", "measured")],
)
def test_an_uncertainty_of_no_measured_number_is_assumed_unless_it_says_what_measured_it(source, kind):
    made = {"name": "third_track", "effect": {"SR": 0.02}, "source": source}
    rows = search_inputs(bdana.load(), None, PREDICTION | {"systematics": [made]}, None)
    assert one(rows, "uncertainty third_track").kind == kind


@pytest.mark.parametrize("kind", ["measured", "assumed"])
def test_the_uncertainty_of_a_number_is_of_its_kind_and_has_its_size_whatever_its_direction(kind):
    stated = {"name": "h2_efficiency", "value": 0.9, "error": 0.1, "kind": kind, "source": "averaged"}
    source = {"name": "h2_efficiency", "effect": {"SR": -0.11, "CR": 0.05}, "source": "averaged"}
    rows = search_inputs(bdana.load(), None, PREDICTION | {"inputs": [stated], "systematics": [source]}, None)
    found = one(rows, "uncertainty h2_efficiency")
    assert (found.kind, found.error) == (kind, 0.11)


def test_the_response_behind_the_efficiency_is_assumed_and_measured_numbers_come_first(rows):
    assert one(rows, "muv3_efficiency", "signal").kind == "assumed"
    kinds = [row.kind for row in rows]
    assert kinds == sorted(kinds, key=["measured", "assumed", "chosen"].index)
