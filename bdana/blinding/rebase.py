"""Repairing a ledger of which two copies were written at the same time: one's own unpushed rows are written again."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bdana.blinding.ledger import OF_A_REQUEST, Ledger, by_hash, head
from bdana.blinding.policy_in_force import former_policies
from bdana.blinding.rules import append, require_sound
from bdana.blinding.signing import sign, verify
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from bdana.blinding.ledger import Row
    from bdana.blinding.policy import Policy

__all__ = ["Rebased", "pushed_rows", "rebase"]


@dataclass(frozen=True)
class Rebased:
    """What became of the rows that were written again.

    Attributes
    ----------
    written : list of (Row, Row)
        Each row and the one in its place.
    refused : list of (Row, str)
        Rows that the rules do not allow after those of the others, with the reason; they lie in `.rebase` of the ledger.
    """

    written: list[tuple[Row, Row]] = field(default_factory=list)
    refused: list[tuple[Row, str]] = field(default_factory=list)


def pushed_rows(folder: Path) -> set[str] | None:
    """Return the names of the files that the upstream of this git branch has of a ledger; None where git knows none.

    Parameters
    ----------
    folder : Path
        Of the ledger.
    """
    command = ["git", "ls-tree", "-r", "-z", "--name-only", "@{upstream}", "--", "."]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return None
    return set(done.stdout.split("\0")) if done.returncode == 0 else None


def rebase(ledger: Ledger, policy: Policy, person: str, key: Path, pushed: Collection[str] | None) -> Rebased:
    """Write one's own rows again after those of the others, where two copies of the ledger were written at the same time.

    Only rows of the person, which nobody else has, change: those of a branch of the main line that is all the person's own; in
    a ledger that does not fork but that a rule refuses, all that are not pushed. What they say stays, but for hashes of rows.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
        That of blinding/policy.toml.
    person, key
        Whose rows are written again, and the SSH key that signs them.
    pushed : collection of str, optional
        Files that others have, as `pushed_rows` gives them; None where that is not known.

    Raises
    ------
    BlindingError
        When there is nothing of the person's to write again, or others wrote rows after it; nothing is changed then.
    """
    trial = b"rows that are written again"
    if not verify(trial, sign(trial, key), policy.ssh_keys.get(person, "")):  # guard: rebase-with-own-key
        raise BlindingError(f"refused: {key} is not the SSH key of {person} in [people]; nothing was changed")
    moved = _own_rows(ledger, policy, person, pushed)
    own = {row.hash for row in moved}
    for row in ledger.files():
        if row.hash not in own and own & _named(row.body, row.follows):
            raise BlindingError(
                f"refused: {row.name} of {row.person} names a row that would be written again; nothing was changed"
            )
    aside = Ledger(ledger.folder / ".rebase")
    done = Rebased()
    with ledger.locked("row"):
        _move(moved[::-1], ledger.folder, aside.folder)
    try:
        policy = policy.after(former_policies(ledger, policy))
        require_sound(ledger, policy)
    except BlindingError as err:
        _move(moved, aside.folder, ledger.folder)
        raise BlindingError(f"{err}; without the rows of {person}, so that nothing was changed") from None
    now: dict[str, str] = {}
    for row in moved:
        body = _renamed({k: v for k, v in row.body.items() if k != "head"}, now)
        request = by_hash(ledger.rows()).get(now.get(row.follows, row.follows))
        try:
            new = append(
                ledger,
                policy,
                row.kind,
                person,
                key,
                lambda record, b=body, kind=row.kind: (  # type: ignore[misc]
                    b | ({"head": head(record.rows)} if kind == "request" else {})
                ),
                request if row.kind in OF_A_REQUEST else None,
            )
        except BlindingError as err:
            done.refused.append((row, str(err)))
            continue
        now[row.hash] = new.hash
        done.written.append((row, new))
        for name in (row.name, f"{row.name}.sig"):
            (aside.folder / name).unlink()
    return done


def _own_rows(ledger: Ledger, policy: Policy, person: str, pushed: Collection[str] | None) -> list[Row]:
    """Return the rows of a person that are to be written again, oldest first."""
    found = ledger.files()
    main = [row for row in found if not row.beside]
    mine = {row.hash for row in found if row.person == person and row.name not in (pushed or ())}
    fork = next((row.follows for row in main if sum(row.follows == r.follows for r in main) > 1), None)
    if fork is None:
        try:
            require_sound(ledger, policy.after(former_policies(ledger, policy)))
        except BlindingError:
            moved = mine if pushed is not None else set()
        else:
            raise BlindingError("refused: nothing forks, and all rows are allowed where they stand")
    else:
        starts = sorted((row for row in main if row.follows == fork), key=lambda row: (row.time, row.name))
        if pushed and all(
            start.name in pushed for start in starts
        ):  # the fork itself was pushed: the later branch moves
            mine = {row.hash for row in found if row.person == person}
        branches = [_branch(main, start) for start in starts]
        movable = [branch for branch in branches if branch <= mine]  # guard: own-branches
        if len(movable) == len(branches) or (pushed and starts[0].name in pushed):
            movable = [branch for branch in movable if branch != branches[0]]
        if len(branches) - len(movable) > 1:
            movable = []
        moved = set().union(*movable)
        moved |= {r.hash for r in found if r.beside and r.hash in mine and moved & _named(r.body, r.follows)}
    if not moved:  # guard: own-rows-only
        raise BlindingError(
            f"refused: none of the rows that do not fit are rows of {person} that nobody else has; nothing was changed: who wrote "
            "the others, and has not pushed them, does this"
        )
    return sorted((row for row in found if row.hash in moved), key=lambda r: (r.number, r.beside, r.time))


def _branch(main: Sequence[Row], start: Row) -> set[str]:
    """Return the hashes of a row and of all rows of the main line that follow it."""
    found = {start.hash}
    for row in sorted(main, key=lambda row: row.number):
        if row.follows in found:
            found.add(row.hash)
    return found


def _named(value: Any, *more: str) -> set[str]:
    """Return the texts in a body, which may be hashes of rows."""
    if isinstance(value, dict):
        return {*more}.union(*(_named(v) for v in value.values()))
    if isinstance(value, list):
        return {*more}.union(*(_named(v) for v in value))
    return {*more, value} if isinstance(value, str) else {*more}


def _renamed(value: Any, now: dict[str, str]) -> Any:
    """Put the hashes of rows that were written again in the place of the old ones."""
    if isinstance(value, dict):
        return {k: _renamed(v, now) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, now) for v in value]
    return now.get(value, value) if isinstance(value, str) else value


def _move(rows: Sequence[Row], source: Path, target: Path) -> None:
    """Move the files of rows, the row before its signature, so that no row is ever without one."""
    target.mkdir(exist_ok=True)
    for row in rows:
        names = (row.name, f"{row.name}.sig") if target.name == ".rebase" else (f"{row.name}.sig", row.name)
        for name in names:
            if (source / name).exists():
                (source / name).replace(target / name)
