"""Changing the policy after people have joined: somebody of each role signs the same change, and it is in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdana.blinding.canonical import differences
from bdana.blinding.policy_in_force import missing_roles, signers
from bdana.blinding.rules import append

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
        When a rule for rows `policy` does not allow it.
    """
    body = {"before": now.model_dump(mode="json"), "after": proposed.model_dump(mode="json")}
    row = append(ledger, now, "policy", person, key, body)
    return Amendment(missing_roles(signers(ledger.rows(), now, proposed), now), row)


def changes(now: Policy, proposed: Policy) -> list[str]:
    """List what differs between two policies, leaf by leaf.

    Parameters
    ----------
    now, proposed : Policy
    """
    return differences(now.model_dump(mode="json"), proposed.model_dump(mode="json"))
