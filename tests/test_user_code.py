"""Mistakes in selections/ and backgrounds/ are told with file, line and function, whoever calls the function."""

import ast
import copyreg
import pickle
import re

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.analysis import scaffold
from bdana.errors import BlindingError, UserCodeError
from bdana.events import EventArrays, write_events
from bdana.opening.opened_events import outputs_of
from bdana.simulation import SimulationConfig, simulate
from bdana.upstream import MuonStates
from bdana.user_code import mask
from tests.commands import bdana as command
from tests.searches import FROZEN
from tests.synthetic import dimuon_event, good_bursts, records

DIMUON, PAIRING, PROMPT = "selections/dimuon.py", "backgrounds/combinatorial.py", "backgrounds/prompt.py"


@pytest.fixture
def folder(tmp_path):
    scaffold(tmp_path / "ana")
    return tmp_path / "ana"


@pytest.fixture(scope="module")
def singles():
    return EventArrays(*simulate(SimulationConfig(pot=2e14, bursts=3), seed=1))


@pytest.fixture
def sample(folder):
    for name in ("one.root", "two.root"):
        run = 99001 + (name == "two.root")
        write_events(
            folder / name, [records([dimuon_event(i, run=run) for i in range(20)])], good_bursts(run=run)
        )
    return folder


def rewrite(folder, file, function, *body, arguments=None):
    """Give a function of the analysis another body, and return the number of its first line."""
    path = folder / file
    lines = path.read_text().splitlines()
    (node,) = (n for n in ast.parse(path.read_text()).body if getattr(n, "name", "") == function)
    first = node.body[0].lineno
    lines[first - 1 : node.end_lineno] = [f"    {line}" for line in body]
    if arguments is not None:
        lines[node.lineno - 1] = f"def {function}({arguments}):"
    path.write_text("\n".join(lines) + "\n")
    return first


def edit(folder, file, old, new):
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def select(folder, events=12, **more):
    arrays = EventArrays(records([dimuon_event(i) for i in range(12)])[:events], good_bursts())
    return bdana.load(folder).select([arrays], kind="mc", **more)


def select_singles(folder, singles):
    return bdana.load(folder).background([singles], kind="mc")


def prompt(folder, hook):
    """Call a function of the prompt background as the estimate does."""
    analysis = bdana.load(folder)
    background, par = analysis.prompt("prompt")
    if hook == "window":
        return background.half_window(analysis.selection("dimuon")[1], par)
    if hook == "blocks":
        return background.matter(par)
    x = np.linspace(1.0, 2.0, 5)
    return background.make_pair(MuonStates(x, x, x, x, 50e3 * x, 0.0), par, np.random.default_rng(1))


CALLS = {
    "good_track": (DIMUON, "good_track", "cut good_track of selection dimuon", "track"),
    "track_cut": (DIMUON, "e_over_p", "cut e_over_p of selection dimuon", "track"),
    "pair_cut": (DIMUON, "cda", "cut cda of selection dimuon", "pair"),
    "event_cut": (DIMUON, "lav_veto", "cut lav_veto of selection dimuon", "event"),
    "single_track": (DIMUON, "trigger_time", "cut trigger_time of selection single_track", "track"),
    "weight": (PAIRING, "weight", "`weight` of background combinatorial", "bursts"),
    "correction": (PAIRING, "third_track", "`third_track` of background combinatorial", "bursts"),
    "systematics": (PAIRING, "systematics", "`systematics` of background combinatorial", "bursts"),
    "inputs": (PAIRING, "inputs", "`inputs` of background combinatorial", "bursts"),
    "window": (PAIRING, "window", "`window` of background combinatorial", "cuts"),
    "bounds": (PAIRING, "bounds", "`bounds` of background combinatorial", "cuts"),
    "prompt window": (PROMPT, "window", "`window` of background prompt", "cuts"),
    "prompt blocks": (PROMPT, "blocks", "`blocks` of background prompt", "par"),
    "prompt pair": (PROMPT, "pair", "`pair` of background prompt", "muons"),
}
"""Kinds of functions of an analysis: file, function, what it is called in messages, and its first argument."""

