"""Everything that Python users hold has a short text that never raises, and shows no closed number."""

import dataclasses
import inspect

import numpy as np
import pytest

import bdana
from bdana.display import LONGEST, html_table, short_repr
from bdana.events import EventArrays
from bdana.observed import Observed, Predicted
from bdana.search.run import run_sample
from bdana.simulation import Signal, SimulationConfig, simulate, write_sample
from bdana.statistics.table import counting_table
from bdana.strict import StrictModel
from tests.searches import one_variable, search_folder


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A whole search of pseudo-data, whose regions are closed."""
    folder = search_folder(tmp_path_factory.mktemp("search") / "ana", "p.root", "pseudo", edit=one_variable)
    write_sample(folder / "p.root", SimulationConfig(pot=1e14, bursts=2), 2)
    analysis = bdana.load(folder)
    return analysis, run_sample(analysis, "data")


@pytest.fixture(scope="module")
def results(search):
    """What the methods of an analysis return."""
    analysis, run = search
    config = SimulationConfig(pot=7e13, bursts=3, signal=Signal(411.0, decays=200))
    events = EventArrays(*simulate(config, seed=1))
    selected = analysis.select(events, kind="mc")
    estimate = analysis.background(events, kind="mc")
    singles = (
        analysis.single_track("single_track"),
        analysis.prompt("prompt"),
        analysis.combinatorial("combinatorial"),
    )
    return [
        analysis,
        run,
        selected,
        selected.masks,
        estimate,
        analysis.prompt_share(events, kind="mc"),
        *singles,
    ]


def reached(roots):
    """Return an object of every class of ours that can be reached by attributes and properties."""
    waiting, seen, found, alive = list(roots), set(), {}, []
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        alive.append(thing)  # or its id would be given again
        if isinstance(thing, (list, tuple)) and len(thing) < 100:
            waiting.extend(thing)
        if isinstance(thing, dict) and len(thing) < 100:
            waiting.extend(thing.values())
        if not type(thing).__module__.startswith("bdana") or inspect.isroutine(thing):
            continue
        found.setdefault(type(thing), []).append(thing)
        members = inspect.getmembers(type(thing), lambda value: isinstance(value, property))
        properties = [name for name, _ in members if not name.startswith(("_", "model_"))]
        waiting.extend(getattr(thing, "__dict__", {}).values())
        for name in properties:
            try:
                waiting.append(getattr(thing, name))
            except bdana.BdanaError:
                continue
    return found


def test_whatever_is_reached_from_results_has_a_short_text(results):
    found = reached(results)
    names = {kind.__name__ for kind in found}
    assert {
        "Analysis",
        "SelectionRun",
        "SampleRun",
        "PairEstimate",
        "Candidates",
        "CountingTable",
        "Checks",
        "Dataset",
    } <= names
    texts = {(kind, repr(thing)) for kind, things in found.items() for thing in things}
    assert [text for _, text in texts if len(text) > LONGEST or "\n" in text] == []
    assert [text for kind, text in texts if kind.__name__.lstrip("_") not in text] == []


def junk(kind):
    """Make an object of a dataclass whose every field is long."""
    made = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(made, field.name, np.arange(9000.0).reshape(3000, 3))
    return made


GENERIC = [
    kind
    for kind in (getattr(bdana, name) for name in bdana.__all__)
    if inspect.isclass(kind) and kind.__dict__.get("__repr__") is short_repr
]


@pytest.mark.parametrize("kind", GENERIC)
def test_classes_of_the_front_door_with_anything_in_them(kind):
    text = repr(junk(kind))
    assert text.startswith(f"{kind.__name__}(")
    assert len(text) <= LONGEST


def test_every_class_of_the_front_door_says_its_name(results):
    kinds = {getattr(bdana, name) for name in bdana.__all__ if inspect.isclass(getattr(bdana, name))}
    analysis = results[0]
    selection, par = analysis.selection("dimuon")
    x = np.zeros((1000, 3))
    made = [
        analysis, selection, selection.cuts[0], par, analysis.single_track("single_track")[0],
        *analysis.combinatorial("combinatorial"), *analysis.prompt("prompt"), analysis.regions, analysis.regions["SR"],
        bdana.SerialExecutor(), bdana.ProcessExecutor(2), bdana.Line(x, x), bdana.PairBounds(20.0, 1e5, 2e5),
        bdana.Block(bdana.MATERIALS["iron"], 0.0, 1.0), junk(bdana.MuonStates), junk(bdana.Tracks), junk(bdana.Pairs),
        *(kind("told") for kind in kinds if issubclass(kind, Exception)),
    ]  # fmt: skip
    assert all(any(isinstance(thing, kind) for thing in made) for kind in kinds)
    for thing in made:
        assert len(repr(thing)) <= LONGEST
        assert "\n" not in repr(thing)
        assert " object at 0x" not in repr(thing)


def test_what_is_computed_when_asked_for_is_not_computed_for_a_text():
    @dataclasses.dataclass(frozen=True)
    class Lazy:
        asked: int

        __repr__ = short_repr

        @property
        def costly(self):
            raise AssertionError

    assert repr(Lazy(3)) == "Lazy(asked=3)"


def test_a_model_is_printed_in_full():
    class Many(StrictModel):
        first: str = "x" * 500
        second: float = 1.5

    assert len(repr(Many())) < 100
    assert "x" * 500 in str(Many())


def test_a_closed_number_prints_closed(search):
    assert repr(Observed("SR")) == "Observed('SR', closed)"
    assert repr(Observed("SR", 4)) == "Observed('SR', 4)"
    _, run = search
    assert run.table["SR"].observed.state == "closed"
    assert "SR: closed" in repr(run.table)
    assert "SR closed" in repr(run.regions)
    assert "SR closed" in repr(run.selected)
    assert "observed=closed" in repr(run.table["SR"])


def test_tables_of_a_notebook():
    expected = {"CR": Predicted(1.70, 0.22), "SR": Predicted(0.016, 0.002)}
    table = counting_table(expected, {"CR": Observed("CR", 2), "SR": Observed("SR")}, joint=("CR",))
    rows = table._repr_html_().split("<tr>")[2:]
    assert rows[0].startswith("<td>CR</td><td>1.70 ± 0.22</td><td>2</td><td>0.5037</td>")
    assert rows[1].startswith("<td>SR</td><td>0.0160 ± 0.0020</td><td>closed</td><td></td><td></td>")
    assert html_table(["<a>"], [["b & c"]]).count("<a>") == 0


def test_a_table_names_its_regions():
    table = counting_table({"CR": Predicted(1.7, 0.2)}, {"CR": Observed("CR", 2)}, joint=())
    assert table["CR"].observed.value == 2
    with pytest.raises(bdana.ConfigError, match="no region 'CX' in the table; there are CR"):
        table["CX"]
