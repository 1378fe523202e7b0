"""Trees of a known layout are read as uproot reads them; others are not taken for one."""

import awkward as ak
import numpy as np
import pytest
import uproot

from bdana.events import containers, tree_layouts
from bdana.events.containers import open_root
from bdana.events.files import forget_files


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(tree_layouts, "_known", [])
    forget_files()


def write(path, baskets=1, entries=5, seed=1, branches=("p", "charge")):
    rng = np.random.default_rng(seed)
    with uproot.recreate(path) as file:
        for basket in range(baskets):
            counts = rng.integers(0, 4, entries)
            lists = {name: rng.normal(size=counts.sum()) for name in branches}
            columns = {
                "run": rng.integers(0, 9, entries),
                "time": rng.normal(size=entries).astype(np.float32),
                "tracks": ak.zip({name: ak.unflatten(values, counts) for name, values in lists.items()}),
            }
            if not basket:
                types = {name: ak.Array(column).type.content for name, column in columns.items()}
                file.mktree("events", types)
            file["events"].extend(columns)
    return path


def like(container):
    return isinstance(container, containers._LikeTTree)


def same(path, container, start=0, stop=None):
    stop = container.entries if stop is None else stop
    with uproot.open(path) as file:
        tree = file["events"]
        assert container.entries == tree.num_entries
        assert container.paths == {path for path, _ in tree.iteritems(recursive=True, full_paths=True)}
        assert container.clusters(["run"]) == tree["run"].entry_offsets
        for name, values in container.arrays(sorted(container.leaves), start, stop).items():
            assert ak.array_equal(values, tree[name].array(entry_start=start, entry_stop=stop))
            assert container.type_of(name) == tree[name].interpretation.awkward_form(tree.file).type


@pytest.mark.parametrize(("baskets", "entries"), [(1, 5), (1, 5000), (3, 40)])
def test_a_tree_that_differs_in_numbers_is_read_without_its_description(
    tmp_path, monkeypatch, baskets, entries
):
    first = open_root(write(tmp_path / "1.root", baskets, 7)).container("events")
    assert not like(first)
    path = write(tmp_path / "2.root", baskets, entries, seed=2)
    second = open_root(path).container("events")
    assert like(second)
    with monkeypatch.context() as patch:
        patch.setattr(second, "_description", None)  # is not called
        second.arrays(sorted(second.leaves), 0, second.entries)
        assert second.stored_type("time") == np.dtype(np.float32)
        second.clusters(["run"])
    same(path, second)
    same(path, second, 2, 5)


@pytest.mark.parametrize("branches", [("p",), ("p", "charges"), ("p", "chargf")])
def test_a_tree_with_other_branches_is_another_one(tmp_path, branches):
    open_root(write(tmp_path / "1.root")).container("events")
    path = write(tmp_path / "2.root", branches=branches)
    other = open_root(path).container("events")
    assert not like(other)
    same(path, other)


def test_of_layouts_a_few_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(tree_layouts, "MOST", 1)
    for name in ("p", "q"):
        open_root(write(tmp_path / f"{name}.root", branches=(name,))).container("events")
    assert len(tree_layouts._known) == 1
    assert like(open_root(write(tmp_path / "3.root", branches=("q",))).container("events"))
    assert not like(open_root(write(tmp_path / "4.root", branches=("p",))).container("events"))
