"""Pages that are read one by one hold what uproot reads of the whole field, in every type of column that is plain."""

import awkward as ak
import numpy as np
import pytest
import uproot

from bdana.events.pages import decoded, plain_fields, read_plain_fields
from bdana.events.stored_bytes import StoredBytes

PIECES = (5, 1, 7)
COMPRESSIONS = {
    "none": None,
    "ZSTD": uproot.ZSTD(1),
    "ZLIB": uproot.ZLIB(1),
    "LZ4": uproot.LZ4(1),
    "LZMA": uproot.LZMA(1),
}


def made(rng, n, most=4):
    counts = rng.integers(0, most, n)
    total = counts.sum()
    return {
        "number": ak.Array(rng.normal(size=n).astype(np.float32)),
        "flag": ak.Array(rng.random(n) < 0.5),
        "long": ak.Array(rng.integers(-(2**60), 2**60, n)),
        "list": ak.unflatten(rng.normal(size=total), counts),
        "beside": ak.unflatten(rng.integers(0, 9, total).astype(np.uint32), counts),
        "short": ak.unflatten(rng.integers(-9, 9, n).astype(np.int16), np.ones(n, dtype=int)),
        "record": ak.zip({"x": ak.unflatten(np.arange(total), counts)}),
    }


def written(path, pieces, compression, **options):
    rng = np.random.default_rng(1)
    parts = [made(rng, n, **options) for n in pieces]
    with uproot.recreate(path, compression=compression) as file:
        ntuple = file.mkrntuple("events", parts[0])
        for part in parts[1:]:
            ntuple.extend(part)
    return uproot.open(path)["events"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pages") / "made.root"


@pytest.fixture(scope="module")
def ntuple(path):
    """Clusters of some entries each."""
    return written(path, PIECES, uproot.ZSTD(1))


def test_every_range_of_entries_is_what_uproot_reads(ntuple, path):
    fields = plain_fields(ntuple)
    assert set(fields) == {"number", "flag", "long", "list", "beside", "short"}
    for start in range(sum(PIECES) + 1):
        for stop in range(start + 1, sum(PIECES) + 1):
            expected = ntuple.arrays(entry_start=start, entry_stop=stop)
            found = read_plain_fields(ntuple, path, fields, start, stop)
            for name in fields:
                assert found[name].to_list() == expected[name].to_list()
                assert found[name].type == expected[name].type
            assert found["list"].layout.offsets is found["beside"].layout.offsets


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_is_read(tmp_path, compression):
    path = tmp_path / "a.root"
    ntuple = written(path, (4000,), COMPRESSIONS[compression])
    found = read_plain_fields(ntuple, path, plain_fields(ntuple), 17, 3999)
    expected = ntuple.arrays(entry_start=17, entry_stop=3999)
    assert all(ak.array_equal(found[name], expected[name]) for name in found)


def test_the_columns_that_root_writes_are_what_the_tree_beside_has(shared):
    """ROOT splits numbers into their bytes, writes differences of indices, and a checksum after each page."""
    folder = shared / "data" / "open"
    with uproot.open(folder / "flat_rntuple.root") as file, uproot.open(folder / "flat.root") as tree:
        for name in ("events", "spills"):
            found = read_plain_fields(
                file[name], folder / "flat_rntuple.root", plain_fields(file[name]), 0, file[name].num_entries
            )
            assert len(found) == len(file[name].keys(recursive=False))
            for branch, values in found.items():
                assert ak.array_equal(values, tree[name][branch].array(), equal_nan=True, dtype_exact=False)


@pytest.mark.parametrize("dtype", ["i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_split_numbers_are_put_together(tmp_path, dtype):
    kind = {"i2": 0x11, "u2": 0x12, "i4": 0x13, "u4": 0x14, "i8": 0x15, "u8": 0x16, "f4": 0x18, "f8": 0x19}[
        dtype
    ]
    type_ = np.dtype(dtype)
    values = np.random.default_rng(1).normal(scale=2000, size=50).astype("i8").astype(type_)
    if type_.kind in "iu":
        values[:2] = np.iinfo(type_).min, np.iinfo(type_).max
    stored = values
    if type_.kind == "i":  # zigzag: 0, -1, 1, -2 are 0, 1, 2, 3
        wide = [2 * int(v) if v >= 0 else -2 * int(v) - 1 for v in values]
        stored = np.array(wide, dtype=f"u{type_.itemsize}")
    page = stored.view(np.uint8).reshape(-1, type_.itemsize).T.tobytes()
    (tmp_path / "empty").touch()
    with StoredBytes(tmp_path / "empty") as file:
        found = decoded(file, page, 50, kind)
    assert found.dtype == type_
    assert found.tolist() == values.tolist()


@pytest.mark.parametrize(
    "damage",
    [lambda page: setattr(page.locator, "num_bytes", page.locator.num_bytes + 10**9),
     lambda page: setattr(page, "num_elements", page.num_elements + 8),
     lambda page: setattr(page, "num_elements", page.num_elements - 1),
     lambda page: setattr(page, "has_checksum", True)],
    ids=["beyond-the-file", "too-many", "too-few", "checksum"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["number", "list"])
@pytest.mark.parametrize("which", ["number", "index"])
def test_a_page_that_is_not_what_it_should_be_is_an_error(path, ntuple, damage, name, which):
    """Of lists either the pages of the numbers, or of their lengths."""
    damaged = uproot.open(path)["events"]
    field = plain_fields(damaged)[name]
    column = field.index if which == "index" and field.index is not None else field.number
    damage(damaged.page_link_list[0][column].pages[0])
    with pytest.raises(ValueError, match=f"'{name}': "):
        read_plain_fields(damaged, path, {name: field}, 0, sum(PIECES))


def test_the_pages_of_a_range_are_read_and_no_others(tmp_path):
    path = tmp_path / "a.root"
    ntuple = written(path, (6, 6), uproot.ZSTD(1))
    fields = plain_fields(ntuple)
    ntuple.page_link_list[1][fields["number"].number].pages[0].locator.num_bytes += 10**9
    assert len(read_plain_fields(ntuple, path, fields, 0, 6)["number"]) == 6
    with pytest.raises(ValueError, match="are there"):
        read_plain_fields(ntuple, path, fields, 6, 12)
