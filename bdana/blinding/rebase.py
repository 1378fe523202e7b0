"""Repairing a ledger of which two copies were written at the same time: one's own unpushed rows are written again."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bdana.atomic import write_atomically
from bdana.blinding.ledger import OF_A_REQUEST, Row, by_hash, head
from bdana.blinding.policy_in_force import former_policies
from bdana.blinding.rules import append, refusal, require_sound
from bdana.blinding.signing import sign, verify
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from bdana.blinding.ledger import Ledger
    from bdana.blinding.policy import Policy

__all__ = ["Rebased", "pushed_rows", "rebase", "unfinished"]

UNFINISHED, PLAN = ".rebasing", "plan.json"
"""Folder of a ledger with the rows that are being written again, and the file in it that says which."""
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
    a ledger that does not fork but that a rule refuses, all that are not pushed. Nothing changes where nothing is wrong. What they say stays, but for hashes of rows.
    Killed at any step it has lost nothing, and goes on when it is asked again.

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
    moved = [] if unfinished(ledger) else _own_rows(ledger, policy, person, pushed)
    if not moved and not unfinished(ledger):
        return Rebased()
    with ledger.locked("rebase", "another `bdana blinding rebase` is running here"):
        plan = _Plan.read(ledger) or _Plan.made(ledger, moved, person)
        if plan.person != person:  # guard: own-plan
            raise BlindingError(
                f"refused: a `bdana blinding rebase` of {plan.person} was not finished here; {plan.person} types it again"
            )
        with ledger.locked("row"):
            _move(plan.moved[::-1], ledger.folder, plan.folder)
        try:
            policy = policy.after(former_policies(ledger, policy))
            require_sound(ledger, policy)
        except BlindingError as err:
            plan.take_back(ledger)
            raise BlindingError(f"{err}; without the rows of {person}, so that nothing was changed") from None
        done = _write_again(ledger, policy, key, plan)
        _move([row.name for row, _ in done.refused], plan.folder, ledger.folder / REFUSED)
        if finish:
            finish(done)
        plan.forget()
    return done


def _write_again(ledger: Ledger, policy: Policy, key: Path, plan: _Plan) -> Rebased:
    """Write the rows of a plan after those that are there, but for those that a process that died has written."""
    done = Rebased()
    now: dict[str, str] = {}
    for row in plan.rows(ledger):
        body = _renamed({k: v for k, v in row.body.items() if k != "head"}, now)
        written = {new.hash for _, new in done.written}
        new = next(  # guard: written-once
            (
                there
                for there in ledger.rows()
                if there.hash not in {*plan.base, *written}
                and (there.kind, there.person) == (row.kind, row.person)
                and {k: v for k, v in there.body.items() if k != "head"} == body
            ),
            None,
        )
        request = by_hash(ledger.rows()).get(now.get(row.follows, row.follows))
        try:
            new = new or append(
                ledger,
                policy,
                row.kind,
                row.person,
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
    return done


@dataclass(frozen=True)
class _Plan:
    """What is written again: kept in a file, so that a process that died is gone on with.

    Attributes
    ----------
    folder : Path
        Where the rows lie meanwhile.
    person : str
    moved : list of str
        Names of the rows, oldest first.
    base : list of str
        Hashes of the rows that stay.
    """

    folder: Path
    person: str
    moved: list[str]
    base: list[str]

    @classmethod
    def made(cls, ledger: Ledger, rows: Sequence[Row], person: str) -> _Plan:
        """Make the plan for some rows, and write it down before any of them is moved."""
        base = [row.hash for row in ledger.files() if row not in rows]
        plan = cls(ledger.folder / UNFINISHED, person, [row.name for row in rows], base)
        shutil.rmtree(plan.folder, ignore_errors=True)
        plan.folder.mkdir()
        with write_atomically(plan.folder / PLAN) as file:  # guard: plan-before-moving
            json.dump({"person": person, "moved": plan.moved, "base": plan.base}, file)
        return plan

    @classmethod
    def read(cls, ledger: Ledger) -> _Plan | None:
        """Return the plan that a process that died has left; None without one."""
        path = ledger.folder / UNFINISHED / PLAN
        return cls(path.parent, **json.loads(path.read_text())) if path.is_file() else None

    def rows(self, ledger: Ledger) -> list[Row]:
        """Read the rows from where they lie, or from where those are kept that were refused."""
        places = [self.folder, ledger.folder / REFUSED]
        paths = [
            next((p / name for p in places if (p / name).is_file()), self.folder / name)
            for name in self.moved
        ]
        for path in paths:
            if not path.is_file():
                raise BlindingError(
                    f"{path}: is gone, which was to be written again; nothing more was written"
                )
        return [Row.of_bytes(path.read_bytes(), str(path)) for path in paths]

    def take_back(self, ledger: Ledger) -> None:
        """Put the rows where they were."""
        with ledger.locked("row"):
            _move(self.moved, self.folder, ledger.folder)
        self.forget()

    def forget(self) -> None:
        """Remove the plan first: what is left without it is of no use to anybody."""
        (self.folder / PLAN).unlink()
        shutil.rmtree(self.folder)


def unfinished(ledger: Ledger) -> bool:
    """Tell whether a process that wrote rows again has died before it had finished.

    Parameters
    ----------
    ledger : Ledger
    """
    return (ledger.folder / UNFINISHED / PLAN).is_file()


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
    for row in found:
        if row.hash not in moved and moved & _named(row.body, row.follows):
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


def _move(names: Sequence[str], source: Path, target: Path) -> None:
    """Move the files of rows, as far as they are there still, so that none is ever in a ledger without its signature."""
    target.mkdir(exist_ok=True)
    ledger_first = not source.name.startswith(".")
    for name in names:
        for file in (name, f"{name}.sig") if ledger_first else (f"{name}.sig", name):
            if (source / file).exists():
                (source / file).replace(target / file)
