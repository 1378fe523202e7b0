"""The rules of an opening, checked on the ledger: every row is signed, and its person was allowed to write it then."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from bdana.blinding.canonical import canonical
from bdana.blinding.key_shares import agreed_shares, approvals
from bdana.blinding.ledger import by_hash
from bdana.blinding.stage_keys import begun, require_signed, shares
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = ["require_sound"]

INCOMPLETE = "does not say what such a row says"
ROW_FIELDS: Mapping[str, Mapping[str, type]] = {  # guard: row-fields
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
"""The fields that a row of each kind must have, with their types.

`link` of `end`, and each of the `links` of `handover`, is the share that an opened stage has in the key of the next.
"""


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
            wrong = INCOMPLETE  # guard: unreadable-is-wrong
        if wrong:  # guard: ledger-is-sound
            raise BlindingError(f"refused: {row.name} {wrong}; see who wrote it")
        replay.rows.append(row)


@dataclass(frozen=True)
class _Replay:
    """The rows of a ledger up to one that is checked."""

    ledger: Ledger
    policy: Policy
    rows: list[Row] = field(default_factory=list)

    def wrong(self, row: Row) -> str:
        """Say what is wrong with the next row; empty when nothing is."""
        if not all(isinstance(row.body[key], kind) for key, kind in ROW_FIELDS.get(row.kind, {}).items()):
            return INCOMPLETE
        rule = getattr(self, f"_{row.kind}", None)  # guard: rule-of-the-kind
        return str(rule(row)) if rule else ""

    def _keys(self, row: Row) -> str:
        period, policy = row.body["period"], self.policy.at(row.number)
        if row.body["policy"] != policy.sha256 or period not in policy.periods:  # guard: keys-of-the-policy
            return "makes keys for another policy, or a period that it does not have"
        policies = (*(past.policy for past in self.policy.former), self.policy)
        alike = {p.sha256 for p in policies if (p.pair, p.stages) == (policy.pair, policy.stages)}
        before = [r for r in self._keys_of(period) if r.body["policy"] in alike]
        if before and (row.body.get("replaces") != before[-1].hash or begun(self.rows, period)):
            return "makes keys of a period that has keys"  # guard: keys-are-made-once
        for name, stage in policy.stages.items():
            wanted = [
                (role, sorted(group), person)
                for role, number in stage.approval.items()
                for group in combinations(policy.holders(role), number)
                for person in group
            ]
            made = [(share.role, sorted(share.group), share.person) for share in shares(row, name)]
            if sorted(made) != sorted(wanted) or not isinstance(row.body["stages"][name]["public"], str):
                return f"gives the key of {name} to other people than the policy asks for"  # guard: split
        return ""

    def _handover(self, row: Row) -> str:
        keys, to, policy = self._find("keys", row.body["keys"]), row.body["to"], self.policy.at(row.number)
        if keys is None or to not in policy.people or policy.role(to) != policy.role(row.person):
            return "hands shares of no keys, or to nobody of the same role"  # guard: handover-in-the-role
        handed = [r for r in (*self.rows, row) if r.kind == "handover"]
        try:
            for stage in keys.body["stages"]:
                shares(keys, stage, handed)
        except BlindingError:
            return f"hands shares to {to}, who holds one already"  # guard: handover-to-no-holder
        return ""

    def _seal(self, row: Row) -> str:  # guard: seal-by-production
        person = self.policy.at(row.number).people[row.person]
        if not all(isinstance(one["sha256"], str) for one in row.body["manifests"].values()):
            return INCOMPLETE
        return "" if person.production else "records sealed files, by somebody who is not production"

    def _approve(self, row: Row) -> str:
        shares_said = ((s["sha256"], s["sealed"]) for s in row.body["shares"])
        return "" if all(isinstance(part, str) for pair in shares_said for part in pair) else INCOMPLETE

    def _rehearse(self, row: Row) -> str:  # guard: rehearsal-of-a-freeze
        return "" if self._find("freeze", row.body["freeze"]) else "rehearses no freeze"

    def _request(self, row: Row) -> str:
        body, policy = row.body, self.policy.at(row.number)  # of a former one the stages are sorted by name
        frozen, stage, opener = self._find("freeze", body["freeze"]), body["stage"], body["opener"]
        if policy.role(row.person) != "analyst":  # guard: request-by-analyst
            return "is a request by somebody who is no analyst"
        if frozen is None or not any(
            r.kind == "rehearse" and r.body["freeze"] == frozen.hash for r in self.rows
        ):
            return "asks for an opening with a freeze that was not rehearsed"
        if body["head"] != row.follows:  # guard: request-names-the-head
            return "does not name the row that it follows"
        if stage not in policy.stages or body["period"] not in policy.periods:  # guard: request-of-the-policy
            return "asks for what the policy does not have"
        if opener == frozen.person or policy.role(opener) == "analyst":  # guard: request-names-opener
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
        if row.person != request.body["opener"] or row.body["stage"] != stage:  # guard: begin-of-its-opener
            return "opens something else than its person was asked to"
        if self._newest_freeze() != request.body["freeze"]:  # guard: begin-of-newest-freeze
            return "opens with a freeze that is not the newest"
        if before is not None and not self._has({"end"}, request, before):  # guard: begin-in-order
            return f"opens {stage} before {before}"
        keys = self._keys_of(request.body["period"])
        there = shares(keys[-1], stage, [r for r in self.rows if r.kind == "handover"])
        approval = self.policy.at(row.number).stages[stage]
        try:  # what was withdrawn counts: it was there when the opening began
            agreed_shares(there, approval, row.person, approvals(self.ledger, request))
        except BlindingError:
            return f"opens {stage} without the shares of its key"  # guard: begin-has-its-shares
        return ""

    def _end(self, row: Row) -> str:
        request = self._find("request", row.body["request"])
        begun = [r for r in self.rows if r.kind == "begin" and r.body["request"] == row.body["request"]]
        if request is None or not begun:  # guard: end-has-a-begin
            return "ends what did not begin"
        if any(r.kind == "end" and r.body["request"] == request.hash for r in self.rows):  # guard: ends-once
            return "ends what has ended"
        if row.person != request.body["opener"] or row.body["stage"] != request.body["stage"]:
            return "is by somebody else than the opener, or of another stage"  # guard: end-of-its-opener
        return ""

    def _verdict(self, row: Row) -> str:
        end = self._find("end", row.body["end"])
        if end is None or row.person != end.person:  # guard: verdict-of-its-opener
            return "is of no opening of its person"
        if any(r.kind == "verdict" and r.body["end"] == end.hash for r in self.rows):
            return "is the second of its opening"
        said = {key: value for key, value in row.body.items() if key not in {"end", "stage"}}
        same = canonical(said) == canonical(end.body["outputs"]["verdict"])  # guard: verdict-of-its-end
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
        """Tell whether a stage was requested, or its opening ended, in the channel and period of a request."""
        requests = by_hash(self.rows, "request")
        asked = [
            (requests[row.body["request"]] if row.kind == "end" else row).body
            for row in self.rows
            if row.kind in kinds
        ]
        wanted = (stage, like.body["channel"], like.body["period"])
        return any((body["stage"], body["channel"], body["period"]) == wanted for body in asked)
