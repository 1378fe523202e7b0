"""The table of rules: what must be in the ledger before a row, who may write it, and what it must name."""

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
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from bdana.blinding.ledger import Kind, Row
    from bdana.blinding.policy import Policy

__all__ = ["RULES", "Case", "Rule"]

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
NEW_FIELDS: Mapping[str, Mapping[str, type]] = {
    "approve": {"head": str},
    "withdraw": {"head": str, "reason": str},
    "begin": {"approvals": list},
}
"""What rows of format 2 must have besides."""


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


Broken = Callable[[Case], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """One rule: rows of which kinds it is for, and what tells that a row breaks it.

    Attributes
    ----------
    name : str
    kinds : tuple of str
        Empty for all kinds.
    broken : callable
        Yields what is said of a row that breaks the rule, and nothing of one that keeps it. Its docstring is the rule.
    since : int
        The first format of rows that it holds for.
    """

    name: str
    kinds: tuple[Kind, ...]
    broken: Broken
    since: int = 1


RULES: dict[str, Rule] = {}
"""All rules by name, in the order in which they are asked."""
OPENING: tuple[Kind, ...] = ("request", "approve", "begin")
"""Kinds of rows that want an opening: what holds for one holds for all."""


def _rule(*kinds: Kind, since: int = 1) -> Callable[[Broken], Broken]:
    """Put a function into the table, under its own name."""

    def add(broken: Broken) -> Broken:
        name = broken.__name__.strip("_").replace("_", "-")
        RULES[name] = Rule(name, kinds, broken, since)
        return broken

    return add


# ------------------------------------------------------------------------------------------------------------- all rows


@_rule()
def _says_what_it_must(case: Case) -> Iterator[str]:
    """A row has the fields of its kind."""
    fields = dict(ROW_FIELDS[case.row.kind])
    if case.row.format > 1:
        fields |= NEW_FIELDS.get(case.row.kind, {})
    if not all(isinstance(case.body.get(name), kind) for name, kind in fields.items()):  # guard: fields
        yield "does not say what such a row says"


@_rule()
def _format_goes_on(case: Case) -> Iterator[str]:
    """After a row of this format no row is written in an older one."""
    if case.row.format < max((row.format for row in case.record.rows), default=1):  # guard: no-older-format
        yield f"is of format {case.row.format}, though rows before it are of a newer one"


@_rule()
def _person_of_the_policy(case: Case) -> Iterator[str]:
    """Rows are written by people of the policy in force."""
    if case.row.person not in case.policy.people:  # guard: signer-in-force
        yield f"[people] of the policy in force has no {case.row.person}"


@_rule(*OF_A_REQUEST, since=2)
def _names_the_head_it_saw(case: Case) -> Iterator[str]:
    """An approval or withdrawal names the newest row that its person saw."""
    main = {row.hash for row in case.record.rows if not row.beside}
    if case.body["head"] not in main:  # guard: head-is-there
        yield "names as newest row one that is not there: rows were removed or written again"


# ---------------------------------------------------------------------------------------- people, keys, the policy, data


@_rule("join")
def _joins_with_age(case: Case) -> Iterator[str]:
    """Who joins names an age recipient."""
    try:
        pyrage.x25519.Recipient.from_str(case.body["recipient"])
    except pyrage.RecipientError:  # guard: joins-with-age
        yield f"'{case.body['recipient']}' is no age recipient"


@_rule("join", since=2)
def _joins_once(case: Case) -> Iterator[str]:
    """Nobody says the same in two joins."""
    said = [row.body for row in case.record.of_kind("join") if row.person == case.row.person]
    if said and said[-1] == case.body:  # guard: joins-once
        yield f"{case.row.person} has joined this policy already"


@_rule("policy")
def _changes_the_policy_in_force(case: Case) -> Iterator[str]:
    """A change is of the policy in force."""
    if policy_of(case.row, "before").sha256 != case.policy.sha256:  # guard: change-of-what-is-in-force
        yield "changes a policy that is not in force"


@_rule("policy")
def _changes_something(case: Case) -> Iterator[str]:
    """A change changes something."""
    if policy_of(case.row, "after").sha256 == case.policy.sha256:  # guard: change-of-something
        yield "nothing is changed by this policy"


@_rule("policy")
def _changes_what_binds(case: Case) -> Iterator[str]:
    """Everybody has joined a policy before it is changed; until then its file is edited."""
    for name in case.policy.people:
        if name not in case.record.joined():  # guard: everybody-is-bound
            yield (
                f"{name} has not joined this policy, so that nobody is bound by it: edit blinding/policy.toml"
            )


@_rule("policy")
def _people_stay_who_they_are(case: Case) -> Iterator[str]:
    """Nobody's role changes, and no key comes back under another name."""
    try:
        earlier = [*(past.policy for past in case.policy.former), case.policy]  # guard: former-people
        require_same_people(earlier, policy_of(case.row, "after"))
    except BlindingError as err:
        yield str(err).removeprefix("refused: ")


@_rule("policy")
def _signs_a_change_once(case: Case) -> Iterator[str]:
    """Nobody signs the same change twice."""
    before, after = (policy_of(case.row, which) for which in ("before", "after"))
    if case.row.person in signers(case.record.rows, before, after):  # guard: signs-once
        yield f"{case.row.person} has signed this change already"


@_rule("keys")
def _keys_of_the_policy(case: Case) -> Iterator[str]:
    """Keys are for the policy in force."""
    if case.body["policy"] != case.policy.sha256:  # guard: keys-of-the-policy
        yield "makes keys for another policy"


@_rule("keys")
def _keys_of_a_period(case: Case) -> Iterator[str]:
    """Keys are for a period of the policy."""
    if case.body["period"] not in case.policy.periods:  # guard: known-period
        yield f"blinding/policy.toml has no [periods.{case.body['period']}]"


@_rule("keys")
def _keys_when_all_have_joined(case: Case) -> Iterator[str]:
    """Keys are made when everybody has joined."""
    for name in case.policy.people:
        if name not in case.record.joined():  # guard: everybody-has-joined
            yield f"{name} has not joined this policy; `bdana blinding join` does it"


@_rule("keys")
def _keys_once(case: Case) -> Iterator[str]:
    """A period has keys once, or new ones that name those they replace."""
    there, period = case.record.keys(case.body["period"]), case.body["period"]
    if there is None and "replaces" in case.body:  # guard: again-if-there
        yield f"period {period} has no keys yet; leave out --again"
    if there and case.body.get("replaces") != there.hash:  # guard: keys-are-made-once
        yield f"period {period} has keys already; if shares of them are lost and no opening began, --again makes new ones"


@_rule("keys")
def _keys_stay_after_an_opening(case: Case) -> Iterator[str]:
    """No keys of a period are made after an opening of it began."""
    period = case.body["period"]
    if case.record.openings("begin", period):  # guard: keys-of-opened-stay
        yield f"an opening of period {period} began, so its keys stay; later runs need a period of their own"


@_rule("keys")
def _keys_for_the_quorum(case: Case) -> Iterator[str]:
    """The key of a stage is split among the people that the policy asks for."""
    for name in case.policy.stages:
        if not _split_for(case, name):  # guard: split
            yield f"gives the key of {name} to other people than the policy asks for"


@_rule("handover")
def _hands_over_keys(case: Case) -> Iterator[str]:
    """What is handed over are shares of the keys of a period."""
    keys = case.record.find("keys", case.body["keys"])
    if keys is None or case.record.keys(keys.body["period"]) != keys:  # guard: handover-of-keys
        yield "hands over shares of keys that are not in use"


@_rule("handover")
def _shares_stay_with_their_role(case: Case) -> Iterator[str]:
    """Shares go to somebody of the same role."""
    to, people = case.body["to"], case.policy.people
    if to not in people or people[to].role != people[case.row.person].role:  # guard: same-role
        role = people[to].role if to in people else "nobody of the policy"
        yield f"{case.row.person} is {people[case.row.person].role} and {to} {role}; shares stay with their role"


@_rule("handover")
def _newcomers_have_joined(case: Case) -> Iterator[str]:
    """Shares go to somebody who has joined."""
    if case.body["to"] not in case.record.joined():  # guard: newcomer-has-joined
        yield f"{case.body['to']} has not joined; `bdana blinding join` does it"


@_rule("handover")
def _one_share_each(case: Case) -> Iterator[str]:
    """Shares go to somebody who holds none, or one person would be two of a quorum."""
    keys, handed = case.record.find("keys", case.body["keys"]), case.record.of_kind("handover")
    stages = case.policy.stages if keys else ()
    holders = {share.person for stage in stages for share in shares(keys, stage, handed)}  # type: ignore[arg-type]
    if case.body["to"] in holders:  # guard: one-share-each
        yield f"{case.body['to']} holds a share already, and would be two people of a quorum with a second"


@_rule("handover")
def _hands_over_own_shares(case: Case) -> Iterator[str]:
    """Who hands shares over holds them."""
    keys = case.record.find("keys", case.body["keys"])
    period = keys.body["period"] if keys else ""
    own = {
        share.sha256
        for stage in case.policy.stages
        for share in case.record.shares(period, stage)
        if share.person == case.row.person
    }
    if not own or not case.body["shares"].keys() <= own:  # guard: has-shares-to-give
        yield f"{case.row.person} holds no share of a key of period {period}, or not all of these"


@_rule("seal")
def _production_seals(case: Case) -> Iterator[str]:
    """Sealed files are recorded by production."""
    if not case.policy.people[case.row.person].production:  # guard: seal-by-production
        yield f"{case.row.person} has not the mark `production` in [people] of the policy"


@_rule("seal")
def _manifests_are_named(case: Case) -> Iterator[str]:
    """Sealed files are recorded by the hashes of their manifests."""
    named = case.body["manifests"].values()
    if not all(isinstance(one["sha256"], str) for one in named):  # guard: manifest-hash
        yield "does not say what such a row says"


@_rule("seen")
def _seen_names_regions(case: Case) -> Iterator[str]:
    """Who looked names regions that are closed."""
    for name in case.body.get("regions", ()):
        if name not in case.policy.stages:  # guard: seen-names-stages
            yield f"there is no stage {name}; there are: {', '.join(case.policy.stages)}"


@_rule("seen")
def _seen_says_why(case: Case) -> Iterator[str]:
    """Who looked says what was seen, and why."""
    if not case.body["reason"].strip():  # guard: seen-says-why
        yield "say what was seen, and why"


# ------------------------------------------------------------------------------ openings: asked for, agreed to and begun


@_rule(*OPENING)
def _opening_is_asked_for(case: Case) -> Iterator[str]:
    """What is opened was asked for."""
    if case.asked is None:  # guard: request-of-the-ledger
        yield "the ledger has no such request"


@_rule("request")
def _analysts_request(case: Case) -> Iterator[str]:
    """An analyst asks for an opening."""
    role = case.policy.role(case.row.person)
    if role != "analyst":  # guard: analyst-requests
        yield f"an analyst requests an opening, and {case.row.person} is {role}"


@_rule("request")
def _names_the_row_before(case: Case) -> Iterator[str]:
    """A request names the row that it follows."""
    if case.body["head"] != case.row.follows:  # guard: request-names-the-head
        yield "does not name the row that it follows"


@_rule("rehearse", *OPENING)
def _freeze_is_there(case: Case) -> Iterator[str]:
    """An opening needs a freeze."""
    if case.record.freeze is None:  # guard: freeze-is-there
        yield "nothing is frozen; `bdana blinding freeze` does it"


@_rule(*OPENING)
def _freeze_is_the_newest(case: Case) -> Iterator[str]:
    """An opening is with the newest freeze."""
    freeze = case.record.freeze
    if freeze and case.ask["freeze"] != freeze.hash:  # guard: request-of-newest-freeze
        yield "the analysis was frozen again after this request; request the opening again"


@_rule("rehearse", *OPENING)
def _freeze_is_of_the_policy(case: Case) -> Iterator[str]:
    """An opening is with a freeze that was made under the policy in force."""
    freeze = case.record.freeze
    if freeze and any(freeze.number <= past.last for past in case.policy.former):  # guard: freeze-of-policy
        yield "the policy changed after this freeze; freeze again"


@_rule("rehearse")
def _rehearses_a_freeze(case: Case) -> Iterator[str]:
    """A rehearsal is of a freeze."""
    if case.record.find("freeze", case.body["freeze"]) is None:  # guard: rehearsal-of-a-freeze
        yield "rehearses no freeze"


@_rule(*OPENING)
def _freeze_was_rehearsed(case: Case) -> Iterator[str]:
    """An opening is with a freeze that was rehearsed."""
    if not case.record.has("rehearse", freeze=case.ask["freeze"]):  # guard: freeze-was-rehearsed
        yield "this freeze was not rehearsed; `bdana blinding rehearse` does it"


@_rule(*OPENING)
def _stage_of_the_policy(case: Case) -> Iterator[str]:
    """What is opened is a stage of the policy."""
    stage, stages = case.ask["stage"], case.policy.stages
    if stage not in stages:  # guard: stage-of-the-policy
        yield f"there is no stage {stage}; there are: {', '.join(stages)}"


@_rule(*OPENING)
def _period_as_frozen(case: Case) -> Iterator[str]:
    """The data are of a period that was frozen."""
    period, there = case.ask["period"], case.frozen["sealed"]
    if period not in there or period not in case.policy.periods:  # guard: period-as-frozen
        yield f"the freeze is of data of period {', '.join(there)}, not {period}"


@_rule(*OPENING)
def _opening_has_keys(case: Case) -> Iterator[str]:
    """The period has keys."""
    period = case.ask["period"]
    if case.record.keys(period) is None:  # guard: opening-has-keys
        yield f"period {period} has no keys for this policy; `bdana blinding keys {period}` makes them"


@_rule(*OPENING)
def _freeze_after_the_keys(case: Case) -> Iterator[str]:
    """A freeze is made after the keys that its data are sealed with."""
    period, freeze = case.ask["period"], case.record.freeze
    keys = case.record.keys(period)
    if keys and freeze and keys.number > freeze.number:  # guard: freeze-after-keys
        yield f"the keys of period {period} were made after this freeze; seal the raw data again and freeze"


@_rule(*OPENING)
def _opened_data_stay(case: Case) -> Iterator[str]:
    """Once an opening of a period began, its sealed data stay the same."""
    period, freezes = case.ask["period"], by_hash(case.record.rows, "freeze")
    for _, request in case.record.openings("begin", period):
        before = freezes[request.body["freeze"]].body["frozen"]["sealed"]
        if before.get(period) != case.frozen["sealed"].get(period):  # guard: opened-data-stay
            yield (
                f"the sealed data of period {period} are not those that {request.body['stage']} was opened with; runs that are "
                "added after an opening need a period of their own in blinding/policy.toml"
            )


@_rule(*OPENING)
def _channel_as_frozen(case: Case) -> Iterator[str]:
    """The channel is the one that was frozen."""
    declared = case.frozen["config"]["search"]["selection"]
    if case.ask["channel"] != declared:  # guard: channel-as-frozen
        channel = case.ask["channel"]
        yield f"the freeze is of the channel {declared}, not {channel}; freeze the analysis of {channel}"


@_rule(*OPENING)
def _role_may_open(case: Case) -> Iterator[str]:
    """The opener has a role that the stage asks for, and is no analyst."""
    opener, stage = case.ask["opener"], case.ask["stage"]
    people = case.policy.people
    role = people[opener].role if opener in people else f"nobody: [people] has no {opener}"
    if role == "analyst" or role not in case.policy.stages[stage].approval:  # guard: role-may-open
        yield f"{opener} is {role}; the opener is a reviewer or convenor with a share of {stage}"


@_rule(*OPENING)
def _opener_is_not_the_author(case: Case) -> Iterator[str]:
    """The opener did not write the freeze."""
    if case.record.freeze and case.ask["opener"] == case.record.freeze.person:  # guard: opener-is-not-author
        yield f"{case.ask['opener']} is the author of the freeze and cannot open it"


@_rule(*OPENING)
def _opener_has_joined(case: Case) -> Iterator[str]:
    """The opener has joined."""
    if case.ask["opener"] not in case.record.joined():  # guard: opener-has-joined
        yield f"{case.ask['opener']} has not joined; `bdana blinding join` does it"


@_rule(*OPENING)
def _opener_has_a_share(case: Case) -> Iterator[str]:
    """The opener holds a share of the stage's key."""
    opener, stage = case.ask["opener"], case.ask["stage"]
    holders = {share.person for share in case.record.shares(case.ask["period"], stage)}
    if opener not in holders:  # guard: opener-has-a-share
        yield f"{opener} holds no share of the key of {stage}"


@_rule(*OPENING)
def _stage_in_its_turn(case: Case) -> Iterator[str]:
    """A stage is opened after the one before; a control region may be asked for when that one is."""
    stage, period = case.ask["stage"], case.ask["period"]
    done = {row.body["stage"] for row, _ in case.record.openings("end", period, case.ask["channel"])}
    if case.row.kind != "begin" and stage != list(case.policy.stages)[-1]:  # guard: last-is-asked-for-alone
        done |= {row.body["stage"] for row in case.record.requests(period, case.record.freeze)}
    before = case.policy.previous(stage)
    if before is not None and before not in done:  # guard: stage-in-its-turn
        yield f"{stage} is opened after {before}, which is not open"


@_rule(*OPENING)
def _failure_stops(case: Case) -> Iterator[str]:
    """After a failed agreement test nothing more is opened with the same freeze."""
    for stage in case.record.failures(case.record.freeze):
        if stage != case.ask["stage"]:  # guard: failure-stops
            yield f"{stage} did not agree with its prediction; find out why, freeze and ask again"


@_rule(*OPENING)
def _nothing_was_abandoned(case: Case) -> Iterator[str]:
    """After an opening was abandoned nothing more is opened with the same freeze: it may have been a hidden look."""
    for row in case.record.abandoned():  # guard: abandoned-stops
        yield f"{row.person} abandoned the opening of {row.body['stage']}; freeze again, with --explain, and ask again"


@_rule("freeze", since=2)
def _openings_are_done(case: Case) -> Iterator[str]:
    """What began ends, or is abandoned, before anything is frozen again."""
    for row in case.record.unfinished():  # guard: openings-are-done
        stage = row.body["stage"]
        yield (
            f"the opening of {stage} began and has not ended: {row.person} opens it again, or `bdana blinding abandon {stage}` "
            "gives it up"
        )


@_rule("freeze", since=2)
def _abandoned_is_explained(case: Case) -> Iterator[str]:
    """The freeze after an abandoned opening says why it was abandoned, and what was changed."""
    gone = [row.body["stage"] for row in case.record.abandoned()]
    if gone and not _says(case.body.get("explains")):  # guard: abandoned-is-explained
        yield (
            f"the opening of {', '.join(gone)} was abandoned: say with --explain what was found out, and what is changed"
        )


@_rule("freeze", since=2)
def _failure_is_explained(case: Case) -> Iterator[str]:
    """The freeze after a failed agreement test says why it failed, and what was changed."""
    failed = case.record.failures(case.record.freeze)
    if failed and not _says(case.body.get("explains")):  # guard: failure-is-explained
        yield (
            f"{', '.join(failed)} did not agree with the prediction of the last freeze: say with --explain what was found out, "
            "and what is changed"
        )


@_rule("request")
def _asks_once(case: Case) -> Iterator[str]:
    """The same opening is asked for once."""
    for row in case.record.requests(case.ask["period"], case.record.freeze):
        if all(row.body[key] == case.body[key] for key in ("stage", "channel", "opener")):  # guard: asks-once
            yield f"{row.person} asked for {row.body['stage']} already, {row.name}; `bdana blinding withdraw` takes that back"


@_rule("approve")
def _approves_what_is_closed(case: Case) -> Iterator[str]:
    """What was opened is not approved any more."""
    if case.record.has("end", request=case.row.follows):  # guard: approved-before-end
        yield f"{case.ask['stage']} was opened with this request already"


@_rule("approve")
def _nobody_agrees_twice(case: Case) -> Iterator[str]:
    """Who asks or opens has consented by that."""
    asked = case.asked
    if asked and case.row.person in {asked.person, asked.body["opener"]}:  # guard: nobody-agrees-twice
        yield f"{case.row.person} requested this opening or is its opener, which is consent enough"


@_rule("approve")
def _approves_once(case: Case) -> Iterator[str]:
    """Nobody approves a request twice, unless the first approval was withdrawn."""
    rows = [*case.record.rows, case.row]
    standing = Record(rows, case.policy).consents(case.asked) if case.asked else []
    own = [row for row in standing if row.person == case.row.person and row.kind == "approve"]
    if len(own) > 1 and case.row in own:  # guard: approves-once
        yield f"{case.row.person} has approved this request already"


@_rule("request", "approve", since=2)
def _releases_own_shares(case: Case) -> Iterator[str]:
    """Who asks or agrees releases all the own shares of the stage, and no others."""
    stage = case.ask["stage"]
    held = case.record.shares(case.ask["period"], stage)
    own = {share.sha256 for share in held if share.person == case.row.person}
    if not own:  # guard: approver-has-a-share
        yield f"{case.row.person} holds no share of the key of {stage}"
    if {share["sha256"] for share in case.body["shares"]} != own:  # guard: releases-own-shares
        yield f"releases other shares of the key of {stage} than those of {case.row.person}"


@_rule("request", "approve")
def _shares_are_shares(case: Case) -> Iterator[str]:
    """A released share has its hash, and is encrypted to the opener."""
    said = [part for share in case.body["shares"] for part in (share["sha256"], share["sealed"])]
    if not all(isinstance(part, str) for part in said):  # guard: share-is-one
        yield "does not say what such a row says"


@_rule("withdraw", since=2)
def _withdraws_before_the_opening(case: Case) -> Iterator[str]:
    """What began is not withdrawn."""
    if case.record.has("begin", request=case.row.follows):  # guard: begun
        yield "the opening began already, which cannot be taken back"


@_rule("withdraw", since=2)
def _takes_back_own(case: Case) -> Iterator[str]:
    """People take back what is theirs."""
    person, given = case.row.person, case.record.approvals(case.asked) if case.asked else []
    own = {row.hash for row in given if row.person == person}
    if not case.body["takes_back"] or not set(case.body["takes_back"]) <= own:  # guard: takes-back-own
        yield f"{person} has neither requested nor approved this opening"


@_rule("begin")
def _named_opener_opens(case: Case) -> Iterator[str]:
    """Who opens is the opener that the request names."""
    if case.row.person != case.ask["opener"]:  # guard: named-opener-opens
        yield f"the opener of this request is {case.ask['opener']}, not {case.row.person}"


@_rule("begin")
def _opens_what_was_asked_for(case: Case) -> Iterator[str]:
    """What is opened is the stage that the request names."""
    if case.body["stage"] != case.ask["stage"]:  # guard: begin-of-its-stage
        yield "opens another stage than was asked for"


@_rule("begin")
def _begins_once(case: Case) -> Iterator[str]:
    """An opening begins once."""
    if case.record.has("begin", request=case.body["request"]):  # guard: begins-once
        yield f"the opening of {case.ask['stage']} with this request began already"


@_rule("begin", since=2)
def _request_stands(case: Case) -> Iterator[str]:
    """What is opened was not withdrawn, and is among the approvals that the opening rests on."""
    asked = case.asked
    if asked and asked.hash in case.record.withdrawn():  # guard: request-stands
        yield f"{asked.person} withdrew the request"
    if asked and asked.hash not in case.body["approvals"]:  # guard: rests-on-the-request
        yield "does not rest on the request"


@_rule("begin", since=2)
def _approvals_stand(case: Case) -> Iterator[str]:
    """The approvals that an opening rests on are of its request, and nobody had withdrawn them."""
    standing = {row.hash for row in case.record.consents(case.asked)} if case.asked else set()
    for named in case.body["approvals"]:
        if named not in {*standing, case.body["request"]}:  # guard: approvals-stand
            row = case.record.find("approve", named)
            yield f"{row.person if row else 'nobody'} had taken back the approval that the opening rests on"


@_rule("begin")
def _quorum_agreed(case: Case) -> Iterator[str]:
    """An opening has the shares of everybody that its stage asks for."""
    asked, stage = case.asked, case.ask["stage"]
    there = case.record.shares(case.ask["period"], stage)
    agreed = case.record.approvals(asked) if asked else []
    if case.row.format > 1:
        agreed = [row for row in agreed if row.hash in case.body["approvals"]]
    missing = ""
    try:
        agreed_shares(there, stage, case.policy.stages[stage], case.row.person, agreed)
    except BlindingError as err:
        missing = str(err)
    if missing:  # guard: begin-has-its-shares
        yield missing


@_rule("end")
def _ends_what_began(case: Case) -> Iterator[str]:
    """An end follows the begin of its opening."""
    if not case.record.has("begin", request=case.body["request"]):  # guard: end-has-a-begin
        yield "ends what did not begin"


@_rule("end")
def _ends_once(case: Case) -> Iterator[str]:
    """An opening ends once."""
    if case.record.has("end", request=case.body["request"]):  # guard: ends-once
        yield "ends what has ended"


@_rule("end")
def _ends_by_its_opener(case: Case) -> Iterator[str]:
    """An end is written by the opener, of the stage that was opened."""
    opened = (case.ask["opener"], case.ask["stage"])
    if (case.row.person, case.body["stage"]) != opened:  # guard: end-of-its-opener
        yield "is by somebody else than the opener, or of another stage"


@_rule("end")
def _ends_what_stands(case: Case) -> Iterator[str]:
    """What was abandoned does not end."""
    if case.record.has("abandon", request=case.body["request"]):  # guard: ends-what-stands
        yield "ends what was abandoned"


@_rule("abandon")
def _abandons_what_began(case: Case) -> Iterator[str]:
    """What is abandoned is an opening that began and did not end, and was not abandoned before."""
    asked = case.body["request"]
    if asked not in {row.body["request"] for row in case.record.unfinished()}:  # guard: abandons-what-began
        yield f"no opening of {case.body['stage']} began and did not end"


@_rule("abandon")
def _opener_or_convenor_abandons(case: Case) -> Iterator[str]:
    """An opening is abandoned by its opener, or by a convenor where the opener is not there."""
    person, opener = case.row.person, case.ask["opener"]
    if person != opener and case.policy.role(person) != "convenor":  # guard: opener-or-convenor
        yield f"{person} is neither {opener}, who opens {case.ask['stage']}, nor a convenor"


@_rule("abandon")
def _abandons_its_stage(case: Case) -> Iterator[str]:
    """What is abandoned is the stage that the request names."""
    if case.body["stage"] != case.ask["stage"]:  # guard: abandons-its-stage
        yield "abandons another stage than was asked for"


@_rule("abandon")
def _abandons_for_a_reason(case: Case) -> Iterator[str]:
    """Who abandons an opening says why."""
    if not _says(case.body["reason"]):  # guard: abandons-for-a-reason
        yield "say why the opening is abandoned"


@_rule("verdict")
def _verdict_of_an_end(case: Case) -> Iterator[str]:
    """A verdict is that of an opening of its person."""
    end = case.record.find("end", case.body["end"])
    if end is None or case.row.person != end.person:  # guard: verdict-of-its-opener
        yield "is of no opening of its person"


@_rule("verdict")
def _verdict_once(case: Case) -> Iterator[str]:
    """An opening has one verdict."""
    if case.record.has("verdict", end=case.body["end"]):  # guard: one-verdict
        yield "is the second of its opening"


@_rule("verdict")
def _verdict_as_the_end_says(case: Case) -> Iterator[str]:
    """A verdict says what the end of its opening says."""
    end = case.record.find("end", case.body["end"])
    there: Mapping[str, Any] = end.body if end else {"outputs": {}, "stage": ""}
    said = {key: value for key, value in case.body.items() if key not in {"end", "stage"}}
    same = canonical(said) == canonical(there["outputs"].get("verdict"))
    if not same or case.body["stage"] != there["stage"]:  # guard: verdict-of-its-end
        yield "says something else than the end of its opening"


# -------------------------------------------------------------------------------------- a rehearsal with a sealed injection


@_rule("hide")
def _production_hides(case: Case) -> Iterator[str]:
    """An injection is hidden by production, which seals the pseudo-data."""
    if not case.policy.people[case.row.person].production:  # guard: production-hides
        yield f"{case.row.person} has not the mark `production` in [people] of the policy"


@_rule("hide")
def _hides_once(case: Case) -> Iterator[str]:
    """A ledger is of one rehearsal with a sealed injection."""
    if case.record.of_kind("hide"):  # guard: hides-once
        yield "an injection, or none, is hidden in these data already; another rehearsal needs a folder of its own"


@_rule("hide")
def _hides_before_anything_is_frozen(case: Case) -> Iterator[str]:
    """An injection is hidden before anything is frozen: never in data that somebody works with."""
    if case.record.freeze:  # guard: hides-before-a-freeze
        yield "something was frozen here already, so these are no data to hide an injection in"


@_rule("hide")
def _hides_in_sealed_data(case: Case) -> Iterator[str]:
    """An injection is hidden in data whose manifests are recorded."""
    recorded = {
        one["sha256"] for row in case.record.of_kind("seal") for one in row.body["manifests"].values()
    }
    named = {one["sha256"] for one in case.body["manifests"].values()}
    if not named or not named <= recorded:  # guard: hides-in-sealed-data
        yield "names no data, or data whose manifests are not recorded"


@_rule("hide")
def _hides_for_the_quorum(case: Case) -> Iterator[str]:
    """The key of what is hidden is split among the people that the last stage asks for."""
    last = list(case.policy.stages)[-1]
    if list(case.body["stages"]) != [last] or not _split_for(case, last):  # guard: hides-for-the-quorum
        yield f"gives the key of what is hidden to other people than {last} asks for"


@_rule("claim", "reveal")
def _something_is_hidden(case: Case) -> Iterator[str]:
    """What is claimed about, or revealed, was hidden."""
    if case.record.find("hide", case.body["hidden"]) is None:  # guard: something-is-hidden
        yield "nothing is hidden here; `bdana blinding rehearse --sealed-injection` makes a rehearsal in which it is"


@_rule("claim")
def _analysts_claim(case: Case) -> Iterator[str]:
    """An analyst says what was found, who did not hide it."""
    person = case.row.person
    hidden = case.record.find("hide", case.body["hidden"])
    if case.policy.role(person) != "analyst" or (hidden and hidden.person == person):  # guard: analysts-claim
        yield f"an analyst who did not hide it claims what was found, not {person}"


@_rule("claim")
def _claims_before_the_reveal(case: Case) -> Iterator[str]:
    """What was found is claimed before anybody agrees to reveal what was hidden."""
    if case.record.of_kind("reveal"):  # guard: claims-before-the-reveal
        yield "somebody has agreed to reveal what was hidden, so it is too late to claim"


@_rule("claim")
def _claims_once(case: Case) -> Iterator[str]:
    """Nobody claims twice."""
    if any(row.person == case.row.person for row in case.record.of_kind("claim")):  # guard: claims-once
        yield f"{case.row.person} has claimed already"


@_rule("claim")
def _claims_what_was_opened(case: Case) -> Iterator[str]:
    """A claim gives numbers of events of regions that were opened."""
    opened = {row.body["stage"] for row in case.record.of_kind("end")}
    events = case.body["events"]
    numbers = all(type(number) is int and number >= 0 for number in events.values())
    if not events or not numbers or not events.keys() <= opened:  # guard: claims-what-was-opened
        yield f"a claim gives whole numbers of events, of regions that are open: {', '.join(sorted(opened)) or 'none is'}"


@_rule("reveal")
def _reveals_after_a_claim(case: Case) -> Iterator[str]:
    """What was hidden is revealed after somebody said what was found."""
    if not case.record.of_kind("claim"):  # guard: reveals-after-a-claim
        yield "nobody has said what was found; an analyst does it with `bdana blinding claim`"


@_rule("reveal")
def _reveals_once(case: Case) -> Iterator[str]:
    """Nobody agrees twice to reveal what was hidden, and not when it is revealed."""
    there = case.record.of_kind("reveal")
    if any(row.person == case.row.person or row.body["answer"] for row in there):  # guard: reveals-once
        yield f"{case.row.person} has agreed to this already, or it is revealed"


@_rule("reveal")
def _reveals_own_shares(case: Case) -> Iterator[str]:
    """Who agrees to reveal what was hidden gives all the own shares of its key, as they are, and no others."""
    hidden, (stage,) = case.record.find("hide", case.body["hidden"]), list(case.policy.stages)[-1:]
    own = {s.sha256 for s in shares(hidden, stage) if s.person == case.row.person} if hidden else set()
    given = {one["sha256"]: one["sealed"] for one in case.body["shares"]}
    wrong = [digest for digest, text in given.items() if sha256(base64.b64decode(text)) != digest]
    if not own or given.keys() != own or wrong:  # guard: reveals-own-shares
        yield f"{case.row.person} holds no share of the key of what is hidden, or gives others than the own ones"


@_rule("reveal")
def _reveals_what_was_hidden(case: Case) -> Iterator[str]:
    """With the share that makes the quorum complete comes the answer that was hidden, and not before."""
    hidden = case.record.find("hide", case.body["hidden"])
    found = answer_of(hidden, case.policy, [*case.record.of_kind("reveal"), case.row]) if hidden else {}
    if canonical(case.body["answer"]) != canonical(found):  # guard: reveals-what-was-hidden
        yield "says something else than what was hidden"


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


def _says(text: object) -> bool:
    """Tell whether something is a text that is not blank."""
    return isinstance(text, str) and bool(text.strip())
