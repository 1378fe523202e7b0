"""A full disk: what cannot be written whole is not there, and the person is told."""

import io
import resource
from contextlib import contextmanager
from functools import partial

import pytest

from bdana.blinding.ledger import Ledger
from bdana.blinding.receipts import keep_receipts, read_receipts, receipts_path
from bdana.errors import BdanaError, BlindingError
from bdana.sealing.seal_file import seal
from tests.attacks.raw import canary, like_sign, raw_file


@pytest.fixture
def ledger(tmp_path, keys):
    ledger = Ledger(tmp_path / "ledger")
    ledger.append("seen", "ann", keys["ann"], {})
    return ledger


def full(*args, **kwargs):
    raise OSError(28, "No space left on device")


class FullFile(io.FileIO):
    """A file that takes nothing, or takes it and has no place for it in the end."""

    def __init__(self, handle, mode, fails="write"):
        super().__init__(handle, mode)
        self.fails = fails

    def write(self, content):
        return full() if self.fails == "write" else len(content)

    def flush(self):
        if self.fails == "flush" and not self.closed:
            full()


FULL = {
    "mkstemp": ("tempfile.mkstemp", full),
    "write": ("os.fdopen", FullFile),
    "flush": ("os.fdopen", partial(FullFile, fails="flush")),
    "fsync": ("os.fsync", full),
    "link": ("os.link", full),
}


@pytest.mark.parametrize("missing", FULL)
def test_a_row_on_a_full_disk(ledger, keys, monkeypatch, missing):
    rows = ledger.rows()
    with monkeypatch.context() as patch:
        name, instead = FULL[missing]
        patch.setattr(f"bdana.blinding.ledger.{name}", instead)
        with pytest.raises(BlindingError, match=r"cannot be written \(No space left on device\)"):
            ledger.append("seen", "ann", keys["ann"], {})
    assert ledger.rows() == rows
    assert not list(ledger.folder.glob(".row.*"))
    assert ledger.append("seen", "ann", keys["ann"], {}).number == 2


@contextmanager
def no_file_grows_beyond(size):
    """Every write beyond `size` bytes of a file fails, as on a full disk, wherever it comes from."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [2000, 1_000_000])  # less than the open file; less than a sealed one
def test_a_sealing_on_a_full_disk(tmp_path, sealing, analysis, size):
    raw = raw_file(tmp_path / "run.root", [like_sign(1), canary(1)])
    with no_file_grows_beyond(size), pytest.raises(BdanaError, match="File too large"):
        seal(raw, tmp_path, sealing)
    assert not list(tmp_path.glob("*.manifest.json*"))
    assert not list(tmp_path.glob(".*"))
    assert all(path.stat().st_size > 4_000_000 for path in tmp_path.glob("*.age"))
    if (tmp_path / "run.open.root").exists():
        with pytest.raises(BlindingError, match="or its signature is absent"):
            analysis.select([tmp_path / "run.open.root"])
    seal(raw, tmp_path, sealing)


def test_receipts_on_a_full_disk(config_home, ledger, keys):
    rows = [ledger.append("seen", "ann", keys["ann"], {"n": n}) for n in range(2)]
    keep_receipts("ann", ledger, rows[:1])
    path = receipts_path("ann", ledger)
    kept = read_receipts(path)
    with no_file_grows_beyond(path.stat().st_size + 10), pytest.raises(BdanaError, match="File too large"):
        keep_receipts("ann", ledger, rows)
    assert read_receipts(path) == kept
    keep_receipts("ann", ledger, rows)
    assert list(read_receipts(path)) == [row.hash for row in rows]
