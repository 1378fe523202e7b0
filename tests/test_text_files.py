"""Text comes from files, marked or not, and from pipes; a pipe that nobody writes to is not waited for."""

import os
import threading

import pytest

from bdana.csv_rows import read_csv
from bdana.errors import BdanaError
from bdana.events.file_names import expand
from bdana.sensitivity.overlays import read_overlay
from bdana.signal.width_table import read_widths
from bdana.statistics.categories_csv import read_categories
from bdana.statistics.regions_csv import read_regions
from bdana.strict import read_toml
from bdana.text_files import open_text


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    return tmp_path / "pipe.csv"


@pytest.mark.parametrize(
    "read",
    [
        lambda path: read_csv(path, ["run"]),
        lambda path: expand([f"@{path}"]),
        read_overlay,
        read_widths,
        read_categories,
        read_regions,
    ],
)
def test_a_pipe_without_a_writer_is_empty_and_not_waited_for(pipe, read):
    with pytest.raises(BdanaError, match=pipe.name):
        read(pipe)


def test_what_a_writer_gives_is_read_to_its_end(pipe):
    def write():
        with pipe.open("w") as stream:
            stream.writelines(f"{n}\n" for n in range(50_000))

    keep = os.open(pipe, os.O_RDWR)  # so that the reader finds a writer
    writer = threading.Thread(target=write)
    writer.start()
    with open_text(pipe) as stream:
        first = stream.readline()
        os.close(keep)
        rest = stream.read()
    writer.join()
    assert (first + rest).split() == [str(n) for n in range(50_000)]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_text(tmp_path, mark):
    (tmp_path / "a.toml").write_bytes(mark + b"a = 'b'\r\n")
    assert read_toml(tmp_path / "a.toml") == {"a": "b"}
    with open_text(tmp_path / "a.toml") as stream:
        assert stream.read() == "a = 'b'\r\n"
