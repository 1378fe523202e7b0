"""Many files and workers: small files share a chunk, tasks are sent once, results are the same bits everywhere."""

import gc
import multiprocessing
import os
import pickle
import signal
import time
import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import bdana
from bdana.analysis import Handling
from bdana.engine import executor_of, threads_if_few
from bdana.engine.ordered_sum import OrderedSum
from bdana.errors import BadFilesError, ConfigError, InputError
from bdana.events import files as event_files
from bdana.events.dataset import LARGEST_CHUNK
from bdana.events.event_identity import SeenEvents
from bdana.events.writing import write_events
from bdana.selection import Candidates, Cutflow, Loose, Selected
from tests.synthetic import dimuon_event, good_bursts, records


@pytest.fixture(scope="module")
def analysis():
    return bdana.load(bdana.analysis.template_folder())


def write_small(path, number, *, events=3, burst=None):
    made = [dimuon_event(10 * number + i, burst=burst or number + 1) for i in range(events)]
    bursts = good_bursts(burst or number + 1)
    write_events(path, [records(made)], bursts.take(bursts.burst == (burst or number + 1)))


@pytest.fixture
def small(tmp_path):
    """Five files of three events, each of a burst of its own."""
    paths = [tmp_path / f"{number}.root" for number in range(5)]
    for number, path in enumerate(paths):
        write_small(path, number)
    return paths


def same(a, b):
    assert a.to_dict() == b.to_dict()
    for name in a.candidates.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a.candidates, name), getattr(b.candidates, name), strict=True)


def test_small_files_share_a_chunk_and_large_clusters_are_split(analysis, small, monkeypatch):
    dataset = analysis.dataset(small, kind="mc")
    assert [[chunk.source for chunk in batch] for batch in dataset.batches(("run",))] == [[0, 1, 2, 3, 4]]
    together = analysis.select_from(dataset)
    assert together.candidates.event.tolist() == [10 * n + i for n in range(5) for i in range(3)]
    monkeypatch.setattr("bdana.events.dataset.LARGEST_CHUNK", 2)
    cut = [[(c.source, c.start, c.stop) for c in batch] for batch in dataset.batches(("run",))]
    assert cut[:3] == [[(0, 0, 1)], [(0, 1, 3)], [(1, 0, 1)]]
    same(analysis.select_from(dataset), together)


