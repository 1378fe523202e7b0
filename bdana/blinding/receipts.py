"""Receipts: hashes of rows that a person has signed or seen, kept apart from the ledger.

A file of receipts has a line a row, its SHA-256 and its name, so that `sha256sum --check` reads it in the ledger's folder.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bdana.atomic import write_atomically
from bdana.blinding.identity import identity_path
from bdana.errors import BlindingError, InputError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row

__all__ = ["keep_receipts", "read_receipts", "receipts_path", "require_rows"]

_LINE = re.compile(r"([0-9a-f]{64})  (\d{6}-[a-z]+-\w+-[0-9a-f]{16}\.json)")


def receipts_path(person: str, ledger: Ledger) -> Path | None:
    """Return the path of a person's receipts of a ledger, named after the first row of its main line; None without one.

    Parameters
    ----------
    person : str
    ledger : Ledger
    """
    rows = [row for row in ledger.rows() if not row.beside]
    if not rows:
        return None
    return identity_path(person).with_name(f"{person}-{rows[0].hash[:16]}.receipts")  # guard: one-ledger


def read_receipts(path: Path) -> dict[str, str]:
    """Read a file of receipts: the name of each row by its SHA-256.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When it cannot be read, or a line is no receipt.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {err}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        matched = _LINE.fullmatch(line)
        if matched is None or matched[1][:16] not in matched[2]:  # guard: line-is-a-receipt
            raise InputError(f"{path}: line {number} is no receipt; it has the SHA-256 and the name of a row")
        found[matched[1]] = matched[2]
    return found


def keep_receipts(person: str, ledger: Ledger, rows: Iterable[Row], gone: Container[str] = ()) -> None:
    """Add receipts of rows to those that a person has of a ledger.

    Parameters
    ----------
    person : str
    ledger : Ledger
    rows : iterable of Row
    gone : container of str
        Hashes of rows that the person has written again, whose receipts go.

    Raises
    ------
    InputError
        When they cannot be written; those that were there are still there then.
    """
    path = receipts_path(person, ledger)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    had = read_receipts(path) if path.exists() else {}
    kept = {digest: name for digest, name in had.items() if digest not in gone}
    kept |= {row.hash: row.name for row in rows}
    with write_atomically(path) as file:  # guard: receipts-whole
        file.writelines(f"{digest}  {name}\n" for digest, name in kept.items())


def require_rows(ledger: Ledger, receipts: Mapping[str, str]) -> None:
    """Refuse a ledger that lacks a row of which there is a receipt.

    When the newest rows are removed, nothing in the ledger shows it.

    Parameters
    ----------
    ledger : Ledger
    receipts : mapping of str to str
        As `read_receipts` gives them.

    Raises
    ------
    BlindingError
        Naming the row.
    """
    there = {row.hash for row in ledger.rows()}
    for digest, name in receipts.items():
        if digest not in there:  # guard: receipt-has-its-row
            raise BlindingError(
                f"{ledger.folder}: the row {name} is missing, of which there is a receipt: it was removed or "
                "replaced, or this copy of the ledger is an old one"
            )