MISTAKES = {
    "misspelt": ("return {0}.{1}x < 5", r"has no attribute|no field named", "did you mean '{1}'"),
    "and": ("return np.ones(3) > 0 and np.ones(3) > 0", "truth value", "& for `and`"),
    "not": ("return not np.ones(3) > 0", "truth value", "~ for `not`"),
    "brackets": ("return np.ones(3) < 20 & np.ones(3)", "bitwise_and", "brackets"),
    "missing name": ("return {0}l", "NameError", "did you mean '{0}'"),
    "missing key": ("return {{}}['no']", "KeyError: 'no'", ""),
    "raises": ("raise ValueError('on purpose')", "ValueError: on purpose", ""),
    "wrong on purpose": ("assert 1 == 2", "AssertionError: assert 1 == 2", ""),
    "silent": ("raise RuntimeError", ": RuntimeError: raise RuntimeError", ""),
    "ends": ("raise SystemExit(7)", "ends the program", ""),
    "division": ("return 1 / 0", "ZeroDivisionError", ""),
    "no return": ("{0}", "returns None", "is `return` missing?"),
    "text": ("return 'yes'", "returns str", ""),
    "function": ("return np.hypot", "returns the function hypot, which is not called", ""),
    "generator": ("yield True", "returns generator", ""),
}
FIELD = {"track": "p", "pair": "z_vertex", "event": "lav", "bursts": "downscale", "cuts": "max_dt_ns", "muons": "energy",
         "par": "pairs_per_muon"}  # fmt: skip
NO_RETURN = {"bounds", "prompt blocks", "prompt pair"}  # their answers are objects: the kind alone is told


def call(kind, folder, singles):
    if kind.startswith("prompt"):
        return prompt(folder, kind.partition(" ")[2])
    if CALLS[kind][0] == PAIRING or kind == "single_track":
        return select_singles(folder, singles)
    return select(folder)


@pytest.mark.parametrize(
    ("kind", "mistake"),
    [
        pytest.param(kind, mistake, marks=() if (i + j) % 3 == 0 else pytest.mark.exhaustive)
        for i, kind in enumerate(CALLS)
        for j, mistake in enumerate(MISTAKES)
    ],
)
def test_a_mistake_in_a_function_of_the_analysis(folder, singles, kind, mistake):
    file, function, what, argument = CALLS[kind]
    body, says, advises = (text.format(argument, FIELD[argument]) for text in MISTAKES[mistake])
    if mistake == "function" and kind in NO_RETURN:
        says = "returns ufunc, not"
    if kind == "inputs":  # those of the packaged background ask for them
        rewrite(folder, file, "systematics", "return {}")
    edit(folder, file, "import bdana\n", "import numpy as np\nimport bdana\n")
    line = rewrite(folder, file, function, body)
    with pytest.raises(UserCodeError, match=says) as told:
        call(kind, folder, singles)
    message = str(told.value)
    assert message.startswith(f"{folder / file}:{line}: {what}")
    assert advises in message or (mistake == "no return" and kind in NO_RETURN)
    assert told.value.exit_code == 2
    assert "\n" not in message
    returned = says.startswith("returns")
    assert (told.value.__cause__ is None) == returned


@pytest.mark.parametrize("kind", CALLS)
def test_a_function_with_other_arguments(folder, singles, kind):
    file, function, what, _ = CALLS[kind]
    if kind == "inputs":
        rewrite(folder, file, "systematics", "return {}")
    first = rewrite(folder, file, function, "return None", arguments="only, one, more, than, needed")
    with pytest.raises(UserCodeError, match=r"missing \d required.*it is called as f\(\w+") as told:
        call(kind, folder, singles)
    assert what in str(told.value)
    found = re.match(rf"{re.escape(str(folder / file))}:(\d+): ", str(told.value))
    assert found
    assert 0 < first - int(found[1]) <= 2
    assert isinstance(told.value.__cause__, TypeError)


