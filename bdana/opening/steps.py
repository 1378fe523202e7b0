"""Opening a stage: request, approve, withdraw, open. Nobody opens alone, and every step is a row of the ledger."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyrage

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.key_shares import KeyShares, consents, ended, withdrawn
from bdana.blinding.ledger import head
from bdana.blinding.rules import require_sound
from bdana.blinding.stage_keys import joined, next_stage_share
from bdana.errors import BlindingError
from bdana.sealing.sealed_file import decrypt_file, events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import awkward as ak

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = ["Decrypted", "Opening", "stage_states"]


@dataclass(frozen=True)
class Decrypted:
    """The events of a stage as they were sealed, and the link to the next stage.

    Attributes
    ----------
    link : str
        What the opening of the next stage needs of this one, encrypted to those who may hold shares of it.
    contents : mapping of str to bytes
        Decrypted content of each sealed file by its name; empty without an event.
    """

    link: str
    contents: Mapping[str, bytes]


@dataclass(frozen=True)
class Opening:
    """The steps to an opening in one data period: who may take them, and the rows that they write.

    Attributes
    ----------
    ledger : Ledger
    policy : Policy
    period : str
    """

    ledger: Ledger
    policy: Policy
    period: str

    def request(
        self, person: str, key: Path, identity: pyrage.x25519.Identity, stage: str, channel: str, opener: str
    ) -> Row:
        """Ask for a stage to be opened: write a request, which is also the approval of its analyst.

        Parameters
        ----------
        person, key, identity
            The analyst, the path of the SSH key, and the age identity.
        stage, channel, opener : str
            What is opened, with which selection, and by whom.

        Raises
        ------
        BlindingError
            When the person is no analyst, the opener may not open, there is no rehearsed freeze, or it is not the stage's
            turn: the stage before must be open, or for a control region be asked for; or the same was asked already.
        """
        frozen = self.may_request(person, stage, channel, opener)
        body = {
            "freeze": frozen.hash,
            "stage": stage,
            "channel": channel,
            "opener": opener,
            "period": self.period,
            "shares": self._shares.release(person, identity, stage, opener),
        }
        # The head as it is when the row is written: somebody else may have been faster.
        return self.ledger.append("request", person, key, lambda rows: body | {"head": head(rows)})

    def may_request(  # guard: freeze-was-rehearsed
        self, person: str, stage: str, channel: str, opener: str, *, after: Sequence[str] = ()
    ) -> Row:
        """Return the freeze that a request would name, or refuse the request as far as the ledger tells.

        Parameters
        ----------
        person, stage, channel, opener
            As for `request`.
        after : sequence of str
            Stages that are requested just before.

        Raises
        ------
        BlindingError
            As `request`, which is left with what needs the person's identity.
        """
        frozen = self.newest_freeze()
        if self.policy.role(person) != "analyst":  # guard: analyst-requests
            raise BlindingError(
                f"refused: an analyst requests an opening, and {person} is {self.policy.role(person)}"
            )
        if not any(row.body["freeze"] == frozen.hash for row in self.ledger.of_kind("rehearse")):
            raise BlindingError("refused: this freeze was not rehearsed; `bdana blinding rehearse` does it")
        self._require_data(frozen)
        self._require_opener(opener, stage, frozen)
        self._require_channel(channel, frozen)
        self._require_turn(stage, channel, frozen, asking=True, after=after)
        for row in self.requests(stage):
            if row.body["channel"] == channel and row.body["opener"] == opener:
                raise BlindingError(
                    f"refused: {row.person} asked for {stage} already, {row.name}; `bdana blinding withdraw` takes that back"
                )
        return frozen

    def may_open(self, person: str, request: Row) -> None:
        """Refuse to open a request when the ledger already tells that it cannot be opened.

        Parameters
        ----------
        person : str
        request : Row

        Raises
        ------
        BlindingError
            As `open`, before the row `begin`.
        """
        self._require_valid(request, asking=True)
        if person != request.body["opener"]:  # guard: named-opener-opens
            raise BlindingError(
                f"refused: the opener of this request is {request.body['opener']}, not {person}"
            )
        self._shares.held(person, request)

    def approve(self, person: str, key: Path, identity: pyrage.x25519.Identity, request: Row) -> Row:
        """Approve a request: sign its hash and release the own shares to the opener alone.

        Parameters
        ----------
        person, key, identity
            Who approves, the path of the SSH key, and the age identity.
        request : Row

        Raises
        ------
        BlindingError
            When the request is not valid any more, or the person is its opener or analyst, or has approved it.
        """
        self._require_valid(request, asking=True)
        if any(row.body["request"] == request.hash for row in self._ends()):
            raise BlindingError(f"refused: {request.body['stage']} was opened with this request already")
        if person in {request.person, request.body["opener"]}:  # guard: nobody-agrees-twice
            raise BlindingError(
                f"refused: {person} requested this opening or is its opener, which is consent enough"
            )
        if any(row.person == person for row in consents(self.ledger, request)):  # guard: approves-once
            raise BlindingError(f"refused: {person} has approved this request already")
        released = self._shares.release(person, identity, request.body["stage"], request.body["opener"])
        return self.ledger.append("approve", person, key, {"shares": released}, request)

    def withdraw(self, person: str, key: Path, request: Row, reason: str) -> Row:
        """Take back the own approval or request, which is possible until the opening began.

        Parameters
        ----------
        person, key, request
            As for `approve`.
        reason : str

        Raises
        ------
        BlindingError
            When the opening began, or the person has nothing to take back.
        """
        if any(row.body["request"] == request.hash for row in self.ledger.of_kind("begin")):  # guard: begun
            raise BlindingError("refused: the opening began already, which cannot be taken back")
        own = [row.hash for row in consents(self.ledger, request) if row.person == person]
        if not own:  # guard: takes-back-own
            raise BlindingError(f"refused: {person} has neither requested nor approved this opening")
        return self.ledger.append("withdraw", person, key, {"reason": reason, "takes_back": own}, request)

    def open(
        self,
        person: str,
        key: Path,
        identity: pyrage.x25519.Identity,
        request: Row,
        sealed: Sequence[Path],
        show: Callable[[list[ak.Array]], Mapping[str, Any]],
    ) -> Row:
        """Open a stage: put its key together, decrypt its events, and write down what the frozen selection finds.

        Parameters
        ----------
        person, key, identity
            The opener, with SSH key and age identity.
        request : Row
        sealed : sequence of Path
            The stage's sealed files, those that the freeze names.
        show : callable
            The frozen selection: gets the stage's events, returns the declared outputs with the verdict.

        Returns
        -------
        Row
            The row `end` with the outputs.

        Raises
        ------
        BlindingError
            As `decrypt`, and when the selection fails.
        """
        decrypted = self.decrypt(person, key, identity, request, sealed)
        return self.end(person, key, request, decrypted.link, show(events_of(decrypted.contents)))

    def decrypt(
        self,
        person: str,
        key: Path,
        identity: pyrage.x25519.Identity,
        request: Row,
        sealed: Sequence[Path],
    ) -> Decrypted:
        """Write down that an opening begins, put its key together, and decrypt the stage's events.

        Parameters
        ----------
        person, key, identity, request, sealed
            As for `open`.

        Raises
        ------
        BlindingError
            When anything is missing, before the row `begin`; after it, when the shares do not make the key.
        """
        self.may_open(person, request)
        self._require_valid(request)
        stage = request.body["stage"]
        frozen = self.newest_freeze().body["frozen"]["sealed"]
        contents = {path.name: path.read_bytes() for path in sealed}
        asked = frozen.get(self.period, {}).get(stage, {})
        if {name: sha256(content) for name, content in contents.items()} != asked:  # guard: frozen-files
            raise BlindingError(f"refused: the sealed files of {stage} are not those that were frozen")
        self._shares.require(person, identity, request)  # guard: shares-before-begin
        begun = [row for row in self.ledger.of_kind("begin") if row.body["request"] == request.hash]
        if not begun:  # guard: begins-once
            self.ledger.append("begin", person, key, {"request": request.hash, "stage": stage})
        # Only now, so that the row `begin` is there before the key is in memory.
        secret = self._shares.secret(person, identity, request)
        text = secret.decode("ascii", errors="replace")  # guard: no-key-opens-no-file
        recipients = joined(self.ledger, self.policy)
        # A newcomer who has not joined gets it with the shares that are handed over.
        possible = [name for name in recipients if self.policy.role(name) != "analyst"]
        onward = pyrage.encrypt(
            next_stage_share(secret),
            [pyrage.x25519.Recipient.from_str(recipients[name]) for name in possible],
        )
        return Decrypted(
            base64.b64encode(onward).decode(),
            {name: decrypt_file(content, text, name) for name, content in contents.items()},
        )

    def end(self, person: str, key: Path, request: Row, link: str, outputs: Mapping[str, Any]) -> Row:
        """Write down what the frozen selection found in an opened stage, and the verdict on it.

        Parameters
        ----------
        person, key, request
            As for `open`.
        link : str
            What the opening of the next stage needs of this one, encrypted.
        outputs : mapping
            The declared outputs with the verdict.

        Raises
        ------
        BlindingError
            When this opening ended before with other outputs.
        """
        stage = request.body["stage"]
        done = [row for row in self._ends() if row.body["request"] == request.hash]
        if done:  # guard: one-end
            if canonical(done[-1].body["outputs"]) != canonical(dict(outputs)):  # guard: same-outputs
                raise BlindingError(
                    "refused: this opening was run before and gave other outputs; the ledger keeps those"
                )
            end = done[-1]
        else:
            body = {"request": request.hash, "stage": stage, "outputs": dict(outputs), "link": link}
            end = self.ledger.append("end", person, key, body)
        if "verdict" in outputs and not any(  # guard: one-verdict
            row.body["end"] == end.hash for row in self.ledger.of_kind("verdict")
        ):
            self.ledger.append(
                "verdict", person, key, {"end": end.hash, "stage": stage} | dict(outputs["verdict"])
            )
        return end

    def requests(self, stage: str | None = None) -> list[Row]:
        """Return the requests of the newest freeze that nobody withdrew, oldest first; of one stage, or of all.

        Parameters
        ----------
        stage : str, optional
        """
        pending = self._pending([self.newest_freeze()])
        return [row for row in pending if stage in {None, row.body["stage"]}]

    def asked(self) -> set[str]:
        """Return the stages that are requested with the newest freeze, which may be out of date."""
        return {row.body["stage"] for row in self._pending(self.ledger.of_kind("freeze")[-1:])}

    def opened(self) -> list[str]:
        """Return the stages whose opening began in this period, ended or not."""
        requests = self.ledger.by_hash("request")
        rows = [requests[row.body["request"]] for row in self.ledger.of_kind("begin")]
        return list(dict.fromkeys(row.body["stage"] for row in rows if row.body["period"] == self.period))

    def newest_freeze(self) -> Row:
        """Return the newest freeze of a ledger that is signed throughout.

        Raises
        ------
        BlindingError
            When a row is not signed or not allowed, or nothing is frozen.
        """
        require_sound(self.ledger, self.policy)  # guard: sound-before-opening
        freezes = self.ledger.of_kind("freeze")
        if not freezes:  # guard: freeze-is-there
            raise BlindingError("refused: nothing is frozen; `bdana blinding freeze` does it")
        if any(freezes[-1].number <= past.last for past in self.policy.former):  # guard: freeze-of-policy
            raise BlindingError("refused: the policy changed after this freeze; freeze again")
        return freezes[-1]

    def _require_opener(self, opener: str, stage: str, frozen: Row) -> None:
        if stage not in self.policy.stages:  # guard: stage-of-the-policy
            raise BlindingError(
                f"refused: there is no stage {stage}; there are: {', '.join(self.policy.stages)}"
            )
        role = self.policy.role(opener)
        if role == "analyst" or role not in self.policy.stages[stage].approval:  # guard: role-may-open
            raise BlindingError(
                f"refused: {opener} is {role}; the opener is a reviewer or convenor with a share of {stage}"
            )
        if opener == frozen.person:  # guard: opener-is-not-author
            raise BlindingError(f"refused: {opener} is the author of the freeze and cannot open it")
        if opener not in joined(self.ledger, self.policy):
            raise BlindingError(f"refused: {opener} has not joined; `bdana blinding join` does it")
        if all(share.person != opener for share in self._shares.shares(stage)):  # guard: opener-has-a-share
            raise BlindingError(f"refused: {opener} holds no share of the key of {stage}")

    def _require_channel(self, channel: str, frozen: Row) -> None:
        declared = frozen.body["frozen"]["config"]["search"]["selection"]
        if channel != declared:  # guard: channel-as-frozen
            raise BlindingError(
                f"refused: the freeze is of the channel {declared}, not {channel}; freeze the analysis of {channel}"
            )

    def _require_data(self, frozen: Row) -> None:
        """Refuse data of another period than frozen, keys made again, and data changed or added after an opening."""
        there = frozen.body["frozen"]["sealed"]
        if self.period not in there:  # guard: period-as-frozen
            raise BlindingError(
                f"refused: the freeze is of data of period {', '.join(there)}, not {self.period}"
            )
        if self._shares.keys.number > frozen.number:  # guard: freeze-after-keys
            raise BlindingError(
                f"refused: the keys of period {self.period} were made after this freeze; seal the raw data again and freeze"
            )
        requests, freezes = self.ledger.by_hash("request"), self.ledger.by_hash("freeze")
        for row in self.ledger.of_kind("begin"):  # guard: opened-data-stay
            asked = requests[row.body["request"]].body
            before = freezes[asked["freeze"]].body["frozen"]["sealed"]
            if asked["period"] == self.period and before.get(self.period) != frozen.body["frozen"][
                "sealed"
            ].get(self.period):
                raise BlindingError(
                    f"refused: the sealed data of period {self.period} are not those that {asked['stage']} was opened with; "
                    "runs that are added after an opening need a period of their own in blinding/policy.toml"
                )

    def _require_turn(
        self, stage: str, channel: str, frozen: Row, *, asking: bool = False, after: Sequence[str] = ()
    ) -> None:
        before = self.policy.previous(stage)
        ends = self._ends(channel)
        done = {row.body["stage"] for row in ends}
        if asking and stage != list(self.policy.stages)[-1]:
            done |= {row.body["stage"] for row in self._pending([frozen])} | set(after)
        if before is not None and before not in done:  # guard: stage-in-its-turn
            raise BlindingError(f"refused: {stage} is opened after {before}, which is not open")
        for row in ends:
            # Of the outputs, since a process may die before it writes the row `verdict`.
            failed = row.body["outputs"].get("verdict", {}).get("agrees") is False  # guard: failed-by-end
            asked = self.ledger.by_hash("request")[row.body["request"]]
            if failed and row.body["stage"] != stage and asked.body["freeze"] == frozen.hash:
                raise BlindingError(  # guard: failure-stops
                    f"refused: {row.body['stage']} did not agree with its prediction; find out why, freeze and ask again"
                )

    def _pending(self, freezes: Sequence[Row]) -> list[Row]:
        """Return the requests of some freezes that nobody withdrew."""
        gone = withdrawn(self.ledger)
        return [
            row
            for row in self.ledger.of_kind("request")
            if row.body["freeze"] in {frozen.hash for frozen in freezes}
            and row.body["period"] == self.period
            and row.hash not in gone
        ]

    def _require_valid(self, request: Row, *, asking: bool = False) -> None:
        frozen = self.newest_freeze()
        if request.hash not in self.ledger.by_hash("request"):  # guard: request-of-the-ledger
            raise BlindingError("refused: the ledger has no such request")
        if request.body["freeze"] != frozen.hash:  # guard: request-of-newest-freeze
            raise BlindingError(
                "refused: the analysis was frozen again after this request; request the opening again"
            )
        if request.body["period"] != self.period:  # guard: request-of-its-period
            raise BlindingError(
                f"refused: the request is for period {request.body['period']}, not {self.period}"
            )
        body = request.body
        self._require_data(frozen)
        self._require_opener(body["opener"], body["stage"], frozen)
        self._require_channel(body["channel"], frozen)
        self._require_turn(body["stage"], body["channel"], frozen, asking=asking)

    def _ends(self, channel: str | None = None) -> list[Row]:
        return ended(self.ledger, self.period, channel)

    @property
    def _shares(self) -> KeyShares:
        return KeyShares(self.ledger, self.policy, self.period)


def stage_states(policy: Policy, ledger: Ledger) -> dict[str, str]:
    """Return how far each stage is: closed, requested with the newest freeze, begun, open; by period if there are several.

    Parameters
    ----------
    policy : Policy
    ledger : Ledger
    """
    found = {}
    for period in policy.periods:
        opening = Opening(ledger, policy, period)
        asked = opening.asked()
        done = {row.body["stage"] for row in ended(ledger, period)}
        for stage in policy.stages:
            words = {"open": stage in done, "begun": stage in opening.opened(), "requested": stage in asked}
            name = stage if len(policy.periods) == 1 else f"{stage}, {period}"
            found[name] = next((word for word, true in words.items() if true), "closed")
    return found or dict.fromkeys(policy.stages, "closed")
