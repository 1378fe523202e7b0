"""Pairs built for the estimate: those of `Pairs` to the last digits, all of a track together, for any number of threads."""

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.detector import load_detector
from bdana.errors import MissingColumnError
from bdana.pairing import PairBounds
from bdana.pairing.estimate.built_pairs import BuiltPairs, PickedTracks
from bdana.pairing.geometry.building import built_pairs
from bdana.pairing.geometry.kernel import QUANTITIES, beam_numbers
from bdana.reconstruction import Line, Pairs, Tracks
from tests.pairing.halo import halo_record

BOUNDS = PairBounds(20.0, 105_000.0, 180_000.0)
MUON = 105.6583755
PION = 139.57
BEAM = bdana.load().setup.beam_line


def sample(n, seed=1):
    """Tracks, alternately positive and negative, measured at different z."""
    rng = np.random.default_rng(seed)
    record = halo_record(n, rng, np.where(np.arange(n) % 2, -1, 1))
    z = rng.uniform(179e3, 183e3, n)
    for side in "xy":
        moved = record[f"{side}_before"] + (z - record.z_before) * record[f"t{side}_before"]
        record = ak.with_field(record, moved, f"{side}_before")
    record = ak.with_field(record, z, "z_before")
    events = ak.zip({"run": np.ones(n, dtype=int), "weight": np.ones(n)})
    tracks = Tracks(record, events, np.arange(n), load_detector("na62"))
    tracks.assume(np.where(np.arange(n) % 3 == 0, PION, MUON))
    return tracks


def build(first, second, size=1000, beam=BEAM):
    sets = [(t.before, t.p, t.mass) if t is not None else None for t in (first, second)]
    return list(built_pairs(*sets, BOUNDS, beam_numbers(beam), size))


def joined(blocks):
    return tuple(np.concatenate(column, axis=-1) for column in zip(*blocks, strict=True))


def test_built_pairs_have_the_quantities_of_pairs():
    tracks = sample(1000)
    first, second = tracks.take(slice(0, None, 2)), tracks.take(slice(1, None, 2))
    i, j, values = joined(build(first, second))
    assert len(i) > 700
    pairs = Pairs(first.take(i), second.take(j), BEAM)
    for name, value in zip(QUANTITIES, values, strict=True):
        assert value == pytest.approx(getattr(pairs, name), rel=1e-9, abs=1e-6), name
    every = Pairs(
        *(t.take(k.ravel()) for t, k in zip((first, second), np.indices((500, 500)), strict=True)), BEAM
    )
    passing = (
        (every.cda <= BOUNDS.max_cda) & (every.z_vertex >= BOUNDS.z_min) & (every.z_vertex <= BOUNDS.z_max)
    )
    assert sorted((i * 500 + j).tolist()) == np.flatnonzero(passing).tolist()


def test_without_a_beam_line_what_needs_it_is_nan():
    tracks = sample(300)
    _, _, values = joined(build(tracks, tracks, beam=None))
    assert np.isnan(values[2:4]).all()
    assert np.isfinite(values[[0, 1, 4]]).all()


def test_a_pair_is_the_same_from_both_tracks():
    tracks = sample(800)
    one, other = tracks.take(slice(0, None, 2)), tracks.take(slice(1, None, 2))
    i, j, values = joined(build(one, other))
    m, k, same = joined(build(other, one))
    order, back = np.lexsort((j, i)), np.lexsort((m, k))
    assert np.array_equal(i[order], k[back])
    assert np.array_equal(j[order], m[back])
    assert np.array_equal(values[:, order], same[:, back])
    i, j, values = joined(build(tracks, None))
    order, back = np.lexsort((j, i)), np.lexsort((i, j))
    assert np.array_equal(i[order], j[back])
    assert np.array_equal(j[order], i[back])
    assert (i != j).all()
    assert np.array_equal(values[:, order], values[:, back])


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_blocks_have_all_pairs_of_their_tracks(size):
    tracks = sample(500)
    whole, blocks = joined(build(tracks, None)), build(tracks, None, size)
    assert all(np.array_equal(a, b) for a, b in zip(joined(blocks), whole, strict=True))
    seen = [set(block.track) for block in blocks]
    assert sum(map(len, seen)) == len(set().union(*seen))
    for block in blocks:
        assert len(block.track) <= size or len(set(block.track)) == 1
        assert np.count_nonzero(np.diff(block.track)) == len(set(block.track)) - 1


def test_same_for_any_number_of_threads(thread_numbers):
    tracks = sample(1500)
    alone = build(tracks, None)
    for _ in thread_numbers():
        for block, other in zip(build(tracks, None), alone, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(block, other, strict=True))


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_tracks_without_a_partner_make_no_pair(n, m):
    tracks = sample(10)
    blocks = build(tracks.take(slice(0, n)), tracks.take(slice(0, m)))
    assert sum(len(block.track) for block in blocks) == 0


def test_cuts_see_what_pairs_have():
    tracks = sample(60)
    plus, minus = np.arange(0, 60, 2), np.arange(1, 60, 2)
    plain = Pairs.by_charge(tracks, plus, minus, tracks.mass, BEAM)
    values = np.array([getattr(plain, name) for name in QUANTITIES])
    built = BuiltPairs(PickedTracks(tracks, plus), PickedTracks(tracks, minus), BEAM, values)
    some = np.arange(30) % 3 == 0
    for pairs, other in ((built, plain), (built.take(some), plain.take(some))):
        assert len(pairs) == len(other)
        for name in (*QUANTITIES, "dt", "time"):
            assert np.array_equal(getattr(pairs, name), getattr(other, name)), name
        assert np.array_equal(pairs.plus.charge, other.plus.charge)
        assert np.array_equal(pairs.minus.at(150e3), other.minus.at(150e3))
        assert np.array_equal(pairs.vertex.midpoint, other.vertex.midpoint, equal_nan=True)
        assert np.array_equal(pairs.tax.on_first, other.tax.on_first, equal_nan=True)
        assert np.array_equal(pairs.plus.index, other.plus.index)
        assert ak.array_equal(pairs.plus.record, other.plus.record)
        assert ak.array_equal(pairs.event, other.event)
        assert pairs.detector is tracks.detector
        assert isinstance(pairs.plus.before, Line)
    with pytest.raises(MissingColumnError, match="no column 'chi2'"):
        _ = built.plus.chi2
