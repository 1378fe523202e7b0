"""The policy in force: blinding/policy.toml, checked against the ledger, and the policies that were in force before.

Rows of kind `policy` carry the policy before and after. When one person of each role of the policy before has written the
same change, it is in force: later rows are judged by the people of the new policy, earlier ones by those of the old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from bdana.blinding.ledger import Ledger
from bdana.blinding.policy import Former, Policy, read_policy
from bdana.blinding.signing import raw_key
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bdana.blinding.ledger import Row
    from bdana.regions import Regions

__all__ = [
    "former_policies",
    "load_policy",
    "missing_roles",
    "policy_in_force",
    "policy_of",
    "require_same_people",
    "signers",
]


def load_policy(folder: Path, regions: Regions, cluster_regions: Regions | None = None) -> Policy | None:
    """Return the policy in force in an analysis folder, checked against the regions; None where nothing is closed.

    Parameters
    ----------
    folder : Path
        The analysis folder.
    regions : Regions
    cluster_regions : Regions, optional
        Those of pairs of clusters.

    Raises
    ------
    ConfigError
        When blinding/policy.toml is wrong or does not cover the regions.
    BlindingError
        As `policy_in_force`.
    """
    policy = policy_in_force(folder)
    if policy is not None:
        policy.require_covers(regions, cluster_regions, _path(folder))
    return policy


def policy_in_force(folder: Path) -> Policy | None:
    """Read blinding/policy.toml and check it against the ledger, not against regions; None where there is none.

    Parameters
    ----------
    folder : Path
        The analysis folder.

    Raises
    ------
    ConfigError
        When the file is wrong.
    BlindingError
        When it is not the policy that the ledger says is in force.
    """
    path, ledger = _path(folder), Ledger(folder / "blinding" / "ledger")
    if path.exists():
        policy = read_policy(path)
        return policy.after(former_policies(ledger, policy))
    if ledger.of_kind("keys"):  # guard: keys-need-a-policy
        raise BlindingError(
            f"refused: {path} is not there, though the ledger has keys: put back the one that people signed"
        )
    return None


def _path(folder: Path) -> Path:
    return folder / "blinding" / "policy.toml"


def former_policies(ledger: Ledger, now: Policy) -> tuple[Former, ...]:
    """Return the policies that were in force before this one, oldest first.

    Parameters
    ----------
    ledger : Ledger
    now : Policy

    Raises
    ------
    BlindingError
        When the policy in force is not this one, or a change is not what `amend` writes.
    """
    former: list[Former] = []
    rows = ledger.rows()
    current: Policy | None = None
    changes = [row for row in rows if row.kind == "policy"]
    bound = {row.body.get("policy") for row in rows if row.kind == "keys"}
    if bound and now.sha256 not in bound and not changes:
        raise BlindingError(  # guard: policy-of-the-keys
            "refused: blinding/policy.toml is not the one that people signed and keys were made for: put that one back; "
            "`bdana blinding amend` changes it"
        )
    for row in changes:
        before, after = policy_of(row, "before"), policy_of(row, "after")
        if current is None:  # guard: first-policy-was-joined
            current = before
            joined = {r.person for r in rows[: rows.index(row)] if _joined(ledger, r, before)}
            if not before.people.keys() <= joined:
                raise BlindingError(f"refused: {row.name} changes a policy that not everybody had joined")
        if before.sha256 != current.sha256:  # guard: change-of-the-one-in-force
            continue  # somebody else's change came first
        signed = signers([r for r in changes if r.number <= row.number], before, after, ledger)
        if not missing_roles(signed, before):
            require_same_people([*(past.policy for past in former), before], after)  # guard: same-people
            former.append(Former(before, row.number))
            current = after
    if current is not None and current.sha256 != now.sha256:  # guard: policy-in-force
        raise BlindingError(
            "refused: blinding/policy.toml is not the policy in force, which `bdana blinding amend` changes: put the file "
            "there that the newest rows `policy` of the ledger were signed for"
        )
    return tuple(former)


def policy_of(row: Row, which: str) -> Policy:
    """Return a policy that a row `policy` holds, with its stages in the order in which they open.

    Parameters
    ----------
    row : Row
    which : str
        "before" or "after".

    Raises
    ------
    BlindingError
        When it holds none.
    """
    try:
        policy = Policy.model_validate(row.body[which])
    except (KeyError, ValidationError):  # guard: change-holds-policies
        raise BlindingError(f"refused: {row.name} holds no policy") from None
    # Canonical JSON sorts names; envelopes are nested, and the outermost opens first.
    stages = sorted(
        policy.stages.items(), key=lambda s: (-s[1].cda_tax_max_mm, s[1].z_tax_min_m - s[1].z_tax_max_m)
    )
    return policy.model_copy(update={"stages": dict(stages)})


def _joined(ledger: Ledger, row: Row, policy: Policy) -> bool:
    named = row.kind == "join" and row.body.get("policy") == policy.sha256
    return named and ledger.signed(row, policy.ssh_keys)


def signers(rows: Sequence[Row], before: Policy, after: Policy, ledger: Ledger | None = None) -> list[str]:
    """Return who signed a change of the policy.

    Parameters
    ----------
    rows : sequence of Row
    before, after : Policy
        The change.
    ledger : Ledger, optional
        With it, only rows count whose signature is good.
    """
    return [
        row.person
        for row in rows
        if row.kind == "policy"
        and policy_of(row, "before").sha256 == before.sha256
        and policy_of(row, "after").sha256 == after.sha256
        and (ledger is None or ledger.signed(row, before.ssh_keys))  # guard: change-is-signed
    ]


def missing_roles(signed: Sequence[str], policy: Policy) -> tuple[str, ...]:
    """Return the roles of a policy of which nobody has signed.

    Parameters
    ----------
    signed : sequence of str
        Who has signed.
    policy : Policy
    """
    roles = dict.fromkeys(person.role for person in policy.people.values())
    there = {policy.people[name].role for name in signed if name in policy.people}
    return tuple(role for role in roles if role not in there)  # guard: roles-that-lack


def require_same_people(earlier: Sequence[Policy], proposed: Policy) -> None:
    """Refuse a policy in which a person of an earlier one has another role or another name.

    Parameters
    ----------
    earlier : sequence of Policy
    proposed : Policy

    Raises
    ------
    BlindingError
        Naming the person.
    """
    for policy in earlier:
        names = {raw_key(person.ssh_key): name for name, person in policy.people.items()}
        for name, person in proposed.people.items():
            before = policy.people.get(name)
            if before is not None and before.role != person.role:  # guard: role-never-changes
                raise BlindingError(
                    f"refused: {name} was {before.role} and may hold shares of keys as such; a role never changes"
                )
            other = names.get(raw_key(person.ssh_key), name)
            if other != name:  # guard: key-keeps-its-name
                raise BlindingError(f"refused: the SSH key of {name} was that of {other}")
