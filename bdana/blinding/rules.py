"""The rules of the protocol, asked: of a row before it is written, and of all rows when a ledger is read.

The rules stand in one place, `rule_table`. `append` refuses a row that breaks one of them, in the same critical section
that adds it to the ledger; `require_sound` asks the same of every row that is there. So whatever an honest program refuses to
write, `verify` refuses to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana.blinding.ledger import newest_seen
from bdana.blinding.record import Record
from bdana.blinding.rule_table import Case, broken
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bdana.blinding.ledger import Kind, Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = ["append", "refusal", "require_signed", "require_sound"]


def refusal(rows: Sequence[Row], row: Row, policy: Policy) -> str:
    """Return which rule a row breaks, and why; empty where it breaks none.

    Parameters
    ----------
    rows : sequence of Row
        All of the ledger.
    row : Row
        One of them, or one that is to be added.
    policy : Policy
        The one in force, with those before it.
    """
    newest = newest_seen([*rows, row])
    before = [r for r in rows if r.hash != row.hash and newest[r.hash] <= newest[row.hash] - (not row.beside)]
    case = Case(row, Record(before, _policy_then(row, newest, policy)))
    try:
        name, why = next(broken(case), ("", ""))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, BlindingError):
        name, why = "says-what-it-must", "does not say what such a row says"  # guard: unreadable-is-wrong
    return f"{why} (rule {name})" if why else ""


def _policy_then(row: Row, newest: Mapping[str, int], policy: Policy) -> Policy:
    """Return the policy that was in force when a row was written, by the newest row that it saw."""
    return policy.at(newest[row.hash] + row.beside)  # guard: signer-at-that-time


def require_sound(ledger: Ledger, policy: Policy) -> None:
    """Refuse a ledger with a row that is not signed, or that the rules do not allow where it stands.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
        The one in force, with those before it.

    Raises
    ------
    BlindingError
        Naming the first such row, and the rule that it breaks.
    """
    require_signed(ledger, policy)
    _require_allowed(ledger.rows(), policy)


def _require_allowed(rows: Sequence[Row], policy: Policy, new: Row | None = None) -> None:
    every = [*rows, *([new] if new else ())]
    for row in reversed(every):  # the new one first: beside the main line a row may make an older one wrong
        why = refusal(every, row, policy)
        if why and row is new:
            raise BlindingError(f"refused: {why}")
        if why:  # guard: ledger-is-sound
            raise BlindingError(
                f"refused: {row.name}: {why}; see who wrote it (after two people wrote at the "
                "same time, one of them types `bdana blinding rebase`)"
            )


def require_signed(ledger: Ledger, policy: Policy) -> None:
    """Refuse a ledger with a row that its person has not signed.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy

    Raises
    ------
    BlindingError
        Naming the row.
    """
    rows = ledger.rows()
    newest = newest_seen(rows)
    for row in rows:  # guard: signatures-are-asked
        if ledger.signed(row, _policy_then(row, newest, policy).ssh_keys):
            continue
        signature = ledger.folder / f"{row.name}.sig"
        if signature.is_file() and b"\r\n" in signature.read_bytes():  # guard: line-ends-are-said
            raise BlindingError(
                f"refused: {signature} has Windows line ends, which git wrote: put the line `* -text` into .gitattributes, and "
                "check the files out again (`git rm -rq --cached . && git reset -q --hard`)"
            )
        raise BlindingError(f"refused: {row.name} is not signed by {row.person}; see who wrote it")


def append(
    ledger: Ledger,
    policy: Policy,
    kind: Kind,
    person: str,
    key: Path,
    body: Mapping[str, Any] | Callable[[Record], Mapping[str, Any]],
    request: Row | None = None,
) -> Row:
    """Add a row to the ledger if the rules hold for the ledger with it; nothing is written otherwise.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
        The one in force, with those before it.
    kind, person, key, request
        As for `Ledger.append`.
    body : mapping, or callable of the record so far
        What the row says.

    Raises
    ------
    BlindingError
        Naming the rule that the row breaks, or as `require_sound`, or as `Ledger.append`.
    """

    def check(rows: list[Row], row: Row) -> None:
        require_signed(ledger, policy)  # guard: signed-before-writing
        _require_allowed(rows, policy, row)

    def made(rows: list[Row]) -> Mapping[str, Any]:
        return body(Record(rows, policy)) if callable(body) else body

    public = policy.ssh_keys.get(person)
    return ledger.append(kind, person, key, made, request, check, public)  # guard: rules-before-writing