def test_a_limit_of_memory_cuts_chunks(analysis, small):
    dataset = analysis.dataset(small, kind="mc")
    sizes = [
        replace(dataset, memory_limit=m)._largest_chunk(set("abcdefghij")) for m in (5 * 10**8, 2 * 10**9)
    ]
    assert sizes == [(5 * 10**8 - 4 * 10**8) // 1280, LARGEST_CHUNK]


def test_of_files_that_are_alike_the_first_is_described_by_uproot(analysis, small, monkeypatch):
    monkeypatch.setattr("bdana.events.tree_layouts._known", [])  # those of other tests' files
    event_files.forget_files()
    together = analysis.select(small, kind="mc")  # the layout is known from here on

    def parsed(tree):
        raise AssertionError(f"the description of {tree.name} is parsed again")

    monkeypatch.setattr("bdana.events.containers._LikeTTree._tree", property(parsed))
    event_files.forget_files()
    same(analysis.select(small, kind="mc"), together)


def test_few_files_stay_open_and_none_is_opened_to_be_sent(analysis, small, monkeypatch):
    monkeypatch.setattr(event_files, "OPEN_FILES", 2)
    event_files.forget_files()
    run = analysis.select(small, kind="mc")
    assert len(event_files._OPEN) == 2
    task = analysis.selection_task(run.datasets[0], "dimuon")
    event_files.forget_files()
    again = pickle.loads(pickle.dumps(task))
    assert not event_files._OPEN
    batch = again.dataset.batches(again.columns)[0]
    assert len(pickle.dumps(batch)) < 500
    np.testing.assert_array_equal(again(batch)[0].candidates.mass, run.candidates.mass)


def test_a_file_that_changes_after_it_was_opened_is_refused(analysis, small):
    dataset = analysis.dataset(small, kind="mc")
    write_small(small[2], 7)
    event_files.forget_files()
    with pytest.raises(InputError, match=r"2\.root: was changed while it was read"):
        analysis.select_from(dataset)


def test_parts_are_added_in_their_order_and_few_wait():
    for number in (1, 2, 3, 7, 100):
        total = OrderedSum()
        for part in range(number):
            total.add((part,))
            assert len(total.waiting) <= number.bit_length()
        assert total.result() == tuple(range(number))
    floats, level = OrderedSum(), list(np.random.default_rng(1).normal(size=37) * 10.0 ** np.arange(37))
    for value in level:
        floats.add(value)
    while len(level) > 1:  # neighbours pairwise
        level = [a + b for a, b in zip(level[::2], level[1::2], strict=False)] + level[len(level) // 2 * 2 :]
    assert floats.result() == level[0]


def test_many_chunks_of_hashes_go_to_a_file_and_are_compared(monkeypatch):
    monkeypatch.setattr("bdana.events.event_identity.IN_MEMORY", 100)
    with SeenEvents() as seen:
        for chunk in range(20):
            seen.add(np.array([chunk, 2**60 + (chunk % 19)], dtype=np.uint64))
        assert list(seen.repeated()) == [[0, 19]]


def test_the_memory_of_the_sum_does_not_grow_with_the_chunks():
    none = Candidates.of_rows([])
    cutflow = Cutflow(()).then("all", np.ones(3)).then("pairs", np.ones(2))
    one = Selected(cutflow, none, Loose(none, {}, np.zeros(0, dtype=np.bool_)), cutflow)
    total, used = OrderedSum(), [0, 0]
    tracemalloc.start()
    for chunk in range(1, 514):
        total.add(one)
        if chunk in {129, 513}:
            gc.collect()
            used[chunk == 513] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert total.result().cutflow.rows[0].events == 3 * 513
    assert used[1] - used[0] < 5_000


def killed_once(marker, item):
    """End the process as if memory had run out, the first time that item 3 comes."""
    if item == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def always_killed(item):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_replaced(tmp_path):
    squares = executor_of(2).map(partial(killed_once, tmp_path / "killed"), range(8))
    assert list(squares) == [item * item for item in range(8)]
    assert (tmp_path / "killed").exists()


def test_workers_that_are_killed_again_and_again_are_an_error():
    with pytest.raises(InputError, match=r"killed 3 times at the same work.*--memory-limit"):
        list(executor_of(2).map(always_killed, range(2)))


def test_executors_are_chosen_by_name():
    assert repr(executor_of(1, "processes")) == "ProcessExecutor(1)"
    for workers, kind, scheduler, message in (
        (1, "threads", None, "choose serial, processes, dask"),
        (2, "serial", None, "serial has one worker"),
        (1, "processes", "tcp://h:1", "--scheduler belongs to --executor dask"),
    ):
        with pytest.raises(ConfigError, match=message):
            executor_of(workers, kind, scheduler)


def test_threads_take_the_place_of_processes_for_a_few_files_in_one_process(analysis, small, monkeypatch):
    dataset = analysis.dataset(small, kind="mc")
    two = executor_of(2)
    assert repr(threads_if_few(two, [dataset])) == "ThreadExecutor(2)"
    assert repr(threads_if_few(executor_of(1), [dataset])) == "SerialExecutor()"
    assert threads_if_few(two, [replace(dataset, memory_limit=10**9)]) is two
    monkeypatch.setattr("bdana.engine.choice.MOST_FILES", 9)
    assert threads_if_few(two, [dataset, dataset]) is two
    monkeypatch.setattr("bdana.engine.choice.MOST_FILES", 10)
    monkeypatch.setattr("bdana.engine.choice.MOST_EVENTS", 29)
    assert threads_if_few(two, [dataset, dataset]) is two
    monkeypatch.setattr("bdana.engine.choice.MOST_EVENTS", 30)
    assert threads_if_few(two, [dataset, dataset]) is not two


def test_dask_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(
        ConfigError, match=r"--executor dask needs the extra 'dask': pip install 'bdana\[dask\]'"
    ):
        executor_of(2, "dask")


def handled(analysis, **handling):
    return replace(analysis, handling=Handling(**handling))


def damage(path):
    """Change bytes in the middle of the events' baskets."""
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 4
    raw[middle : middle + 40] = bytes(40)
    path.write_bytes(raw)


def test_all_bad_files_are_named_at_once(analysis, small):
    small[1].write_bytes(b"no ROOT file at all" * 100)
    small[3].unlink()
    with pytest.raises(BadFilesError) as told:
        analysis.dataset(small, kind="mc")
    said = str(told.value)
    assert said.startswith("2 files cannot be read (--allow-bad-files leaves them out")
    assert f"{small[1]}: not a ROOT file" in said
    assert f"{small[3]}: no such file" in said


def test_files_that_are_damaged_inside_are_all_named_at_the_end(analysis, small, chunk_each_cluster):
    for path in (small[0], small[4]):
        damage(path)
    with pytest.raises(BadFilesError, match="2 files cannot be read") as told:
        analysis.select(small, kind="mc")
    assert all(str(path) in str(told.value) for path in (small[0], small[4]))
    with pytest.raises(BadFilesError, match="2 files cannot be read"):
        analysis.select(small, kind="mc", executor=executor_of(2))


def test_bad_files_that_are_allowed_take_the_protons_of_their_bursts_along(analysis, small, tmp_path):
    whole = analysis.select(small, kind="mc")
    damage(small[0])
    write_small(tmp_path / "rest.root", 9, burst=1)  # the same burst as that of the first file
    run = handled(analysis, allow_bad_files=True).select([*small, tmp_path / "rest.root"], kind="mc")
    assert run.exposure.bursts == 4
    assert run.exposure.pot == pytest.approx(0.8 * whole.exposure.pot)
    assert set(run.candidates.burst.tolist()) == {2, 3, 4, 5}
    (bad,) = run.to_dict()["bad_files"]
    assert (bad["file"], bad["bursts"], bad["pot"]) == (
        str(small[0]),
        1,
        pytest.approx(whole.exposure.pot / 5),
    )
    assert "1 bursts with" in run.bad_files[0].text


def test_a_file_whose_bursts_nobody_knows_is_left_out_only_where_bursts_are_in_one_file(
    analysis, small, tmp_path
):
    small[1].write_bytes(b"")
    lenient = handled(analysis, allow_bad_files=True)
    run = lenient.select(small, kind="mc")
    assert run.exposure.bursts == 4
    assert run.to_dict()["bad_files"][0]["pot"] is None
    write_small(tmp_path / "rest.root", 9, burst=1)
    with pytest.raises(InputError, match="other files may hold parts of its bursts"):
        lenient.select([*small, tmp_path / "rest.root"], kind="mc")


def interrupted(analysis, small, folder, at=2):
    """Select until a batch and stop there."""

    def stop(done, total):
        if done == 3 * at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        handled(analysis, checkpoints=folder).select(small, kind="mc", progress=stop)


def selected_batches(monkeypatch):
    """Count the batches that are selected from now on."""
    honest, done = bdana.engine.SelectionTask.__call__, []

    def counted(task, batch):
        done.append(batch)
        return honest(task, batch)

    monkeypatch.setattr(bdana.engine.SelectionTask, "__call__", counted)
    return done


@pytest.fixture
def separate(monkeypatch):
    monkeypatch.setattr("bdana.events.dataset.SHARING_FILES", 1)


def test_an_interrupted_run_goes_on(analysis, small, tmp_path, monkeypatch, separate):
    whole, folder = analysis.select(small, kind="mc"), tmp_path / "kept"
    interrupted(analysis, small, folder)
    assert len([*folder.rglob("*.npz")]) == 2
    done = selected_batches(monkeypatch)
    same(handled(analysis, checkpoints=folder).select(small, kind="mc"), whole)
    assert len(done) == 3
    same(handled(analysis, checkpoints=folder).select(small, kind="mc"), whole)
    assert len(done) == 3
    bdana.engine.clear_checkpoints(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    "change", ["selection.dimuon.acceptance=false", "regions.CR.cda_tax_max_mm=140.0", "file", "damage"]
)
def test_a_change_never_meets_an_old_result(analysis, small, tmp_path, monkeypatch, separate, change):
    folder = tmp_path / "kept"
    interrupted(analysis, small, folder)
    if change == "file":
        write_small(small[0], 0, events=2)
    elif change == "damage":
        for kept in folder.rglob("*.npz"):
            kept.write_bytes(kept.read_bytes()[:-30])
    else:
        analysis = bdana.load(analysis.folder, [change])
    whole, done = analysis.select(small, kind="mc"), selected_batches(monkeypatch)
    same(handled(analysis, checkpoints=folder).select(small, kind="mc"), whole)
    assert len(done) == (4 if change == "file" else 5)


def test_a_full_disk_for_checkpoints_is_said_once_and_changes_nothing(
    analysis, small, tmp_path, monkeypatch, separate, caplog
):
    def full(file, **kept):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bdana.engine.checkpoint_folder.np.savez", full)
    run = handled(analysis, checkpoints=tmp_path / "kept").select(small, kind="mc")
    same(run, analysis.select(small, kind="mc"))
    said = [record.getMessage() for record in caplog.records if "checkpoints cannot" in record.getMessage()]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


def test_a_folder_for_checkpoints_that_is_none_is_refused(analysis, small, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file: finished chunks cannot be kept there .*--resume"):
        handled(analysis, checkpoints=tmp_path / "file").select(small, kind="mc")


def select_slowly(analysis, small, folder):
    """Select in another process, which never ends."""
    run = handled(analysis, checkpoints=folder)
    run.select(small, kind="mc", progress=lambda done, total: time.sleep(60.0 if done == 6 else 0.0))


def test_a_client_that_is_killed_leaves_what_the_next_one_needs(
    analysis, small, tmp_path, monkeypatch, separate
):
    folder = tmp_path / "kept"
    child = multiprocessing.get_context("fork").Process(target=select_slowly, args=(analysis, small, folder))
    child.start()
    while len([*folder.rglob("*.npz")]) < 2:
        time.sleep(0.01)
    child.kill()
    child.join()
    done = selected_batches(monkeypatch)
    same(handled(analysis, checkpoints=folder).select(small, kind="mc"), analysis.select(small, kind="mc"))
    assert len(done) == 3 + 5
