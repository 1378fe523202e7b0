"""Keys of the stages, made so that no stage can be opened without its quorum, or before its turn.

The key of a stage is the XOR of one share for every clause of its approval ("1 analyst", "1 reviewer", ...) and of
a hash of the key of the stage before it. A clause that asks for several people splits its share once more for
every such group. Each share is encrypted to its holder, and its SHA-256 stands in the ledger. A holder can hand them
to a newcomer of the same role, who stands in the holder's place from then on.
"""

from __future__ import annotations

import hashlib
import secrets
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyrage

from bdana.blinding.canonical import sha256
from bdana.blinding.identity import encrypted
from bdana.blinding.record import Record, combine
from bdana.blinding.rules import append, require_sound
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy, Stage

__all__ = ["combine", "join", "make_key", "make_keys", "make_period", "next_stage_share", "stage_recipients"]


def next_stage_share(secret: bytes) -> bytes:
    """Return the share that an opened stage has in the key of the next: a hash of its own key, of the same length.

    Parameters
    ----------
    secret : bytes
        The key of the opened stage.
    """
    return hashlib.shake_256(b"bdana next stage" + secret).digest(len(secret))  # guard: stage-before-in-key


def make_keys(policy: Policy, recipients: Mapping[str, str]) -> dict[str, Any]:
    """Make a key pair for every stage, and split the private key into shares; it is kept nowhere.

    Parameters
    ----------
    policy : Policy
    recipients : mapping of str to str
        The age recipient of every person.

    Returns
    -------
    dict
        By stage: `public`, the age recipient that events are sealed to, and `shares`. The ledger keeps both.
    """
    made: dict[str, Any] = {}
    before: bytes | None = None
    for name, stage in policy.stages.items():
        made[name], before = make_key(policy, stage, recipients, before)
    return made


def make_key(
    policy: Policy, stage: Stage, recipients: Mapping[str, str], before: bytes | None
) -> tuple[dict[str, Any], bytes]:
    """Make a key pair and split the private key among the people of a stage.

    Parameters
    ----------
    policy : Policy
    stage : Stage
        Whose approval says among whom.
    recipients : mapping of str to str
        The age recipient of every person.
    before : bytes, optional
        The private key of the stage before, of which a hash is a share too.

    Returns
    -------
    dict
        `public` and `shares`.
    bytes
        The private key.
    """
    identity = pyrage.x25519.Identity.generate()
    secret = str(identity).encode()
    clauses = [secrets.token_bytes(len(secret)) for _ in stage.approval]  # guard: shares-are-random
    clauses[0] = combine([secret, *clauses[1:], *([] if before is None else [next_stage_share(before)])])
    shares = [
        share
        for (role, number), clause in zip(stage.approval.items(), clauses, strict=True)
        for group in combinations(policy.holders(role), number)  # guard: whole-clause-needed
        for share in _split(role, group, clause, recipients)
    ]
    return {"public": str(identity.to_public()), "shares": shares}, secret


def _split(
    role: str, group: tuple[str, ...], clause: bytes, recipients: Mapping[str, str]
) -> list[dict[str, Any]]:
    split = [secrets.token_bytes(len(clause)) for _ in group[1:]]
    split.append(combine([clause, *split]))
    return [
        {
            "role": role,
            "group": list(group),
            "person": person,
            "sha256": sha256(share),
            "sealed": encrypted(share, recipients[person]),
        }
        for person, share in zip(group, split, strict=True)
    ]


def join(policy: Policy, ledger: Ledger, person: str, key: Path, recipient: str) -> Row:
    """Sign the policy and name the age recipient that shares of keys are encrypted to.

    Parameters
    ----------
    policy : Policy
    ledger : Ledger
    person, key
        Who joins, and the path of the SSH key.
    recipient : str

    Raises
    ------
    BlindingError
        When the policy does not name the person, or the same was said before.
    """
    return append(ledger, policy, "join", person, key, {"policy": policy.sha256, "recipient": recipient})


def make_period(
    policy: Policy, ledger: Ledger, period: str, person: str, key: Path, *, again: bool = False
) -> Row:
    """Make the keys of a data period, of all stages, and write their shares into a row `keys`.

    Parameters
    ----------
    policy : Policy
    ledger : Ledger
    period : str
    person, key
        Who makes them, and the SSH key that signs the row.
    again : bool
        Make new keys in the place of those that are there, when shares are lost. What was sealed before then never
        opens: the raw data are sealed again.

    Raises
    ------
    BlindingError
        When somebody has not joined, the period is unknown or has keys, or, with `again`, has none or an opening of it
        began.
    """

    def body(record: Record) -> dict[str, Any]:
        recipients, there = record.joined(), record.keys(period)
        made = {
            "policy": policy.sha256,
            "period": period,
            "stages": make_keys(policy, recipients) if recipients.keys() >= policy.people.keys() else {},
        }
        return made | ({"replaces": there.hash if there else ""} if again else {})

    return append(ledger, policy, "keys", person, key, body)


def stage_recipients(ledger: Ledger, policy: Policy, period: str) -> dict[str, str]:
    """Return the public age key of each stage in a period.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
    period : str

    Raises
    ------
    BlindingError
        When there are none for this policy, or a row of the ledger is not signed or not allowed.
    """
    require_sound(ledger, policy)  # guard: keys-are-signed
    keys = Record(ledger.rows(), policy).keys(period)
    if keys is None:
        raise BlindingError(
            f"refused: period {period} has no keys for this policy; `bdana blinding keys {period}` makes them"
        )
    return {stage: str(made["public"]) for stage, made in keys.body["stages"].items()}
