"""Sentences of the report on the inputs of an estimate."""

import pytest

from bdana.report.tables import estimate_notes

DOCUMENT = {
    "single_tracks": {"plus": 20, "minus": 10},
    "bursts": 2,
    "pairs": 100,
    "accidental_survival": 0.9,
    "warnings": [],
    "notes": [],
    "duty_factor": {"value": 0.9, "error": 0.01, "slice_ms": 1.0},
}


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        ({"SR": "whole bursts", "CR": "whole bursts"}, "pairs are made in: whole bursts"),
        (
            {"SR": "whole bursts", "CR": "pairs within 10 ms"},
            "pairs are made in: SR whole bursts; CR pairs within 10 ms",
        ),
    ],
)
def test_the_slices_of_the_regions_are_named(slices, said):
    assert estimate_notes(DOCUMENT | {"slices": slices})[-1] == said
    assert not any("paired in" in line for line in estimate_notes(DOCUMENT | {"duty_factor": None}))
