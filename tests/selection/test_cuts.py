"""A cut looks at the pairs that may still count; numbers are those of cuts that look at all pairs."""

from types import SimpleNamespace

import numpy as np
import pytest

from bdana.reconstruction import Pairs, Tracks
from bdana.selection import Cut, Cutflow
from bdana.selection.cuts import passing_masks
from tests.synthetic import MUON_MASS, dimuon_event, records

PAIRS, CUTS = 200, 6


def random_cuts(seed):
    rng = np.random.default_rng(seed)
    passes = rng.random((CUTS, PAIRS)) < rng.uniform(0.1, 1.0, (CUTS, 1))
    seen = [0] * CUTS

    def cut(k):
        def look_up(pairs, par):
            seen[k] = len(pairs)
            return passes[k][np.asarray(pairs.event.event)]

        return Cut(f"cut_{k}", "pair", look_up, ())

    return [cut(k) for k in range(CUTS)], {f"cut_{k}": passes[k] for k in range(CUTS)}, seen


@pytest.fixture(scope="module")
def pairs():
    events = records([dimuon_event() | {"event": number} for number in range(PAIRS)])
    first = 2 * np.arange(PAIRS)
    return Pairs.by_charge(Tracks.of_events(events, detector=None), first, first + 1, MUON_MASS, None)


@pytest.mark.parametrize("seed", range(8))
def test_lazy_cuts_give_the_numbers_of_cuts_on_all_pairs(pairs, seed):
    cuts, full, _ = random_cuts(seed)
    left_out = [name for k, name in enumerate(full) if np.random.default_rng(seed).random(CUTS)[k] < 0.3]
    weights = np.random.default_rng(seed).uniform(size=PAIRS)
    masks = passing_masks(cuts, pairs, SimpleNamespace(), left_out)
    (lazy, passed), (expected, all_passed) = (
        Cutflow(()).then("all", weights).then_cuts(found, weights) for found in (masks, full)
    )
    assert lazy == expected
    assert (passed == all_passed).all()
    loose = np.logical_and.reduce([np.ones(PAIRS, bool), *(m for n, m in full.items() if n not in left_out)])
    for name in left_out:  # known for every pair that passes the others
        assert (masks[name][loose] == full[name][loose]).all()
    for name in full.keys() - set(left_out):
        assert not (masks[name] & ~full[name]).any()
    assert (
        np.logical_and.reduce([np.ones(PAIRS, bool), *(masks[n] for n in full if n not in left_out)]) == loose
    ).all()


def test_a_cut_gets_the_pairs_that_failed_one_cut_at_most_and_two_for_mistakes(pairs):
    cuts, full, seen = random_cuts(1)
    passing_masks(cuts, pairs, SimpleNamespace())
    failures = np.cumsum([~mask for mask in full.values()], axis=0)
    assert seen == [PAIRS, *(max(2, np.count_nonzero(row <= 1)) for row in failures[:-1])]
    assert seen[-1] < PAIRS
    nothing = [Cut("nothing", "pair", lambda p, _: np.zeros(len(p), bool), ())] * 2
    looked = []
    last = Cut("last", "pair", lambda p, _: looked.append(len(p)) or np.ones(len(p), bool), ())
    passing_masks([*nothing, last], pairs, SimpleNamespace())
    assert looked == [2]


def test_what_is_taken_of_taken_pairs_is_what_is_taken_at_once(pairs):
    where = np.random.default_rng(2).random(PAIRS) < 0.3
    _ = pairs.vertex, pairs.plus.after  # kept by what is taken of them
    some = pairs.take(np.flatnonzero(where)).take(np.arange(3))
    assert np.asarray(some.event.event).tolist() == np.flatnonzero(where)[:3].tolist()
    for name in ("cda", "z_vertex", "mass", "dt"):
        assert (getattr(some, name) == getattr(pairs, name)[where][:3]).all()
    assert (some.plus.after.point == pairs.plus.after.point[where][:3]).all()
    assert some.plus.record.p.to_list() == pairs.plus.p[where][:3].tolist()
    with pytest.raises(ValueError, match="read-only"):
        some.vertex.distance[0] = 0.0
