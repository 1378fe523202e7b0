"""Lists of numbers as counts, ends and flat values, whatever array holds them."""

import gc
import weakref
from itertools import pairwise

import awkward as ak
import numpy as np
import pytest

from bdana.events.lists import counts_and_flat, fit, list_ends, plain_numbers

LISTS = ak.Array([[1.0, 2.0], [], [3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize("chosen", [slice(None), slice(1, 4), [3, 0, 1], slice(2, 2)])
def test_counts_ends_and_values_are_those_of_the_lists(chosen):
    lists = LISTS[chosen]
    counts, flat = counts_and_flat(lists)
    ends = list_ends(lists)
    assert counts.tolist() == ak.num(lists).to_list()
    assert ends[0] == 0
    assert [flat[a:b].tolist() for a, b in pairwise(ends)] == lists.to_list()


def test_lengths_of_one_array_are_not_those_of_another():
    one, other = LISTS[:2], LISTS[2:]
    for lists in (one, other, one):
        assert counts_and_flat(lists)[0].tolist() == ak.num(lists).to_list()


def test_lengths_are_kept_as_long_as_the_lists_are():
    one, other = LISTS[:2], LISTS[2:]
    counts = weakref.ref(counts_and_flat(one)[0])
    counts_and_flat(other)
    assert counts_and_flat(one)[0] is counts()
    del one
    gc.collect()
    assert counts() is None


@pytest.mark.parametrize("array", [ak.Array([1, 2, 3]), ak.Array([1, 2, 3])[[2, 0]]])
def test_plain_numbers_are_a_numpy_array(array):
    assert plain_numbers(array).tolist() == array.to_list()


@pytest.mark.parametrize(
    ("offsets", "entries", "right"),
    [([0, 2, 3], 2, True), ([0, 2, 3], 3, False), ([0, 3, 2], 2, False), ([0, 2, 9], 2, False)],
)
def test_lists_fit_their_values_and_entries(offsets, entries, right):
    content = ak.contents.NumpyArray(np.arange(3.0))
    layout = ak.contents.ListOffsetArray(ak.index.Index64(np.array(offsets)), content)
    for _ in range(2):  # what is known of the offsets is as right
        assert fit(ak.Array(layout), entries) == right


def test_plain_numbers_fit_where_there_is_one_an_entry():
    assert [fit(ak.Array([1.0, 2.0]), n) for n in (1, 2, 3)] == [False, True, False]
