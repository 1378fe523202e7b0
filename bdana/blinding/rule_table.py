"""The rules of the protocol: what must be in the ledger before a row, who may write it, and what it must name.

Each kind of row has a function that gives the rules that a row of the kind breaks: the name of the rule, and what is said.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyrage

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.hidden import answer_of
from bdana.blinding.ledger import OF_A_REQUEST, by_hash
from bdana.blinding.policy_in_force import policy_of, require_same_people, signers
from bdana.blinding.record import Record, agreed_shares, shares
from bdana.blinding.verdict import same_verdict, verdict_of
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from bdana.blinding.ledger import Kind, Row
    from bdana.blinding.policy import Policy

__all__ = ["RULES", "Case", "broken"]

ROW_FIELDS: Mapping[str, Mapping[str, type]] = {  # guard: row-fields
    "join": {"policy": str, "recipient": str},
    "policy": {"before": dict, "after": dict},
    "keys": {"policy": str, "period": str, "stages": dict},
    "handover": {"keys": str, "to": str, "shares": dict, "links": dict},
    "seal": {"manifests": dict},
    "freeze": {"frozen": dict},
    "rehearse": {"freeze": str},
    "request": {"freeze": str, "stage": str, "channel": str, "period": str, "opener": str, "shares": list},
    "approve": {"shares": list},
    "withdraw": {"takes_back": list},
    "begin": {"request": str, "stage": str},
    "end": {"request": str, "stage": str, "outputs": dict, "link": str},
    "abandon": {"request": str, "stage": str, "reason": str},
    "verdict": {"end": str, "stage": str},
    "seen": {"reason": str},
    "hide": {"stages": dict, "answer": str, "manifests": dict},
    "claim": {"hidden": str, "events": dict},
    "reveal": {"hidden": str, "shares": list, "answer": dict},
}
"""The fields that a row of each kind must have, with their types.

