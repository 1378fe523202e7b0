"""An event counts once: refused with run, burst, event and both files, whoever reads, and nothing of closed events is told."""

import os
import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import InputError
from bdana.events import EventArrays, load_schema, shipped_schemas, write_events
from bdana.events import repeats as events_repeats
from tests.synthetic import dimuon_event, good_bursts, records

ANALYSIS = bdana.load(bdana.analysis.template_folder())


def events(numbers, **options):
    return records([dimuon_event(int(n), burst=1 + int(n) % 3, **options) for n in numbers])


def out_of_time(numbers):
    """Events whose pairs are open."""
    found = events(numbers)
    late = ak.with_field(found.tracks, found.tracks.time + 40.0 * (found.tracks.charge > 0), "time")
    return ak.with_field(found, late, "tracks")


def write(path, numbers, **options):
    write_events(path, [events(numbers)], options.pop("bursts", good_bursts(3)), **options)
    return path


def select(*files, **options):
    return ANALYSIS.select(files, **({"kind": "mc"} | options))


def copied(tmp_path, a):
    return Path(shutil.copy(a, tmp_path / "b.root"))


def linked(tmp_path, a):
    os.link(a, tmp_path / "b.root")
    return tmp_path / "b.root"


def overlapping(tmp_path, a):
    return write(tmp_path / "b.root", range(8, 15))


def other_container(tmp_path, a):
    return write(tmp_path / "b.root", [99, 9], container="rntuple")


def in_memory(tmp_path, a):
    return EventArrays(events([20, 9]), good_bursts(3), name="b.root")


MAKERS = (copied, linked, overlapping, other_container, in_memory)
WITH_WORKERS = (copied, in_memory)


@pytest.mark.parametrize(
    ("make", "executor"),
    [*((make, None) for make in MAKERS), *((make, bdana.ProcessExecutor(2)) for make in WITH_WORKERS)],
)
def test_an_event_in_two_sources_is_refused(tmp_path, make, executor):
    a = write(tmp_path / "a.root", range(10))
    first = {copied: 0, linked: 0, overlapping: 8}.get(make, 9)
    said = rf"run 99001 burst {1 + first % 3} event {first} is in .*a\.root and in .*b\.root"
    with pytest.raises(InputError, match=said):
        select(a, make(tmp_path, a), executor=executor)
    assert select(a, executor=executor).cutflow.rows[0].events == 10


@pytest.mark.parametrize("clusters", [1, 3])
def test_an_event_twice_in_one_file_is_refused(tmp_path, clusters, chunk_each_cluster):
    numbers = np.array_split([0, 1, 2, 3, 4, 5, 6, 1, 8], clusters)
    write_events(tmp_path / "a.root", map(events, numbers), good_bursts(3))
    with pytest.raises(InputError, match=r"run 99001 burst 2 event 1 is in .*a\.root twice"):
        select(tmp_path / "a.root")


def test_only_the_whole_identity_counts(tmp_path):
    """The same event number in another burst or run is another event."""
    one = [dimuon_event(7, run=run, burst=burst) for run in (99001, 99002) for burst in (1, 2)]
    bursts = [good_bursts(2, run=run) for run in (99001, 99002)]
    for i, table in enumerate(bursts):
        write_events(tmp_path / f"{i}.root", [records(one[2 * i : 2 * i + 2])], table)
    assert select(tmp_path / "0.root", tmp_path / "1.root").cutflow.rows[0].events == 4


def test_events_that_do_not_count_may_repeat(tmp_path):
    bursts = good_bursts(3, good=[True, False, True])
    path = write(tmp_path / "a.root", [0, 1, 1, 2], bursts=bursts)
    assert select(path).cutflow.rows[0].events == 2
    with pytest.raises(InputError, match=r"burst 2 event 1 is in .*a\.root twice"):
        select(path, all_bursts=True)


def test_pseudo_data_are_checked_and_closed_events_are_not_told(tmp_path):
    """Candidates of the signal region are closed, so that nobody learns that one is there twice."""
    hidden = write(tmp_path / "closed.root", [0, 1, 1])
    assert select(hidden, kind="pseudo").cutflow.rows[0].events == 0
    for name in "ab":
        write_events(tmp_path / f"{name}.root", [out_of_time([0, 1, 2, 3])], good_bursts(3))
    with pytest.raises(InputError, match=r"burst 1 event 0 is in .*a\.root and in .*b\.root") as refused:
        select(tmp_path / "a.root", tmp_path / "b.root", kind="pseudo")
    assert "event_numbers_repeat" not in str(refused.value)
    assert select(tmp_path / "a.root", hidden, kind="pseudo").cutflow.rows[0].events == 4


@pytest.fixture
def repeating(tmp_path):
    """A schema that says why numbers of simulation repeat."""
    text = shipped_schemas()["bdana"].read_text()
    path = tmp_path / "repeating.toml"
    path.write_text(
        text.replace('name = "bdana"', 'name = "bdana"\nevent_numbers_repeat = "jobs count from 0"')
    )
    return str(path)


def test_a_schema_may_say_that_numbers_of_simulation_repeat(tmp_path, repeating):
    a, b = write(tmp_path / "a.root", range(6)), write(tmp_path / "b.root", [0, 1, 1])
    assert load_schema(repeating).event_numbers_repeat == "jobs count from 0"
    assert select(a, b, schema=repeating).cutflow.rows[0].events == 9
    seen = EventArrays(out_of_time([8]), good_bursts(3))
    write_events(tmp_path / "open.root", [out_of_time([8])], good_bursts(3))
    with pytest.raises(InputError, match=r"event 8 is in .*open\.root and in"):
        select(tmp_path / "open.root", seen, schema=repeating, kind="pseudo")
    for copy in (copied, linked):
        with pytest.raises(InputError, match=r"c\.root: is a copy of .*a\.root"):
            select(a, copy(tmp_path, a).rename(tmp_path / "c.root"), schema=repeating)
        (tmp_path / "c.root").unlink()


def test_the_reason_is_not_empty(tmp_path, repeating):
    text = Path(repeating).read_text()
    (tmp_path / "empty.toml").write_text(text.replace("jobs count from 0", " "))
    with pytest.raises(bdana.errors.ConfigError, match="event_numbers_repeat"):
        load_schema(str(tmp_path / "empty.toml"))


def test_two_events_with_one_hash_are_two_events(tmp_path, monkeypatch):
    monkeypatch.setattr(events_repeats, "identity_hashes", lambda events: np.zeros(len(events), np.uint64))
    a, b = write(tmp_path / "a.root", range(4)), write(tmp_path / "b.root", range(4, 8))
    assert select(a, b).cutflow.rows[0].events == 8
    with pytest.raises(InputError, match="burst 2 event 4 is in"):
        select(a, b, EventArrays(events([4]), good_bursts(3)))


def test_runs_of_one_file_are_not_added_whatever_its_name(tmp_path):
    a = write(tmp_path / "a.root", range(4))
    b = linked(tmp_path, a)
    with pytest.raises(bdana.errors.ConfigError, match="in both samples"):
        select(a) + select(b)
    one, two = (EventArrays(events([n]), good_bursts(3)) for n in (1, 2))
    assert (select(one) + select(two)).cutflow.rows[0].events == 2
