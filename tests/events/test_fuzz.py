"""Mutated bytes: the same answer or a refusal, never a fault and never a silent change."""

import json

import hypothesis
import pytest
import uproot
from hypothesis import strategies as st

import bdana
from bdana.errors import BdanaError
from bdana.events import files as event_files
from bdana.events import write_events
from tests.events.test_reading import table
from tests.synthetic import dimuon_event, records

ANALYSIS = bdana.load(bdana.analysis.template_folder())


@pytest.fixture(scope="module", params=["ttree", "rntuple"])
def whole(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "a.root"
    write_events(
        path,
        [records([dimuon_event(i, burst=1 + i % 3) for i in range(60)])],
        table(),
        container=request.param,
    )
    return path.read_bytes(), answer(path)


@pytest.fixture(scope="module", autouse=True)
def _classes_of_whole_files():
    """Forget the ROOT classes that damaged streamers described; uproot keeps them for the files read later."""
    known = {
        name: dict(found.known_versions)
        for name, found in uproot.classes.items()
        if hasattr(found, "known_versions")
    }
    yield
    for name, versions in known.items():
        uproot.classes[name].known_versions = versions


def answer(path):
    event_files.forget_files()
    run = ANALYSIS.select([path], kind="mc", schema="bdana")
    columns = {
        name: getattr(run.candidates, name).tolist() for name in ("event", "mass", "z_tax", "cda_tax", "dt")
    }
    return json.dumps(columns | {"flow": run.cutflow.to_list(), "exposure": run.exposure.pot})


@hypothesis.settings(
    max_examples=40, derandomize=True, phases=[hypothesis.Phase.generate]
)  # shrinking bytes of a ROOT file tells nothing
@hypothesis.given(st.data())
def test_mutated_bytes_never_give_a_fault_or_a_silent_change(whole, tmp_path_factory, data):
    original, expected = whole
    mutated = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutated.root"
    path.write_bytes(bytes(mutated))
    try:
        found = answer(path)
    except BdanaError:
        return
    assert found == expected
