"""Baskets that are read one by one hold what uproot reads of the whole branch."""

from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest
import uproot

from bdana.events.baskets import baskets_between, is_plain, read_plain

PIECES = (5, 1, 7)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("baskets") / "made.root"


@pytest.fixture(scope="module")
def tree(path):
    rng = np.random.default_rng(1)
    with uproot.recreate(path) as file:
        made = None
        for n in PIECES:
            counts = rng.integers(0, 4, n)
            columns = {
                "number": rng.normal(size=n).astype(np.float32),
                "flag": rng.random(n) < 0.5,
                "long": rng.integers(-(2**60), 2**60, n),
                "list": ak.unflatten(rng.normal(size=counts.sum()), counts),
                "short": ak.unflatten(rng.integers(-9, 9, counts.sum()).astype(np.int16), counts),
            }
            made = made or file.mktree(
                "tree",
                {
                    name: ak.type(ak.Array(c)).content if ak.Array(c).ndim == 1 else ak.Array(c).type
                    for name, c in columns.items()
                },
            )
            made.extend(columns)
    return uproot.open(path)["tree"]


@pytest.mark.parametrize("name", ["number", "flag", "long", "list", "short"])
def test_every_range_of_entries_is_what_uproot_reads(path, tree, name):
    branch = tree[name]
    assert is_plain(branch)
    assert branch.num_baskets == len(PIECES)
    for start in range(sum(PIECES) + 1):
        for stop in range(start, sum(PIECES) + 1):
            expected = branch.array(entry_start=start, entry_stop=stop)
            found = read_plain(path, {name: branch}, start, stop)[name]
            assert found.to_list() == expected.to_list()
            assert found.type == expected.type


def test_records_and_lists_with_a_header_are_left_to_uproot(shared):
    with uproot.open(shared / "data" / "open" / "na62_reco.root") as file:
        branches = [
            b for name in file.keys(cycle=False, filter_classname="TTree") for b in file[name].branches
        ]
        assert not all(is_plain(branch) for branch in branches)


@pytest.mark.parametrize("name", ["number", "list"])
def test_a_basket_with_another_number_of_entries_is_an_error(path, tree, name):
    branch = tree[name]
    wrong = SimpleNamespace(
        interpretation=branch.interpretation, member=branch.member, entry_offsets=[0, 4, 6, 13],
        num_baskets=3, embedded_baskets=[],
    )  # fmt: skip
    with pytest.raises(ValueError, match="for 4 entries"):
        read_plain(path, {name: wrong}, 0, 13)


@pytest.mark.parametrize("start", range(15))
def test_only_baskets_of_a_range_are_looked_at(start):
    offsets = [0, 5, 6, 6, 13]
    for stop in range(start + 1, 15):
        inside = {k for k in range(4) if offsets[k] < min(stop, offsets[k + 1]) and offsets[k + 1] > start}
        found = set(baskets_between(offsets, start, stop))
        assert inside <= found <= inside | {2}  # the one without entries is nowhere
