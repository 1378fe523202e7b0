"""The ledger: signed JSON rows in a folder, one file each, that nobody can change unseen.

The rows of the main line form one chain: each names the row before it. Approvals and withdrawals belong to their
request, so people who approve at the same time never touch the same file. A row appears whole or not at all.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from bdana.blinding.canonical import canonical, parse, sha256
from bdana.blinding.signing import sign, verify
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Kind", "Ledger", "Row", "by_hash", "head"]

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
    "verdict",
    "seen",
]
BESIDE = ("approve", "withdraw")
"""Kinds of rows that belong to a request instead of the main line."""


@dataclass(frozen=True)
class Row:
    """One row of the ledger: what somebody signed, when, and after which row.

    Attributes
    ----------
    number : int
        Place in the main line, from 1; of an approval, that of its request.
    kind : str
    person : str
        Who signed it.
    follows : str
        Hash of the row before it; empty for the first.
    time : str
        UTC, as its author says.
    body : mapping
        What it says.
    hash : str
        SHA-256 of the row's bytes.
    """

    number: int
    kind: Kind
    person: str
    follows: str
    time: str
    body: Mapping[str, Any]
    hash: str

    @property
    def name(self) -> str:
        """Name of the row's file; the file of its signature adds `.sig`."""
        return f"{self.number:06d}-{self.kind}-{self.person}-{self.hash[:16]}.json"

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


