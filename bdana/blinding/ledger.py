"""The ledger: signed JSON rows in a folder, one file each, that nobody can change unseen.

The rows of the main line form one chain: each names the row before it. Rows beside it never conflict, whoever writes at the
same time: approvals and withdrawals belong to their request, and who joins or hands over follows the newest row seen.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from bdana.blinding.canonical import canonical, parse, sha256
from bdana.blinding.signing import sign, verify
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["FORMAT", "Kind", "Ledger", "Row", "by_hash", "head", "newest_seen"]

Kind = Literal[
    "join",
    "policy",
    "keys",
    "handover",
    "seal",
    "freeze",
    "rehearse",
    "request",
    "approve",
    "withdraw",
    "begin",
    "end",
    "abandon",
    "verdict",
    "seen",
    "hide",
    "claim",
    "reveal",
]
FORMAT = 3
"""Format of rows; one of another format is not read."""
OF_A_REQUEST: tuple[Kind, ...] = ("approve", "withdraw")
"""Kinds of rows that belong to a request instead of the main line; they name the newest row seen as `head`."""
PARALLEL: tuple[Kind, ...] = ("join", "handover")
"""Kinds of rows that follow the newest row of the main line without being on it."""


@dataclass(frozen=True)
class Row:
    """One row of the ledger: what somebody signed, when, and after which row.

    Attributes
    ----------
    number : int
        Place in the main line, from 1; beside it, that of the row that this one follows, or 0.
    kind : str
    person : str
        Who signed it.
    follows : str
        Hash of the row before it, of an approval or withdrawal that of its request; empty for the first.
    time : str
        UTC, as its author says.
    body : mapping
        What it says.
    format : int
    hash : str
        SHA-256 of the row's bytes.
    """

    number: int
    kind: Kind
    person: str
    follows: str
    time: str
    body: Mapping[str, Any]
    format: int
    hash: str

    @property
    def name(self) -> str:
        """Name of the row's file; the file of its signature adds `.sig`."""
        return f"{self.number:06d}-{self.kind}-{self.person}-{self.hash[:16]}.json"

    @property
    def beside(self) -> bool:
        """Whether it stands beside the main line."""
        return self.kind in (*OF_A_REQUEST, *PARALLEL)

    @cached_property
    def text(self) -> bytes:
        """The bytes of the row's file."""
        return canonical({key: value for key, value in vars(self).items() if key not in {"hash", "text"}})

    @classmethod
    @lru_cache(maxsize=4096)  # all rows are read again at every step, and canonical JSON is slow
    def of_bytes(cls, text: bytes, where: str) -> Row:
        """Read a row from the content of its file.

        Parameters
        ----------
        text : bytes
        where : str
            Path of the file, whose name must be that of the row.

        Raises
        ------
        BlindingError
            When it is not a row.
        """
        try:
            row = _row(text)
        except (ValueError, TypeError) as err:  # guard: row-is-a-row
            raise BlindingError(f"{where}: is no row of a ledger: {err}") from None
        if row.name != where.rpartition("/")[2]:  # guard: row-name
            raise BlindingError(f"{where}: was changed or renamed: its content belongs to {row.name}")
        return row

    @classmethod
    def after(
        cls, rows: Sequence[Row], kind: Kind, person: str, body: Mapping[str, Any], request: Row | None = None
    ) -> Row:
        """Make the row that somebody would write now.

        Parameters
        ----------
        rows : sequence of Row
            Those that are there.
        kind, person : str
        body : mapping
        request : Row, optional
            That of an approval or withdrawal.
        """
        main = [row for row in rows if not row.beside]
        before = request or (main[-1] if main else None)
        fields: dict[str, Any] = {
            "number": (before.number if before else 0) + (kind not in (*OF_A_REQUEST, *PARALLEL)),
            "kind": kind,
            "person": person,
            "follows": before.hash if before else "",
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "body": ({"head": head(rows)} if request else {}) | dict(body),
            "format": FORMAT,
        }
        return cls(**fields, hash=sha256(canonical(fields)))


