"""Finding an event that is there twice: exact, whatever the order and number of chunks, in bounded memory."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.events import event_identity
from bdana.events.event_identity import SeenEvents, first_repeated, identity_hashes


def events(rows):
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return ak.Array({name: columns[:, i] for i, name in enumerate(("run", "burst", "event"))})


def found(*chunks):
    with SeenEvents() as seen:
        for rows in chunks:
            seen.add(identity_hashes(events(rows)))
        return list(seen.repeated())


row = st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0, 1, 2, 2**32, 2**53 - 1]))


@given(st.lists(st.lists(row, max_size=6), max_size=5))
def test_chunks_share_a_hash_where_they_share_an_event(chunks):
    everything = [(r, place) for place, rows in enumerate(chunks) for r in rows]
    right = {}
    for r, place in everything:
        right.setdefault(r, []).append(place)
    assert sorted(found(*chunks)) == sorted(places for places in right.values() if len(places) > 1)


@given(st.lists(row, max_size=12))
def test_the_first_repeated_row_and_what_it_repeats(rows):
    right = next(((rows.index(r), i) for i, r in enumerate(rows) if r in rows[:i]), None)
    assert first_repeated(np.array(rows, dtype=np.int64).reshape(-1, 3)) == right


def test_hashes_of_many_neighbouring_events_are_all_different_and_even():
    run, burst, event = np.meshgrid(np.arange(8000, 8020), np.arange(100), np.arange(200), indexing="ij")
    hashes = identity_hashes(ak.Array({"run": run.ravel(), "burst": burst.ravel(), "event": event.ravel()}))
    assert len(np.unique(hashes)) == 400_000
    parts = np.histogram(hashes.astype(np.float64), bins=100, range=(0.0, 2.0**64))[0]
    assert abs(parts - 4000).max() < 5 * 63


def test_swapped_numbers_are_other_events():
    assert found([(1, 2, 3), (2, 1, 3), (1, 3, 2), (3, 2, 1), (0, 0, 6)]) == []


@pytest.mark.parametrize("in_memory", [0, 2**26])
def test_parts_on_disk_give_the_same_as_memory(monkeypatch, in_memory):
    monkeypatch.setattr(event_identity, "IN_MEMORY", in_memory)
    monkeypatch.setattr(event_identity, "COMPARED", 64)
    rng = np.random.default_rng(5)
    numbers = rng.permutation(3000)
    numbers[2500], numbers[2999] = numbers[10], numbers[11]
    chunks = [[(1, 1, n) for n in part] for part in np.split(numbers, 30)]
    assert sorted(found(*chunks)) == [[0, 25], [0, 29]]


def test_a_full_disk_is_said(monkeypatch):
    class Full:
        def seek(self, *place):
            pass

        def write(self, content):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(event_identity.tempfile, "SpooledTemporaryFile", lambda **options: Full())
    with pytest.raises(event_identity.InputError, match="set TMPDIR"):
        found([(1, 1, 1)])
