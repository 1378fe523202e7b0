"""Sums over pairs that are kept while they are made: an interrupted estimate goes on to the same bits, and never with others."""

import multiprocessing
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.analysis import Handling
from bdana.engine.checkpoint_folder import CheckpointFolder, clear_checkpoints
from bdana.engine.kept_sums import SampleCheckpoints
from bdana.events import write_events
from bdana.pairing import PairOptions, PairSelection, SingleSample
from bdana.pairing.estimate.paired_bunch import PairedBunch
from bdana.simulation import Beam, SimulationConfig, simulate
from tests.pairing.estimate.test_pair_options import Sent, same, structured
from tests.pairing.halo import burst_table

CONFIG = SimulationConfig(pot=1.4e16, bursts=20, beam=Beam(downscale=1600.0))
DOWNSCALES = np.array([10.0, 10.0, 10.0, 100.0, 10.0, 100.0, 10.0, 10.0])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A simulated sample, with tracks that were vetoed."""
    path = tmp_path_factory.mktemp("singles") / "halo.root"
    events, bursts = simulate(CONFIG, seed=5)
    write_events(path, [events], bursts)
    return path


@pytest.fixture(autouse=True)
def each_bunch(monkeypatch):
    each_bunch_of(monkeypatch)


def each_bunch_of(monkeypatch):
    """Make small bunches, after each of which the sum is kept."""
    monkeypatch.setattr("bdana.pairing.estimate.singles.BUNCH", 300)
    monkeypatch.setattr("bdana.engine.kept_sums.EVERY_S", 0.0)
    monkeypatch.setattr("bdana.engine.kept_sums.SHARE", 1e9)


def paired_bunches(monkeypatch, last=None):
    """Note the bunches that are paired from now on; after the last one comes an interruption."""
    honest, done = PairedBunch.__call__, []

    def noted(work, bunch):
        if len(done) == last:
            raise KeyboardInterrupt
        done.append(bunch.before)
        return honest(work, bunch)

    monkeypatch.setattr(PairedBunch, "__call__", noted)
    return done


def in_memory(*overrides, folder=None, sliced=True, tracks="these", bootstrap=3, **options):
    """Return the estimate of tracks in memory: in slices of the bursts, or of bursts with two downscales."""
    analysis = bdana.load(overrides=overrides)
    background, par = analysis.combinatorial("combinatorial")
    variables = {name: one for name, one in analysis.variables.items() if not one.function}
    pairs = PairSelection(
        *analysis.selection("dimuon"), analysis.setup, variables, origin=(analysis, "dimuon")
    )
    table = burst_table(8, live_time_s=4.8) if sliced else replace(burst_table(8), downscale=DOWNSCALES)
    singles = structured()
    if not sliced:
        events = singles.tracks.events[[name for name in singles.tracks.events.fields if name != "timestamp"]]
        singles = replace(singles, tracks=replace(singles.tracks, events=events))
    sample = SingleSample(singles, table)
    sample.checkpoints = folder and SampleCheckpoints(CheckpointFolder(folder, None), tracks)
    return background.estimate(sample, pairs, par, (), PairOptions(bootstrap=bootstrap, **options))


@pytest.mark.parametrize(("sliced", "bunches", "last"), [(True, 16, 3), (True, 16, 11), (False, 8, 5)])
def test_an_interrupted_estimate_goes_on_to_the_same_bits(tmp_path, monkeypatch, sliced, bunches, last):
    whole = in_memory(sliced=sliced)
    with monkeypatch.context() as patched:
        paired_bunches(patched, last)
        with pytest.raises(KeyboardInterrupt):
            in_memory(folder=tmp_path, sliced=sliced)
    done = paired_bunches(monkeypatch)
    same(in_memory(folder=tmp_path, sliced=sliced), whole)
    assert len(done) == bunches - last
    same(in_memory(folder=tmp_path, sliced=sliced), whole)
    assert len(done) == bunches - last, "finished sums are not made again"
    clear_checkpoints(tmp_path)
    assert not tmp_path.exists()


def test_workers_go_on_where_this_process_was_interrupted(tmp_path, monkeypatch):
    whole = in_memory()
    with monkeypatch.context() as patched:
        paired_bunches(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            in_memory(folder=tmp_path)
    monkeypatch.setattr("bdana.pairing.estimate.paired_bunch.FEW_BUNCHES", 1)
    done = paired_bunches(monkeypatch)
    same(in_memory(folder=tmp_path, executor=Sent()), whole)
    assert len(done) == 13


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Sums of a finished estimate."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        each_bunch_of(patched)
        in_memory(folder=folder)
    return folder


@pytest.mark.parametrize(
    ("overrides", "options", "again"),
    [
        (["selection.dimuon.acceptance=false"], {}, 16),
        (["regions.CR.cda_tax_max_mm=140.0"], {}, 16),
        (["background.combinatorial.readout_ns=50.0"], {}, 16),
        ([], {"like_sign": True}, 16),
        ([], {"bootstrap": 4}, 8),
        ([], {"tracks": "others"}, 16),
        ([], {"damaged": True}, 16),
    ],
)
def test_a_change_never_meets_old_sums(tmp_path, monkeypatch, finished, overrides, options, again):
    folder = shutil.copytree(finished, tmp_path / "kept")
    for kept in folder.rglob("*.npz") if options.pop("damaged", False) else ():
        kept.write_bytes(kept.read_bytes()[:-30])
    done = paired_bunches(monkeypatch)
    in_memory(*overrides, folder=folder, **options)
    assert len(done) == again
    in_memory(*overrides, folder=folder, **options)
    assert len(done) == again, "but finds its own"


def test_a_full_disk_is_said_once_and_changes_nothing(tmp_path, monkeypatch, caplog):
    def full(file, **kept):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bdana.engine.checkpoint_folder.np.savez", full)
    same(in_memory(folder=tmp_path), in_memory())
    (said,) = [r.getMessage() for r in caplog.records if "checkpoints cannot be written" in r.getMessage()]
    assert "No space left on device" in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def estimated(file, folder, *overrides):
    analysis = replace(bdana.load(overrides=overrides), handling=Handling(checkpoints=folder))
    return analysis.background([file], kind="mc")


def estimated_slowly(file, folder, number):
    """Estimate in another process, which comes to a bunch and never ends."""
    honest, done = PairedBunch.__call__, []

    def slow(work, bunch):
        done.append(bunch.before)
        time.sleep(60.0 if len(done) > number else 0.0)
        return honest(work, bunch)

    PairedBunch.__call__ = slow
    estimated(file, folder)


@pytest.fixture
def killed(file, tmp_path):
    """Checkpoints of an estimate that was killed at its fourth bunch of tracks."""
    folder = tmp_path / "kept"
    child = multiprocessing.get_context("fork").Process(target=estimated_slowly, args=(file, folder, 3))
    child.start()
    while _kept_parts(folder) != 3:
        assert child.is_alive()
        time.sleep(0.01)
    child.kill()
    child.join()
    return folder


def _kept_parts(folder):
    """Return how many bunches the sums that are kept are of."""
    found = 0
    for path in folder.rglob("*.npz"):
        with np.load(path) as kept:
            found += int(kept["counts"].sum()) if "counts" in kept.files else 0
    return found


def test_what_was_killed_goes_on_with_the_files_and_never_after_a_change(file, killed, monkeypatch):
    whole, every = estimated(file, None), paired_bunches(monkeypatch)
    same(estimated(file, killed), whole)
    made = len(every)
    same(estimated(file, None), whole)
    assert len(every) - made == made + 3
    changed = "selection.single_track.min_p_gev=12.0"
    del every[:]
    same(estimated(file, killed, changed), estimated(file, None, changed))
    assert len(every) % 2 == 0, "as many bunches with the old checkpoints as without"
