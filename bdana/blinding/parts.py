"""The parts of a period's keys: who holds them, and how they are released to an opener, handed on, and put together."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyrage

from bdana.blinding.canonical import sha256
from bdana.blinding.keys import Share, combine, joined, period_keys, shares
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = ["Parts", "consents", "ended", "withdrawn"]


def ended(ledger: Ledger, period: str, channel: str | None = None) -> list[Row]:
    """Return the openings of a period that ended; of one channel, or of all, which share the keys."""
    requests = {row.hash: row.body for row in ledger.of_kind("request")}
    return [
        row
        for row in ledger.of_kind("end")
        if requests[row.body["request"]]["period"] == period
        and channel in {None, requests[row.body["request"]]["channel"]}
    ]


def withdrawn(ledger: Ledger) -> set[str]:
    """Return the hashes of requests and approvals that their own person took back."""
    people = {row.hash: row.person for row in ledger.of_kind("request", "approve")}
    return {
        taken
        for row in ledger.of_kind("withdraw")
        for taken in row.body["takes_back"]
        if people.get(taken) == row.person
    }


def consents(ledger: Ledger, request: Row) -> list[Row]:
    """Return a request and its approvals, without what was withdrawn."""
    gone = withdrawn(ledger)
    approvals = [row for row in ledger.of_kind("approve") if row.follows == request.hash]
    return [row for row in (request, *approvals) if row.hash not in gone]


@dataclass(frozen=True)
class Parts:
    """The parts of the keys of one data period.

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
        """The row with the keys."""
        return period_keys(self.ledger, self.policy, self.period)

    def shares(self, stage: str) -> list[Share]:
        """Return all shares of a stage, those that were handed to newcomers too."""
        return shares(self.keys, stage, self.ledger.of_kind("handover"))

    def release(
        self, person: str, identity: pyrage.x25519.Identity, stage: str, opener: str
    ) -> list[dict[str, str]]:
        """Encrypt somebody's shares of a stage to the opener alone.

        Raises
        ------
        BlindingError
            When the person holds none, or the identity does not open them.
        """
        recipient = joined(self.ledger, self.policy)[opener]
        own = self._own(person, identity, stage)
        return [{"sha256": share.sha256, "sealed": _sealed(piece, recipient)} for share, piece in own.items()]

    def hand_over(self, person: str, key: Path, identity: pyrage.x25519.Identity, to: str) -> Row:
        """Give a newcomer of the same role the own shares of all stages, and what opened stages contribute to the next.

        Raises
        ------
        BlindingError
            When the newcomer has another role, has not joined, or holds a part already.
        """
        role, other = self.policy.role(person), self.policy.role(to)
        if role != other:
            raise BlindingError(f"refused: {person} is {role} and {to} {other}; parts stay with their role")
        recipients = joined(self.ledger, self.policy)
        if to not in recipients:
            raise BlindingError(f"refused: {to} has not joined; `bdana blinding join` does it")
        holders = {stage: {share.person for share in self.shares(stage)} for stage in self.policy.stages}
        if any(to in people for people in holders.values()):
            raise BlindingError(
                f"refused: {to} holds a part already, and would be two people of a quorum with a second"
            )
        stages = [stage for stage, people in holders.items() if person in people]
        if not stages:
            raise BlindingError(f"refused: {person} holds no part of a key of period {self.period}")
        given: dict[str, str] = {}
        links: dict[str, str] = {}
        for stage in stages:
            own = self._own(person, identity, stage)
            given |= {share.sha256: _sealed(piece, recipients[to]) for share, piece in own.items()}
            for link in self._link(stage, identity):
                links[stage] = _sealed(link, recipients[to])
        body = {"keys": self.keys.hash, "to": to, "shares": given, "links": links}
        return self.ledger.append("handover", person, key, body)

    def secret(self, opener: str, identity: pyrage.x25519.Identity, request: Row) -> bytes:
        """Put a stage's secret together from the opener's own shares and those that were released.

        Raises
        ------
        BlindingError
            When a clause of the stage is not filled, a part is wrong, or the stage before is missing.
        """
        stage = request.body["stage"]
        pieces = self._own(opener, identity, stage) | self._released(identity, request)
        expected = self.shares(stage)
        parts = []
        for role, number in self.policy.stages[stage].approval.items():
            groups = {share.group for share in pieces if share.role == role}
            whole = [
                g for g in groups if all(s in pieces for s in expected if (s.role, s.group) == (role, g))
            ]
            if not whole:
                people = {share.person for share in pieces if share.role == role}
                raise BlindingError(f"refused: {stage} needs {number} {role}, and {len(people)} agreed")
            parts.append(
                combine(
                    piece for share, piece in pieces.items() if (share.role, share.group) == (role, whole[0])
                )
            )
        secret = combine([*parts, *self._link(stage, identity)])
        if not _makes(secret, self.keys.body["stages"][stage]["public"]):
            raise BlindingError(
                f"refused: the key of {stage} is not complete: parts or the stage before are missing"
            )
        return secret

    def _own(self, person: str, identity: pyrage.x25519.Identity, stage: str) -> dict[Share, bytes]:
        """Decrypt somebody's shares of a stage."""
        mine = [share for share in self.shares(stage) if share.person == person]
        if not mine:
            raise BlindingError(f"refused: {person} holds no part of the key of {stage}")
        try:
            pieces = {share: pyrage.decrypt(base64.b64decode(share.sealed), [identity]) for share in mine}
        except pyrage.DecryptError:
            raise BlindingError(
                f"refused: this age identity is not the one that {person} joined with"
            ) from None
        for share, piece in pieces.items():
            if sha256(piece) != share.sha256:
                raise BlindingError(f"refused: the part of {stage} that {person} was handed is wrong")
        return pieces

    def _released(self, identity: pyrage.x25519.Identity, request: Row) -> dict[Share, bytes]:
        """Decrypt what the request and its approvals released, without those that were withdrawn."""
        agreed = consents(self.ledger, request)
        if request not in agreed:
            raise BlindingError(f"refused: {request.person} withdrew the request")
        expected, pieces = self.shares(request.body["stage"]), {}
        for row in agreed:
            released = {item["sha256"]: item["sealed"] for item in row.body["shares"]}
            for share in expected:
                if share.person == row.person and share.sha256 in released:
                    pieces[share] = pyrage.decrypt(base64.b64decode(released[share.sha256]), [identity])
                    if sha256(pieces[share]) != share.sha256:
                        raise BlindingError(f"refused: the part of {row.person} is wrong; ask for it again")
        return pieces

    def _link(self, stage: str, identity: pyrage.x25519.Identity) -> list[bytes]:
        """Return what the stage before contributes, if anything: of the end of its opening, or handed over with parts."""
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
    """Tell whether a secret is the one behind a public age key."""
    try:
        return str(pyrage.x25519.Identity.from_str(secret.decode("ascii")).to_public()) == public
    except (UnicodeDecodeError, pyrage.IdentityError):
        return False