ANSWERS = {
    "one for all": ("True", "returns one bool for all"),
    "one of numpy": ("np.all(pair.cda > 0)", "returns one bool for all"),
    "too few": ("(pair.cda > 0)[:5]", r"booleans of shape \(5,\) for 12 pairs"),
    "too many": ("np.ones(13, bool)", r"booleans of shape \(13,\) for 12 pairs"),
    "column": ("(pair.cda > 0)[:, None]", r"booleans of shape \(12, 1\)"),
    "numbers": ("pair.cda", "returns an array of float64.*compare with a limit"),
    "whole numbers": ("(pair.cda > 0).astype(int)", "returns an array of int64"),
    "complex": ("pair.cda * 1j", "returns an array of complex128"),
    "one number": ("3.0", "returns float"),
    "optional": ("ak.firsts(pair.event.lav.time) > 0", r"returns \?bool.*ak\.fill_none"),
    "optional without gaps": ("ak.mask(pair.cda > 0, pair.cda >= 0)", r"returns \?bool.*ak\.fill_none"),
    "masked": ("np.ma.masked_less(pair.cda, 3) > 0", r"returns a masked array.*filled"),
    "lists": ("pair.event.lav.time > 0", r"returns var \* bool.*ak\.any"),
    "lists of one length": ("ak.to_regular(pair.event.lav.time > 0)", r"returns 1 \* bool.*ak\.any"),
    "numbers of awkward": ("pair.event.weight", "returns an array of float64"),
    "records": ("pair.event", "not one True or False for each of the pairs"),
    "objects": ("np.array([None] * len(pair))", "returns an array of object|returns ndarray"),
    "ragged": ("[[True], [True, False]]", "returns list"),
    "texts": ("np.array(['True'] * len(pair))", "not one True or False"),
    "dict": ("{}", "returns dict"),
    "pair": ("pair", "returns Pairs"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_cut_that_returns_anything_but_booleans(folder, answer):
    code, says = ANSWERS[answer]
    edit(folder, DIMUON, "@bdana.pair_cut()\ndef cda", '@bdana.pair_cut("lav.time")\ndef cda')
    line = rewrite(folder, DIMUON, "cda", f"return {code}")
    with pytest.raises(UserCodeError, match=says) as told:
        select(folder)
    assert str(told.value).startswith(f"{folder / DIMUON}:{line}: cut cda of selection dimuon returns")


@pytest.mark.parametrize(
    "code",
    ["pair.cda < 1e9", "list(pair.cda < 1e9)", "[value < 1e9 for value in pair.cda]", "ak.Array(pair.cda < 1e9)",
     "ak.fill_none(ak.firsts(pair.event.lav.time) > 0, False)"],
)  # fmt: skip
def test_booleans_of_any_make_are_a_cut(folder, code):
    edit(folder, DIMUON, "@bdana.pair_cut()\ndef cda", '@bdana.pair_cut("lav.time")\ndef cda')
    rewrite(folder, DIMUON, "cda", f"return {code}")
    assert len(select(folder).candidates) == 12
    assert len(select(folder, events=0).candidates) == 0


@pytest.mark.parametrize("events", [1, 2])
def test_and_is_refused_however_few_events_there_are(folder, events):
    rewrite(folder, DIMUON, "cda", "return (pair.cda < 20) and (pair.z_vertex > 0)")
    with pytest.raises(UserCodeError, match="& for `and`"):
        select(folder, events=events)


CHANGES = {
    "an array that others use": ("mass = pair.mass", "mass /= 1000", "return mass < 5"),
    "an array of a track": ("pair.plus.p[:] = 0", "return pair.cda < 20"),
    "a line": ("pair.plus.before.point[:] = 0", "return pair.cda < 20"),
    "a momentum": ("pair.momentum.px[:] = 0", "return pair.cda < 20"),
    "the vertex": ("pair.vertex.on_first[:] = 0", "return pair.cda < 20"),
    "a field of the events": ("pair.event['weight'] = 0.0", "return pair.cda < 20"),
    "removed field": ("del pair.event['weight']", "return pair.cda < 20"),
    "a field of the tracks": ("pair.plus.record['p'] = 0.0", "return pair.cda < 20"),
    "numbers of the events": ("np.asarray(pair.plus.events.weight)[:] = 0", "return pair.cda < 20"),
    "an attribute": ("pair.cda = 0.0", "return pair.cda < 20"),
    "a parameter": ("par.max_cda_mm = 3.0", "return pair.cda < 20"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cut_that_changes_what_it_gets(folder, change):
    edit(folder, DIMUON, "opposite_charge,\n    track_time", "cda,\n    opposite_charge,\n    track_time")
    edit(folder, DIMUON, "    muv3,\n    cda,\n", "    muv3,\n")
    rewrite(folder, DIMUON, "cda", *CHANGES[change])
    with pytest.raises(
        UserCodeError, match=r"cut cda of selection dimuon: .*must not be changed: work on a copy"
    ):
        select(folder)


def test_an_event_cut_that_changes_the_events(folder):
    rewrite(folder, DIMUON, "lav_veto", "event['lav'] = 0", "return event.weight > 0")
    with pytest.raises(
        UserCodeError, match=r"dimuon\.py:\d+: cut lav_veto .*'lav' cannot be set.*work on a copy"
    ):
        select(folder)


def test_arrays_of_bursts_are_not_changed_by_a_weight(folder, singles):
    rewrite(folder, PAIRING, "weight", "bursts.downscale[:] = 1", "return 1.0")
    with pytest.raises(UserCodeError, match=r"`weight` of background combinatorial: .*work on a copy"):
        select_singles(folder, singles)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    return pair.cda < par.max_cda_mm", "    return (pair.cda <", r"dimuon\.py:\d+: .*was never closed: return"),
        ("    return pair.cda < par.max_cda_mm", "  return 3", r"dimuon\.py:\d+: .*unindent does not match"),
        ("import numpy as np\n", "import numpyy as np\n", r"dimuon\.py:9: .*ModuleNotFoundError: No module named 'numpyy'"),
        ("import numpy as np\n", "import numpy as np\nfrom bdana import nearst\n", r"dimuon\.py:10: .*did you mean 'nearest'"),
        ("import numpy as np\n", "from . import none\n", r"dimuon\.py:9: .*cannot import name 'none' from 'selections'"),
        ("import numpy as np\n", "1 / 0\n", r"dimuon\.py:9: .*ZeroDivisionError"),
        ("import numpy as np\n", "raise SystemExit\n", r"dimuon\.py:9: .*ends the program"),
        ("    vertex_z,\n", "    vertexz,\n", r"dimuon\.py:\d+: .*NameError: name 'vertexz' is not.*did you mean 'vertex_z'"),
        ("    vertex_z,\n", "    cda,\n", r"dimuon\.py:\d+: .*two rows of the cutflow are called 'cda'"),
        ("    vertex_z,\n", "    'vertex_z',\n", r"dimuon\.py:\d+: .*`cuts\[6\]` is 'vertex_z', which is no cut"),
        ("def vertex_z(", "def cda(", r"dimuon\.py:104: two cuts are called 'cda', the other one in line 98"),
        ("CUTS = (\n", "CUTS = (cda)\nOTHERS = (\n", r"dimuon\.py:\d+: .*must be a tuple of cuts, not Cut"),
        ("@bdana.pair_cut()\ndef cda", "def cda", r"dimuon\.py:\d+: .*`cuts\[5\]` is cda, which is no cut"),
        ("@bdana.pair_cut()\ndef cda", "@bdana.pair_cut\ndef cda", r"dimuon\.py:98: write @bdana\.pair_cut\(\)"),
        ("@bdana.pair_cut()\ndef cda", "@bdana.paircut()\ndef cda", r"dimuon\.py:97: .*did you mean 'pair_cut'"),
        ("@bdana.pair_cut()\ndef cda", "@bdana.pair_cut('tracks.chi')\ndef cda", r":98: cut cda: 'tracks.chi' .*'tracks.chi2'"),
        ("@bdana.pair_cut()\ndef cda", "@bdana.track_cut()\ndef cda", r"dimuon\.py:100: cut cda .*'Tracks' object has no"),
        ("good_track=good_track", "good_track=cda", r"dimuon\.py:\d+: .*cda is a cut of level pair"),
        ("cuts=CUTS", "cut=CUTS", r"dimuon\.py:\d+: .*unexpected keyword argument 'cut'"),
        ("parameters=Parameters,", "parameters=Parameters(),", r"dimuon\.py:\d+: .*must be a class"),
        ("\nselection = ", "\nselektion = ", r"must define `selection = .*`selektion` is one: call it `selection`"),
        ("max_chi2: float = Field(20.0,", "max_chi2: float = Field('x',", r"\[selection\.dimuon\].*max_chi2"),
        ("    max_chi2: float", "    cda: float = 0.0\n    max_chi2: float", r"cut cda .*must be true or false, not 0\.0"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_of_a_selection(folder, old, new, says):
    edit(folder, DIMUON, old, new)
    with pytest.raises(bdana.ConfigError, match=says) as told:
        select(folder)
    assert "\n" not in str(told.value)
    assert "bdana_analysis_" not in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("import bdana\n", "import bdana\nx = = 3\n", r"combinatorial\.py:13: .*invalid syntax: x = = 3"),
        ("    weight=weight,\n", "", r"combinatorial\.py:\d+: .*missing 1 required keyword-only argument: 'weight'"),
        ("    weight=weight,\n", "    weight=3.0,\n", r"combinatorial\.py:\d+: .*`weight` must be a function, not float"),
        ("(third_track, accidental_veto, triggers)", "triggers", r"combinatorial\.py:\d+: .*`corrections` must be a tuple"),
        ('replaced=("track_time_difference",)', 'replaced=("cda")', r"combinatorial\.py:\d+: .*`replaced` must be a tuple"),
        ('("track_time_difference",)', '("time_difference",)', r"background combinatorial: .*mean 'track_time_difference'"),
        ('selection="dimuon"', "selection=3", r"combinatorial\.py:\d+: .*`selection` must be a name in quotes"),
        ('selection="dimuon"', 'selection="dimuonn"', r"no selections/dimuonn\.py .*did you mean 'dimuon'"),
        ("    window_error_ns", "    def model_post_init(self, _):\n        self.foo\n    window_error_ns", "no attribute 'foo'"),
        ("    return 2.0 * cuts", "    return -2.0 * cuts", r"combinatorial\.py:\d+: `window` .*returns -10\.0, not .*above 0"),
        ("PairBounds(cuts.max_cda_mm, ", "PairBounds(0.0, ", r"combinatorial\.py:\d+: `bounds` .*max_cda must be above 0"),
        ("    return bursts.downscale**2 *", "    return -bursts.downscale**2 *", r"combinatorial\.py:\d+: `weight` .*0 or more"),
        ("    return bursts.downscale**2 *", "    return float('nan') *", r"combinatorial\.py:\d+: `weight` .*returns nan"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_of_a_background(folder, singles, old, new, says):
    edit(folder, PAIRING, old, new)
    with pytest.raises(bdana.ConfigError, match=says) as told:
        select_singles(folder, singles)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("{'x': 0.1}", r"returns 0\.1 for 'x'"),
        ("{'x': (np.nan, 'me')}", "whose numbers are not finite"),
        ("{'x': (0.1, None)}", "where it comes from"),
        ("{3: (0.1, 'me')}", "for 3"),
        ("[('x', 0.1)]", "returns list, not a dict"),
    ],
)
def test_systematics_that_are_none(folder, singles, answer, says):
    rewrite(folder, PAIRING, "systematics", f"return {answer}")
    with pytest.raises(UserCodeError, match=says):
        select_singles(folder, singles)


@pytest.mark.parametrize(
    ("hook", "body", "says"),
    [
        ("blocks", "return [3]", "returns list, not a list of bdana.Block"),
        ("pair", "return muons", "returns MuonStates, not two"),
        (
            "pair",
            "return muons, replace(muons, energy=muons.energy * float('nan'))",
            "whose `energy` is not one finite",
        ),
        ("pair", "return muons, muons.take([0, 1])", "whose `x` is not one finite number for each"),
        ("pair", "muons.x[:] = 0\n    return muons, muons", "work on a copy"),
        ("window", "return 0.0", "above 0"),
    ],
)
def test_answers_of_the_prompt_background(folder, hook, body, says):
    rewrite(folder, PROMPT, hook, body)
    with pytest.raises(UserCodeError, match=rf"prompt\.py:\d+: `{hook}` of background prompt.*{says}"):
        prompt(folder, hook)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("selections/single_track.py", "(-30.0, 30.0)", "()", r"single_track\.py:\d+: .*at least one"),
        ("selections/single_track.py", "(-30.0, 30.0)", "30.0", r"single_track\.py:\d+: .*must be a tuple"),
        (
            "selections/single_track.py",
            'trigger="Q1"',
            "trigger=1",
            r"single_track\.py:\d+: .*`trigger` must be a name",
        ),
        (
            "selections/single_track.py",
            'if cut.level != "pair"',
            "",
            r"single_track\.py:\d+: .*a cut of level pair",
        ),
        (PAIRING, "parameters=Parameters", "parameters=3", "must have bdana.PairingParameters as base"),
        (PAIRING, "bdana.PairingParameters", "bdana.Parameters", "must have bdana.PairingParameters as base"),
        (
            PAIRING,
            'single_track="single_track"',
            'single_track="dimuon"',
            "is a bdana.Selection, and a bdana.SingleTrack",
        ),
    ],
)
def test_a_declaration_that_cannot_be(folder, singles, file, old, new, says):
    edit(folder, file, old, new)
    with pytest.raises(bdana.ConfigError, match=says):
        select_singles(folder, singles)


def test_a_column_that_is_not_declared(sample):
    rewrite(sample, DIMUON, "cda", "return pair.event.quality == 0")
    with pytest.raises(
        UserCodeError, match='names the columns that it reads in its decorator: add "quality"'
    ):
        bdana.load(sample).select([sample / "one.root"], kind="mc")
    rewrite(sample, DIMUON, "cda", "return pair.plus.column('ty_after') == 0")
    edit(sample, DIMUON, "    e_over_p,\n    muv3,\n", "")
    edit(sample, DIMUON, "    acceptance,\n)", ")")
    settings = sample / "analysis.toml"  # nothing is histogrammed that reads it
    settings.write_text(
        re.sub(
            r"(?s)\[variables\.e_over_p\].*?(?=\[variables)|\[n_minus_1\..*(?=# How)",
            "",
            settings.read_text(),
        )
    )
    with pytest.raises(UserCodeError, match=r'cut cda .*does not declare it with "tracks\.ty_after"') as told:
        bdana.load(sample).select([sample / "one.root"], kind="mc")
    assert isinstance(told.value.__cause__, bdana.MissingColumnError)


def test_an_exception_that_cannot_say_what_it_is(folder):
    body = ("class Bad(Exception):", "    def __str__(self):", "        raise ValueError", "raise Bad")
    line = rewrite(folder, DIMUON, "cda", *body) + 3
    with pytest.raises(
        UserCodeError, match=rf"dimuon\.py:{line}: cut cda of selection dimuon: Bad: raise Bad"
    ):
        select(folder)


def test_a_cut_that_is_used_in_another_one(folder):
    rewrite(folder, DIMUON, "cda", "return good_track & (pair.cda < 20)")
    with pytest.raises(UserCodeError, match=r"good_track\(pairs\.plus, par\)"):
        select(folder)
    rewrite(folder, DIMUON, "cda", "return good_track(pair.plus, par) & (pair.cda < 20)")
    assert len(select(folder).candidates) == 12


def test_the_line_of_a_helper_in_another_file_is_told(folder):
    (folder / "selections" / "_near.py").write_text("def near(pair):\n    return pair.cdaa < 3\n")
    edit(folder, DIMUON, "import bdana\n", "import bdana\n\nfrom ._near import near\n")
    rewrite(folder, DIMUON, "cda", "return near(pair)")
    with pytest.raises(
        UserCodeError, match=r"_near\.py:2: cut cda of selection dimuon: .*did you mean 'cda'"
    ):
        select(folder)


def test_one_division_by_zero_in_the_data_stops_no_run(folder):
    """It gives an infinity or NaN, as NumPy does, and NumPy's warning; an opening must not fail on one event."""
    rewrite(folder, DIMUON, "cda", "return 1.0 / (pair.cda - pair.cda) < 5.0")
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert select(folder).cutflow.rows[-1].events == 0


def test_a_closed_number_stays_refused(folder):
    edit(folder, DIMUON, "import bdana\n", "import bdana\nfrom bdana.observed import Observed\n")
    rewrite(folder, DIMUON, "cda", "return pair.cda < Observed('SR')")
    with pytest.raises(BlindingError, match="region SR is closed"):
        select(folder)


@pytest.mark.parametrize(
    "body", ["raise ValueError('event 77')", "return pair.cdaa", "return pair.cda", "return 1 / 0"]
)
def test_an_opening_tells_nothing_of_an_event(folder, body):
    (folder / "s.root").touch()
    write_events(folder / "s.root", [records([dimuon_event(1)])], good_bursts())
    edit(
        folder,
        "analysis.toml",
        "[search]\n",
        '[samples.s]\nkind = "mc"\nfiles = ["s.root"]\n[search]\ndata = "s"\n',
    )
    line = rewrite(folder, DIMUON, "cda", body)
    with pytest.raises(BlindingError, match=r"the frozen selection fails on the events: \w+$") as told:
        outputs_of(bdana.load(folder), FROZEN, "SR", [records([dimuon_event(77), dimuon_event(78)])])
    assert told.value.__cause__ is None
    assert not {"77", str(line), "cda"} & set(re.findall(r"\w+", str(told.value)))


class HasTwoArguments(Exception):  # noqa: N818
    """An exception that cannot be pickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


@pytest.mark.parametrize(
    ("cause", "kind"), [(ValueError("x"), ValueError), (HasTwoArguments(1, 2), RuntimeError)]
)
def test_the_cause_is_sent_between_processes(cause, kind, monkeypatch):
    for known in (UserCodeError, type(cause)):  # by dask, if a test before this one has imported it
        monkeypatch.delitem(copyreg.dispatch_table, known, raising=False)
    error = UserCodeError("dimuon.py:3: cut cda")
    error.__cause__ = cause
    there = pickle.loads(pickle.dumps(error))
    assert str(there) == str(error)
    assert isinstance(there.sent_cause, kind)
    assert str(there.sent_cause) in {str(cause), "HasTwoArguments, which cannot be sent between processes"}


def test_a_cause_is_sent_by_other_ways_of_pickling_errors(monkeypatch):
    """Dask's sends `__cause__` beside what an error says of itself."""
    by_dask = pytest.importorskip("tblib.pickling_support", reason="comes with dask").pickle_exception
    monkeypatch.setitem(copyreg.dispatch_table, UserCodeError, by_dask)
    monkeypatch.delitem(copyreg.dispatch_table, HasTwoArguments, raising=False)
    error = UserCodeError("dimuon.py:3: cut cda")
    error.__cause__ = HasTwoArguments(1, 2)
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(error))
    there = pickle.loads(pickle.dumps(error.made_sendable()))
    assert str(there) == "dimuon.py:3: cut cda"
    assert str(there.sent_cause) == "HasTwoArguments, which cannot be sent between processes"


def test_workers_tell_the_same(sample):
    line = rewrite(sample, DIMUON, "cda", "return pair.cdaa < 20")
    files = ["one.root", "two.root"]
    told = [command("select", *files, "--kind", "mc", "--jobs", jobs, cwd=sample) for jobs in (1, 2)]
    assert told[0].stderr == told[1].stderr
    assert told[1].returncode == 2
    assert f"{sample / DIMUON}:{line}: cut cda of selection dimuon: AttributeError" in told[1].stderr
    assert "Traceback" not in told[1].stderr
    analysis = bdana.load(sample)
    with pytest.raises(UserCodeError, match=f":{line}: cut cda") as api:
        analysis.select([sample / file for file in files], kind="mc", executor=bdana.ProcessExecutor(2))
    assert isinstance(api.value.__cause__, AttributeError)


def test_a_mask_of_awkward_is_one_of_numpy():
    found = mask(ak.Array([True, False]), 2, "pairs")
    assert type(found) is np.ndarray
    assert found.tolist() == [True, False]