@dataclass(frozen=True)
class Ledger:
    """The ledger of an analysis: a folder of signed rows, which can only be added to.

    Attributes
    ----------
    folder : Path
        Where the rows lie.
    keys : mapping of str to str, optional
        Everybody's public SSH key: nobody signs a row with another one.
    """

    folder: Path
    keys: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> list[Row]:
        """Read all rows: the main line in order, each request followed by its approvals and withdrawals.

        Raises
        ------
        BlindingError
            When a row is damaged, missing, or the main line forks.
        """
        if not self.folder.is_dir():
            return []
        self._complete_claims()  # guard: claims-are-completed
        paths = sorted(self.folder.glob("[!.]*.json"))
        found = [Row.of_bytes(_content(path), str(path)) for path in paths]
        main = sorted((row for row in found if row.kind not in BESIDE), key=lambda row: row.number)
        for i, row in enumerate(main):
            if row.number != i + 1:  # guard: numbers-without-fork
                raise BlindingError(
                    f"{self.folder}: {'the main line forks at' if row.number <= i else 'rows are missing before'} {row.name}"
                )
            if row.follows != (main[i - 1].hash if i else ""):  # guard: rows-follow
                raise BlindingError(f"{self.folder}: {row.name} does not follow the row before it")
        requests = by_hash(main, "request")
        ordered = list(main)
        for row in (row for row in found if row.kind in BESIDE):
            request = requests.get(row.follows)
            if request is None or request.number != row.number:
                raise BlindingError(f"{self.folder}: the request of {row.name} is missing")  # guard: request
            ordered.insert(ordered.index(request) + 1, row)
        return ordered

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

        Raises
        ------
        BlindingError
            When the key is not that of the person, or the row cannot be written; nothing is written then.
        """
        if self.keys and person not in self.keys:
            raise BlindingError(
                f"refused: [people] of blinding/policy.toml has no {person}; nothing was written"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            rows = self.rows()
            main = [row for row in rows if row.kind not in BESIDE]
            before = request or (main[-1] if main else None)
            document: dict[str, Any] = {
                "number": (request.number if request else len(main) + 1),
                "kind": kind,
                "person": person,
                "follows": before.hash if before else "",
                "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "body": dict(body(rows) if callable(body) else body),
            }
            text = canonical(document)
            row = Row(**document, hash=sha256(text))
            signature = sign(text, key)
            if self.keys and not verify(text, signature, self.keys.get(person, "")):  # guard: own-key
                raise BlindingError(
                    f"refused: {key} is not the SSH key of {person} in [people] of blinding/policy.toml; nothing was written"
                )
            self._publish(signature, self.folder / f"{row.name}.sig")  # guard: signature-first
            claim = self.folder / ".claims" / f"{row.number:06d}"
            # Claims are of this copy of the ledger: two copies would conflict in git before their fork is seen.
            ignored = claim.with_name(".gitignore")
            if not ignored.exists():  # guard: git-ignores-claims
                self._publish(b"*\n", ignored)
            if request is None and not self._publish(text, claim):  # guard: number-is-claimed
                if claim.read_bytes() != text:  # else the same person wrote the same in this very second
                    (self.folder / f"{row.name}.sig").unlink(missing_ok=True)
                continue
            self._publish(text, self.folder / row.name)  # guard: row-after-signature
            return row

    def unsigned(
        self, keys: Mapping[str, str], former: Sequence[tuple[int, Mapping[str, str]]] = ()
    ) -> list[Row]:
        """Return the rows that their person has not signed.

        Parameters
        ----------
        keys : mapping of str to str
            Everybody's public key.
        former : sequence of (int, mapping), optional
            Earlier keys, oldest first, each with the number of the last row that they hold for.
        """
        return [  # guard: rows-are-signed
            row
            for row in self.rows()
            if not self.signed(row, next((then for last, then in former if row.number <= last), keys))
        ]

    def signed(self, row: Row, keys: Mapping[str, str]) -> bool:
        """Tell whether the person of a row has signed it.

        Parameters
        ----------
        row : Row
        keys : mapping of str to str
            Everybody's public SSH key.
        """
        signature = self.folder / f"{row.name}.sig"
        if row.person not in keys or not signature.is_file():
            return False
        return verify((self.folder / row.name).read_bytes(), signature.read_bytes(), keys[row.person])

    def _publish(self, content: bytes, path: Path) -> bool:
        """Write a file that appears whole or not at all; False when its name is taken."""
        try:
            path.parent.mkdir(exist_ok=True)
            _link_durably(content, path)
        except FileExistsError:
            return False
        except OSError as err:  # guard: writing-fails-aloud
            raise BlindingError(
                f"{path}: cannot be written ({err.strerror}); `bdana blinding status` shows whether the row is there"
            ) from None
        return True

    def _complete_claims(self) -> None:
        """Finish the rows of programs that were stopped after they had claimed a number."""
        claims = sorted((self.folder / ".claims").glob("[0-9]*"))
        there = {path.name.partition("-")[0] for path in self.folder.glob("[!.]*.json")}
        for claim in claims:
            if claim.name not in there:
                text = _content(claim)
                try:
                    row = _row(text)
                except (ValueError, TypeError):  # guard: claim-is-a-row
                    raise BlindingError(f"{claim}: is no row of a ledger; remove it") from None
                if not row.name.startswith(f"{claim.name}-"):  # guard: claim-of-its-number
                    raise BlindingError(f"{claim}: is not where {row.name} belongs; remove it")
                self._publish(text, self.folder / row.name)


def by_hash(rows: Sequence[Row], *kinds: Kind) -> dict[str, Row]:
    """Return those of some rows that are of some kinds, by their hash, in their order.

    Parameters
    ----------
    rows : sequence of Row
    *kinds : str
    """
    return {row.hash: row for row in rows if row.kind in kinds}


def head(rows: Sequence[Row]) -> str:
    """Return the hash of the newest row of the main line; empty where there is none.

    Parameters
    ----------
    rows : sequence of Row
    """
    return next((row.hash for row in reversed(rows) if row.kind not in BESIDE), "")


def _row(text: bytes) -> Row:
    row = Row(**parse(text), hash=sha256(text))
    texts = (row.kind, row.person, row.follows, row.time)
    if type(row.number) is not int or not all(isinstance(value, str) for value in texts):
        raise TypeError("its number or a text has another type")  # guard: row-types
    if row.kind not in get_args(Kind) or not isinstance(row.body, dict):  # guard: row-kind
        raise ValueError(f"it says nothing, or is of an unknown kind '{row.kind}'")
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
