"""What a rehearsal hides from everybody: encrypted in its row, to a key that is split as that of the last stage."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pyrage

from bdana.blinding.canonical import canonical, parse
from bdana.blinding.identity import encrypted
from bdana.blinding.record import agreed_shares, combine, shares
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.blinding.ledger import Row
    from bdana.blinding.policy import Policy

__all__ = ["answer_of", "exercise_lines", "sealed_answer"]

ANSWER_BYTES = 8192
"""Size of an answer before it is encrypted, whatever it says."""


def sealed_answer(answer: Mapping[str, Any], public: str) -> str:
    """Encrypt an answer, padded so that its length says nothing.

    Parameters
    ----------
    answer : mapping
    public : str
        The age recipient it is encrypted to.

    Raises
    ------
    BlindingError
        When it is too long.
    """
    text = canonical(dict(answer))
    if len(text) > ANSWER_BYTES:
        raise BlindingError("refused: the answer is longer than what is written down of every rehearsal")
    return encrypted(text.ljust(ANSWER_BYTES), public)


def answer_of(hidden: Row, policy: Policy, reveals: Sequence[Row]) -> dict[str, Any]:
    """Return what was hidden, from the shares that people gave; empty as long as their quorum is not complete.

    Parameters
    ----------
    hidden : Row
        The row `hide`.
    policy : Policy
    reveals : sequence of Row
        The rows `reveal`, whose shares are not encrypted.

    Raises
    ------
    BlindingError
        When the shares do not decrypt it.
    """
    (name,) = list(policy.stages)[-1:]
    try:
        chosen = agreed_shares(shares(hidden, name), name, policy.stages[name], "", reveals)
    except BlindingError:
        return {}
    secret = combine(base64.b64decode(text) for text in chosen.values())
    try:
        identity = pyrage.x25519.Identity.from_str(secret.decode("ascii", errors="replace"))
        text = pyrage.decrypt(base64.b64decode(hidden.body["answer"]), [identity])
        answer: dict[str, Any] = parse(text.rstrip(b" "))
    except (pyrage.DecryptError, pyrage.IdentityError, ValueError):
        raise BlindingError(
            "refused: what was hidden is not encrypted to the key of which these are shares"
        ) from None
    return answer


def exercise_lines(rows: Sequence[Row]) -> list[str]:
    """Say of a rehearsal with a sealed injection what was hidden, claimed and revealed, in sentences; nothing of other ledgers.

    Parameters
    ----------
    rows : sequence of Row
    """
    found = [
        f"This is a rehearsal: the data are simulated, and {row.person} hid decays of a new particle in them, or none, on "
        f"{row.time}"
        for row in rows
        if row.kind == "hide"
    ]
    claims = [row for row in rows if row.kind == "claim"]
    found += [f"{row.person} claimed on {row.time}: {_numbers(row.body['events'])}" for row in claims]
    for row in (row for row in rows if row.kind == "reveal"):
        if not row.body["answer"]:
            found.append(f"{row.person} agreed on {row.time} to reveal what was hidden")
            continue
        answer = row.body["answer"]
        what = f"decays of {answer['mass_mev']:g} MeV to {answer['mode']}" if answer["events"] else "nothing"
        found.append(f"Revealed with {row.person} on {row.time}: hidden were {what}")
        found += [_judged(claim, answer, rows) for claim in claims]
    return found


def _judged(claim: Row, answer: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Say of each region what was claimed, how much was hidden in its stage, and how much of that the openings selected."""
    selected = {
        (one["run"], one["burst"], one["event"])
        for row in rows
        if row.kind == "end"
        for one in row.body["outputs"].get("candidates", [])
    }
    parts = []
    for name in dict.fromkeys((*claim.body["events"], *answer["events"])):
        events = {tuple(event) for event in answer["events"].get(name, [])}
        claimed = claim.body["events"].get(name, "nothing")
        of_them = f", {len(events & selected)} of them selected" if events else ""
        parts.append(f"in {name} {claimed} claimed and {len(events)} hidden{of_them}")
    return f"{claim.person}: {'; '.join(parts)}"


def _numbers(events: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in events.items())
