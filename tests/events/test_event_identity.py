"""Finding an event that is there twice: exact, whatever the order and number of chunks, in bounded memory."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.events import event_identity
from bdana.events.event_identity import SeenEvents, first_repeated, identities, identity_hashes


def events(rows):
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return ak.Array({name: columns[:, i] for i, name in enumerate(("run", "burst", "event"))})


def found(*chunks):
    with SeenEvents() as seen:
        for rows in chunks:
            seen.add(identity_hashes(events(rows)))
        return list(seen.repeated())


numbers = st.sampled_from([-1, 0, 1, 2, 2**15, 2**20, 2**28, 2**32, 2**53 - 1])
row = st.tuples(numbers, numbers, numbers)


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


def neighbours(first_event):
    run, burst, event = np.meshgrid(
        np.arange(8000, 8020), np.arange(100), first_event + np.arange(200), indexing="ij"
    )
    return ak.Array({"run": run.ravel(), "burst": burst.ravel(), "event": event.ravel()})


def test_hashes_of_small_numbers_are_in_their_order_and_hold_them():
    hashes = identity_hashes(neighbours(2**28 - 200)[::-1])
    assert (hashes == np.sort(hashes)).all()
    event, burst, run = hashes % 2**28, hashes >> 28 & (2**15 - 1), hashes >> 43
    assert np.array_equal(np.stack([run, burst, event], axis=1), identities(neighbours(2**28 - 200)))


def test_hashes_of_many_large_neighbours_are_all_different_and_even():
    hashes = identity_hashes(neighbours(2**28))
    assert (hashes == np.sort(hashes)).all()
    assert len(np.unique(hashes)) == 400_000
    parts = np.histogram(hashes.astype(np.float64), bins=100, range=(2.0**63, 2.0**64))[0]
    assert abs(parts - 4000).max() < 5 * 63


def test_swapped_numbers_are_other_events():
    assert found([(1, 2, 3), (2, 1, 3), (1, 3, 2), (3, 2, 1), (0, 0, 6)]) == []


@pytest.mark.parametrize(
    "rows", [[(0, 1, 0), (0, 0, 2**28)], [(1, 0, 0), (0, 2**15, 0)], [(0, 0, -1), (0, -1, 0)]]
)
def test_a_number_that_is_too_large_or_below_0_is_not_taken_for_others(rows):
    assert found(rows) == []
    assert found([rows[0]], [rows[1]]) == []


@pytest.mark.parametrize("in_memory", [0, 2**26])
def test_parts_on_disk_give_the_same_as_memory(monkeypatch, in_memory):
    monkeypatch.setattr(event_identity, "IN_MEMORY", in_memory)
    monkeypatch.setattr(event_identity, "COMPARED", 64)
    monkeypatch.setattr(event_identity, "SAMPLED", 7)
    rng = np.random.default_rng(5)
    numbers = rng.permutation(3000)
    numbers[2500], numbers[2999] = numbers[10], numbers[11]
    chunks = [[(1, 1, n) for n in part] for part in np.split(numbers, 30)]
    assert sorted(found(*chunks)) == [[0, 25], [0, 29]]


@pytest.mark.parametrize("length", [1, 8, 100, 3000])
def test_few_hashes_are_compared_at_once_whatever_the_chunks(monkeypatch, length):
    monkeypatch.setattr(event_identity, "COMPARED", 100)
    monkeypatch.setattr(event_identity, "SAMPLED", 11)
    sizes = []
    ascending = event_identity._ascending
    monkeypatch.setattr(
        event_identity, "_ascending", lambda hashes: sizes.append(len(hashes)) or ascending(hashes)
    )
    numbers = np.random.default_rng(5).permutation(3000)
    with SeenEvents() as seen:
        for part in np.split(numbers, 3000 // length):
            seen.add(np.sort(part).astype(np.uint64))
        assert list(seen.repeated()) == []
    assert sum(sizes) == 3000
    assert max(sizes) < 400


def test_a_full_disk_is_said(monkeypatch):
    class Full:
        def write(self, content):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(event_identity, "IN_MEMORY", 0)
    monkeypatch.setattr(event_identity.tempfile, "TemporaryFile", Full)
    with pytest.raises(event_identity.InputError, match="set TMPDIR"):
        found([(1, 1, 1)])
