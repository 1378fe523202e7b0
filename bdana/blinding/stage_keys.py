"""Keys of the stages, made so that no stage can be opened without its quorum, or before its turn.

The key of a stage is the XOR of one share for every clause of its approval ("1 analyst", "1 reviewer", ...) and of
a hash of the key of the stage before it. A clause that asks for several people splits its share once more for
every such group. Each share is encrypted to its holder, and its SHA-256 stands in the ledger. A holder can hand them
to a newcomer of the same role, who stands in the holder's place from then on.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyrage

from bdana.blinding.canonical import sha256
from bdana.blinding.ledger import by_hash
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = [
    "Share",
    "begun",
    "combine",
    "join",
    "joined",
    "make_keys",
    "make_period",
    "next_stage_share",
    "period_keys",
    "require_signed",
    "shares",
    "stage_recipients",
]


@dataclass(frozen=True)
class Share:
    """One person's share of the key of a stage.

    Attributes
    ----------
    role : str
        The clause it belongs to.
    group : tuple of str
        The people whose shares together fill the clause.
    person : str
        Who holds it.
    sha256 : str
        Hash of the share, which names the owner of a wrong one.
    sealed : str
        The share encrypted to its holder, in base64.
    """

    role: str
    group: tuple[str, ...]
    person: str
    sha256: str
    sealed: str


def next_stage_share(secret: bytes) -> bytes:
    """Return the share that an opened stage has in the key of the next: a hash of its own key, of the same length.

    Parameters
    ----------
    secret : bytes
        The key of the opened stage.
    """
    return hashlib.shake_256(b"bdana next stage" + secret).digest(len(secret))  # guard: stage-before-in-key


def combine(shares: Iterable[bytes]) -> bytes:
    """Return the XOR of byte strings of one length: the key of a stage from its shares.

    Parameters
    ----------
    shares : iterable of bytes

    Examples
    --------
    >>> key, analyst = b"the key of SR", b"random bytes!"
    >>> before = next_stage_share(b"the key of CR")
    >>> reviewer = combine([key, analyst, before])
    >>> combine([analyst, reviewer, before])
    b'the key of SR'
    """
    return reduce(lambda a, b: bytes(x ^ y for x, y in zip(a, b, strict=True)), shares)


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
        identity = pyrage.x25519.Identity.generate()
        secret = str(identity).encode()
        clauses = [secrets.token_bytes(len(secret)) for _ in stage.approval]  # guard: shares-are-random
        clauses[0] = combine([secret, *clauses[1:], *([] if before is None else [next_stage_share(before)])])
        made[name] = {
            "public": str(identity.to_public()),
            "shares": [
                share
                for (role, number), clause in zip(stage.approval.items(), clauses, strict=True)
                for group in combinations(policy.holders(role), number)  # guard: whole-clause-needed
                for share in _split(role, group, clause, recipients)
            ],
        }
        before = secret
    return made


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
            "sealed": base64.b64encode(
                pyrage.encrypt(share, [pyrage.x25519.Recipient.from_str(recipients[person])])
            ).decode(),
        }
        for person, share in zip(group, split, strict=True)
    ]


def shares(keys: Row, stage: str, handed: Sequence[Row] = ()) -> list[Share]:
    """Return all shares of a stage.

    Parameters
    ----------
    keys : Row
        The keys of the period.
    stage : str
    handed : sequence of Row
        Rows `handover`, oldest first: each holder's shares that now have another holder too.

    Raises
    ------
    BlindingError
        When a row hands shares to somebody who has some, and would be two people of a quorum.
    """
    found = [
        Share(**(share | {"group": tuple(share["group"])})) for share in keys.body["stages"][stage]["shares"]
    ]
    for row in (row for row in handed if row.body["keys"] == keys.hash):
        giver, to = row.person, row.body["to"]
        if any(share.person == to for share in found):  # guard: one-person-of-a-quorum
            raise BlindingError(f"refused: {row.name} hands shares of {stage} to {to}, who holds one already")
        for share in [share for share in found if giver in share.group]:
            group = tuple(to if name == giver else name for name in share.group)
            if share.person != giver:
                found.append(replace(share, group=group))
            elif share.sha256 in row.body["shares"]:
                sealed = row.body["shares"][share.sha256]
                found.append(replace(share, group=group, person=to, sealed=sealed))
    return found


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
        When the policy does not name the person.
    """
    policy.role(person)  # guard: people-join
    try:
        pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:  # guard: joins-with-age
        raise BlindingError(f"refused: '{recipient}' is no age recipient") from None
    return ledger.append("join", person, key, {"policy": policy.sha256, "recipient": recipient})


