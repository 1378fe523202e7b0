"""Shares of a period's keys: how they are released to an opener, handed over, and put together."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyrage

from bdana.blinding.canonical import sha256
from bdana.blinding.identity import encrypted
from bdana.blinding.record import Record, Share, agreed_shares, combine
from bdana.blinding.rules import append
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = ["KeyShares"]


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
    def record(self) -> Record:
        """What the ledger says."""
        return Record(self.ledger.rows(), self.policy)

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
            When the identity does not open them.
        """
        recipient = self.record.joined()[opener]
        return [
            {
                "sha256": share.sha256,
                "sealed": encrypted(self._decrypted(share, share.sealed, person, identity), recipient),
            }
            for share in self.record.shares(self.period, stage, person)
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
            When a rule for rows `handover` does not allow it, such as to another role, or to a holder.
        """

        def body(record: Record) -> Mapping[str, object]:
            given: dict[str, str] = {}
            links: dict[str, str] = {}
            keys, recipient = record.keys(self.period), record.joined().get(to, "")
            for stage in self.policy.stages if recipient else ():
                own = self.release(person, identity, stage, to)
                given |= {share["sha256"]: share["sealed"] for share in own}
                for before in self._from_stage_before(stage, identity) if own else ():
                    links[stage] = encrypted(before, recipient)
            return {"keys": keys.hash if keys else "", "to": to, "shares": given, "links": links}

        return append(self.ledger, self.policy, "handover", person, key, body)

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
        self._parts(opener, identity, request)
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
        stage, keys = request.body["stage"], self.record.keys(self.period)
        secret = combine(self._parts(opener, identity, request))
        public = keys.body["stages"][stage]["public"] if keys else ""
        if not _makes(secret, public):  # guard: shares-make-the-key
            raise BlindingError(f"refused: the key of {stage} is not complete: these shares do not make it")
        return secret

    def _parts(self, opener: str, identity: pyrage.x25519.Identity, request: Row) -> list[bytes]:
        """Return what the key is put together from: of every clause the shares that were not withdrawn, and the stage before."""
        record, stage = self.record, request.body["stage"]
        there = record.shares(self.period, stage)
        held = agreed_shares(there, stage, self.policy.stages[stage], opener, record.consents(request))
        own = [self._decrypted(share, sealed, opener, identity) for share, sealed in held.items()]
        return own + self._from_stage_before(stage, identity)

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
        record, before = self.record, self.policy.previous(stage)
        ends = [row for row, _ in record.openings("end", self.period) if row.body["stage"] == before]
        keys = record.keys(self.period)
        handed = [
            row.body["links"] for row in record.of_kind("handover") if keys and row.body["keys"] == keys.hash
        ]
        for text in [*(row.body["link"] for row in ends[-1:]), *(ls[stage] for ls in handed if stage in ls)]:
            try:
                return [pyrage.decrypt(base64.b64decode(text), [identity])]
            except pyrage.DecryptError:
                continue  # to somebody else
        return []


def _makes(secret: bytes, public: str) -> bool:
    """Tell whether bytes are the private key of a public age key."""
    try:
        return str(pyrage.x25519.Identity.from_str(secret.decode("ascii")).to_public()) == public
    except (UnicodeDecodeError, pyrage.IdentityError):
        return False
