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
                "others": ak.unflatten(rng.normal(size=counts.sum()), counts[::-1]),
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


def seen_as(branch, **other):
    names = ("interpretation", "member", "entry_offsets", "num_baskets", "embedded_baskets", "basket")
    return SimpleNamespace(**{name: getattr(branch, name) for name in names} | other)


@pytest.mark.parametrize("name", ["number", "flag", "long", "list", "short", "others"])
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


def test_columns_share_offsets_where_their_lists_are_equally_long(path, tree):
    assert tree["list"].basket(0).num_entries == tree["others"].basket(0).num_entries
    names = ["list", "short", "number", "others", "list", "short"]
    for start in range(sum(PIECES)):
        for stop in range(start + 1, sum(PIECES) + 1):
            found = read_plain(path, {f"{name} {k}": tree[name] for k, name in enumerate(names)}, start, stop)
            for column, values in found.items():
                expected = tree[column.split()[0]].array(entry_start=start, entry_stop=stop)
                assert values.to_list() == expected.to_list()
            for one, other in (("list 0", "short 1"), ("list 4", "short 5")):
                assert found[one].layout.offsets is found[other].layout.offsets


def test_lists_of_other_entries_are_not_those_before(path, tree):
    branch = tree["list"]
    earlier = seen_as(branch, entry_offsets=[offset - 1 for offset in branch.entry_offsets])
    found = read_plain(path, {"list": branch, "earlier": earlier}, 0, 4)
    assert found["list"].to_list() == branch.array()[:4].to_list()
    assert found["earlier"].to_list() == branch.array()[1:5].to_list()


def test_the_last_list_may_be_longer(tmp_path):
    columns = {"one": ak.Array([[1], [2], [3]]), "other": ak.Array([[1], [2], [3, 4]])}
    with uproot.recreate(tmp_path / "last.root") as file:
        file.mktree("tree", {name: column.type for name, column in columns.items()}).extend(columns)
    with uproot.open(tmp_path / "last.root") as file:
        branches = {name: file["tree"][name] for name in columns}
        found = read_plain(tmp_path / "last.root", branches, 0, 3)
    assert {name: column.to_list() for name, column in found.items()} == {
        n: c.to_list() for n, c in columns.items()
    }


@pytest.mark.parametrize("name", ["number", "list"])
def test_a_basket_in_the_tree_itself_is_read_as_others(path, tree, name):
    in_tree = seen_as(tree[name], embedded_baskets=[None])  # the last one
    found = read_plain(path, {"whole": tree[name], "in tree": in_tree}, 3, 12)
    assert found["in tree"].to_list() == found["whole"].to_list()


def test_a_basket_whose_values_are_longer_than_it_is_an_error(path, tree, monkeypatch):
    monkeypatch.setattr(
        "bdana.events.baskets._BASKET", SimpleNamespace(size=0, unpack_from=lambda *_: 5 * (10**6,))
    )
    with pytest.raises(ValueError, match=r"basket 0 has .* bytes of values"):
        read_plain(path, {"list": tree["list"]}, 0, 13)


def test_records_and_lists_with_a_header_are_left_to_uproot(shared):
    with uproot.open(shared / "data" / "open" / "na62_reco.root") as file:
        branches = [
            b for name in file.keys(cycle=False, filter_classname="TTree") for b in file[name].branches
        ]
        assert not all(is_plain(branch) for branch in branches)


@pytest.mark.parametrize("name", ["number", "list"])
def test_a_basket_with_another_number_of_entries_is_an_error(path, tree, name):
    branch = tree[name]
    wrong = seen_as(branch, entry_offsets=[0, 4, 6, 13])
    with pytest.raises(ValueError, match="for 4 entries"):
        read_plain(path, {name: wrong}, 0, 13)


@pytest.mark.parametrize("start", range(15))
def test_only_baskets_of_a_range_are_looked_at(start):
    offsets = [0, 5, 6, 6, 13]
    for stop in range(start + 1, 15):
        inside = {k for k in range(4) if offsets[k] < min(stop, offsets[k + 1]) and offsets[k + 1] > start}
        found = set(baskets_between(offsets, start, stop))
        assert inside <= found <= inside | {2}  # the one without entries is nowhere
