"""Checkpoints of data hold nothing of closed events, and are read only behind the gate that they were made behind."""

import json
from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.analysis import Handling, template_folder
from bdana.engine import run_selection
from bdana.engine.checkpoints import Checkpoints
from bdana.events.event_identity import identity_hashes
from bdana.reconstruction import Line
from bdana.regions import Envelopes
from bdana.sealing.manifest import ManifestAdmission
from bdana.sealing.seal_file import seal
from tests.attacks.raw import canary, dimuon_at, like_sign, raw_file
from tests.synthetic import records

OPEN = [like_sign(1), dimuon_at(2, 110e3, 10.0, run=11001)]
CLOSED = [canary(number) for number in range(5)]


def analysis_task(analysis, file, kept):
    analysis = replace(analysis, handling=Handling(checkpoints=kept))
    return analysis.selection_task(analysis.dataset([file], kind="data"), "dimuon")


@pytest.fixture(params=["unsealed", "sealed"])
def task(request, tmp_path, analysis, sealing):
    """The selection of data with closed events, behind the gate of a policy without people and with."""
    raw = raw_file(tmp_path / "run.root", [*OPEN, *CLOSED])
    if request.param == "unsealed":
        return analysis_task(bdana.load(template_folder()), raw, tmp_path / "kept")
    seal(raw, tmp_path, sealing)
    return analysis_task(analysis, tmp_path / "run.open.root", tmp_path / "kept")


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_checkpoint_has_the_open_events_of_the_result_and_nothing_of_closed_ones(task):
    run = run_selection(task)
    (path,) = files(task.checkpoints)
    with np.load(path, allow_pickle=False) as file:
        kept = {name: file[name] for name in file.files}
    assert sorted(kept["hashes"]) == sorted(identity_hashes(records(OPEN)))
    seen = {number for name in kept if name.endswith(".event") for number in kept[name].tolist()}
    assert seen == {2}
    rows = {name: json.loads(str(kept[name])) for name in ("reading", "cutflow")}
    assert [row["events"] for row in rows["reading"]] == [len(OPEN)] * 3
    assert [row["events"] for row in rows["cutflow"]] == [row.events for row in run.cutflow.rows]


def other_gates(gate):
    """Yield gates that differ from one in one thing each."""
    first, *rest = gate.envelopes.boxes
    yield replace(gate, envelopes=Envelopes((replace(first, cda_max=first.cda_max + 1.0), *rest)))
    yield replace(gate, envelopes=Envelopes(tuple(rest)))
    yield replace(gate, max_dt=gate.max_dt + 1.0)
    yield replace(gate, max_chi2=gate.max_chi2 + 1.0)
    yield replace(gate, min_p=gate.min_p - 1.0)
    yield replace(gate, beam_line=Line(gate.beam_line.point + 1.0, gate.beam_line.direction))
    yield replace(gate, detector=gate.detector.model_copy(update={"name": "another"}))
    yield replace(gate, admission=ManifestAdmission((), None if gate.sealed else gate))


def test_a_checkpoint_is_not_read_behind_another_gate(task):
    (batch,) = task.dataset.batches(task.columns)
    for gate in other_gates(task.dataset.gate):
        run_selection(task)
        assert Checkpoints(task.checkpoints, task).read(batch) is not None
        now = Checkpoints(task.checkpoints, replace(task, dataset=replace(task.dataset, gate=gate)))
        assert now.read(batch) is None
        assert files(task.checkpoints) == []
