"""A selection that leaves nothing says which cut took the last event, and hints at units where all fail one."""

import re

import numpy as np
import pytest

import bdana
from bdana.events import EventArrays
from bdana.selection import Cutflow, why_empty
from bdana.simulation import Signal, SimulationConfig, simulate

SELECTION, PAR = bdana.load(bdana.analysis.template_folder()).selection("dimuon")
CUTS = [cut.name for cut in SELECTION.active(PAR)]


def flow(*numbers):
    names = ["all", "two_good_tracks", *CUTS]
    cutflow = Cutflow(())
    for name, number in zip(names, [*numbers, *[numbers[-1]] * (len(names) - len(numbers))], strict=True):
        cutflow = cutflow.then(name, np.ones(number))
    return cutflow


@pytest.mark.parametrize("killer", range(len(CUTS)))
def test_the_cut_that_took_the_last_event_is_named(killer):
    said = why_empty(flow(50, 20, *[3] * killer, 0), SELECTION)
    assert said.startswith(
        f"no candidate: cut {CUTS[killer]} took the last {20 if killer == 0 else 3} of 50 events"
    )
    assert ("is a unit in the schema wrong" in said) == (killer == 0)


def test_units_are_suspected_where_all_fail_one_cut():
    assert "is a unit in the schema wrong" in why_empty(flow(5, 0), SELECTION)
    assert "reads tracks.p [MeV]" in why_empty(flow(5, 0), SELECTION)
    assert "is a unit" in why_empty(flow(5, 3, 0), SELECTION)
    assert "is a unit" in why_empty(flow(50, 20, 19, 15, 0), SELECTION)


@pytest.mark.parametrize("numbers", [(50, 20, 3), (0,)])
def test_nothing_is_said_where_something_is_left_or_nothing_came(numbers):
    assert why_empty(flow(*numbers), SELECTION) == ""


@pytest.fixture(scope="module")
def signal():
    made = simulate(SimulationConfig(signal=Signal(mass_mev=411.0, decays=200)), seed=1)
    return EventArrays(*made)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        (
            "selection.dimuon.max_cda_mm=1e-6",
            r"cut cda took the last \d+ of 200 events\. All that came to it fail it",
        ),
        (
            "selection.dimuon.min_p_gev=5000.0",
            r"cut two_good_tracks took the last 200 of 200 events\. All .* reads tracks\.p \[MeV\]",
        ),
        ("selection.dimuon.max_cda_mm=20.0", ""),
    ],
)
def test_a_run_says_why_it_is_empty(signal, override, text):
    run = bdana.load(overrides=[override]).select([signal], kind="mc")
    assert bool(run.emptied) == bool(text)
    assert re.search(text, run.emptied)
    assert run.to_dict().get("emptied", "") == run.emptied
