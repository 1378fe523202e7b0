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

__all__ = ["answer_of", "sealed_answer"]

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
