"""Trees and RNTuples: collections by their structure, and fields that were added late."""

import os
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from uproot.writing import _cascadentuple

from bdana.errors import InputError
from bdana.events.containers import open_root

BYTES = ak.values_astype(ak.Array([[1, 255], []]), np.uint8)


def write_ntuple(path, columns):
    with uproot.recreate(path) as file:
        file.mkrntuple("events", columns)
    return open_root(path).container("events")


@pytest.mark.parametrize(
    ("collection", "char", "column"),
    [
        ("std::vector", "char", 0x02),
        ("ROOT::VecOps::RVec", "char", 0x02),
        ("std::multiset", "char", 0x02),
        ("My::Own", "My::Char", 0x02),
        ("ROOT::VecOps::RVec", "char", 0x04),  # chars may be stored as unsigned integers
    ],
)
def test_chars_keep_their_sign_whatever_holds_them(tmp_path, monkeypatch, collection, char, column):
    """uproot reads the char of ROOT, which a charge may be, as uint8, and does not write it in a list."""
    names = _cascadentuple._cpp_typename

    def spelled(form, **options):
        name = names(form, **options)
        return char if name == "std::uint8_t" else name.replace("std::vector", collection)

    monkeypatch.setattr(_cascadentuple, "_cpp_typename", spelled)
    monkeypatch.setitem(_cascadentuple._ak_primitive_to_num_dict, "uint8", column)
    fixed = ak.to_regular(ak.values_astype(ak.Array([[1, 255], [2, 254]]), np.uint8))
    columns = {
        "list": BYTES,
        "one": ak.Array(np.array([255, 1], dtype=np.uint8)),
        "array": fixed,
        "struct": ak.zip({"q": BYTES, "x": ak.values_astype(BYTES, np.float64)}),
        "text": ak.Array(["ab", "é"]),
    }
    read = write_ntuple(tmp_path / "a.root", columns).arrays(list(columns), 0, 2)
    assert read["list"].tolist() == [[1, -1], []]
    assert read["one"].tolist() == [-1, 1]
    assert read["array"].tolist() == [[1, -1], [2, -2]]
    assert read["struct"].q.tolist() == [[1, -1], []]
    assert read["struct"].x.tolist() == [[1.0, 255.0], []]
    assert read["text"].tolist() == ["ab", "é"]


def test_unsigned_bytes_stay_unsigned(tmp_path):
    assert write_ntuple(tmp_path / "a.root", {"q": BYTES}).arrays(["q"], 0, 2)["q"].tolist() == [[1, 255], []]


def test_fields_that_were_added_late_are_empty_before(shared):
    container = open_root(shared / "cases" / "ext.root").container("ntuple")
    read = container.arrays(["intvec_field", "float_field"], 0, 600)
    assert ak.num(read["intvec_field"]).tolist() == [0] * 400 + [2] * 200
    assert ak.sum(read["intvec_field"]) == 40_000
    assert read["float_field"][:201].tolist() == [0.0] * 200 + [0.5]
    assert container.arrays(["intvec_field"], 350, 467)["intvec_field"].tolist() == (
        read["intvec_field"][350:467].tolist()
    )


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.root")
    (tmp_path / "empty.root").touch()
    (tmp_path / "text.root").write_text("a list")
    (tmp_path / "short.root").write_bytes(b"root\0")
    (tmp_path / "loop.root").symlink_to("loop.root")
    (tmp_path / "folder.root").mkdir()
    for name, message in {
        "pipe.root": "is a pipe or a device",
        "loop.root": "Too many levels of symbolic links",
        "folder.root": "is a folder, not a ROOT file",
        "empty.root": "is empty; copy the file again",
        "text.root": "not a ROOT file: it does not begin with `root`",
        "short.root": "damaged or cut short",
    }.items():
        with pytest.raises(InputError, match=f"{name}: .*{message}"):
            open_root(tmp_path / name)
    with pytest.raises(InputError, match="/dev/zero: is a pipe or a device"):
        open_root(Path("/dev/zero"))
