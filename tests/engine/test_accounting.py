"""What was read and computed: the same wherever it is done, and nothing of it about closed events."""

import json
from dataclasses import replace

import numpy as np
import pytest
import uproot

import bdana
from bdana.engine import ProcessExecutor, SerialExecutor
from bdana.engine.accounting import accounting, exposures
from bdana.events import Dataset
from bdana.simulation import Beam, SimulationConfig, simulate, write_sample
from tests import commands

CONFIG = SimulationConfig(pot=4e15, bursts=6, beam=Beam(downscale=1600.0))


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files of simulation: trees, and RNTuples."""
    folder = tmp_path_factory.mktemp("accounting")
    paths = [folder / "trees.root", folder / "ntuples.root"]
    write_sample(paths[0], CONFIG, 3)
    events, bursts = simulate(SimulationConfig(pot=4e15, bursts=6, run=99003, beam=CONFIG.beam), 4)
    bdana.events.write_events(paths[1], [events], bursts, container="rntuple")
    return paths


def accounted(analysis, files, executor, kind="mc"):
    with accounting() as found:
        analysis.select(files, kind=kind, executor=executor)
    return found.to_dict()


def without_times(document):
    rows = {
        name: {key: value for key, value in row.items() if not key.endswith("_s")}
        for name, row in document["steps"].items()
    }
    return rows, document["branch_bytes"]


def test_bytes_files_and_events_are_those_of_what_was_read_wherever_that_was(analysis, files):
    serial = accounted(analysis, files, SerialExecutor())
    assert without_times(accounted(analysis, files, ProcessExecutor(2))) == without_times(serial)
    (row,) = serial["steps"].values()
    with uproot.open(files[0]) as trees, uproot.open(files[1]) as ntuples:
        entries = trees["events"].num_entries + ntuples["events"].num_entries
        assert (row["files"], row["chunks"], row["events"]) == (2, 2, entries)
        of_tree = trees["events"]["tracks_p"].compressed_bytes
    assert row["reading_s"] > 0
    assert row["computing_s"] > 0
    assert row["bytes"] == sum(serial["branch_bytes"].values())
    assert serial["wall_s"] >= row["reading_s"] + row["computing_s"]
    one = accounted(analysis, files[:1], SerialExecutor())["branch_bytes"]
    two = accounted(analysis, files[1:], SerialExecutor())["branch_bytes"]
    # A branch of numbers of a tree comes with the header of each basket, which is not counted in what is compressed.
    assert one["tracks_p"] == pytest.approx(of_tree, rel=0.02)
    assert 0.5 < sum(two.values()) / sum(one.values()) < 2.0


def test_behind_a_gate_no_number_tells_how_many_events_there_are(analysis, files):
    document = accounted(analysis, files[:1], SerialExecutor(), kind="pseudo")
    (row,) = document["steps"].values()
    assert "events" not in row
    assert row["bytes"] % 10**6 == 0
    assert all(number % 10**6 == 0 for number in document["branch_bytes"].values())


def test_protons_used_of_those_asked_for(analysis, files):
    dataset = Dataset.open([files[0]], kind="mc", gate=None)
    table = dataset.bursts
    good = np.arange(len(table.run)) > 1
    some = replace(dataset, bursts=replace(table, good=good))
    (row,) = exposures({"simulation": some}).values()
    assert row["pot_used"] == pytest.approx(table.pot[2:].sum())
    assert row["pot_requested"] == pytest.approx(table.pot.sum())
    assert (row["bursts_used"], row["bursts_requested"]) == (4, 6)


def test_the_option_adds_it_to_the_document_and_says_it_on_stderr(files, tmp_path):
    plain = commands.bdana("select", files[0], "--kind", "mc", "--json", cwd=tmp_path)
    asked = commands.bdana("select", files[0], "--kind", "mc", "--json", "--accounting", cwd=tmp_path)
    document = json.loads(asked.stdout)
    account = document.pop("usage")
    assert document == json.loads(plain.stdout)
    assert account["exposure"]["simulation"]["pot_used"] == pytest.approx(4e15)
    assert "accounting: selection dimuon: 1 files, 1 chunks, " in asked.stderr
    assert "accounting: simulation: 4e+15 of 4e+15 protons on target used, 6 of 6 bursts" in asked.stderr
    assert "accounting" not in plain.stderr


def test_a_memory_limit_makes_more_chunks_of_the_background_too_and_the_same_estimate(tmp_path, monkeypatch):
    write_sample(tmp_path / "halo.root", CONFIG, 3)
    monkeypatch.setattr("bdana.events.dataset.COPIES", 20_000)  # as if a column took as much more
    (tmp_path / "a").mkdir()
    commands.bdana("init", "a", cwd=tmp_path)
    found = []
    for limit in ([], ["--memory-limit", "500MB"]):
        made = commands.bdana(
            "background", tmp_path / "halo.root", "--kind", "mc", "--json", "--accounting", *limit,
            cwd=tmp_path / "a",
        )  # fmt: skip
        document = json.loads(made.stdout)
        chunks = document.pop("usage")["steps"]["single tracks single_track"]["chunks"]
        found.append((chunks, [row["expected"] for row in document["regions"]], document["pairs"]))
    assert found[0][0] < found[1][0]
    assert found[1][1:] == (pytest.approx(found[0][1], rel=1e-12), found[0][2])