@dataclass(frozen=True)
class Ledger:
    """The ledger of an analysis: a folder of signed rows, which can only be added to.

    Attributes
    ----------
    folder : Path
        Where the rows lie.
    """

    folder: Path

    def files(self) -> list[Row]:
        """Read the row of each file, in the order of the names; nothing is said of what follows what.

        Raises
        ------
        BlindingError
            When one is damaged.
        """
        return [Row.of_bytes(_content(path), str(path)) for path in sorted(self.folder.glob("[!.]*.json"))]

    def rows(self) -> list[Row]:
        """Read all rows: the main line in order, and those beside it after the newest row that they saw.

        Raises
        ------
        BlindingError
            When a row is damaged, missing, or the main line forks.
        """
        found = self.files()
        main = sorted((row for row in found if not row.beside), key=lambda row: row.number)
        for i, row in enumerate(main):
            if row.number <= i:  # guard: numbers-without-fork
                raise BlindingError(
                    f"{self.folder}: the main line forks at {row.name} and {main[i - 1].name}, written in two copies at the same "
                    "time; who wrote one of them and has not pushed it: `bdana blinding rebase` writes it again after the other"
                )
            if row.number != i + 1:  # guard: numbers-without-gap
                raise BlindingError(f"{self.folder}: rows are missing before {row.name}")
            if row.follows != (main[i - 1].hash if i else ""):  # guard: rows-follow
                raise BlindingError(f"{self.folder}: {row.name} does not follow the row before it")
        there, newest = by_hash(main), newest_seen(found)
        for row in (row for row in found if row.beside):
            before = there.get(row.follows)
            named = before.number if before else -1 if row.follows else 0
            request = row.kind not in OF_A_REQUEST or (before is not None and before.kind == "request")
            if row.number != named or not request:  # guard: request
                what = "request of" if row.kind in OF_A_REQUEST else "row before"
                raise BlindingError(f"{self.folder}: the {what} {row.name} is missing")
        return sorted(found, key=lambda row: (newest[row.hash], row.beside, row.time, row.name))

    @property
    def head(self) -> str:
        """Hash of the newest row of the main line; empty for an empty ledger."""
        return head(self.rows())

    def of_kind(self, *kinds: Kind) -> list[Row]:
        """Return the rows of some kinds, oldest first.

        Parameters
        ----------
        kinds : str
        """
        return [row for row in self.rows() if row.kind in kinds]

    def by_hash(self, *kinds: Kind) -> dict[str, Row]:
        """Return the rows of some kinds by their hash, oldest first.

        Parameters
        ----------
        kinds : str
        """
        return by_hash(self.rows(), *kinds)

    def append(
        self,
        kind: Kind,
        person: str,
        key: Path,
        body: Mapping[str, Any] | Callable[[list[Row]], Mapping[str, Any]],
        request: Row | None = None,
        check: Callable[[list[Row], Row], None] | None = None,
        public: str | None = None,
    ) -> Row:
        """Sign a row and add it to the ledger; it is on disk when this returns.

        Parameters
        ----------
        kind, person : str
        key : Path
            The SSH key that signs.
        body : mapping, or callable of the rows so far
            What the row says; a callable is asked again, and may refuse, when somebody else was faster.
        request : Row, optional
            That of an approval or withdrawal.
        check : callable of the rows so far and the new one, optional
            Refuses the row where the rules do not allow it; it holds for exactly the rows that the new one is added to.
        public : str, optional
            The person's public SSH key: the row is not signed with another one.

        Raises
        ------
        BlindingError
            When the key is not that of the person, or the row cannot be written; nothing is written then.
        """
        while True:
            rows = self.rows()
            row = Row.after(rows, kind, person, body(rows) if callable(body) else body, request)
            if row in rows:  # guard: no-row-twice
                raise BlindingError(f"refused: this row is there already, {row.name}, written a moment ago")
            if check:
                check(rows, row)
            signature = sign(row.text, key)  # may ask for a passphrase, which nobody else waits for
            if public and not verify(row.text, signature, public):  # guard: own-key
                raise BlindingError(
                    f"refused: {key} is not the SSH key of {person} in [people] of blinding/policy.toml; nothing was written"
                )
            with self.locked("row"):
                if self.rows() != rows:  # guard: nobody-was-faster
                    continue
                self._publish(signature, self.folder / f"{row.name}.sig")  # guard: signature-first
                self._publish(row.text, self.folder / row.name)  # guard: row-after-signature
                return row

    @contextmanager
    def locked(self, what: str, busy: str = "") -> Iterator[None]:
        """Hold a lock of this copy of the ledger, which ends with the process; wait for it unless told what is busy.

        Parameters
        ----------
        what : str
            Name of the lock.
        busy : str
            What to say, without waiting, when another process holds it.

        Raises
        ------
        BlindingError
            When another process holds it and `busy` is given, or the folder cannot be locked.
        """
        path = self.folder / f".lock-{what}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as err:
            raise BlindingError(f"{path}: cannot be written ({err.strerror}); nothing was written") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))  # guard: one-at-a-time
        except OSError as err:
            os.close(handle)
            taken = isinstance(err, BlockingIOError)
            raise BlindingError(
                f"refused: {busy}" if taken else f"{path}: no lock ({err.strerror})"
            ) from None
        try:
            ignored = self.folder / ".gitignore"  # locks are of this copy: git leaves them out
            if not ignored.exists():  # guard: git-ignores-locks
                self._publish(b".*\n", ignored)
            yield
        finally:
            os.close(handle)

    def signed(self, row: Row, keys: Mapping[str, str]) -> bool:
        """Tell whether the person of a row has signed it.

        Parameters
        ----------
        row : Row
        keys : mapping of str to str
            Everybody's public SSH key.
        """
        signature = self.folder / f"{row.name}.sig"
        return (  # guard: rows-are-signed
            row.person in keys
            and signature.is_file()
            and verify((self.folder / row.name).read_bytes(), signature.read_bytes(), keys[row.person])
        )

    def _publish(self, content: bytes, path: Path) -> None:
        """Write a file that appears whole or not at all; the same file may be there from a writer that died."""
        try:
            _link_durably(content, path)
        except FileExistsError:
            if path.read_bytes() != content:
                raise BlindingError(f"{path}: is there with another content; nothing was written") from None
        except OSError as err:  # guard: writing-fails-aloud
            raise BlindingError(
                f"{path}: cannot be written ({err.strerror}); `bdana blinding status` shows whether the row is there"
            ) from None


