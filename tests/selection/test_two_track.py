"""Cutflow, candidates and the sum of chunks."""

import csv
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bdana
from bdana.selection import Candidates, Cutflow
from tests.synthetic import dimuon_event, records

ANALYSIS = bdana.load(bdana.analysis.template_folder())
SELECTION, PAR = ANALYSIS.selection("dimuon")


def sample(n=30):
    """Candidates of which some fail a cut, with weights."""
    rng = np.random.default_rng(1)
    events = []
    for i in range(n):
        event = dimuon_event(i) | {"weight": float(rng.uniform(0.5, 2))}
        if i % 3 == 1:
            event["trigger_time"] = 40.0
        if i % 5 == 2:
            event["lav"] = [{"time": 10.0}]
        if i % 7 == 3:
            event["tracks"] = event["tracks"][:1]
        events.append(event)
    return records(events)


def test_cutflow_counts_and_weights():
    events = sample()
    weights = np.asarray(events.weight)
    rows = {row.cut: row for row in SELECTION.apply(events, PAR, ANALYSIS.setup).cutflow.rows}
    i = np.arange(len(events))
    pair, trigger, lav = i % 7 != 3, i % 3 != 1, i % 5 != 2
    for name, left in {
        "all": i >= 0,
        "two_good_tracks": pair,
        "opposite_charge": pair,
        "trigger_time": pair & trigger,
        "vertex_z": pair & trigger,
        "lav_veto": pair & trigger & lav,
        "acceptance": pair & trigger & lav,
    }.items():
        assert rows[name].events == left.sum()
        assert rows[name].sum_w == pytest.approx(weights[left].sum())
        assert rows[name].sum_w2 == pytest.approx((weights[left] ** 2).sum())
    assert rows["trigger_time"].n_minus_1 == (pair & lav).sum()
    assert rows["lav_veto"].n_minus_1 == (pair & trigger).sum()
    assert rows["cda"].n_minus_1 == (pair & trigger & lav).sum()
    assert rows["all"].n_minus_1 is None


@cache
def selected_sample():
    events = sample()
    return events, SELECTION.apply(events, PAR, ANALYSIS.setup)


@given(st.integers(0, 30))
def test_two_chunks_add_up_to_the_whole(cut_at):
    events, whole = selected_sample()
    parts = [SELECTION.apply(part, PAR, ANALYSIS.setup) for part in (events[:cut_at], events[cut_at:])]
    both = parts[0] + parts[1]
    assert [(r.cut, r.events, r.n_minus_1) for r in both.cutflow.rows] == [
        (r.cut, r.events, r.n_minus_1) for r in whole.cutflow.rows
    ]
    np.testing.assert_array_equal(both.candidates.event, whole.candidates.event)
    np.testing.assert_array_equal(both.candidates.z_tax, whole.candidates.z_tax)


def test_cutflows_of_different_cuts_do_not_add():
    with pytest.raises(ValueError, match="cannot add"):
        Cutflow(()).then("all", np.ones(2)) + Cutflow(()).then("other", np.ones(2))


def test_csv_holds_every_float_exactly_and_leaves_undefined_empty(tmp_path):
    found = SELECTION.apply(sample(), PAR, ANALYSIS.setup).candidates
    spoiled = found.z_tax.copy()
    spoiled[0] = np.nan
    columns = {name: getattr(found, name) for name in Candidates.__dataclass_fields__} | {"z_tax": spoiled}
    path = tmp_path / "candidates.csv"
    Candidates(**columns).write_csv(path)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "run", "burst", "event", "z_vertex_m", "cda_fv_mm", "z_tax_m", "cda_tax_mm", "mass_mev", "dt_ns",
        "p_plus_gev", "p_minus_gev", "region",
    ]  # fmt: skip
    assert [int(row["event"]) for row in rows] == found.event.tolist()
    assert [float(row["mass_mev"]) for row in rows] == found.mass.tolist()
    assert [float(row["z_vertex_m"]) for row in rows] == (found.z_vertex / 1000).tolist()
    assert rows[0]["z_tax_m"] == ""
    assert float(rows[1]["z_tax_m"]) == found.z_tax[1] / 1000
    assert rows[1]["region"] == "SR"


def test_no_events_give_an_empty_result_with_every_row():
    empty = SELECTION.apply(sample()[:0], PAR, ANALYSIS.setup)
    assert [row.events for row in empty.cutflow.rows] == [0] * len(empty.cutflow.rows)
    assert len(empty.candidates) == 0


def test_steps_without_a_loss_have_the_numbers_of_the_step_before():
    weights = np.array([1.0, 0.5, 2.0])
    same = Cutflow.of({"read": weights, "good": weights, "trigger": weights[:2]})
    assert same == Cutflow.of({"read": weights, "good": weights.copy(), "trigger": weights[:2].copy()})
    assert [(row.cut, row.events, row.sum_w) for row in same.rows] == [
        ("read", 3, 3.5),
        ("good", 3, 3.5),
        ("trigger", 2, 1.5),
    ]