def joined(ledger: Ledger, policy: Policy) -> dict[str, str]:  # guard: joined-with-this-key
    """Return the age recipient of everybody who signed this policy, or a former one with the same SSH key.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
    """
    policies = {p.sha256: p for p in (*(past.policy for past in policy.former), policy)}
    found = {}
    for row in ledger.of_kind("join"):
        then = policies[row.body["policy"]].people if row.body["policy"] in policies else {}
        now = policy.people.get(row.person)
        if now is not None and row.person in then and then[row.person].ssh_key == now.ssh_key:
            found[row.person] = row.body["recipient"]
    return found


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
    former = [(past.last, past.policy.ssh_keys) for past in policy.former]  # guard: signer-at-that-time
    for row in ledger.unsigned(policy.ssh_keys, former):
        raise BlindingError(f"refused: {row.name} is not signed by {row.person}; see who wrote it")


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
        When somebody has not joined, a row is not signed, the period is unknown or has keys, or, with `again`, has none
        or an opening of it began.
    """
    if period not in policy.periods:  # guard: known-period
        raise BlindingError(f"refused: blinding/policy.toml has no [periods.{period}]")
    require_signed(ledger, policy)  # guard: keys-in-signed-ledger
    recipients = joined(ledger, policy)
    for name in policy.people:
        if name not in recipients:  # guard: everybody-has-joined
            raise BlindingError(f"refused: {name} has not joined this policy; `bdana blinding join` does it")
    stages = make_keys(policy, recipients)

    def body(rows: list[Row]) -> dict[str, Any]:
        there = _of_period(rows, policy, period)
        if there and not again:  # guard: keys-again-if-asked
            raise BlindingError(
                f"refused: period {period} has keys already; if shares of them are lost and no opening began, --again makes new "
                "ones"
            )
        if not again:
            return {"policy": policy.sha256, "period": period, "stages": stages}
        if not there:  # guard: again-if-there
            raise BlindingError(f"refused: period {period} has no keys yet; leave out --again")
        if begun(rows, period):  # guard: keys-of-opened-stay
            raise BlindingError(
                f"refused: an opening of period {period} began, so its keys stay; runs that are sealed from now on need a period "
                "of their own"
            )
        return {"policy": policy.sha256, "period": period, "stages": stages, "replaces": there[-1].hash}

    return ledger.append("keys", person, key, body)


def begun(rows: Sequence[Row], period: str) -> bool:
    """Tell whether an opening of a period began.

    Parameters
    ----------
    rows : sequence of Row
    period : str
    """
    asked = by_hash(rows, "request")
    return any(row.kind == "begin" and asked[row.body["request"]].body["period"] == period for row in rows)


def period_keys(ledger: Ledger, policy: Policy, period: str) -> Row:
    """Return the row with the keys of a period: the newest, where they were made again.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
    period : str

    Raises
    ------
    BlindingError
        When there are none for this policy, or a row of the ledger is not signed.
    """
    require_signed(ledger, policy)  # guard: keys-are-signed
    made = _of_period(ledger.of_kind("keys"), policy, period)
    if made:
        return made[-1]  # guard: newest-keys
    raise BlindingError(
        f"refused: period {period} has no keys for this policy; `bdana blinding keys {period}` makes them"
    )


def _of_period(rows: list[Row], policy: Policy, period: str) -> list[Row]:  # guard: keys-of-the-period
    return [
        row
        for row in rows
        if row.kind == "keys" and row.body["period"] == period and row.body["policy"] in policy.alike
    ]


def stage_recipients(ledger: Ledger, policy: Policy, period: str) -> dict[str, str]:
    """Return the public age key of each stage in a period; errors as of `period_keys`.

    Parameters
    ----------
    ledger, policy, period
        As for `period_keys`.
    """
    stages = period_keys(ledger, policy, period).body["stages"]
    return {stage: str(made["public"]) for stage, made in stages.items()}
