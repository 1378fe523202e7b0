"""The rules of the protocol: what must be in the ledger before a row, who may write it, and what it must name.

`RULES` at the end says which rules hold for rows of each kind, and in which order they are asked. A rule is a function; its name
is that of the rule, its docstring is what is said of a row that breaks it, and what it returns is what breaks it, if anything.
In a docstring `{person}` is who writes the row, `{found}` the first thing that breaks the rule, and `{opener}`, `{stage}`,
`{period}` and `{channel}` are those of the request that the row is, or belongs to; `{period}` of other rows is that of its keys.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeAlias

import pyrage

from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.hidden import answer_of
from bdana.blinding.ledger import OF_A_REQUEST, by_hash
from bdana.blinding.policy_in_force import policy_of, require_same_people, signers
from bdana.blinding.record import Record, agreed_shares, shares
from bdana.blinding.verdict import same_verdict, verdict_of
from bdana.errors import BlindingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bdana.blinding.ledger import Kind, Row
    from bdana.blinding.policy import Person, Policy
    from bdana.blinding.record import Share

__all__ = ["RULES", "Case", "broken", "name_of"]

ROW_FIELDS: Mapping[str, Mapping[str, type]] = {  # guard: row-fields
    "join": {"policy": str, "recipient": str},
    "policy": {"before": dict, "after": dict},
    "keys": {"policy": str, "period": str, "stages": dict},
    "handover": {"keys": str, "to": str, "shares": dict, "links": dict},
    "seal": {"manifests": dict},
    "freeze": {"frozen": dict},
    "rehearse": {"freeze": str},
    "request": {"freeze": str, "stage": str, "channel": str, "period": str, "opener": str, "shares": list},
    "approve": {"head": str, "shares": list},
    "withdraw": {"head": str, "takes_back": list, "reason": str},
    "begin": {"request": str, "stage": str, "approvals": list},
    "end": {"request": str, "stage": str, "read": dict, "outputs": dict, "link": str},
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
    def person(self) -> str:
        """Who writes it."""
        return self.row.person

    @property
    def policy(self) -> Policy:
        """The policy in force when the row was written."""
        return self.record.policy

    @property
    def writer(self) -> Person:
        """What that policy says of who writes it."""
        return self.policy.people[self.person]

    @cached_property
    def ended(self) -> Row | None:
        """The end that a verdict is of; None where it names none that is there."""
        return self.record.find("end", self.body.get("end"))

    @cached_property
    def asked(self) -> Row | None:
        """The request that the row is, or belongs to; None where it names none that is there."""
        if self.row.kind == "request":
            return self.row
        if self.row.kind in OF_A_REQUEST:
            return self.record.find("request", self.row.follows)
        return self.record.find("request", (self.ended or self.row).body.get("request"))

    @property
    def ask(self) -> Mapping[str, Any]:
        """What that request says."""
        return self.asked.body if self.asked else {}

    @property
    def frozen(self) -> Mapping[str, Any]:
        """The document of the freeze that the request names."""
        freeze = self.record.find("freeze", self.ask.get("freeze"))
        return freeze.body["frozen"] if freeze else {}

    def shares_of(self, person: str | None = None) -> list[Share]:
        """Return the shares of the stage that is asked for, of a person or of everybody.

        Parameters
        ----------
        person : str, optional
        """
        return self.record.shares(self.ask["period"], self.ask["stage"], person)

    @cached_property
    def hidden(self) -> Row | None:
        """The row `hide` that a claim or reveal names; None where there is none."""
        return self.record.find("hide", self.body["hidden"])


Rule: TypeAlias = "Callable[[Case], object]"
"""Takes a case; returns what breaks it: a text, or a list of them, or whether it is broken."""


def name_of(rule: Rule) -> str:
    """Return the name of a rule, as refusals give it.

    Parameters
    ----------
    rule : callable
    """
    return rule.__name__.lstrip("_").replace("_", "-")


def broken(case: Case) -> Iterator[tuple[str, str]]:
    """Give the rules that a row breaks, each with what is said of the row; the first is the one that counts.

    Parameters
    ----------
    case : Case
    """
    for rule in (*OF_EVERY_ROW, *RULES[case.row.kind]):
        found = rule(case)
        if found:
            yield name_of(rule), _said(rule, case, found)


def _said(rule: Rule, case: Case, found: object) -> str:
    """Return what is said of a row that breaks a rule: the docstring of the rule, with names in it."""
    role = case.policy.people[case.person].role if case.person in case.policy.people else ""
    words = {"found": found[0] if isinstance(found, list) else found, "person": case.person, "role": role}
    asked = {key: case.ask.get(key) for key in ("opener", "stage", "period", "channel")}
    keys = case.record.find("keys", case.body.get("keys"))
    asked["period"] = keys.body["period"] if keys else asked["period"] or case.body.get("period")
    text = " ".join((rule.__doc__ or "").split()).removesuffix(".")
    return text.format(**words, **asked, stages=", ".join(case.policy.stages))


# -------------------------------------------------------------------------------------------------------- every row


def _says_what_it_must(case: Case) -> bool:
    """does not say what such a row says."""
    fields = ROW_FIELDS[case.row.kind].items()
    return not all(isinstance(case.body.get(name), kind) for name, kind in fields)  # guard: fields


def _person_of_the_policy(case: Case) -> bool:
    """[people] of the policy in force has no {person}."""
    return case.person not in case.policy.people  # guard: signer-in-force


def _names_the_head_it_saw(case: Case) -> bool:
    """names as newest row one that is not there: rows were removed or written again."""
    main = {row.hash for row in case.record.rows if not row.beside}
    return case.row.kind in OF_A_REQUEST and case.body["head"] not in main  # guard: head-is-there


def _says_why(case: Case) -> bool:
    """say what was seen, or why it is abandoned."""
    return not _is_text(case.body["reason"])  # guard: says-why


def _is_text(text: object) -> bool:
    """Tell whether something is a text that is not blank."""
    return isinstance(text, str) and bool(text.strip())


# ---------------------------------------------------------------------------------------- people, keys, the policy, data


def _joins_with_age(case: Case) -> str:
    """'{found}' is no age recipient."""
    try:
        pyrage.x25519.Recipient.from_str(case.body["recipient"])
    except pyrage.RecipientError:  # guard: joins-with-age
        return str(case.body["recipient"])
    return ""


def _joins_once(case: Case) -> bool:
    """{person} has joined this policy already."""
    said = [row.body for row in case.record.of_kind("join") if row.person == case.person]
    return case.body in said[-1:]  # guard: joins-once


def _changes_the_policy_in_force(case: Case) -> bool:
    """changes a policy that is not in force."""
    return policy_of(case.row, "before").sha256 != case.policy.sha256  # guard: change-of-what-is-in-force


def _changes_something(case: Case) -> bool:
    """nothing is changed by this policy."""
    return policy_of(case.row, "after").sha256 == case.policy.sha256  # guard: change-of-something


def _everybody_has_joined(case: Case) -> list[str]:
    """{found} has not joined this policy: `bdana blinding join` does it; as long as it binds nobody, edit blinding/policy.toml."""
    joined = case.record.joined()
    return [name for name in case.policy.people if name not in joined]  # guard: everybody-has-joined


def _people_stay_who_they_are(case: Case) -> str:
    """{found}."""
    try:
        earlier = [*(past.policy for past in case.policy.former), case.policy]  # guard: former-people
        require_same_people(earlier, policy_of(case.row, "after"))
    except BlindingError as err:
        return str(err).removeprefix("refused: ")
    return ""


def _signs_a_change_once(case: Case) -> bool:
    """{person} has signed this change already."""
    change = policy_of(case.row, "before"), policy_of(case.row, "after")
    return case.person in signers(case.record.rows, *change)  # guard: signs-once


def _keys_of_the_policy(case: Case) -> bool:
    """makes keys for another policy."""
    return bool(case.body["policy"] != case.policy.sha256)  # guard: keys-of-the-policy


def _keys_of_a_period(case: Case) -> bool:
    """blinding/policy.toml has no [periods.{period}]."""
    return case.body["period"] not in case.policy.periods  # guard: known-period


def _keys_once(case: Case) -> str:
    """{found}."""
    there = case.record.keys(case.body["period"])
    if there is None and "replaces" in case.body:  # guard: again-if-there
        return f"period {case.body['period']} has no keys yet; leave out --again"
    if there and case.body.get("replaces") != there.hash:  # guard: keys-are-made-once
        lost = "if shares of them are lost and no opening began, --again makes new ones"
        return f"period {case.body['period']} has keys already; {lost}"
    return ""


def _keys_stay_after_an_opening(case: Case) -> bool:
    """an opening of period {period} began, so its keys stay; later runs need a period of their own."""
    return bool(case.record.openings("begin", case.body["period"]))  # guard: keys-of-opened-stay


def _keys_for_the_quorum(case: Case) -> list[str]:
    """gives the key of {found} to other people than the policy asks for."""
    return [name for name in case.policy.stages if not _split_for(case, name)]  # guard: split


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


def _hands_over_keys(case: Case) -> bool:
    """hands over shares of keys that are not in use."""
    keys = case.record.find("keys", case.body["keys"])
    return keys is None or case.record.keys(keys.body["period"]) != keys  # guard: handover-of-keys


def _shares_stay_with_their_role(case: Case) -> list[str]:
    """{person} is {role} and {found}; shares stay with their role."""
    to = case.body["to"]
    role = case.policy.people[to].role if to in case.policy.people else "nobody of the policy"
    return [f"{to} {role}"] if role != case.writer.role else []  # guard: same-role


def _newcomers_have_joined(case: Case) -> list[str]:
    """{found} has not joined; `bdana blinding join` does it."""
    return [] if case.body["to"] in case.record.joined() else [case.body["to"]]  # guard: newcomer-has-joined


def _one_share_each(case: Case) -> list[str]:
    """{found} holds a share already, and would be two people of a quorum with a second."""
    holders = [share.person for share in _handed(case)]
    return [name for name in holders if name == case.body["to"]]  # guard: one-share-each


def _hands_over_own_shares(case: Case) -> bool:
    """{person} holds no share of a key of period {period}, or not all of these."""
    own = {share.sha256 for share in _handed(case) if share.person == case.person}
    return not own or not case.body["shares"].keys() <= own  # guard: has-shares-to-give


def _handed(case: Case) -> list[Share]:
    """Return the shares of all stages of the keys that a row hands over."""
    keys, before = case.record.find("keys", case.body["keys"]), case.record.of_kind("handover")
    return [share for stage in case.policy.stages for share in shares(keys, stage, before)] if keys else []


def _production_signs(case: Case) -> bool:
    """{person} has not the mark `production` in [people] of the policy."""
    return not case.writer.production  # guard: production-signs


def _manifests_are_named(case: Case) -> bool:
    """does not say what such a row says."""
    named = case.body["manifests"].values()
    hashes = [digest for one in named for digest in (one["sha256"], *one["sealed"].values())]
    return not all(isinstance(digest, str) for digest in hashes)  # guard: manifest-hash


def _seen_names_regions(case: Case) -> list[str]:
    """there is no stage {found}; there are: {stages}."""
    named = case.body.get("regions", ())
    return [name for name in named if name not in case.policy.stages]  # guard: seen-names-stages


# ------------------------------------------------------------------------------ openings: asked for, agreed to and begun


def _openings_are_done(case: Case) -> list[str]:
    """the opening of {found} gives it up."""
    hanging = case.record.unfinished()
    said = "{0} began and has not ended: {1} opens it again, or `bdana blinding abandon {0}`"
    return [said.format(row.body["stage"], row.person) for row in hanging]  # guard: openings-are-done


def _abandoned_is_explained(case: Case) -> str:
    """the opening of {found} was abandoned: say with --explain what was found out, and what is changed."""
    gone = [row.body["stage"] for row in case.record.abandoned()]
    return _unexplained(case, gone)  # guard: abandoned-is-explained


def _failure_is_explained(case: Case) -> str:
    """{found} did not agree with the prediction of the last freeze: say with --explain what was found out, and what is changed."""
    return _unexplained(case, case.record.failures(case.record.freeze))  # guard: failure-is-explained


def _unexplained(case: Case, stages: list[str]) -> str:
    return "" if _is_text(case.body.get("explains")) else ", ".join(stages)


def _freezes_recorded_data(case: Case) -> list[str]:
    """freezes sealed files of {found} whose manifests the ledger does not know, with their files, since the keys of {found} were
    made; `bdana blinding record` writes them down.
    """
    return [  # guard: freezes-recorded-data
        period
        for period, stages in case.body["frozen"]["sealed"].items()
        if not (named := _manifests(case, period)) <= _recorded(case, period).keys()
        or any(len(files) != len(named) for files in stages.values())  # a manifest names one of each stage
    ]


def _freezes_recorded_files(case: Case) -> list[str]:
    """freezes a sealed file of {found} that its manifest does not name; copy it again with its manifest."""
    return [
        stage
        for period, stages in case.body["frozen"]["sealed"].items()
        for stage, files in stages.items()
        if (known := _recorded(case, period)).keys() >= (named := _manifests(case, period))
        and sorted(files.values()) != sorted(known[one][stage] for one in named)  # guard: files-as-recorded
    ]


def _manifests(case: Case, period: str) -> set[str]:
    """Return the hashes of the manifests that a freeze names in a period."""
    return set(case.body["frozen"]["manifests"].get(period, {}))


def _recorded(case: Case, period: str) -> dict[str, Mapping[str, str]]:
    """Return the hashes of the sealed files of a period by that of their manifest, as recorded since its keys were made."""
    made = [row.number for row in case.record.of_kind("keys") if row.body["period"] == period]
    seals = [row for row in case.record.of_kind("seal") if row.number > max(made, default=0)]
    recorded = [one for row in seals for one in row.body["manifests"].values()]
    return {one["sha256"]: one["sealed"] for one in recorded if one.get("period", period) == period}


def _freeze_is_of_the_policy(case: Case) -> bool:
    """the policy changed after this freeze; freeze again."""
    freeze, former = case.record.freeze, case.policy.former
    return bool(freeze and former and freeze.number <= former[-1].last)  # guard: freeze-of-policy


def _rehearses_a_freeze(case: Case) -> bool:
    """rehearses no freeze."""
    return case.record.find("freeze", case.body["freeze"]) is None  # guard: rehearsal-of-a-freeze


def _analysts_request(case: Case) -> bool:
    """an analyst requests an opening, and {person} is {role}."""
    return case.writer.role != "analyst"  # guard: analyst-requests


def _names_the_row_before(case: Case) -> bool:
    """does not name the row that it follows."""
    return bool(case.body["head"] != case.row.follows)  # guard: request-names-the-head


def _opening_is_asked_for(case: Case) -> bool:
    """the ledger has no such request."""
    return case.asked is None  # guard: request-of-the-ledger


def _freeze_is_there(case: Case) -> bool:
    """nothing is frozen; `bdana blinding freeze` does it."""
    return case.record.freeze is None  # guard: freeze-is-there


def _freeze_is_the_newest(case: Case) -> bool:
    """the analysis was frozen again after this request; request the opening again."""
    freeze = case.record.freeze
    return bool(freeze and case.ask["freeze"] != freeze.hash)  # guard: request-of-newest-freeze


def _freeze_was_rehearsed(case: Case) -> bool:
    """this freeze was not rehearsed; `bdana blinding rehearse` does it."""
    return not case.record.has("rehearse", freeze=case.ask["freeze"])  # guard: freeze-was-rehearsed


def _stage_of_the_policy(case: Case) -> bool:
    """there is no stage {stage}; there are: {stages}."""
    return case.ask["stage"] not in case.policy.stages  # guard: stage-of-the-policy


def _period_as_frozen(case: Case) -> list[str]:
    """the freeze is of data of period {found}, not {period}."""
    period, sealed = case.ask["period"], case.frozen["sealed"]
    there = period in sealed and period in case.policy.periods
    return [] if there else [", ".join(sealed)]  # guard: period-as-frozen


def _opening_has_keys(case: Case) -> bool:
    """period {period} has no keys for this policy; `bdana blinding keys {period}` makes them."""
    return case.record.keys(case.ask["period"]) is None  # guard: opening-has-keys


def _freeze_after_the_keys(case: Case) -> bool:
    """the keys of period {period} were made after this freeze; seal the raw data again and freeze."""
    keys, freeze = case.record.keys(case.ask["period"]), case.record.freeze
    return bool(keys and freeze and keys.number > freeze.number)  # guard: freeze-after-keys


def _opened_data_stay(case: Case) -> list[str]:
    """the sealed data of period {period} are not those that {found} was opened with; runs that are added after an opening need a
    period of their own in blinding/policy.toml.
    """
    period, freezes = case.ask["period"], by_hash(case.record.rows, "freeze")
    return [
        request.body["stage"]
        for _, request in case.record.openings("begin", period)
        if freezes[request.body["freeze"]].body["frozen"]["sealed"].get(period)
        != case.frozen["sealed"].get(period)  # guard: opened-data-stay
    ]


def _channel_as_frozen(case: Case) -> list[str]:
    """the freeze is of the channel {found}, not {channel}; freeze the analysis of {channel}."""
    declared = case.frozen["config"]["search"]["selection"]
    return [] if case.ask["channel"] == declared else [declared]  # guard: channel-as-frozen


def _role_may_open(case: Case) -> list[str]:
    """{opener} is {found}; the opener is a reviewer or convenor with a share of {stage}."""
    people, opener = case.policy.people, case.ask["opener"]
    role = people[opener].role if opener in people else f"nobody: [people] has no {opener}"
    may = role != "analyst" and role in case.policy.stages[case.ask["stage"]].approval
    return [] if may else [role]  # guard: role-may-open


def _opener_is_not_the_author(case: Case) -> bool:
    """{opener} is the author of the freeze and cannot open it."""
    freeze = case.record.freeze
    return bool(freeze and case.ask["opener"] == freeze.person)  # guard: opener-is-not-author


def _opener_has_joined(case: Case) -> bool:
    """{opener} has not joined; `bdana blinding join` does it."""
    return case.ask["opener"] not in case.record.joined()  # guard: opener-has-joined


def _opener_has_a_share(case: Case) -> bool:
    """{opener} holds no share of the key of {stage}."""
    return not case.shares_of(case.ask["opener"])  # guard: opener-has-a-share


def _stage_in_its_turn(case: Case) -> list[str]:
    """{stage} is opened after {found}, which is not open."""
    record, stage, period = case.record, case.ask["stage"], case.ask["period"]
    done = {row.body["stage"] for row, _ in record.openings("end", period, case.ask["channel"])}
    # A control region may be asked for as soon as the one before it is.
    if case.row.kind != "begin" and stage != list(case.policy.stages)[-1]:  # guard: last-is-asked-for-alone
        done |= {row.body["stage"] for row in record.requests(period, record.freeze)}
    before = case.policy.previous(stage)
    return [before] if before is not None and before not in done else []  # guard: stage-in-its-turn


def _failure_stops(case: Case) -> list[str]:
    """{found} did not agree with its prediction; find out why, freeze and ask again."""
    failed = case.record.failures(case.record.freeze)
    return [stage for stage in failed if stage != case.ask["stage"]]  # guard: failure-stops


def _nothing_was_abandoned(case: Case) -> list[str]:
    """{found}; freeze again, with --explain, and ask again."""
    # It may have been a hidden look.
    said = "{} abandoned the opening of {}"
    return [
        said.format(row.person, row.body["stage"]) for row in case.record.abandoned()
    ]  # guard: abandoned-stops


def _asks_once(case: Case) -> list[str]:
    """{found}; `bdana blinding withdraw` takes that back."""
    return [
        f"{row.person} asked for {row.body['stage']} already, {row.name}"
        for row in case.record.requests(case.ask["period"], case.record.freeze)
        if all(row.body[key] == case.body[key] for key in ("stage", "channel", "opener"))  # guard: asks-once
    ]


def _approves_what_is_closed(case: Case) -> bool:
    """{stage} was opened with this request already."""
    return case.record.has("end", request=case.row.follows)  # guard: approved-before-end


def _nobody_agrees_twice(case: Case) -> bool:
    """{person} requested this opening or is its opener, which is consent enough."""
    agree = {case.asked.person, case.ask["opener"]} if case.asked else set()
    return case.person in agree  # guard: nobody-agrees-twice


def _approves_once(case: Case) -> bool:
    """{person} has approved this request already."""
    standing = Record([*case.record.rows, case.row], case.policy).consents(case.asked) if case.asked else []
    own = [row for row in standing if row.person == case.person and row.kind == "approve"]
    return len(own) > 1 and case.row in own  # guard: approves-once


def _releases_a_share(case: Case) -> bool:
    """{person} holds no share of the key of {stage}."""
    return not case.shares_of(case.person)  # guard: approver-has-a-share


def _releases_own_shares(case: Case) -> bool:
    """releases other shares of the key of {stage} than those of {person}."""
    released = {share["sha256"] for share in case.body["shares"]}
    return released != {share.sha256 for share in case.shares_of(case.person)}  # guard: releases-own-shares


def _shares_are_shares(case: Case) -> bool:
    """does not say what such a row says."""
    parts = [part for share in case.body["shares"] for part in (share["sha256"], share["sealed"])]
    return not all(isinstance(part, str) for part in parts)  # guard: share-is-one


def _withdraws_before_the_opening(case: Case) -> bool:
    """the opening began already, which cannot be taken back."""
    return case.record.has("begin", request=case.row.follows)  # guard: begun


def _takes_back_own(case: Case) -> bool:
    """{person} has neither requested nor approved this opening."""
    given = case.record.approvals(case.asked) if case.asked else []
    own = {row.hash for row in given if row.person == case.person}
    return not case.body["takes_back"] or not set(case.body["takes_back"]) <= own  # guard: takes-back-own


# --------------------------------------------------------------------------------------- openings: begun, ended, given up


def _named_opener_opens(case: Case) -> bool:
    """the opener of this request is {opener}, not {person}."""
    return bool(case.person != case.ask["opener"])  # guard: named-opener-opens


def _is_of_the_stage_asked_for(case: Case) -> bool:
    """is of another stage than was asked for."""
    return bool(case.body["stage"] != case.ask["stage"])  # guard: of-its-stage


def _begins_once(case: Case) -> bool:
    """the opening of {stage} with this freeze began already."""
    began = case.record.openings("begin", case.ask["period"], case.ask["channel"])
    asked = case.ask["freeze"], case.ask["stage"]
    return any((r.body["freeze"], r.body["stage"]) == asked for _, r in began)  # guard: begins-once


def _request_stands(case: Case) -> str:
    """{found}."""
    if case.asked and case.asked.hash in case.record.withdrawn():  # guard: request-stands
        return f"{case.asked.person} withdrew the request"
    if case.body["request"] not in case.body["approvals"]:  # guard: rests-on-the-request
        return "does not rest on the request"
    return ""


def _approvals_stand(case: Case) -> list[str]:
    """{found} had taken back the approval that the opening rests on."""
    standing = {row.hash for row in case.record.consents(case.asked)} if case.asked else set()
    gone = [digest for digest in case.body["approvals"] if digest not in {*standing, case.body["request"]}]
    people = {row.hash: row.person for row in case.record.of_kind("approve")}
    return [people.get(digest, "nobody") for digest in gone]  # guard: approvals-stand


def _quorum_agreed(case: Case) -> str:
    """{found}."""
    stage, named = case.ask["stage"], case.body["approvals"]
    agreed = [row for row in case.record.approvals(case.asked) if row.hash in named] if case.asked else []
    try:
        agreed_shares(case.shares_of(), stage, case.policy.stages[stage], case.person, agreed)
    except BlindingError as err:
        return str(err)  # guard: begin-has-its-shares
    return ""


def _ends_what_began(case: Case) -> bool:
    """ends what did not begin."""
    return not case.record.has("begin", request=case.body["request"])  # guard: end-has-a-begin


def _ends_once(case: Case) -> bool:
    """ends what has ended."""
    return case.record.has("end", request=case.body["request"])  # guard: ends-once


def _ends_what_stands(case: Case) -> bool:
    """ends what was abandoned."""
    return case.record.has("abandon", request=case.body["request"])  # guard: ends-what-stands


def _ends_with_the_frozen_files(case: Case) -> bool:
    """read other sealed files of {stage} than those that were frozen."""
    frozen = case.frozen["sealed"][case.ask["period"]][case.ask["stage"]]
    return bool(case.body["read"] != frozen)  # guard: read-as-frozen


def _ends_with_what_is_declared(case: Case) -> str:
    """has the outputs {found}, which the freeze does not declare."""
    outputs = case.body["outputs"]
    more = sorted(set(outputs) - set(case.frozen.get("outputs", outputs)))
    return ", ".join(more)  # guard: outputs-as-declared


def _ends_with_the_verdict_of_its_count(case: Case) -> bool:
    """has another verdict than its number of candidates gives."""
    outputs, stage = case.body["outputs"], case.body["stage"]
    if stage not in case.frozen["prediction"].get("steps", {}):
        return False
    counted, verdict = outputs.get("observed"), outputs.get("verdict")
    number = counted.get(stage) if isinstance(counted, dict) else None
    judged = verdict_of(case.frozen, stage, number) if isinstance(number, int) and number >= 0 else {}
    return not isinstance(verdict, dict) or not same_verdict(verdict, judged)  # guard: verdict-of-its-count


def _abandons_what_began(case: Case) -> list[str]:
    """no opening of {found} began and did not end."""
    unfinished = {row.body["request"] for row in case.record.unfinished()}
    return [] if case.body["request"] in unfinished else [case.body["stage"]]  # guard: abandons-what-began


def _opener_or_convenor_abandons(case: Case) -> bool:
    """{person} is neither {opener}, who opens {stage}, nor a convenor."""
    return case.person != case.ask["opener"] and case.writer.role != "convenor"  # guard: opener-or-convenor


def _verdict_of_an_end(case: Case) -> bool:
    """is of no opening of its person."""
    return case.ended is None or case.person != case.ended.person  # guard: verdict-of-its-opener


def _verdict_once(case: Case) -> bool:
    """is the second of its opening."""
    return case.record.has("verdict", end=case.body["end"])  # guard: one-verdict


def _verdict_as_the_end_says(case: Case) -> bool:
    """says something else than the end of its opening."""
    ended: Mapping[str, Any] = case.ended.body if case.ended else {"outputs": {}, "stage": ""}
    said = {key: value for key, value in case.body.items() if key not in {"end", "stage"}}
    same = canonical(said) == canonical(ended["outputs"].get("verdict"))
    return not same or case.body["stage"] != ended["stage"]  # guard: verdict-of-its-end


def _verdict_is_on_the_prediction(case: Case) -> bool:
    """judges on another prediction than the freeze has of what is open then."""
    stage, steps = case.ask["stage"], case.frozen["prediction"].get("steps", {})
    predicted = steps[stage][stage] if steps else {}
    given = {key: case.body.get(key) for key in predicted}
    return canonical(given) != canonical(predicted)  # guard: verdict-as-frozen


# -------------------------------------------------------------------------------------- a rehearsal with a sealed injection


def _hides_once(case: Case) -> bool:
    """an injection, or none, is hidden in these data already; another rehearsal needs a folder of its own."""
    return bool(case.record.of_kind("hide"))  # guard: hides-once


def _hides_before_anything_is_frozen(case: Case) -> bool:
    """something was frozen here already, so these are no data to hide an injection in."""
    return case.record.freeze is not None  # guard: hides-before-a-freeze


def _hides_in_sealed_data(case: Case) -> bool:
    """names no data, or data whose manifests are not recorded."""
    seals = case.record.of_kind("seal")
    recorded = {one["sha256"] for row in seals for one in row.body["manifests"].values()}
    named = {one["sha256"] for one in case.body["manifests"].values()}
    return not named or not named <= recorded  # guard: hides-in-sealed-data


def _hides_for_the_quorum(case: Case) -> list[str]:
    """gives the key of what is hidden to other people than {found} asks for."""
    last = list(case.policy.stages)[-1]
    split = list(case.body["stages"]) == [last] and _split_for(case, last)
    return [] if split else [last]  # guard: hides-for-the-quorum


def _something_is_hidden(case: Case) -> bool:
    """nothing is hidden here; `bdana blinding rehearse --sealed-injection` makes a rehearsal in which it is."""
    return case.hidden is None  # guard: something-is-hidden


def _analysts_claim(case: Case) -> bool:
    """an analyst who did not hide it claims what was found, not {person}."""
    hid = case.hidden and case.hidden.person == case.person
    return case.writer.role != "analyst" or bool(hid)  # guard: analysts-claim


def _claims_before_the_reveal(case: Case) -> bool:
    """somebody has agreed to reveal what was hidden, so it is too late to claim."""
    return bool(case.record.of_kind("reveal"))  # guard: claims-before-the-reveal


def _claims_once(case: Case) -> bool:
    """{person} has claimed already."""
    return any(row.person == case.person for row in case.record.of_kind("claim"))  # guard: claims-once


def _claims_what_was_opened(case: Case) -> str:
    """a claim gives whole numbers of events, of regions that are open: {found}."""
    opened = {row.body["stage"] for row in case.record.of_kind("end")}
    events = case.body["events"]
    numbers = all(type(number) is int and number >= 0 for number in events.values())
    good = events and numbers and events.keys() <= opened
    return "" if good else ", ".join(sorted(opened)) or "none is"  # guard: claims-what-was-opened


def _reveals_after_a_claim(case: Case) -> bool:
    """nobody has said what was found; an analyst does it with `bdana blinding claim`."""
    return not case.record.of_kind("claim")  # guard: reveals-after-a-claim


def _reveals_once(case: Case) -> bool:
    """{person} has agreed to this already, or it is revealed."""
    there = case.record.of_kind("reveal")
    return any(row.person == case.person or row.body["answer"] for row in there)  # guard: reveals-once


def _reveals_own_shares(case: Case) -> bool:
    """{person} holds no share of the key of what is hidden, or gives others than the own ones."""
    there = shares(case.hidden, list(case.policy.stages)[-1]) if case.hidden else []
    own = {share.sha256 for share in there if share.person == case.person}
    given = {one["sha256"]: one["sealed"] for one in case.body["shares"]}
    wrong = any(sha256(base64.b64decode(text)) != digest for digest, text in given.items())
    return not own or given.keys() != own or wrong  # guard: reveals-own-shares


def _reveals_what_was_hidden(case: Case) -> bool:
    """says something else than what was hidden."""
    reveals = [*case.record.of_kind("reveal"), case.row]
    found = answer_of(case.hidden, case.policy, reveals) if case.hidden else {}
    # With the share that makes the quorum complete comes the answer that was hidden, and not before.
    return canonical(case.body["answer"]) != canonical(found)  # guard: reveals-what-was-hidden


# ------------------------------------------------------------------------------------------------------------ the table

OF_EVERY_ROW: tuple[Rule, ...] = (_says_what_it_must, _person_of_the_policy, _names_the_head_it_saw)
_OPENING: tuple[Rule, ...] = (
    # What is opened was frozen and rehearsed, and is of data and keys that the freeze is of,
    _opening_is_asked_for, _freeze_is_there, _freeze_is_the_newest, _freeze_is_of_the_policy, _freeze_was_rehearsed,
    _stage_of_the_policy, _period_as_frozen, _opening_has_keys, _freeze_after_the_keys, _opened_data_stay, _channel_as_frozen,
    # by a reviewer or convenor with a share, who did not write the freeze,
    _role_may_open, _opener_is_not_the_author, _opener_has_joined, _opener_has_a_share,
    # after the stage before it, and not after anything that failed or was abandoned.
    _stage_in_its_turn, _failure_stops, _nothing_was_abandoned,
)  # fmt: skip
"""What holds for all rows that want an opening."""
_SHARES: tuple[Rule, ...] = (_releases_a_share, _releases_own_shares, _shares_are_shares)
"""Who asks or agrees releases all the own shares of the stage, and no others, encrypted to the opener."""

RULES: Mapping[Kind, tuple[Rule, ...]] = {
    "join": (_joins_with_age, _joins_once),
    "policy": (_changes_the_policy_in_force, _changes_something, _everybody_has_joined, _people_stay_who_they_are,
               _signs_a_change_once),
    "keys": (_keys_of_the_policy, _keys_of_a_period, _everybody_has_joined, _keys_once, _keys_stay_after_an_opening,
             _keys_for_the_quorum),
    "handover": (_hands_over_keys, _shares_stay_with_their_role, _newcomers_have_joined, _one_share_each,
                 _hands_over_own_shares),
    "seal": (_production_signs, _manifests_are_named),
    "freeze": (_openings_are_done, _abandoned_is_explained, _failure_is_explained, _freezes_recorded_data,
               _freezes_recorded_files),
    "rehearse": (_freeze_is_of_the_policy, _rehearses_a_freeze),
    "request": (_analysts_request, _names_the_row_before, *_OPENING, _begins_once, _asks_once, *_SHARES),
    "approve": (*_OPENING, _approves_what_is_closed, _nobody_agrees_twice, _approves_once, *_SHARES),
    "withdraw": (_withdraws_before_the_opening, _takes_back_own),
    "begin": (*_OPENING, _named_opener_opens, _is_of_the_stage_asked_for, _begins_once, _request_stands, _approvals_stand,
              _quorum_agreed),
    "end": (_ends_what_began, _ends_once, _named_opener_opens, _is_of_the_stage_asked_for, _ends_what_stands, _ends_with_the_frozen_files,
            _ends_with_what_is_declared, _ends_with_the_verdict_of_its_count),
    "abandon": (_abandons_what_began, _opener_or_convenor_abandons, _is_of_the_stage_asked_for, _says_why),
    "verdict": (_verdict_of_an_end, _verdict_once, _verdict_as_the_end_says, _verdict_is_on_the_prediction),
    "seen": (_seen_names_regions, _says_why),
    "hide": (_production_signs, _hides_once, _hides_before_anything_is_frozen, _hides_in_sealed_data, _hides_for_the_quorum),
    "claim": (_something_is_hidden, _analysts_claim, _claims_before_the_reveal, _claims_once, _claims_what_was_opened),
    "reveal": (_something_is_hidden, _reveals_after_a_claim, _reveals_once, _reveals_own_shares, _reveals_what_was_hidden),
}  # fmt: skip
"""By kind of row: the rules that hold for it, in the order in which they are asked."""
