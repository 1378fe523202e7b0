"""Opening a stage: request, approve, withdraw, open. Nobody opens alone, and every step is a row of the ledger.

What is allowed is said by `bdana.blinding.rules` alone; here are the steps between: shares, keys, events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.identity import encrypted
from bdana.blinding.key_shares import KeyShares
from bdana.blinding.ledger import Row, head
from bdana.blinding.record import Record
from bdana.blinding.rules import append, refusal, require_sound
from bdana.blinding.stage_keys import next_stage_share
from bdana.errors import BlindingError
from bdana.sealing.sealed_file import decrypt_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyrage

    from bdana.blinding.ledger import Kind, Ledger
    from bdana.blinding.policy import Policy

__all__ = ["Decrypted", "Opening", "stage_states"]


@dataclass(frozen=True)
class Decrypted:
    """The events of a stage as they were sealed, and the link to the next stage.

    Attributes
    ----------
    link : str
        What the opening of the next stage needs of this one, encrypted to those who may hold shares of it.
    read : mapping of str to str
        SHA-256 of each sealed file by its name.
    contents : mapping of str to bytes
        Decrypted content of each sealed file by its name; empty without an event.
    """

    link: str
    read: Mapping[str, str]
    contents: Mapping[str, bytes]


BUSY = "another opening is running on this copy of the ledger; wait until it has ended, then see `bdana blinding status`"


@dataclass(frozen=True)
class Opening:
    """The steps to an opening in one data period, and the rows that they write.

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
            When a rule for requests does not allow it, or the identity does not open the own shares.
        """
        self.may_request(person, [stage], channel, opener)
        released = self._shares.release(person, identity, stage, opener)
        return self._append(
            "request", person, key, lambda record: self._asking(record, stage, channel, opener, released)
        )

    def may_request(self, person: str, stages: Sequence[str], channel: str, opener: str) -> None:
        """Refuse requests, one after the other, as far as the ledger tells: before anybody types a passphrase.

        Parameters
        ----------
        person : str
        stages : sequence of str
        channel, opener : str
            As for `request`.

        Raises
        ------
        BlindingError
            As `request`.
        """
        require_sound(self.ledger, self.policy)
        rows = self.ledger.rows()
        for stage in stages:
            shares = self._named(person, stage)
            body = self._asking(Record(rows, self.policy), stage, channel, opener, shares)
            rows.append(self._allowed(rows, "request", person, body))

    def _named(self, person: str, stage: str) -> list[dict[str, str]]:
        """Name somebody's shares without giving them, to ask the rules with before anybody types a passphrase."""
        own = self.record.shares(self.period, stage, person)
        return [{"sha256": share.sha256, "sealed": ""} for share in own]

    def _asking(
        self, record: Record, stage: str, channel: str, opener: str, shares: list[dict[str, str]]
    ) -> dict[str, Any]:
        return {
            "freeze": record.freeze.hash if record.freeze else "",
            "stage": stage,
            "channel": channel,
            "opener": opener,
            "period": self.period,
            "shares": shares,
            "head": head(record.rows),
        }

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
            When a rule for approvals does not allow it, or the identity does not open the own shares.
        """
        require_sound(self.ledger, self.policy)
        stage, opener = request.body["stage"], request.body["opener"]
        shares = self._named(person, stage)
        self._allowed(self.ledger.rows(), "approve", person, {"shares": shares}, request)
        released = self._shares.release(person, identity, stage, opener)
        return self._append("approve", person, key, {"shares": released}, request)

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

        def body(record: Record) -> dict[str, Any]:
            own = [row.hash for row in record.consents(request) if row.person == person]
            return {"reason": reason, "takes_back": own}

        return self._append("withdraw", person, key, body, request)

    def abandon(self, person: str, key: Path, stage: str, reason: str) -> Row:
        """Give up an opening that began and cannot end; its request is dead then, and the next freeze explains it.

        Parameters
        ----------
        person, key
            The opener or a convenor, and the path of the SSH key.
        stage, reason : str

        Raises
        ------
        BlindingError
            When no opening of the stage began without an end, it is running, or a rule for rows `abandon` does not allow it.
        """
        with self.ledger.locked("opening", BUSY):
            require_sound(self.ledger, self.policy)

            def body(record: Record) -> dict[str, Any]:
                began = self.unfinished(record, stage)
                return {"request": began[-1] if began else "", "stage": stage, "reason": reason}

            return self._append("abandon", person, key, body)

    def unfinished(self, record: Record, stage: str) -> list[str]:
        """Return the hashes of the requests of a stage whose opening began and has neither ended nor been abandoned.

        Parameters
        ----------
        record : Record
        stage : str
        """
        open_ones = {row.body["request"] for row in record.unfinished()}
        asked = [request for _, request in record.openings("begin", self.period)]
        return [row.hash for row in asked if row.hash in open_ones and row.body["stage"] == stage]

    def may_freeze(self, person: str, explains: str) -> None:
        """Refuse a freeze that the ledger already tells cannot be written: before the search is run for it.

        Parameters
        ----------
        person, explains : str
            As for `freeze`.

        Raises
        ------
        BlindingError
            When a rule for freezes does not allow it.
        """
        require_sound(self.ledger, self.policy)
        record = self.record
        frozen: dict[str, Any] = {"sealed": {}, "manifests": {}}  # what it freezes is not known yet
        self._allowed(record.rows, "freeze", person, {"frozen": frozen, "explains": explains})

    def may_open(self, person: str, requests: Sequence[Row]) -> None:
        """Refuse to open requests, one after the other, as far as the ledger tells: before anybody types a passphrase.

        Parameters
        ----------
        person : str
        requests : sequence of Row

        Raises
        ------
        BlindingError
            As `decrypt`, before the row `begin`.
        """
        require_sound(self.ledger, self.policy)
        rows = self.ledger.rows()
        for request in requests:
            asked = request.body
            if asked["period"] != self.period:  # guard: request-of-its-period
                raise BlindingError(
                    f"refused: the request is for period {asked['period']}, not {self.period}"
                )
            own = [r for r in rows if r.kind in {"begin", "end"} and r.body["request"] == request.hash]
            others = [row for row in rows if row not in own]  # an opening that died begins again
            begin = self._allowed(
                others, "begin", person, self._beginning(Record(others, self.policy), request)
            )
            if not any(row.kind == "end" for row in own):
                said = {"request": request.hash, "stage": asked["stage"], "outputs": {}, "link": ""}
                rows = [*others, begin, Row.after([*others, begin], "end", person, said)]

    def _beginning(self, record: Record, request: Row) -> dict[str, Any]:
        agreed = [row.hash for row in record.consents(request)]
        return {"request": request.hash, "stage": request.body["stage"], "approvals": agreed}

    def run(
        self,
        person: str,
        key: Path,
        request: Row,
        decrypt: Callable[[], Decrypted],
        select: Callable[[Mapping[str, bytes]], Mapping[str, Any]],
    ) -> Row:
        """Open a stage by the two parts that it has, while no other opening runs.

        Parameters
        ----------
        person, key
            The opener, and the path of the SSH key.
        request : Row
        decrypt : callable
            Writes the row `begin` and decrypts the events, as `decrypt` does.
        select : callable
            The frozen selection: gets the decrypted files, returns the declared outputs with the verdict.

        Returns
        -------
        Row
            The row `end` with the outputs.

        Raises
        ------
        BlindingError
            When another opening is running, this one is complete, or as `decrypt`; after the row `begin`, when the selection fails.
        """
        with self.ledger.locked("opening", BUSY):
            if request.hash in self.finished():  # guard: opened-once
                raise BlindingError(
                    f"refused: {request.body['stage']} was opened with this request already; `bdana run` shows it"
                )
            decrypted = decrypt()
            return self._end(person, key, request, decrypted, select(decrypted.contents))

    def decrypt(
        self,
        person: str,
        key: Path,
        identity: pyrage.x25519.Identity,
        request: Row,
        sealed: Sequence[Path],
        confirmed: str = "",
    ) -> Decrypted:
        """Write down that an opening begins, put its key together, and decrypt the stage's events.

        Parameters
        ----------
        person, key, identity
            The opener, with SSH key and age identity.
        request : Row
        sealed : sequence of Path
            The stage's sealed files, those that the freeze names.
        confirmed : str
            How the opener said yes.

        Raises
        ------
        BlindingError
            When anything is missing, before the row `begin`; after it, when the shares do not make the key.
        """
        stage = request.body["stage"]
        self.may_open(person, [request])
        frozen = self.newest_freeze().body["frozen"]["sealed"]
        contents = {path.name: path.read_bytes() for path in sealed}
        read = {name: sha256(content) for name, content in contents.items()}
        if read != frozen.get(self.period, {}).get(stage, {}):  # guard: frozen-files
            raise BlindingError(f"refused: the sealed files of {stage} are not those that were frozen")
        self._shares.require(person, identity, request)  # guard: shares-before-begin
        if not self._of_request("begin", request):  # guard: writes-begin
            said = {"confirmed": confirmed} if confirmed else {}
            self._append("begin", person, key, lambda record: self._beginning(record, request) | said)
        # Only now, so that the row `begin` is there before the key is in memory.
        secret = self._shares.secret(person, identity, request)
        text = secret.decode("ascii", errors="replace")  # guard: no-key-opens-no-file
        recipients = self.record.joined()
        # A newcomer who has not joined gets it with the shares that are handed over.
        possible = [recipients[name] for name in recipients if self.policy.role(name) != "analyst"]
        return Decrypted(
            encrypted(next_stage_share(secret), *possible),
            read,
            {name: decrypt_file(content, text, name) for name, content in contents.items()},
        )

    def _end(
        self, person: str, key: Path, request: Row, decrypted: Decrypted, found: Mapping[str, Any]
    ) -> Row:
        stage, outputs = request.body["stage"], dict(found)
        done = self._of_request("end", request)
        if done:  # guard: one-end
            if canonical(done[-1].body["outputs"]) != canonical(outputs):  # guard: same-outputs
                raise BlindingError(
                    "refused: this opening was run before and gave other outputs; the ledger keeps those"
                )
            end = done[-1]
        else:
            body = {"request": request.hash, "stage": stage, "outputs": outputs, "link": decrypted.link}
            body |= {"read": dict(decrypted.read)}
            end = self._append("end", person, key, body)
        if "verdict" in outputs:  # or it was complete, and `run` refused it
            said = {"end": end.hash, "stage": stage} | dict(outputs["verdict"])
            self._append("verdict", person, key, said)
        return end

    def finished(self) -> set[str]:
        """Return the hashes of the requests whose opening is complete, with its verdict."""
        judged = self._with_verdict()
        ends = self.ledger.of_kind("end")
        return {r.body["request"] for r in ends if r.hash in judged or "verdict" not in r.body["outputs"]}

    def requests(self, stage: str | None = None) -> list[Row]:
        """Return the requests of the newest freeze that nobody withdrew, oldest first; of one stage, or of all.

        Parameters
        ----------
        stage : str, optional
        """
        pending = self.record.requests(self.period, self.newest_freeze())
        return [row for row in pending if stage in {None, row.body["stage"]}]

    def asked(self) -> set[str]:
        """Return the stages that are requested with the newest freeze, which may be out of date."""
        return {row.body["stage"] for row in self.record.requests(self.period, self.record.freeze)}

    def opened(self) -> list[str]:
        """Return the stages whose opening began in this period, ended or not."""
        began = self.record.openings("begin", self.period)
        return list(dict.fromkeys(request.body["stage"] for _, request in began))

    def newest_freeze(self) -> Row:
        """Return the newest freeze, which may be rehearsed, of a ledger that is sound.

        Raises
        ------
        BlindingError
            When a row is not signed or not allowed, nothing is frozen, or the policy changed since.
        """
        require_sound(self.ledger, self.policy)
        record = self.record
        body = {"freeze": record.freeze.hash if record.freeze else ""}
        self._allowed(record.rows, "rehearse", next(iter(self.policy.people)), body)
        return self.ledger.by_hash("freeze")[body["freeze"]]

    def _allowed(
        self,
        rows: Sequence[Row],
        kind: Kind,
        person: str,
        body: Mapping[str, Any],
        request: Row | None = None,
    ) -> Row:
        """Return the row that somebody would write, unsigned; refuse it where a rule does."""
        row = Row.after(rows, kind, person, body, request)
        why = refusal(rows, row, self.policy)
        if why:
            raise BlindingError(f"refused: {why}")
        return row

    def _append(
        self,
        kind: Kind,
        person: str,
        key: Path,
        body: Mapping[str, Any] | Callable[[Record], Mapping[str, Any]],
        request: Row | None = None,
    ) -> Row:
        return append(self.ledger, self.policy, kind, person, key, body, request)

    def _of_request(self, kind: Kind, request: Row) -> list[Row]:
        return [row for row in self.ledger.of_kind(kind) if row.body["request"] == request.hash]

    def _with_verdict(self) -> set[str]:
        return {row.body["end"] for row in self.ledger.of_kind("verdict")}

    @property
    def _shares(self) -> KeyShares:
        return KeyShares(self.ledger, self.policy, self.period)


def stage_states(policy: Policy, ledger: Ledger) -> dict[str, str]:
    """Return how far each stage is: closed, abandoned, requested, begun, open; by period if there are several.

    Requested is a stage with the newest freeze; abandoned one whose opening began, and which is closed.

    Parameters
    ----------
    policy : Policy
    ledger : Ledger
    """
    found = {}
    for period in policy.periods:
        opening = Opening(ledger, policy, period)
        record, asked = opening.record, opening.asked()
        done, gone = (
            {row.body["stage"] for row, _ in record.openings(kind, period)} for kind in ("end", "abandon")
        )
        for stage in policy.stages:
            words = {
                "open": stage in done,
                "begun": bool(opening.unfinished(record, stage)),
                "requested": stage in asked and not record.abandoned(),
                "abandoned": stage in gone,
            }
            name = stage if len(policy.periods) == 1 else f"{stage}, {period}"
            found[name] = next((word for word, true in words.items() if true), "closed")
    return found or dict.fromkeys(policy.stages, "closed")
