"""Eight leaks put in again, each as somebody could write it unawares: the test of non-interference sees every one."""

import sys
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bdana.engine import runs
from bdana.engine.runs import SelectionTask
from bdana.events.gate import Gate
from bdana.selection import Candidates
from tests.attacks.interference import World, closed_events, differences, mixed, open_data

RUN = (("run",),)
FIGURES = ("output/figures/mass.png", "output/figures/plane_data.png")


@pytest.fixture(scope="module")
def world(tmp_path_factory, keys):
    return World(tmp_path_factory.mktemp("leaks") / "analysis", keys, sealed=False, prompt=False)


@pytest.fixture
def closed(monkeypatch):
    """Number of closed events that the gate met, which no honest code asks it for."""
    met = []
    honest = Gate.secrecy

    def secrecy(gate, events):
        judged = honest(gate, events)
        met.append(int((judged < len(gate.names)).sum()))
        return judged

    monkeypatch.setattr(Gate, "secrecy", secrecy)
    return met


# Each leak returns what stands in its place, and the function that leaks: the arguments of a patch.


def cutflow_total(closed):
    honest = SelectionTask.__call__

    def leak(task, chunk):
        found, hashes = honest(task, chunk)
        first, *rest = found.cutflow.rows
        total = replace(first, events=sum(part.entries for part in chunk))
        return replace(found, cutflow=replace(found.cutflow, rows=(total, *rest))), hashes

    return SelectionTask, "__call__", leak


def before_saving(change):
    honest = FigureCanvasAgg.print_png

    def leak(canvas, *args, **kwargs):
        change(canvas.figure)
        honest(canvas, *args, **kwargs)

    return FigureCanvasAgg, "print_png", leak


def autoscaled_axis(closed):
    return before_saving(lambda figure: figure.axes[0].set_ylim(0.1, 100 + sum(closed)))


def ratio_panel(closed):
    def change(figure):
        panel = figure.axes[-1]
        if panel.get_xlim()[1] > 700.0:  # of the mass
            panel.plot([700.0], [sum(closed) / 20], "rs")

    return before_saving(change)


def density(closed):
    honest = runs.fill_histograms

    def leak(candidates, variables, names):
        return {
            k: h * (1 / (len(candidates) + sum(closed)))
            for k, h in honest(candidates, variables, names).items()
        }

    return runs, "fill_histograms", leak


def row_index(closed):
    honest = Gate.open_events

    def leak(gate, events, *more):
        return honest(gate, ak.with_field(events, np.arange(len(events)), "event"), *more)

    return Gate, "open_events", leak


def log_line(closed):
    honest = Gate.open_events

    def leak(gate, events, *more):
        left = honest(gate, events, *more)
        sys.stderr.write(f"read {len(left)} of {len(events)} events\n")
        return left

    return Gate, "open_events", leak


def cache_file(closed):
    honest = Gate.open_events

    def leak(gate, events, *more):
        Path("output").mkdir(exist_ok=True)
        (Path("output") / ".cache.npy").write_bytes(np.asarray(events.event).tobytes())
        return honest(gate, events, *more)

    return Gate, "open_events", leak


def seed(closed):
    honest = Candidates.of_pairs.__func__

    def leak(cls, pairs, regions):
        made = honest(cls, pairs, regions)
        smeared = made.mass + np.random.default_rng(sum(closed)).normal(size=len(made))
        return replace(made, mass=smeared)

    return Candidates, "of_pairs", classmethod(leak)


@pytest.mark.usefixtures("stopped_clocks", "unlaid")
@pytest.mark.parametrize(
    ("leak", "seen_in"),
    [
        (cutflow_total, {"output/data/cutflow.json", "output/report.html"}),
        (autoscaled_axis, {*FIGURES, "output/report.html"}),
        (ratio_panel, {FIGURES[0], "output/report.html"}),
        (density, {"output/data/histograms.json"}),
        (row_index, {"output/data/candidates.csv"}),
        (log_line, {"run"}),
        (cache_file, {"output/.cache.npy"}),
        (seed, {"output/data/candidates.csv"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "seen",
)
def test_a_leak_is_caught(world, closed, request, monkeypatch, leak, seen_in):
    if not seen_in.intersection(FIGURES):
        request.getfixturevalue("undrawn")
    for part in ("count_figures", "check_figures"):  # none of them leaks, and they take the time
        monkeypatch.setattr(f"bdana.report.search_report.{part}", lambda *_: [])
    events, bursts = open_data(world.gate, 1)
    extra = closed_events(10, np.random.default_rng(1), world.gate)
    monkeypatch.setattr(*leak(closed))
    views = []
    for added in ([], extra):
        world.put(mixed(events, added, np.random.default_rng(1)), bursts)
        closed.clear()
        views.append(world.visible(RUN))
    assert [view["run"][0] for view in views] == [0, 0]
    assert seen_in <= set(differences(*views))
