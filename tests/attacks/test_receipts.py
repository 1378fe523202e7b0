"""Receipts: removing the newest rows of a ledger shows to whoever kept one of them."""

import pytest

from bdana.blinding.receipts import keep_receipts, read_receipts, receipts_path, require_rows
from bdana.errors import BlindingError, InputError


@pytest.fixture
def kept(search, config_home):
    """The rows of a request, of which ann has receipts."""
    search.freeze()
    request = search.request("CR3")
    keep_receipts("ann", search.ledger, [request])
    return request


def test_a_receipt_is_a_line_that_sha256sum_reads(search, kept):
    path = receipts_path("ann", search.ledger)
    assert path.read_text() == f"{kept.hash}  {kept.name}\n"
    keep_receipts("ann", search.ledger, [kept])
    assert len(read_receipts(path)) == 1
    require_rows(search.ledger, read_receipts(path))


def test_a_row_that_was_removed_is_named(search, kept):
    path = receipts_path("ann", search.ledger)
    (search.ledger.folder / kept.name).unlink()
    search.ledger.rows()  # by itself the shorter ledger is whole
    with pytest.raises(BlindingError, match=f"the row {kept.name} is missing, of which there is a receipt"):
        require_rows(search.ledger, read_receipts(path))


def test_receipts_are_of_one_ledger(search, kept, tmp_path):
    assert receipts_path("rob", search.ledger) != receipts_path("ann", search.ledger)
    assert not receipts_path("rob", search.ledger).exists()
    first = next(row for row in search.ledger.rows() if not row.beside)
    assert first.hash[:16] in receipts_path("ann", search.ledger).name


@pytest.mark.parametrize("line", ["", "abc", "0" * 64 + "  000001-join-ann-0123456789abcdef.json"])
def test_a_damaged_file_of_receipts_is_refused(search, kept, line):
    path = receipts_path("ann", search.ledger)
    path.write_text(f"{kept.hash}  {kept.name}\n{line}\n")
    with pytest.raises(InputError, match="line 2 is no receipt"):
        read_receipts(path)
