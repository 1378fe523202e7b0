"""Shares of a period's keys: who holds them, and how they are released to an opener, handed over, and put together."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyrage

from bdana.blinding.canonical import sha256
from bdana.blinding.stage_keys import Share, combine, joined, period_keys, shares
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy, Stage

__all__ = ["KeyShares", "agreed_shares", "approvals", "consents", "ended", "withdrawn"]


def ended(ledger: Ledger, period: str, channel: str | None = None) -> list[Row]:
    """Return the rows `end` of the openings of a period, of one channel or of all.

    Parameters
    ----------
    ledger : Ledger
    period : str
    channel : str, optional
        By default all channels, which are opened with the same keys.
    """
    requests = ledger.by_hash("request")
    ends = [(row, requests[row.body["request"]].body) for row in ledger.of_kind("end")]
    return [row for row, asked in ends if asked["period"] == period and channel in {None, asked["channel"]}]


def withdrawn(ledger: Ledger) -> set[str]:
    """Return the hashes of requests and approvals that their own person took back.

    Parameters
    ----------
    ledger : Ledger
    """
    people = {digest: row.person for digest, row in ledger.by_hash("request", "approve").items()}
    return {
        taken
        for row in ledger.of_kind("withdraw")
        for taken in row.body["takes_back"]
        if people.get(taken) == row.person  # guard: own-withdrawal
    }


def approvals(ledger: Ledger, request: Row) -> list[Row]:
    """Return all approvals of a request: the request itself, which is that of its analyst, and the rows `approve`.

    Parameters
    ----------
    ledger : Ledger
    request : Row
    """
    return [request, *(row for row in ledger.of_kind("approve") if row.follows == request.hash)]


def consents(ledger: Ledger, request: Row) -> list[Row]:
    """Return the approvals of a request, as `approvals`, without those that were withdrawn.

    Parameters
    ----------
    ledger : Ledger
    request : Row
    """
    gone = withdrawn(ledger)
    return [row for row in approvals(ledger, request) if row.hash not in gone]  # guard: withdrawn-is-gone


def agreed_shares(
    shares: Sequence[Share], stage: Stage, opener: str, agreed: Sequence[Row]
) -> dict[Share, str]:
    """Choose a whole group of shares for every clause of a stage, of the opener's own and released ones.

    They stay encrypted to the opener: anybody can tell from the ledger whether an opening has its quorum.

    Parameters
    ----------
    shares : sequence of Share
        All of the stage.
    stage : Stage
    opener : str
    agreed : sequence of Row
        The request and its approvals.

    Raises
    ------
    BlindingError
        When a clause is not filled.
    """
    released = {row.person: {s["sha256"]: s["sealed"] for s in row.body["shares"]} for row in agreed}
    there = {share: share.sealed for share in shares if share.person == opener} | {
        share: released[share.person][share.sha256]
        for share in shares
        if share.sha256 in released.get(share.person, {})  # guard: share-of-its-owner
    }
    chosen: dict[Share, str] = {}
    for role, number in stage.approval.items():
        clause = [share for share in shares if share.role == role]
        groups = [  # guard: whole-groups
            [share for share in clause if share.group == group] for group in {s.group: 0 for s in clause}
        ]
        whole = next((group for group in groups if all(share in there for share in group)), None)
        if whole is None:
            people = {share.person for share in clause if share in there}
            raise BlindingError(  # guard: clause-is-filled
                f"refused: {agreed[0].body['stage']} needs {number} {role}, and {len(people)} agreed"
            )
        chosen |= {share: there[share] for share in whole}
    return chosen


@dataclass(frozen=True)
class KeyShares:
    """The shares of the keys of one data period.

    Attributes
    ----------
    ledger : Ledger
    policy : Policy
    period : str
    """

    ledger: Ledger
    policy: Policy
    period: str

    @property
    def keys(self) -> Row:
        """The row `keys` of the period."""
        return period_keys(self.ledger, self.policy, self.period)

    def shares(self, stage: str) -> list[Share]:
        """Return all shares of a stage, with those that were handed over to newcomers.

        Parameters
        ----------
        stage : str
        """
        return shares(self.keys, stage, self.ledger.of_kind("handover"))

    def release(
        self, person: str, identity: pyrage.x25519.Identity, stage: str, opener: str
    ) -> list[dict[str, str]]:
        """Encrypt somebody's shares of a stage to the opener alone, for a request or an approval.

        Parameters
        ----------
        person, identity
            Who releases the shares, and the age identity that they are encrypted to.
        stage, opener : str

        Raises
        ------
        BlindingError
            When the person holds none, or the identity does not open them.
        """
        recipient = joined(self.ledger, self.policy)[opener]
        own = self._own(person, identity, stage)
        return [
            {"sha256": share.sha256, "sealed": _sealed(content, recipient)} for share, content in own.items()
        ]

    def hand_over(self, person: str, key: Path, identity: pyrage.x25519.Identity, to: str) -> Row:
        """Hand over somebody's shares of all stages to a newcomer of the same role.

        With them go the shares that opened stages have in the keys of the next.

        Parameters
        ----------
        person, key, identity
            The holder, the path of the SSH key, and the age identity.
        to : str
            The newcomer.

        Raises
        ------
        BlindingError
            When the newcomer has another role, has not joined, or holds a share already.
        """
        role, other = self.policy.role(person), self.policy.role(to)
        if role != other:  # guard: same-role
            raise BlindingError(f"refused: {person} is {role} and {to} {other}; shares stay with their role")
        recipients = joined(self.ledger, self.policy)
        if to not in recipients:  # guard: newcomer-has-joined
            raise BlindingError(f"refused: {to} has not joined; `bdana blinding join` does it")
        holders = {stage: {share.person for share in self.shares(stage)} for stage in self.policy.stages}
        if any(to in people for people in holders.values()):  # guard: one-share-each
            raise BlindingError(
                f"refused: {to} holds a share already, and would be two people of a quorum with a second"
            )
        stages = [stage for stage, people in holders.items() if person in people]
        if not stages:  # guard: has-shares-to-give
            raise BlindingError(f"refused: {person} holds no share of a key of period {self.period}")
        given: dict[str, str] = {}
        links: dict[str, str] = {}
        for stage in stages:
            own = self._own(person, identity, stage)
            given |= {share.sha256: _sealed(content, recipients[to]) for share, content in own.items()}
            for before in self._from_stage_before(stage, identity):
                links[stage] = _sealed(before, recipients[to])
        body = {"keys": self.keys.hash, "to": to, "shares": given, "links": links}
        return self.ledger.append("handover", person, key, body)

    def held(self, opener: str, request: Row) -> dict[Share, str]:
        """Return the shares that a request can be opened with, encrypted: `agreed_shares` of what was not withdrawn.

        Parameters
        ----------
        opener : str
        request : Row

        Raises
        ------
        BlindingError
            When the request was withdrawn or a clause is not filled.
        """
        agreed = consents(self.ledger, request)
        if request not in agreed:  # guard: request-stands
            raise BlindingError(f"refused: {request.person} withdrew the request")
        stage = request.body["stage"]
        return agreed_shares(self.shares(stage), self.policy.stages[stage], opener, agreed)

    def require(self, opener: str, identity: pyrage.x25519.Identity, request: Row) -> None:
        """Check the shares that a request can be opened with, one by one, without putting the key together.

        Parameters
        ----------
        opener, identity, request
            As for `secret`.

        Raises
        ------
        BlindingError
            When a clause of the stage is not filled, a share is wrong, or the stage before is missing.
        """
        stage = request.body["stage"]
        for share, sealed in self.held(opener, request).items():
            self._decrypted(share, sealed, opener, identity)
        if self.policy.previous(stage) is not None and not self._from_stage_before(stage, identity):
            raise BlindingError(f"refused: the key of {stage} is not complete: the stage before is missing")

    def secret(self, opener: str, identity: pyrage.x25519.Identity, request: Row) -> bytes:
        """Put the key of a stage together from the opener's own shares and those that were released.

        Parameters
        ----------
        opener, identity
            The opener, and the age identity that the shares are encrypted to.
        request : Row

        Raises
        ------
        BlindingError
            When the shares do not make the key of the stage, or as `require` does.
        """
        stage = request.body["stage"]
        held = self.held(opener, request)
        secret = combine(
            [
                *(self._decrypted(share, sealed, opener, identity) for share, sealed in held.items()),
                *self._from_stage_before(stage, identity),
            ]
        )
        if not _makes(secret, self.keys.body["stages"][stage]["public"]):  # guard: shares-make-the-key
            raise BlindingError(f"refused: the key of {stage} is not complete: these shares do not make it")
        return secret

    def _own(self, person: str, identity: pyrage.x25519.Identity, stage: str) -> dict[Share, bytes]:
        """Decrypt somebody's shares of a stage."""
        mine = [share for share in self.shares(stage) if share.person == person]
        if not mine:  # guard: approver-has-a-share
            raise BlindingError(f"refused: {person} holds no share of the key of {stage}")
        return {share: self._decrypted(share, share.sealed, person, identity) for share in mine}

    def _decrypted(self, share: Share, sealed: str, person: str, identity: pyrage.x25519.Identity) -> bytes:
        """Decrypt a share that is encrypted to a person, and check that it is the one of the ledger."""
        try:
            content: bytes = pyrage.decrypt(base64.b64decode(sealed), [identity])
        except pyrage.DecryptError:  # guard: own-identity
            raise BlindingError(
                f"refused: this age identity is not the one that {person} joined with, or the share of {share.person} is "
                "encrypted to somebody else"
            ) from None
        if sha256(content) != share.sha256:  # guard: share-of-the-ledger
            raise BlindingError(f"refused: the share of {share.person} is wrong; ask for it again")
        return content

    def _from_stage_before(self, stage: str, identity: pyrage.x25519.Identity) -> list[bytes]:
        """Return the share that the stage before has in the key of a stage, in a list; an empty one without it.

        It is in the row `end` of that stage's opening, or was handed over with other shares.
        """
        before = self.policy.previous(stage)
        ends = [row for row in ended(self.ledger, self.period) if row.body["stage"] == before]
        keys = self.keys.hash
        handed = [row.body["links"] for row in self.ledger.of_kind("handover") if row.body["keys"] == keys]
        for text in [*(row.body["link"] for row in ends[-1:]), *(ls[stage] for ls in handed if stage in ls)]:
            try:
                return [pyrage.decrypt(base64.b64decode(text), [identity])]
            except pyrage.DecryptError:
                continue  # to somebody else
        return []


def _sealed(content: bytes, recipient: str) -> str:
    return base64.b64encode(pyrage.encrypt(content, [pyrage.x25519.Recipient.from_str(recipient)])).decode()


def _makes(secret: bytes, public: str) -> bool:
    """Tell whether bytes are the private key of a public age key."""
    try:
        return str(pyrage.x25519.Identity.from_str(secret.decode("ascii")).to_public()) == public
    except (UnicodeDecodeError, pyrage.IdentityError):
        return False
