"""Dask gives the bits of serial, whoever is killed meanwhile; skipped where the extra `dask` is not installed."""

import os
import signal
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import bdana
from bdana.engine import BatchSystem, DaskExecutor
from bdana.errors import ConfigError, InputError
from tests.engine.test_scale import same, write_small
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of

pytest.importorskip("distributed", reason="the extra `dask` is not installed")
pytestmark = [pytest.mark.filterwarnings("default")]  # dask's own


@pytest.fixture(scope="module")
def dask():
    """Two workers on this machine, for all tests."""
    executor = DaskExecutor(2)
    yield executor
    executor._close()


def killed_once(marker, item):
    if item == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def fails(item):
    raise InputError(f"item {item} is bad")


def test_dask_changes_no_bit_and_a_killed_worker_is_replaced(dask, tmp_path, monkeypatch):
    squares = dask.map(partial(killed_once, tmp_path / "killed"), range(20))
    assert list(squares) == [item * item for item in range(20)]
    assert (tmp_path / "killed").exists()
    monkeypatch.setattr("bdana.events.dataset.SHARING_FILES", 1)
    paths = [tmp_path / f"{number}.root" for number in range(3)]
    for number, path in enumerate(paths):
        write_small(path, number)
    analysis = bdana.load(bdana.analysis.template_folder())
    same(analysis.select(paths, kind="mc", executor=dask), analysis.select(paths, kind="mc"))


def test_dask_workers_pair_tracks_to_the_same_bits(dask, monkeypatch):
    monkeypatch.setattr("bdana.pairing.estimate.paired_bunch.FEW_BUNCHES", 1)
    monkeypatch.setattr("bdana.pairing.estimate.singles.BUNCH", 200)
    rng = np.random.default_rng(2)
    burst = np.repeat(np.arange(4), 200)
    singles = singles_of(halo_record(len(burst), rng, rng.choice([1, -1], len(burst))), burst)
    analysis = bdana.load(
        bdana.analysis.template_folder(), overrides=["background.combinatorial.readout_ns=0.0"]
    )
    made = (
        estimate_of(analysis, singles, burst_table(4), executor=executor).to_dict()
        for executor in (None, dask)
    )
    assert next(made) == next(made)


def test_an_error_in_a_dask_worker_is_the_error_here(dask):
    with pytest.raises(InputError, match="item 0 is bad"):
        list(dask.map(fails, range(3)))
    assert list(dask.map(abs, [-1])) == [1]


def test_a_scheduler_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr("bdana.engine.dask_executor.WAIT_FOR_SCHEDULER", "1s")
    with pytest.raises(ConfigError, match=r"--scheduler tcp://127\.0\.0\.1:9: no dask scheduler there"):
        list(DaskExecutor(scheduler="tcp://127.0.0.1:9").map(abs, [1]))


@pytest.mark.parametrize(("system", "said"), [("slurm", "#SBATCH"), ("htcondor", "MY.DaskWorkerMemory")])
def test_jobs_of_a_batch_system_are_dask_workers(system, said):
    pytest.importorskip("dask_jobqueue")
    options = {"disk": "1GB"} if system == "htcondor" else {"walltime": "01:00:00"}
    executor = DaskExecutor(batch_system=BatchSystem(system, 0, 2, "4GB", options))
    with executor._cluster() as cluster:
        script = cluster.job_script()
    assert said in script
    assert "--nthreads 1" in script


def test_options_that_the_batch_system_does_not_know_are_said(monkeypatch):
    def refuse(**options):
        raise ValueError("Got unexpected keyword argument 'wall_time'. Very likely ...")

    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=refuse))
    executor = DaskExecutor(batch_system=BatchSystem("slurm", 1, 2, "4GB", {"wall_time": 1}))
    with pytest.raises(ConfigError, match=r"\[cluster.options\].*unexpected keyword argument 'wall_time'"):
        executor._cluster()
