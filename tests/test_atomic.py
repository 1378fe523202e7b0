"""Nobody ever finds half a file."""

import os
from pathlib import Path

import pytest

from bdana.atomic import write_atomically
from bdana.errors import InputError


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def interrupted():
        with write_atomically(path) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    with write_atomically(path) as file:
        file.write("new")
    assert path.read_text() == "new"


def test_places_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(InputError, match="is a folder"), write_atomically(tmp_path):
        pass
    with pytest.raises(InputError, match="cannot write there"), write_atomically(tmp_path / "no" / "file"):
        pass


def test_pipes_and_devices_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/null"), Path("/dev/stdout"), Path("/dev/bdana-made.csv")):
        with pytest.raises(InputError, match="is a pipe or a device"), write_atomically(path):
            pass
    assert (tmp_path / "pipe.csv").is_fifo()
    assert not Path("/dev/bdana-made.csv").exists()