`link` of `end`, and each of the `links` of `handover`, is the share that an opened stage has in the key of the next.
"""
NEW_FIELDS: Mapping[int, Mapping[str, Mapping[str, type]]] = {
    2: {
        "approve": {"head": str},
        "withdraw": {"head": str, "reason": str},
        "begin": {"approvals": list},
    },
    3: {"end": {"read": dict}},
}
"""What rows of a format, and of all later ones, must have besides."""
NAMES_MANIFESTS = 3
"""Format of freezes that name the manifests of their sealed files, and of all later ones."""


@dataclass(frozen=True)
class Case:
    """A row that somebody writes, and what was in the ledger before it.

    Attributes
    ----------
    row : Row
    record : Record
        The rows before, under the policy that was in force then.
    """

    row: Row
    record: Record

    @property
    def body(self) -> Mapping[str, Any]:
        """What the row says."""
        return self.row.body

    @property
    def policy(self) -> Policy:
        """The policy in force when the row was written."""
        return self.record.policy

    @property
    def new(self) -> bool:
        """Whether the row is of a format that says all that rows say today."""
        return self.row.format > 1

    @property
    def names_files(self) -> bool:
        """Whether the row is of a format in which rows `seal` and `end` name the hashes of sealed files."""
        return self.row.format > 2

    @property
    def asked(self) -> Row | None:
        """The request that the row is, or belongs to; None where it names none that is there."""
        if self.row.kind == "request":
            return self.row
        return self.record.find(
            "request", self.row.follows if self.row.kind in OF_A_REQUEST else self.body["request"]
        )

    @property
    def ask(self) -> Mapping[str, Any]:
        """What that request says."""
        return self.asked.body if self.asked else {}

    @property
    def frozen(self) -> Mapping[str, Any]:
        """The document of the newest freeze."""
        return self.record.freeze.body["frozen"] if self.record.freeze else {}


Broken = Iterator[tuple[str, str]]
"""Rules that a row breaks: the name of each, and what is said of the row."""


def broken(case: Case) -> Broken:
    """Give the rules that a row breaks, each with what is said of the row; the first is the one that counts.

    Parameters
    ----------
    case : Case
    """
    yield from _every_row(case)
    yield from RULES[case.row.kind](case)


def _every_row(case: Case) -> Broken:
    fields = dict(ROW_FIELDS[case.row.kind])
    for number, new in NEW_FIELDS.items():
        fields |= new.get(case.row.kind, {}) if number <= case.row.format else {}
    if not all(isinstance(case.body.get(name), kind) for name, kind in fields.items()):  # guard: fields
        yield "says-what-it-must", "does not say what such a row says"
    if case.row.format < max((row.format for row in case.record.rows), default=1):  # guard: no-older-format
        yield "format-goes-on", f"is of format {case.row.format}, though rows before it are of a newer one"
    if case.row.person not in case.policy.people:  # guard: signer-in-force
        yield "person-of-the-policy", f"[people] of the policy in force has no {case.row.person}"
    if case.new and case.row.kind in OF_A_REQUEST:
        main = {row.hash for row in case.record.rows if not row.beside}
        if case.body["head"] not in main:  # guard: head-is-there
            said = "names as newest row one that is not there: rows were removed or written again"
            yield "names-the-head-it-saw", said


# ---------------------------------------------------------------------------------------- people, keys, the policy, data


def _join(case: Case) -> Broken:
    try:
        pyrage.x25519.Recipient.from_str(case.body["recipient"])
    except pyrage.RecipientError:  # guard: joins-with-age
        yield "joins-with-age", f"'{case.body['recipient']}' is no age recipient"
    said = [row.body for row in case.record.of_kind("join") if row.person == case.row.person]
    if case.new and said and said[-1] == case.body:  # guard: joins-once
        yield "joins-once", f"{case.row.person} has joined this policy already"


def _policy(case: Case) -> Broken:
    before, after = (policy_of(case.row, which) for which in ("before", "after"))
    if before.sha256 != case.policy.sha256:  # guard: change-of-what-is-in-force
        yield "changes-the-policy-in-force", "changes a policy that is not in force"
    if after.sha256 == case.policy.sha256:  # guard: change-of-something
        yield "changes-something", "nothing is changed by this policy"
    for name in case.policy.people:
        if name not in case.record.joined():  # guard: everybody-is-bound
            said = (
                f"{name} has not joined this policy, so that nobody is bound by it: edit blinding/policy.toml"
            )
            yield "changes-what-binds", said
    try:
        earlier = [*(past.policy for past in case.policy.former), case.policy]  # guard: former-people
        require_same_people(earlier, after)
    except BlindingError as err:
        yield "people-stay-who-they-are", str(err).removeprefix("refused: ")
    if case.row.person in signers(case.record.rows, before, after):  # guard: signs-once
        yield "signs-a-change-once", f"{case.row.person} has signed this change already"


def _keys(case: Case) -> Broken:
    period, there = case.body["period"], case.record.keys(case.body["period"])
    if case.body["policy"] != case.policy.sha256:  # guard: keys-of-the-policy
        yield "keys-of-the-policy", "makes keys for another policy"
    if period not in case.policy.periods:  # guard: known-period
        yield "keys-of-a-period", f"blinding/policy.toml has no [periods.{period}]"
    for name in case.policy.people:
        if name not in case.record.joined():  # guard: everybody-has-joined
            said = f"{name} has not joined this policy; `bdana blinding join` does it"
            yield "keys-when-all-have-joined", said
    if there is None and "replaces" in case.body:  # guard: again-if-there
        yield "keys-once", f"period {period} has no keys yet; leave out --again"
    if there and case.body.get("replaces") != there.hash:  # guard: keys-are-made-once
        said = f"period {period} has keys already; if shares of them are lost and no opening began, --again makes new ones"
        yield "keys-once", said
    if case.record.openings("begin", period):  # guard: keys-of-opened-stay
        said = f"an opening of period {period} began, so its keys stay; later runs need a period of their own"
        yield "keys-stay-after-an-opening", said
    for name in case.policy.stages:
        if not _split_for(case, name):  # guard: split
            yield "keys-for-the-quorum", f"gives the key of {name} to other people than the policy asks for"


def _split_for(case: Case, name: str) -> bool:
    """Tell whether a row splits the key of a stage among the people that the policy asks for."""
    wanted = [
        (role, sorted(group), person)
        for role, number in case.policy.stages[name].approval.items()
        for group in combinations(case.policy.holders(role), number)
        for person in group
    ]
    made = [(share.role, sorted(share.group), share.person) for share in shares(case.row, name)]
    return sorted(made) == sorted(wanted) and isinstance(case.body["stages"][name]["public"], str)


def _handover(case: Case) -> Broken:
    giver, to, people = case.row.person, case.body["to"], case.policy.people
    keys = case.record.find("keys", case.body["keys"])
    period = keys.body["period"] if keys else ""
    if keys is None or case.record.keys(period) != keys:  # guard: handover-of-keys
        yield "hands-over-keys", "hands over shares of keys that are not in use"
    if to not in people or people[to].role != people[giver].role:  # guard: same-role
        role = people[to].role if to in people else "nobody of the policy"
        said = f"{giver} is {people[giver].role} and {to} {role}; shares stay with their role"
        yield "shares-stay-with-their-role", said
    if to not in case.record.joined():  # guard: newcomer-has-joined
        yield "newcomers-have-joined", f"{to} has not joined; `bdana blinding join` does it"
    stages, handed = case.policy.stages if keys else (), case.record.of_kind("handover")
    there = [share for stage in stages for share in shares(keys, stage, handed)]  # type: ignore[arg-type]
    if to in {share.person for share in there}:  # guard: one-share-each
        said = f"{to} holds a share already, and would be two people of a quorum with a second"
        yield "one-share-each", said
    own = {share.sha256 for share in there if share.person == giver}
    if not own or not case.body["shares"].keys() <= own:  # guard: has-shares-to-give
        said = f"{giver} holds no share of a key of period {period}, or not all of these"
        yield "hands-over-own-shares", said


def _seal(case: Case) -> Broken:
    if not case.policy.people[case.row.person].production:  # guard: seal-by-production
        said = f"{case.row.person} has not the mark `production` in [people] of the policy"
        yield "production-seals", said
    named = case.body["manifests"].values()
    hashes = [one["sha256"] for one in named]
    if case.names_files:
        hashes += [digest for one in named for digest in one["sealed"].values()]
    if not all(isinstance(digest, str) for digest in hashes):  # guard: manifest-hash
        yield "manifests-are-named", "does not say what such a row says"


def _seen(case: Case) -> Broken:
    for name in case.body.get("regions", ()):
        if name not in case.policy.stages:  # guard: seen-names-stages
            said = f"there is no stage {name}; there are: {', '.join(case.policy.stages)}"
            yield "seen-names-regions", said
    if not _says(case.body["reason"]):  # guard: seen-says-why
        yield "seen-says-why", "say what was seen, and why"


# ------------------------------------------------------------------------------ openings: asked for, agreed to and begun


def _freeze(case: Case) -> Broken:
    if not case.new:
        return
    explained = _says(case.body.get("explains"))
    for row in case.record.unfinished():  # guard: openings-are-done
        stage = row.body["stage"]
        said = (
            f"the opening of {stage} began and has not ended: {row.person} opens it again, or `bdana blinding abandon {stage}` "
            "gives it up"
        )
        yield "openings-are-done", said
    gone = [row.body["stage"] for row in case.record.abandoned()]
    if gone and not explained:  # guard: abandoned-is-explained
        said = f"the opening of {', '.join(gone)} was abandoned: say with --explain what was found out, and what is changed"
        yield "abandoned-is-explained", said
    failed = case.record.failures(case.record.freeze)
    if failed and not explained:  # guard: failure-is-explained
        said = (
            f"{', '.join(failed)} did not agree with the prediction of the last freeze: say with --explain what was found out, "
            "and what is changed"
        )
        yield "failure-is-explained", said
    yield from _recorded(case)


def _recorded(case: Case) -> Broken:
    """Sealed files that are frozen are in the ledger with their manifests, since the keys that they are sealed with."""
    frozen, before = case.body["frozen"], case.record.of_kind("freeze")
    written = frozen.get("format", 0)
    formats = [row.body["frozen"].get("format", 0) for row in before]
    if written < max([NAMES_MANIFESTS * case.names_files, *formats]):  # guard: no-older-freeze
        said = f"is a freeze of format {written}, though there are newer ones here: install a newer bdana"
        yield "freeze-format-goes-on", said
    if written < NAMES_MANIFESTS:
        return
    for period, stages in frozen["sealed"].items():
        made = [row.number for row in case.record.of_kind("keys") if row.body["period"] == period]
        seals = [row for row in case.record.of_kind("seal") if row.number > max(made, default=0)]
        recorded = [one for row in seals for one in row.body["manifests"].values()]
        known = {one["sha256"]: one.get("sealed") for one in recorded if one.get("period", period) == period}
        if case.names_files:  # and not those that were recorded before rows named the files
            known = {manifest: files for manifest, files in known.items() if files is not None}
        named = frozen["manifests"].get(period, {})
        # A manifest names one file of each stage.
        other = any(len(files) != len(named) for files in stages.values())
        if other or not named.keys() <= known.keys():  # guard: freezes-recorded-data
            said = (
                f"freezes sealed files of {period} whose manifests the ledger does not know, with their files, since the keys of "
                f"{period} were made; `bdana blinding record` writes them down"
            )
            yield "freezes-recorded-data", said
        elif case.names_files:
            for stage, files in stages.items():
                if sorted(files.values()) != sorted(
                    known[one][stage] for one in named
                ):  # guard: files-as-recorded
                    said = f"freezes a sealed file of {stage} that its manifest does not name; copy it again with its manifest"
                    yield "freezes-recorded-files", said


def _of_this_policy(case: Case) -> Broken:
    freeze = case.record.freeze
    if freeze and any(freeze.number <= past.last for past in case.policy.former):  # guard: freeze-of-policy
        yield "freeze-is-of-the-policy", "the policy changed after this freeze; freeze again"


def _rehearse(case: Case) -> Broken:
    yield from _of_this_policy(case)
    if case.record.find("freeze", case.body["freeze"]) is None:  # guard: rehearsal-of-a-freeze
        yield "rehearses-a-freeze", "rehearses no freeze"


def _opening(case: Case) -> Broken:
    """What holds for all rows that want an opening: a request, an approval, a begin."""
    yield from _frozen(case)
    yield from _opener(case)
    yield from _in_turn(case)


def _frozen(case: Case) -> Broken:
    """What is opened was frozen and rehearsed, and is of data and keys that the freeze is of."""
    record, policy, freeze = case.record, case.policy, case.record.freeze
    if case.asked is None:  # guard: request-of-the-ledger
        yield "opening-is-asked-for", "the ledger has no such request"
    if freeze is None:  # guard: freeze-is-there
        yield "freeze-is-there", "nothing is frozen; `bdana blinding freeze` does it"
    if freeze and case.ask["freeze"] != freeze.hash:  # guard: request-of-newest-freeze
        said = "the analysis was frozen again after this request; request the opening again"
        yield "freeze-is-the-newest", said
    yield from _of_this_policy(case)
    if not record.has("rehearse", freeze=case.ask["freeze"]):  # guard: freeze-was-rehearsed
        yield "freeze-was-rehearsed", "this freeze was not rehearsed; `bdana blinding rehearse` does it"
    stage, period, channel = case.ask["stage"], case.ask["period"], case.ask["channel"]
    if stage not in policy.stages:  # guard: stage-of-the-policy
        said = f"there is no stage {stage}; there are: {', '.join(policy.stages)}"
        yield "stage-of-the-policy", said
    sealed = case.frozen["sealed"]
    if period not in sealed or period not in policy.periods:  # guard: period-as-frozen
        yield "period-as-frozen", f"the freeze is of data of period {', '.join(sealed)}, not {period}"
    keys = record.keys(period)
    if keys is None:  # guard: opening-has-keys
        said = f"period {period} has no keys for this policy; `bdana blinding keys {period}` makes them"
        yield "opening-has-keys", said
    if keys and freeze and keys.number > freeze.number:  # guard: freeze-after-keys
        said = f"the keys of period {period} were made after this freeze; seal the raw data again and freeze"
        yield "freeze-after-the-keys", said
    freezes = by_hash(record.rows, "freeze")
    for _, request in record.openings("begin", period):
        before = freezes[request.body["freeze"]].body["frozen"]["sealed"]
        if before.get(period) != sealed.get(period):  # guard: opened-data-stay
            said = (
                f"the sealed data of period {period} are not those that {request.body['stage']} was opened with; runs that are "
                "added after an opening need a period of their own in blinding/policy.toml"
            )
            yield "opened-data-stay", said
    declared = case.frozen["config"]["search"]["selection"]
    if channel != declared:  # guard: channel-as-frozen
        said = f"the freeze is of the channel {declared}, not {channel}; freeze the analysis of {channel}"
        yield "channel-as-frozen", said


def _opener(case: Case) -> Broken:
    """The opener is a reviewer or convenor with a share, who did not write the freeze."""
    record, people, freeze = case.record, case.policy.people, case.record.freeze
    opener, stage = case.ask["opener"], case.ask["stage"]
    role = people[opener].role if opener in people else f"nobody: [people] has no {opener}"
    if role == "analyst" or role not in case.policy.stages[stage].approval:  # guard: role-may-open
        said = f"{opener} is {role}; the opener is a reviewer or convenor with a share of {stage}"
        yield "role-may-open", said
    if freeze and opener == freeze.person:  # guard: opener-is-not-author
        yield "opener-is-not-the-author", f"{opener} is the author of the freeze and cannot open it"
    if opener not in record.joined():  # guard: opener-has-joined
        yield "opener-has-joined", f"{opener} has not joined; `bdana blinding join` does it"
    if not record.shares(case.ask["period"], stage, opener):  # guard: opener-has-a-share
        yield "opener-has-a-share", f"{opener} holds no share of the key of {stage}"


def _in_turn(case: Case) -> Broken:
    """A stage is opened after the one before it, and nothing after what failed or was abandoned."""
    record, stage, period = case.record, case.ask["stage"], case.ask["period"]
    done = {row.body["stage"] for row, _ in record.openings("end", period, case.ask["channel"])}
    # A control region may be asked for as soon as the one before it is.
    if case.row.kind != "begin" and stage != list(case.policy.stages)[-1]:  # guard: last-is-asked-for-alone
        done |= {row.body["stage"] for row in record.requests(period, record.freeze)}
    before = case.policy.previous(stage)
    if before is not None and before not in done:  # guard: stage-in-its-turn
        yield "stage-in-its-turn", f"{stage} is opened after {before}, which is not open"
    for failed in record.failures(record.freeze):
        if failed != stage:  # guard: failure-stops
            said = f"{failed} did not agree with its prediction; find out why, freeze and ask again"
            yield "failure-stops", said
    # It may have been a hidden look.
    for row in record.abandoned():  # guard: abandoned-stops
        said = f"{row.person} abandoned the opening of {row.body['stage']}; freeze again, with --explain, and ask again"
        yield "nothing-was-abandoned", said


def _request(case: Case) -> Broken:
    role = case.policy.role(case.row.person)
    if role != "analyst":  # guard: analyst-requests
        said = f"an analyst requests an opening, and {case.row.person} is {role}"
        yield "analysts-request", said
    if case.body["head"] != case.row.follows:  # guard: request-names-the-head
        yield "names-the-row-before", "does not name the row that it follows"
    yield from _opening(case)
    for row in case.record.requests(case.ask["period"], case.record.freeze):
        if all(row.body[key] == case.body[key] for key in ("stage", "channel", "opener")):  # guard: asks-once
            said = f"{row.person} asked for {row.body['stage']} already, {row.name}; `bdana blinding withdraw` takes that back"
            yield "asks-once", said
    yield from _released(case)


def _approve(case: Case) -> Broken:
    yield from _opening(case)
    person, asked = case.row.person, case.asked
    if case.record.has("end", request=case.row.follows):  # guard: approved-before-end
        yield "approves-what-is-closed", f"{case.ask['stage']} was opened with this request already"
    if asked and person in {asked.person, asked.body["opener"]}:  # guard: nobody-agrees-twice
        said = f"{person} requested this opening or is its opener, which is consent enough"
        yield "nobody-agrees-twice", said
    standing = Record([*case.record.rows, case.row], case.policy).consents(asked) if asked else []
    own = [row for row in standing if row.person == person and row.kind == "approve"]
    if len(own) > 1 and case.row in own:  # guard: approves-once
        yield "approves-once", f"{person} has approved this request already"
    yield from _released(case)


def _released(case: Case) -> Broken:
    """Who asks or agrees releases all the own shares of the stage, and no others, encrypted to the opener."""
    person, stage, given = case.row.person, case.ask["stage"], case.body["shares"]
    if case.new:
        own = {share.sha256 for share in case.record.shares(case.ask["period"], stage, person)}
        if not own:  # guard: approver-has-a-share
            yield "releases-own-shares", f"{person} holds no share of the key of {stage}"
        if {share["sha256"] for share in given} != own:  # guard: releases-own-shares
            said = f"releases other shares of the key of {stage} than those of {person}"
            yield "releases-own-shares", said
    parts = [part for share in given for part in (share["sha256"], share["sealed"])]
    if not all(isinstance(part, str) for part in parts):  # guard: share-is-one
        yield "shares-are-shares", "does not say what such a row says"


def _withdraw(case: Case) -> Broken:
    if not case.new:
        return
    person, given = case.row.person, case.record.approvals(case.asked) if case.asked else []
    if case.record.has("begin", request=case.row.follows):  # guard: begun
        said = "the opening began already, which cannot be taken back"
        yield "withdraws-before-the-opening", said
    own = {row.hash for row in given if row.person == person}
    if not case.body["takes_back"] or not set(case.body["takes_back"]) <= own:  # guard: takes-back-own
        yield "takes-back-own", f"{person} has neither requested nor approved this opening"


def _begin(case: Case) -> Broken:
    yield from _opening(case)
    person, asked, request = case.row.person, case.asked, case.body["request"]
    stage, opener = case.ask["stage"], case.ask["opener"]
    if person != opener:  # guard: named-opener-opens
        yield "named-opener-opens", f"the opener of this request is {opener}, not {person}"
    if case.body["stage"] != stage:  # guard: begin-of-its-stage
        yield "opens-what-was-asked-for", "opens another stage than was asked for"
    if case.record.has("begin", request=request):  # guard: begins-once
        yield "begins-once", f"the opening of {stage} with this request began already"
    agreed = case.record.approvals(asked) if asked else []
    if case.new:
        named, standing = case.body["approvals"], case.record.consents(asked) if asked else []
        if asked and request in case.record.withdrawn():  # guard: request-stands
            yield "request-stands", f"{asked.person} withdrew the request"
        if asked and request not in named:  # guard: rests-on-the-request
            yield "request-stands", "does not rest on the request"
        for digest in named:
            if digest not in {request, *(row.hash for row in standing)}:  # guard: approvals-stand
                row = case.record.find("approve", digest)
                said = (
                    f"{row.person if row else 'nobody'} had taken back the approval that the opening rests on"
                )
                yield "approvals-stand", said
        agreed = [row for row in agreed if row.hash in named]
    missing = ""
    try:
        there = case.record.shares(case.ask["period"], stage)
        agreed_shares(there, stage, case.policy.stages[stage], person, agreed)
    except BlindingError as err:
        missing = str(err)
    if missing:  # guard: begin-has-its-shares
        yield "quorum-agreed", missing


def _end(case: Case) -> Broken:
    request = case.body["request"]
    if not case.record.has("begin", request=request):  # guard: end-has-a-begin
        yield "ends-what-began", "ends what did not begin"
    if case.record.has("end", request=request):  # guard: ends-once
        yield "ends-once", "ends what has ended"
    opened = (case.ask["opener"], case.ask["stage"])
    if (case.row.person, case.body["stage"]) != opened:  # guard: end-of-its-opener
        said = "is by somebody else than the opener, or of another stage"
        yield "ends-by-its-opener", said
    if case.record.has("abandon", request=request):  # guard: ends-what-stands
        yield "ends-what-stands", "ends what was abandoned"
    yield from _outputs(case)


def _outputs(case: Case) -> Broken:
    """Check that an opening read what was frozen, and gives what its freeze declares, with the verdict of its count."""
    freeze = case.record.find("freeze", str(case.ask.get("freeze")))
    frozen = freeze.body["frozen"] if freeze else {}
    outputs, stage = case.body["outputs"], case.body["stage"]
    if (
        case.names_files and case.body["read"] != frozen["sealed"][case.ask["period"]][stage]
    ):  # guard: read-as-frozen
        yield "ends-with-the-frozen-files", f"read other sealed files of {stage} than those that were frozen"
    undeclared = sorted(set(outputs) - set(frozen.get("outputs", outputs)))
    if undeclared:  # guard: outputs-as-declared
        said = f"has the outputs {', '.join(undeclared)}, which the freeze does not declare"
        yield "ends-with-what-is-declared", said
    if stage not in frozen.get("prediction", {}).get("steps", {}) or "verdict" not in outputs:
        return
    counted, verdict = outputs.get("observed"), outputs["verdict"]
    number = counted.get(stage) if isinstance(counted, dict) else None
    judged = verdict_of(frozen, stage, number) if isinstance(number, int) and number >= 0 else {}
    if not isinstance(verdict, dict) or not same_verdict(verdict, judged):  # guard: verdict-of-its-count
        yield "ends-with-the-verdict-of-its-count", "has another verdict than its number of candidates gives"


def _abandon(case: Case) -> Broken:
    person, stage = case.row.person, case.body["stage"]
    unfinished = {row.body["request"] for row in case.record.unfinished()}
    if case.body["request"] not in unfinished:  # guard: abandons-what-began
        yield "abandons-what-began", f"no opening of {stage} began and did not end"
    opener, asked = case.ask["opener"], case.ask["stage"]
    if person != opener and case.policy.role(person) != "convenor":  # guard: opener-or-convenor
        said = f"{person} is neither {opener}, who opens {asked}, nor a convenor"
        yield "opener-or-convenor-abandons", said
    if stage != asked:  # guard: abandons-its-stage
        yield "abandons-its-stage", "abandons another stage than was asked for"
    if not _says(case.body["reason"]):  # guard: abandons-for-a-reason
        yield "abandons-for-a-reason", "say why the opening is abandoned"


def _verdict(case: Case) -> Broken:
    end = case.record.find("end", case.body["end"])
    if end is None or case.row.person != end.person:  # guard: verdict-of-its-opener
        yield "verdict-of-an-end", "is of no opening of its person"
    if case.record.has("verdict", end=case.body["end"]):  # guard: one-verdict
        yield "verdict-once", "is the second of its opening"
    ended: Mapping[str, Any] = end.body if end else {"outputs": {}, "stage": ""}
    said = {key: value for key, value in case.body.items() if key not in {"end", "stage"}}
    same = canonical(said) == canonical(ended["outputs"].get("verdict"))
    if not same or case.body["stage"] != ended["stage"]:  # guard: verdict-of-its-end
        yield "verdict-as-the-end-says", "says something else than the end of its opening"
    asked = case.record.find("request", ended["request"]) if end else None
    freeze = case.record.find("freeze", asked.body["freeze"]) if asked else None
    steps = freeze.body["frozen"].get("prediction", {}).get("steps", {}) if freeze else {}
    predicted = steps[ended["stage"]][ended["stage"]] if steps else {}
    given = {key: case.body.get(key) for key in predicted}
    if canonical(given) != canonical(predicted):  # guard: verdict-as-frozen
        why = "judges on another prediction than the freeze has of what is open then"
        yield "verdict-is-on-the-prediction", why


# -------------------------------------------------------------------------------------- a rehearsal with a sealed injection


def _hide(case: Case) -> Broken:
    if not case.policy.people[case.row.person].production:  # guard: production-hides
        said = f"{case.row.person} has not the mark `production` in [people] of the policy"
        yield "production-hides", said
    if case.record.of_kind("hide"):  # guard: hides-once
        said = "an injection, or none, is hidden in these data already; another rehearsal needs a folder of its own"
        yield "hides-once", said
    if case.record.freeze:  # guard: hides-before-a-freeze
        said = "something was frozen here already, so these are no data to hide an injection in"
        yield "hides-before-anything-is-frozen", said
    seals = case.record.of_kind("seal")
    recorded = {one["sha256"] for row in seals for one in row.body["manifests"].values()}
    named = {one["sha256"] for one in case.body["manifests"].values()}
    if not named or not named <= recorded:  # guard: hides-in-sealed-data
        yield "hides-in-sealed-data", "names no data, or data whose manifests are not recorded"
    last = list(case.policy.stages)[-1]
    if list(case.body["stages"]) != [last] or not _split_for(case, last):  # guard: hides-for-the-quorum
        said = f"gives the key of what is hidden to other people than {last} asks for"
        yield "hides-for-the-quorum", said


def _hidden(case: Case) -> Broken:
    if case.record.find("hide", case.body["hidden"]) is None:  # guard: something-is-hidden
        said = "nothing is hidden here; `bdana blinding rehearse --sealed-injection` makes a rehearsal in which it is"
        yield "something-is-hidden", said


def _claim(case: Case) -> Broken:
    yield from _hidden(case)
    person, hidden = case.row.person, case.record.find("hide", case.body["hidden"])
    if case.policy.role(person) != "analyst" or (hidden and hidden.person == person):  # guard: analysts-claim
        yield "analysts-claim", f"an analyst who did not hide it claims what was found, not {person}"
    if case.record.of_kind("reveal"):  # guard: claims-before-the-reveal
        said = "somebody has agreed to reveal what was hidden, so it is too late to claim"
        yield "claims-before-the-reveal", said
    if any(row.person == person for row in case.record.of_kind("claim")):  # guard: claims-once
        yield "claims-once", f"{person} has claimed already"
    opened = {row.body["stage"] for row in case.record.of_kind("end")}
    events = case.body["events"]
    numbers = all(type(number) is int and number >= 0 for number in events.values())
    if not events or not numbers or not events.keys() <= opened:  # guard: claims-what-was-opened
        said = f"a claim gives whole numbers of events, of regions that are open: {', '.join(sorted(opened)) or 'none is'}"
        yield "claims-what-was-opened", said


def _reveal(case: Case) -> Broken:
    yield from _hidden(case)
    person, there = case.row.person, case.record.of_kind("reveal")
    if not case.record.of_kind("claim"):  # guard: reveals-after-a-claim
        said = "nobody has said what was found; an analyst does it with `bdana blinding claim`"
        yield "reveals-after-a-claim", said
    if any(row.person == person or row.body["answer"] for row in there):  # guard: reveals-once
        yield "reveals-once", f"{person} has agreed to this already, or it is revealed"
    hidden, stage = case.record.find("hide", case.body["hidden"]), list(case.policy.stages)[-1]
    own = {s.sha256 for s in shares(hidden, stage) if s.person == person} if hidden else set()
    given = {one["sha256"]: one["sealed"] for one in case.body["shares"]}
    wrong = [digest for digest, text in given.items() if sha256(base64.b64decode(text)) != digest]
    if not own or given.keys() != own or wrong:  # guard: reveals-own-shares
        said = f"{person} holds no share of the key of what is hidden, or gives others than the own ones"
        yield "reveals-own-shares", said
    found = answer_of(hidden, case.policy, [*there, case.row]) if hidden else {}
    # With the share that makes the quorum complete comes the answer that was hidden, and not before.
    if canonical(case.body["answer"]) != canonical(found):  # guard: reveals-what-was-hidden
        yield "reveals-what-was-hidden", "says something else than what was hidden"


def _says(text: object) -> bool:
    """Tell whether something is a text that is not blank."""
    return isinstance(text, str) and bool(text.strip())


RULES: Mapping[Kind, Callable[[Case], Broken]] = {
    "join": _join,
    "policy": _policy,
    "keys": _keys,
    "handover": _handover,
    "seal": _seal,
    "freeze": _freeze,
    "rehearse": _rehearse,
    "request": _request,
    "approve": _approve,
    "withdraw": _withdraw,
    "begin": _begin,
    "end": _end,
    "abandon": _abandon,
    "verdict": _verdict,
    "seen": _seen,
    "hide": _hide,
    "claim": _claim,
    "reveal": _reveal,
}
"""By kind of row: what gives the rules that such a row breaks."""
