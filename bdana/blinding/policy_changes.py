"""Changing the policy after people have joined: somebody of each role signs the same change, and it is in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bdana.blinding.canonical import differences
from bdana.blinding.policy_in_force import missing_roles, require_same_people, signers
from bdana.blinding.stage_keys import joined
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = ["Amendment", "amend", "changes"]


@dataclass(frozen=True)
class Amendment:
    """How far a change of the policy is: who still has to sign it.

    Attributes
    ----------
    missing : tuple of str
        Roles of which nobody has signed it; empty when it is in force.
    row : Row
        What was written.
    """

    missing: tuple[str, ...]
    row: Row


def amend(ledger: Ledger, now: Policy, proposed: Policy, person: str, key: Path) -> Amendment:
    """Sign a change of the policy, which is in force when one person of each role has signed it.

    Parameters
    ----------
    ledger : Ledger
    now : Policy
        The policy in force.
    proposed : Policy
        What is to take its place.
    person, key
        Somebody of the policy in force, and the path of the SSH key.

    Raises
    ------
    BlindingError
        When the person is not named by the policy in force or signed before, somebody has not joined it, nothing changes,
        or people are confused: a role changes, or a key comes back under another name.
    """
    if person not in now.people:  # guard: signer-in-force
        raise BlindingError(f"refused: [people] of the policy in force has no {person}")
    if proposed.sha256 == now.sha256:  # guard: change-of-something
        raise BlindingError("refused: nothing is changed by this policy")
    there = joined(ledger, now)
    for name in now.people:
        if name not in there:  # guard: everybody-is-bound
            raise BlindingError(
                f"refused: {name} has not joined this policy, so that nobody is bound by it: edit blinding/policy.toml"
            )
    require_same_people([*(former.policy for former in now.former), now], proposed)  # guard: former-people
    document = {"before": now.model_dump(mode="json"), "after": proposed.model_dump(mode="json")}

    def body(rows: list[Row]) -> dict[str, Any]:
        if person in signers(rows, now, proposed):  # guard: signs-once
            raise BlindingError(f"refused: {person} has signed this change already")
        return document

    row = ledger.append("policy", person, key, body)
    return Amendment(missing_roles(signers(ledger.rows(), now, proposed), now), row)


def changes(now: Policy, proposed: Policy) -> list[str]:
    """List what differs between two policies, leaf by leaf.

    Parameters
    ----------
    now, proposed : Policy
    """
    return differences(now.model_dump(mode="json"), proposed.model_dump(mode="json"))
