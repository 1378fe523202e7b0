"""The protocol of an opening, read back from the ledger: every row is signed, and is one that its person could write then."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from bdana.blinding.canonical import canonical
from bdana.blinding.key_shares import agreed_shares, approvals
from bdana.blinding.stage_keys import begun, require_signed, shares
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = ["require_sound"]

NOTHING = "does not say what such a row says"
ROW_FIELDS: Mapping[str, Mapping[str, type]] = {
    "join": {"policy": str, "recipient": str},
    "keys": {"policy": str, "period": str, "stages": dict},
    "handover": {"keys": str, "to": str, "shares": dict, "links": dict},
    "seal": {"manifests": dict},
    "freeze": {"frozen": dict},
    "request": {"freeze": str, "stage": str, "channel": str, "period": str, "opener": str, "shares": list},
    "approve": {"shares": list},
    "withdraw": {"takes_back": list},
    "begin": {"request": str, "stage": str},
    "end": {"request": str, "stage": str, "outputs": dict, "link": str},
    "seen": {"reason": str},
}
"""What a row of a kind says at least, and its type; what the value must be is for the rules."""


def require_sound(ledger: Ledger, policy: Policy) -> None:
    """Refuse a ledger with a row that is not signed, or that the protocol does not allow where it stands.

    Keys of a period are made once, and again only before an opening, and each clause has its groups of people; shares go to
    one more person of the same role. A request is by an analyst, of a rehearsed freeze, and names the row before it; who
    opens is the opener it names, who neither wrote the freeze nor is an analyst, with the shares that the stage asks for,
    after the stage before; an end follows its begin, a verdict its end, once each, and says what the end says.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
        The one in force, with those before it.

    Raises
    ------
    BlindingError
        Naming the first such row, and what is wrong with it.
    """
    require_signed(ledger, policy)
    replay = _Replay(ledger, policy)
    for row in ledger.rows():
        try:
            wrong = replay.wrong(row)
        except (KeyError, IndexError, TypeError, AttributeError, BlindingError):
            wrong = NOTHING
        if wrong:
            raise BlindingError(f"refused: {row.name} {wrong}; see who wrote it")
        replay.rows.append(row)


@dataclass(frozen=True)
class _Replay:
    """The rows before one that is judged."""

    ledger: Ledger
    policy: Policy
    rows: list[Row] = field(default_factory=list)

    def wrong(self, row: Row) -> str:
        """Say what is wrong with the next row; empty when nothing is."""
        if not all(isinstance(row.body[key], kind) for key, kind in ROW_FIELDS.get(row.kind, {}).items()):
            return NOTHING
        rule = getattr(self, f"_{row.kind}", None)
        return str(rule(row)) if rule else ""

    def _keys(self, row: Row) -> str:
        period, policy = row.body["period"], self.policy.at(row.number)
        if row.body["policy"] != policy.sha256 or period not in policy.periods:
            return "makes keys for another policy, or a period that it does not have"
        policies = (*(past.policy for past in self.policy.former), self.policy)
        alike = {p.sha256 for p in policies if (p.pair, p.stages) == (policy.pair, policy.stages)}
        before = [r for r in self._keys_of(period) if r.body["policy"] in alike]
        if before and (row.body.get("replaces") != before[-1].hash or begun(self.rows, period)):
            return "makes keys of a period that has keys"
        for name, stage in policy.stages.items():
            wanted = [
                (role, sorted(group), person)
                for role, number in stage.approval.items()
                for group in combinations(policy.holders(role), number)
                for person in group
            ]
            made = [(share.role, sorted(share.group), share.person) for share in shares(row, name)]
            if sorted(made) != sorted(wanted) or not isinstance(row.body["stages"][name]["public"], str):
                return f"gives the key of {name} to other people than the policy asks for"
        return ""

    def _handover(self, row: Row) -> str:
        keys, to, policy = self._find("keys", row.body["keys"]), row.body["to"], self.policy.at(row.number)
        if keys is None or to not in policy.people or policy.role(to) != policy.role(row.person):
            return "hands shares of no keys, or to nobody of the same role"
        handed = [r for r in (*self.rows, row) if r.kind == "handover"]
        try:
            for stage in keys.body["stages"]:
                shares(keys, stage, handed)
        except BlindingError:
            return f"hands shares to {to}, who holds one already"
        return ""

    def _seal(self, row: Row) -> str:
        person = self.policy.at(row.number).people[row.person]
        if not all(isinstance(one["sha256"], str) for one in row.body["manifests"].values()):
            return NOTHING
        return "" if person.production else "records sealed files, by somebody who is not production"

    def _approve(self, row: Row) -> str:
        shares_said = ((s["sha256"], s["sealed"]) for s in row.body["shares"])
        return "" if all(isinstance(part, str) for pair in shares_said for part in pair) else NOTHING

    def _rehearse(self, row: Row) -> str:
        return "" if self._find("freeze", row.body["freeze"]) else "rehearses no freeze"

    def _request(self, row: Row) -> str:
        body, policy = row.body, self.policy.at(row.number)  # as rows have it: its stages are not in order
        frozen, stage, opener = self._find("freeze", body["freeze"]), body["stage"], body["opener"]
        if policy.role(row.person) != "analyst":
            return "is a request by somebody who is no analyst"
        if frozen is None or not any(
            r.kind == "rehearse" and r.body["freeze"] == frozen.hash for r in self.rows
        ):
            return "asks for an opening with a freeze that was not rehearsed"
        if body["head"] != row.follows:
            return "does not name the row that it follows"
        if stage not in policy.stages or body["period"] not in policy.periods:
            return "asks for what the policy does not have"
        if opener == frozen.person or policy.role(opener) == "analyst":
            return f"names {opener} as opener, who cannot be"
        before = self._before(stage)
        wanted = {"end"} if stage == list(self.policy.stages)[-1] else {"end", "request"}
        return (
            ""
            if before is None or self._has(wanted, row, before)
            else f"asks for {stage} before the turn of {stage}"
        )

    def _begin(self, row: Row) -> str:
        request = self._find("request", row.body["request"])
        if request is None:
            return "opens what nobody asked for"
        stage = request.body["stage"]
        before = self._before(stage)
        if row.person != request.body["opener"] or row.body["stage"] != stage:
            return "opens something else than its person was asked to"
        if self._newest_freeze() != request.body["freeze"]:
            return "opens with a freeze that is not the newest"
        if before is not None and not self._has({"end"}, request, before):
            return f"opens {stage} before {before}"
        keys = self._keys_of(request.body["period"])
        there = shares(keys[-1], stage, [r for r in self.rows if r.kind == "handover"])
        approval = self.policy.at(row.number).stages[stage]
        try:  # what was withdrawn counts: it was there when the opening began
            agreed_shares(there, approval, row.person, approvals(self.ledger, request))
        except BlindingError:
            return f"opens {stage} without the shares of its key"
        return ""

    def _end(self, row: Row) -> str:
        request = self._find("request", row.body["request"])
        begun = [r for r in self.rows if r.kind == "begin" and r.body["request"] == row.body["request"]]
        if request is None or not begun:
            return "ends what did not begin"
        if any(r.kind == "end" and r.body["request"] == request.hash for r in self.rows):
            return "ends what has ended"
        if row.person != request.body["opener"] or row.body["stage"] != request.body["stage"]:
            return "is by somebody else than the opener, or of another stage"
        return ""

    def _verdict(self, row: Row) -> str:
        end = self._find("end", row.body["end"])
        if end is None or row.person != end.person:
            return "is of no opening of its person"
        if any(r.kind == "verdict" and r.body["end"] == end.hash for r in self.rows):
            return "is the second of its opening"
        said = {key: value for key, value in row.body.items() if key not in {"end", "stage"}}
        same = canonical(said) == canonical(end.body["outputs"]["verdict"])
        return (
            ""
            if same and row.body["stage"] == end.body["stage"]
            else "says something else than the end of its opening"
        )

    def _before(self, stage: str) -> str | None:
        return self.policy.previous(stage) if stage in self.policy.stages else None

    def _keys_of(self, period: str) -> list[Row]:
        return [row for row in self.rows if row.kind == "keys" and row.body["period"] == period]

    def _find(self, kind: str, digest: str) -> Row | None:
        return next((row for row in self.rows if (row.kind, row.hash) == (kind, digest)), None)

    def _newest_freeze(self) -> str | None:
        return next((row.hash for row in reversed(self.rows) if row.kind == "freeze"), None)

    def _has(self, kinds: set[str], like: Row, stage: str) -> bool:
        """Tell whether a stage was asked for, or its opening ended, in the channel and period of a request."""
        requests = {row.hash: row.body for row in self.rows if row.kind == "request"}
        asked = [
            requests[row.body["request"]] if row.kind == "end" else row.body
            for row in self.rows
            if row.kind in kinds
        ]
        wanted = (stage, like.body["channel"], like.body["period"])
        return any((body["stage"], body["channel"], body["period"]) == wanted for body in asked)
