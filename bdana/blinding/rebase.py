"""Repairing a ledger of which two copies were written at the same time: one's own unpushed rows are written again.

They are written in a copy of the ledger first. When that copy is whole, the rows are exchanged: a process that dies before has
changed nothing, and one that dies meanwhile is gone on with.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bdana.blinding.canonical import canonical, parse
from bdana.blinding.ledger import OF_A_REQUEST, Ledger, Row, by_hash, head
from bdana.blinding.policy_in_force import former_policies
from bdana.blinding.rules import append, refusal, require_sound
from bdana.blinding.signing import sign, verify
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from bdana.blinding.policy import Policy

__all__ = ["Rebased", "pushed_rows", "rebase", "unfinished"]

READY, PLAN = ".rebasing", "plan.json"
"""Folder of a ledger with the rows that are ready to be exchanged, and the file in it that says which for which."""
MOVED = "moved"
"""Folder beside them with the rows that go."""
REFUSED = ".rebase"
"""Folder of a ledger with the rows that were not written again, for people to see."""


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


def rebase(
    ledger: Ledger,
    policy: Policy,
    person: str,
    key: Path,
    pushed: Collection[str] | None,
    finish: Callable[[Rebased], None] | None = None,
) -> Rebased:
    """Write one's own rows again after those of the others, where two copies of the ledger were written at the same time.

    Only rows of the person, which nobody else has, change: those of a branch of the main line that is all the person's own; in
    a ledger that does not fork but that a rule refuses, all that are not pushed. Nothing changes where nothing is wrong. What they
    say stays, but for hashes of rows. Killed at any step it has lost nothing, and goes on when it is asked again.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
        That of blinding/policy.toml.
    person, key
        Whose rows are written again, and the SSH key that signs them.
    pushed : collection of str, optional
        Files that others have, as `pushed_rows` gives them; None where that is not known.
    finish : callable, optional
        What has to be done before it is over, such as with receipts: a process that died before goes on when it is asked again.

    Raises
    ------
    BlindingError
        When there is nothing of the person's to write again, or others wrote rows after it; nothing is changed then.
    """
    trial = b"rows that are written again"
    if not verify(trial, sign(trial, key), policy.ssh_keys.get(person, "")):  # guard: rebase-with-own-key
        raise BlindingError(f"refused: {key} is not the SSH key of {person} in [people]; nothing was changed")
    with ledger.locked("rebase", "another `bdana blinding rebase` is running here"), ledger.locked("row"):
        if not unfinished(ledger):  # guard: rebase-goes-on
            moved = _own_rows(ledger, policy, person, pushed)
            if not moved:
                return Rebased()
            _prepare(ledger, policy, person, key, moved)
        done = _exchange(ledger, person)
        if finish:
            finish(done)
        (ledger.folder / READY / PLAN).unlink()  # first: what is left without it is of no use to anybody
        shutil.rmtree(ledger.folder / READY)
    return done


def unfinished(ledger: Ledger) -> bool:
    """Tell whether a process has died while it exchanged rows.

    Parameters
    ----------
    ledger : Ledger
    """
    return (ledger.folder / READY / PLAN).is_file()


def _prepare(ledger: Ledger, policy: Policy, person: str, key: Path, moved: Sequence[Row]) -> None:
    """Write rows again in a copy of the ledger, and leave the new ones there, with a plan, when all are."""
    ready, copy = ledger.folder / READY, ledger.folder / f"{READY}.part"
    shutil.rmtree(ready, ignore_errors=True)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ledger.folder, copy, ignore=shutil.ignore_patterns(".*"))
    (copy / MOVED).mkdir()
    for row in moved:
        for file in _files(row.name):
            (copy / file).rename(copy / MOVED / file)
    there = Ledger(copy)
    try:
        policy = policy.after(former_policies(there, policy))
        require_sound(there, policy)
    except BlindingError as err:
        shutil.rmtree(copy)
        raise BlindingError(f"{err}; without the rows of {person}, so that nothing was changed") from None
    done = _write_again(there, policy, key, moved)
    written = {row.name: new.name for row, new in done.written}
    refused = {row.name: why for row, why in done.refused}
    names = [row.name for row in moved]
    plan = {"person": person, "moved": names, "written": written, "refused": refused}
    (copy / PLAN).write_text(json.dumps(plan))
    copy.rename(ready)


def _write_again(ledger: Ledger, policy: Policy, key: Path, moved: Sequence[Row]) -> Rebased:
    """Write rows after those that are there, with the names of one another that they have now."""
    done = Rebased()
    now: dict[str, str] = {}
    for row in moved:
        text = canonical({name: value for name, value in row.body.items() if name != "head"})
        for old, new_one in now.items():
            text = text.replace(old.encode(), new_one.encode())
        body: dict[str, Any] = parse(text)
        request = by_hash(ledger.rows(), "request").get(now.get(row.follows, row.follows))
        if row.kind == "request":
            body["head"] = head(ledger.rows())
        try:
            new = append(
                ledger, policy, row.kind, row.person, key, body, request if row.kind in OF_A_REQUEST else None
            )
        except BlindingError as err:
            done.refused.append((row, str(err)))
            continue
        now[row.hash] = new.hash
        done.written.append((row, new))
    return done


def _exchange(ledger: Ledger, person: str) -> Rebased:
    """Put the rows that are ready in the place of those that go, as far as they are not there yet."""
    ready, moved = ledger.folder / READY, ledger.folder / READY / MOVED
    plan = json.loads((ready / PLAN).read_text())
    if plan["person"] != person:  # guard: own-plan
        raise BlindingError(
            f"refused: a `bdana blinding rebase` of {plan['person']} was not finished here; {plan['person']} types it again"
        )
    for name in plan["refused"]:
        for file in _files(name):
            (ledger.folder / REFUSED).mkdir(exist_ok=True)
            shutil.copy(moved / file, ledger.folder / REFUSED)
    for name in plan["moved"][::-1]:  # so that no row ever names one that is not there
        for file in _files(name):
            (ledger.folder / file).unlink(missing_ok=True)
    for new in plan["written"].values():
        for file in _files(new)[::-1]:
            if (ready / file).exists():  # guard: exchanged-once
                (ready / file).replace(ledger.folder / file)
    return Rebased(
        [(_row(moved / old), _row(ledger.folder / new)) for old, new in plan["written"].items()],
        [(_row(moved / old), why) for old, why in plan["refused"].items()],
    )


def _files(row: str) -> tuple[str, str]:
    """Return the names of the files of a row and its signature."""
    return row, f"{row}.sig"


def _row(path: Path) -> Row:
    return Row.of_bytes(path.read_bytes(), str(path))


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
            moved = (mine if pushed is not None else set()) or _withdrawn_meanwhile(ledger, policy, person)
        else:
            return []
    else:
        starts = sorted((row for row in main if row.follows == fork), key=lambda row: (row.time, row.name))
        shared = bool(pushed) and all(start.name in (pushed or ()) for start in starts)
        if shared:  # the fork itself was pushed
            mine = {row.hash for row in found if row.person == person}
        branches = [_branch(main, start) for start in starts]
        built_on = [branch for branch in branches if _others_name(found, branch)]
        stays = (built_on or branches)[0]
        movable = [branch for branch in branches if branch <= mine]  # guard: own-branches
        if shared or len(movable) == len(branches):
            movable = [branch for branch in movable if branch != stays]
        if len(branches) - len(movable) > 1:
            movable = []
        moved = set().union(*movable)
        moved |= {row.hash for row in found if row.beside and row.hash in mine and _names(row, moved)}
    if not moved:  # guard: own-rows-only
        raise BlindingError(
            f"refused: none of the rows that do not fit are rows of {person} that nobody else has; nothing was changed: who wrote "
            "the others, and has not pushed them, does this"
        )
    for row in found:
        if row.hash not in moved and _names(row, moved):
            raise BlindingError(
                f"refused: {row.name} of {row.person} names a row that would be written again; nothing was changed"
            )
    return sorted((row for row in found if row.hash in moved), key=lambda r: (r.number, r.beside, r.time))


def _withdrawn_meanwhile(ledger: Ledger, policy: Policy, person: str) -> set[str]:
    """Return what a person wrote of an opening and a withdrawal of two copies that were both pushed: either one gives way."""
    rows, policy = ledger.rows(), policy.after(former_policies(ledger, policy))
    begin = next((row for row in rows if refusal(rows, row, policy)), None)
    if begin is None or begin.kind != "begin":
        return set()
    if begin.person == person:
        branch = _branch([row for row in rows if not row.beside], begin)
        return branch if all(row.person == person for row in rows if row.hash in branch) else set()
    asked = begin.body["request"]
    return {r.hash for r in rows if (r.kind, r.person, r.follows) == ("withdraw", person, asked)}


def _branch(main: Sequence[Row], start: Row) -> set[str]:
    """Return the hashes of a row and of all rows of the main line that follow it."""
    found = {start.hash}
    for row in sorted(main, key=lambda row: row.number):
        if row.follows in found:
            found.add(row.hash)
    return found


def _others_name(found: Sequence[Row], branch: set[str]) -> bool:
    """Tell whether somebody who wrote nothing in a branch named a row of it, such as in an approval."""
    people = {row.person for row in found if row.hash in branch}
    return any(row.person not in people and _names(row, branch) for row in found)


def _names(row: Row, others: Iterable[str]) -> bool:
    """Tell whether a row names one of some rows by its hash."""
    text = row.text.decode()
    return any(digest in text for digest in others)