def by_hash(rows: Sequence[Row], *kinds: Kind) -> dict[str, Row]:
    """Return those of some rows that are of some kinds, or all, by their hash, in their order.

    Parameters
    ----------
    rows : sequence of Row
    *kinds : str
    """
    return {row.hash: row for row in rows if not kinds or row.kind in kinds}


def newest_seen(rows: Sequence[Row]) -> dict[str, int]:
    """Return by the hash of each row how far the main line had come: its own number there, or that of the newest row seen.

    Parameters
    ----------
    rows : sequence of Row
    """
    numbers = {row.hash: row.number for row in rows if not row.beside}
    return {row.hash: max(row.number, numbers.get(str(row.body.get("head")), 0)) for row in rows}


def head(rows: Sequence[Row]) -> str:
    """Return the hash of the newest row of the main line; empty where there is none.

    Parameters
    ----------
    rows : sequence of Row
    """
    return next((row.hash for row in reversed(rows) if not row.beside), "")


def _row(text: bytes) -> Row:
    row = Row(**parse(text), hash=sha256(text))
    texts = (row.kind, row.person, row.follows, row.time)
    numbers = (row.number, row.format)
    if any(type(n) is not int for n in numbers) or not all(isinstance(value, str) for value in texts):
        raise TypeError("its number or a text has another type")  # guard: row-types
    if row.kind not in get_args(Kind) or not isinstance(row.body, dict):  # guard: row-kind
        raise ValueError(f"it says nothing, or is of an unknown kind '{row.kind}'")
    if row.format != FORMAT:  # guard: row-format
        raise ValueError(
            f"it is of format {row.format}; this bdana reads {FORMAT}: install the one that wrote it"
        )
    return row


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:  # guard: row-is-a-file
        raise BlindingError(f"{path}: is no row of a ledger ({err.strerror}); remove it") from None


def _link_durably(content: bytes, path: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".row.")  # guard: unfinished-has-no-name
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        os.unlink(temporary)  # noqa: PTH108 - a name of mkstemp
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # guard: folder-is-synced
    finally:
        os.close(folder)
