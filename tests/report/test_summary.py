"""The head of a report says what is open, what is closed, and what was excluded, and claims nothing else."""

import numpy as np
import pytest

from bdana.api import load
from bdana.report.summary import report_facts, report_summary
from bdana.search.signal_result import SignalResult
from bdana.search.stored import StoredRun
from bdana.sensitivity.contour import Island
from bdana.sensitivity.exclusion import Exclusion
from bdana.signal.contract import Coupling
from tests.searches import analysis_folder

OUTSIDE = {"name": "outside", "state": "open", "expected": 26.3, "error": 3.4, "observed": 28, "p_n": 0.41}
CLOSED = {"name": "SR", "state": "closed", "expected": 0.016, "error": 0.002}
OPEN = CLOSED | {"state": "open", "observed": 1, "p_n": 0.0159}


def stored(*rows, label="data", seen=()):
    table = {"regions": list(rows), "label": label, "seen": list(seen)}
    return StoredRun((), table, None, {}, None, made={"time": "2026-01-02T03:04:05Z"})


def excluded(observed, open_at=()):
    island = Island(np.array([220.0, 700.0]), np.array([1e-7, 2e-7]), np.array([3e-6, 2e-7]), open_at)
    exclusion = Exclusion(
        0.9, 1.4e17, "cls", observed, (2.3,), (island,), ((island,),), {}, Coupling("epsilon", "e")
    )
    return SignalResult({}, exclusion)


def test_a_closed_signal_region_has_an_expectation_alone():
    said = report_summary(stored(OUTSIDE, CLOSED), excluded(None))
    assert said == (
        "Candidates observed: 28 in outside where 26.3 ± 3.4 are expected (p(N ≥ n) = 0.41). "
        "The signal region SR is closed, with an expected background of 0.0160 ± 0.0020. "
        "At 90% CL the search is expected to exclude masses from 220 to 700 MeV with epsilon from 1e-07 to 3e-06."
    )


def test_an_open_one_has_its_count_and_the_end_of_the_scan_is_no_end_of_the_island():
    said = report_summary(stored(OUTSIDE, OPEN, label="pseudo-data"), excluded(2.3, ("low mass",)))
    assert "Candidates observed (pseudo-data): 28 in outside" in said
    assert "1 in SR where 0.0160 ± 0.0020 are expected (p(N ≥ n) = 0.0159)" in said
    assert "The signal region SR is open, with p(N ≥ n) = 0.0159." in said
    assert said.endswith("the search excludes masses from 220 to 700 MeV with epsilon from 1e-07 to 3e-06 "
                         "(the scan ends there at low mass).")  # fmt: skip


def test_without_a_search_nothing_is_claimed():
    said = report_summary(StoredRun((), None, None, {}, None), None)
    assert said.endswith("No signal region was counted in. No exclusion was made.")


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    return load(analysis_folder(tmp_path_factory.mktemp("summary") / "a"))


def test_looks_that_were_reported_are_part_of_the_state(analysis):
    quiet, told = (report_facts(analysis, stored(OUTSIDE, CLOSED, seen=s), None) for s in ((), ("a look",)))
    assert quiet["State"] == "open: outside; closed: SR; nothing of what is closed is in this report"
    assert told["State"].startswith(quiet["State"])
    assert "reported" in told["State"]
    assert quiet["Date"] == "2026-01-02 03:04:05 UTC"
    assert "Question" not in quiet


def test_question_and_people_of_analysis_toml_come_first_and_change_no_hash(analysis, tmp_path):
    def ask(text):
        return text + '\n[report]\nquestion = "Is it there?"\npeople = ["Anna", "Rob"]\n'

    asked = load(analysis_folder(tmp_path / "a", edit=ask))
    facts = report_facts(asked, stored(OUTSIDE), None)
    assert (facts["Question"], facts["People"]) == ("Is it there?", "Anna, Rob")
    assert asked.hash == analysis.hash
