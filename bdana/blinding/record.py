"""What the rows of a ledger say: who has joined, who holds which shares, what was asked for, withdrawn and opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from bdana.blinding.ledger import by_hash
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bdana.blinding.ledger import Kind, Row
    from bdana.blinding.policy import Policy, Stage

__all__ = ["Record", "Share", "agreed_shares", "combine", "shares"]


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


def shares(keys: Row, stage: str, handed: Iterable[Row] = ()) -> list[Share]:
    """Return all shares of a stage.

    Parameters
    ----------
    keys : Row
        The keys of the period.
    stage : str
    handed : iterable of Row
        Rows `handover`, oldest first: each holder's shares that now have another holder too.

    Raises
    ------
    BlindingError
        When a row hands shares to somebody who has some, and would be two people of a quorum.
    """
    made = keys.body["stages"][stage]["shares"]
    found = [Share(**(share | {"group": tuple(share["group"])})) for share in made]
    for row in (row for row in handed if row.body["keys"] == keys.hash):
        giver, to = row.person, row.body["to"]
        if any(share.person == to for share in found):  # guard: one-person-of-a-quorum
            raise BlindingError(f"{row.name} hands shares of {stage} to {to}, who holds one already")
        for share in [share for share in found if giver in share.group]:
            group = tuple(to if name == giver else name for name in share.group)
            if share.person != giver:
                found.append(replace(share, group=group))
            elif share.sha256 in row.body["shares"]:
                sealed = row.body["shares"][share.sha256]
                found.append(replace(share, group=group, person=to, sealed=sealed))
    return found


def agreed_shares(
    there: Sequence[Share], name: str, stage: Stage, opener: str, agreed: Sequence[Row]
) -> dict[Share, str]:
    """Choose a whole group of shares for every clause of a stage, of the opener's own and released ones.

    They stay encrypted to the opener: anybody can tell from the ledger whether an opening has its quorum.

    Parameters
    ----------
    there : sequence of Share
        All of the stage.
    name, stage : str, Stage
    opener : str
    agreed : sequence of Row
        The request and its approvals.

    Raises
    ------
    BlindingError
        When a clause is not filled.
    """
    released = {row.person: {s["sha256"]: s["sealed"] for s in row.body["shares"]} for row in agreed}
    given = {share: share.sealed for share in there if share.person == opener} | {
        share: released[share.person][share.sha256]
        for share in there
        if share.sha256 in released.get(share.person, {})  # guard: share-of-its-owner
    }
    chosen: dict[Share, str] = {}
    for role, number in stage.approval.items():
        clause = [share for share in there if share.role == role]
        groups = [  # guard: whole-groups
            [share for share in clause if share.group == group] for group in {s.group: 0 for s in clause}
        ]
        whole = next((group for group in groups if all(share in given for share in group)), None)
        if whole is None:
            people = {share.person for share in clause if share in given}
            raise BlindingError(  # guard: clause-is-filled
                f"{name} needs {number} {role}, and {len(people)} agreed"
            )
        chosen |= {share: given[share] for share in whole}
    return chosen


def combine(shares: Iterable[bytes]) -> bytes:
    """Return the XOR of byte strings of one length: a key from its shares.

    Parameters
    ----------
    shares : iterable of bytes

    Examples
    --------
    >>> key, analyst, before = b"the key of SR", b"random bytes!", b"of CR's key.."
    >>> reviewer = combine([key, analyst, before])
    >>> combine([analyst, reviewer, before])
    b'the key of SR'
    """
    return reduce(lambda a, b: bytes(x ^ y for x, y in zip(a, b, strict=True)), shares)


@dataclass(frozen=True)
class Record:
    """The rows of a ledger up to some row, under the policy in force there.

    Attributes
    ----------
    rows : sequence of Row
    policy : Policy
        With those that were in force before.
    """

    rows: Sequence[Row]
    policy: Policy

    def of_kind(self, *kinds: Kind) -> list[Row]:
        """Return the rows of some kinds, oldest first.

        Parameters
        ----------
        *kinds : str
        """
        return [row for row in self.rows if row.kind in kinds]

    def find(self, kind: Kind, digest: Any) -> Row | None:
        """Return the row of a kind with a hash; None where there is none.

        Parameters
        ----------
        kind : str
        digest : str
        """
        return next((row for row in self.rows if (row.kind, row.hash) == (kind, digest)), None)

    def has(self, kind: Kind, **said: Any) -> bool:
        """Tell whether a row of a kind says something, such as `has("end", request=HASH)`.

        Parameters
        ----------
        kind : str
        **said
            Fields of its body, with their values.
        """
        return any(all(row.body[name] == value for name, value in said.items()) for row in self.of_kind(kind))

    @property
    def freeze(self) -> Row | None:
        """The newest freeze."""
        return next(reversed(self.of_kind("freeze")), None)

    def failures(self, freeze: Row | None) -> list[str]:
        """Return the stages that were opened with a freeze and did not agree with its prediction.

        Parameters
        ----------
        freeze : Row, optional
        """
        asked = by_hash(self.rows, "request")
        return [
            row.body["stage"]
            for row in self.of_kind("end")
            # Of the outputs, since a process may die before it writes the row `verdict`.
            if row.body["outputs"].get("verdict", {}).get("agrees") is False  # guard: failed-by-end
            and freeze is not None
            and asked[row.body["request"]].body["freeze"] == freeze.hash
        ]

    def unfinished(self) -> list[Row]:
        """Return the rows `begin` of openings that have neither ended nor been abandoned, oldest first."""
        done = {row.body["request"] for row in self.of_kind("end", "abandon")}
        return [row for row in self.of_kind("begin") if row.body["request"] not in done]

    def abandoned(self) -> list[Row]:
        """Return the rows `abandon` since the newest freeze, oldest first."""
        last = max((i for i, row in enumerate(self.rows) if row.kind == "freeze"), default=0)
        return [row for row in self.rows[last:] if row.kind == "abandon"]

    def joined(self) -> dict[str, str]:  # guard: joined-with-this-key
        """Return the age recipient of everybody who signed this policy, or a former one with the same SSH key."""
        policies = {p.sha256: p for p in (*(past.policy for past in self.policy.former), self.policy)}
        found = {}
        for row in self.of_kind("join"):
            then = policies[row.body["policy"]].people if row.body["policy"] in policies else {}
            now = self.policy.people.get(row.person)
            if now is not None and row.person in then and then[row.person].ssh_key == now.ssh_key:
                found[row.person] = str(row.body["recipient"])
        return found

    def keys(self, period: str) -> Row | None:  # guard: keys-of-the-period
        """Return the row with the keys of a period, the newest where they were made again; None without keys.

        Parameters
        ----------
        period : str
        """
        alike = self.policy.alike
        made = [
            row
            for row in self.of_kind("keys")
            if row.body["period"] == period and row.body["policy"] in alike
        ]
        return made[-1] if made else None  # guard: newest-keys

    def shares(self, period: str, stage: str, person: str | None = None) -> list[Share]:
        """Return the shares of a stage, with those that were handed over to newcomers; none without keys.

        Parameters
        ----------
        period, stage : str
        person : str, optional
            Whose shares; by default everybody's.
        """
        keys = self.keys(period)
        if keys is None or stage not in keys.body["stages"]:
            return []
        there = shares(keys, stage, self.of_kind("handover"))
        return [share for share in there if person in {None, share.person}]

    def withdrawn(self) -> set[str]:
        """Return the hashes of requests and approvals that their own person took back."""
        people = {digest: row.person for digest, row in by_hash(self.rows, "request", "approve").items()}
        return {
            taken
            for row in self.of_kind("withdraw")
            for taken in row.body["takes_back"]
            if people.get(taken) == row.person  # guard: own-withdrawal
        }

    def approvals(self, request: Row) -> list[Row]:
        """Return the request, which is its analyst's approval, and all its approvals.

        Parameters
        ----------
        request : Row
        """
        return [request, *(row for row in self.of_kind("approve") if row.follows == request.hash)]

    def consents(self, request: Row) -> list[Row]:
        """Return the approvals of a request without those that were withdrawn.

        Parameters
        ----------
        request : Row
        """
        gone = self.withdrawn()
        return [row for row in self.approvals(request) if row.hash not in gone]  # guard: withdrawn-is-gone

    def requests(self, period: str, freeze: Row | None) -> list[Row]:
        """Return the requests of a freeze in a period that nobody withdrew, oldest first.

        Parameters
        ----------
        period : str
        freeze : Row, optional
        """
        gone, wanted = self.withdrawn(), (period, freeze.hash if freeze else None)
        rows = [row for row in self.of_kind("request") if (row.body["period"], row.body["freeze"]) == wanted]
        return [row for row in rows if row.hash not in gone]

    def openings(self, kind: Kind, period: str, channel: str | None = None) -> list[tuple[Row, Row]]:
        """Return the rows `begin`, or `end`, of a period, of one channel or all, each with its request.

        Parameters
        ----------
        kind : str
        period : str
        channel : str, optional
            By default all channels, which are opened with the same keys.
        """
        asked = by_hash(self.rows, "request")
        found = [(row, asked[row.body["request"]]) for row in self.of_kind(kind)]
        return [
            (row, request)
            for row, request in found
            if request.body["period"] == period and channel in {None, request.body["channel"]}
        ]
