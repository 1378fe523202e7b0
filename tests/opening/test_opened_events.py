"""The outputs of an opening: counts by region, events that were open before, and what must not come out."""

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import BlindingError
from bdana.events.plain_events import plain_events
from bdana.opening.opened_events import outputs_of
from tests.searches import FROZEN, signal_search_folder
from tests.synthetic import dimuon_event, records


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    folder = signal_search_folder(tmp_path_factory.mktemp("frozen") / "a")
    with (folder / "analysis.toml").open("a") as text:
        text.write(
            '[n_minus_1.lav_veto]\nexpression = "dt"\nlabel = "DT"\nunit = "ns"\nbins = 10\nmin = -5.0\nmax = 5.0\n'
        )
    return bdana.load(folder)


def test_events_that_were_open_before_a_reprocessing_are_counted_and_nothing_else_changes(analysis):
    events = records([dimuon_event(1), dimuon_event(2), dimuon_event(3)])
    marked = ak.with_field(events, [True, False, True], "seen_before")
    plain = outputs_of(analysis, FROZEN, "SR", [events])
    assert plain["observed"]["SR"] == 3
    assert plain["seen_before"] == {}
    # Files with and without the mark are opened together.
    both = outputs_of(analysis, FROZEN, "SR", [records([dimuon_event(4)]), marked])
    assert both["observed"]["SR"] == 4
    assert both["seen_before"] == {"SR": 2}
    assert [row["event"] for row in both["candidates"]] == [4, 1, 2, 3]
    assert "seen_before" not in both["candidates"][0]


def test_an_event_where_no_pair_was_expected_has_a_p_value_above_zero(analysis):
    """Largest pair weight 0.001: p(N >= 1) = 0.001/1.001, not 0."""
    unseen = {"expected": 0.0, "error": 0.0, "upper_limit_90": 0.001 * np.log(10)}
    prediction = FROZEN["prediction"] | {"steps": {"SR": {"SR": unseen}}}
    verdict = outputs_of(analysis, FROZEN | {"prediction": prediction}, "SR", [records([dimuon_event(1)])])[
        "verdict"
    ]
    assert verdict["p_n"] == verdict["p_l"] == pytest.approx(0.001 / 1.001)
    assert verdict["upper_limit_90"] == unseen["upper_limit_90"]


def test_the_events_of_the_candidates_are_written_down_and_no_others(analysis):
    vetoed = dimuon_event(2) | {"lav": [{"time": 10.0}]}
    chunks = [records([dimuon_event(1), vetoed]), records([dimuon_event(3)])]
    declared = FROZEN | {"outputs": [*FROZEN["outputs"], "events"]}
    found = outputs_of(analysis, declared, "SR", chunks)
    assert (
        [row["event"] for row in found["candidates"]] == [one["event"] for one in found["events"]] == [1, 3]
    )
    assert found["events"] == plain_events(records([dimuon_event(1), dimuon_event(3)]))
    assert "events" not in outputs_of(analysis, FROZEN, "SR", chunks), "a freeze that does not declare them"


def test_what_cuts_leave_is_written_down_of_regions_that_are_open(analysis):
    vetoed = dimuon_event(2) | {"lav": [{"time": 10.0}]}
    declared = FROZEN | {"outputs": [*FROZEN["outputs"], "filled"]}
    filled = outputs_of(analysis, declared, "SR", [records([dimuon_event(1), vetoed])])["filled"]
    without, passed = (filled[f"n-1/lav_veto/{part}"]["SR"] for part in ("every", "passed"))
    assert [sum(sum_w for _, sum_w, _ in rows) for rows in (without, passed)] == [2.0, 1.0]
    assert not outputs_of(analysis, declared, "CR3", [records([vetoed])])["filled"]["e_over_p"]["CR3"]
    closed = outputs_of(analysis, declared, "CR3", [records([vetoed])])["filled"]["n-1/lav_veto/every"]
    assert closed == {"CR3": [], "outside": []}, "of the SR, which is not open then"


def test_an_opening_without_events_counts_none_and_agrees(analysis):
    empty = outputs_of(analysis, FROZEN, "CR3", [])
    assert empty["observed"] == {"CR3": 0, "outside": 0}
    assert (empty["seen_before"], empty["candidates"]) == ({}, [])
    assert empty["verdict"]["agrees"]


def test_a_candidate_of_a_more_secret_region_does_not_come_out(analysis):
    with pytest.raises(BlindingError, match="a candidate of CR3 lies in a region that is not open"):
        outputs_of(analysis, FROZEN, "CR3", [records([dimuon_event(1)])])


def test_what_fails_is_told_by_its_kind_alone(analysis):
    broken = records([dimuon_event(77)])[["run", "burst", "event", "weight"]]
    with pytest.raises(BlindingError, match="the frozen selection fails on the events: ") as told:
        outputs_of(analysis, FROZEN, "SR", [broken])
    assert "77" not in str(told.value)


def test_an_event_in_two_sealed_files_is_refused_without_its_numbers(analysis):
    chunks = [records([dimuon_event(71), dimuon_event(72)]), records([dimuon_event(72)])]
    with pytest.raises(BlindingError, match="an event of SR is in the sealed data twice") as refused:
        outputs_of(analysis, FROZEN, "SR", chunks)
    assert "72" not in str(refused.value)
