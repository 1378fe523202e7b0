"""The packet of approvers: what they sign, what has changed since the freeze before, and the whole report."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bdana.blinding.canonical import differences
from bdana.blinding.rules import require_sound
from bdana.blinding.verdict import frozen_numbers
from bdana.opening.freeze import declared_settings
from bdana.opening.steps import Opening, stage_states
from bdana.report.document import Code, Section, Table, Text
from bdana.search.reported import abandonments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.api import Analysis
    from bdana.blinding import Policy
    from bdana.blinding.ledger import Ledger, Row
    from bdana.report.document import Block, Document

__all__ = ["change_blocks", "review_document"]

LONGEST = 60  # characters of a value in the table of changes


def review_document(analysis: Analysis, report: Document) -> Document:
    """Put what approvers must know before the sections of a report.

    Parameters
    ----------
    analysis : Analysis
    report : Document

    Raises
    ------
    BlindingError
        When the ledger is damaged, or has a row that is not signed or not allowed.
    """
    policy, ledger = analysis.policy, analysis.ledger
    if policy is not None and policy.people:
        require_sound(ledger, policy)
        frozen = ledger.of_kind("freeze")
        first = [
            Section("What is signed", _signed_blocks(analysis, policy, ledger, frozen)),
            Section("What has changed since the last freeze", _changed_blocks(analysis, policy, frozen)),
            Section("What is asked", _asked_blocks(policy, ledger)),
            *([Section("What was frozen as expected", _frozen_blocks(frozen[-1]))] if frozen else []),
        ]
    else:
        said = (
            "Nothing can be signed: blinding/policy.toml names no people. The hash of configuration and code is "
            f"{analysis.hash}."
        )
        first = [Section("What is signed", [Text(said)])]
    return replace(report, title=f"Review: {report.title}", sections=[*first, *report.sections])


def _signed_blocks(analysis: Analysis, policy: Policy, ledger: Ledger, frozen: list[Row]) -> list[Block]:
    if not frozen:
        return [
            Text(
                f"Warning: nothing is frozen yet, so there is nothing to sign. The hash of configuration and code is now "
                f"{analysis.hash}; the next step is `bdana blinding freeze`."
            )
        ]
    row = frozen[-1]
    blocks: list[Block] = []
    rows = [
        ["hash to sign", row.hash],
        ["frozen by", f"{row.person}, {row.time}, freeze {len(frozen)} of this ledger"],
        ["hash of configuration and code when frozen", str(row.body["frozen"].get("analysis_hash", ""))],
        ["hash of configuration and code now", analysis.hash],
        ["head of the ledger", ledger.head],
        *([["explains", str(row.body["explains"])]] if "explains" in row.body else []),
    ]
    blocks.append(Table(["what", "value"], rows, words=["value"]))
    if _settings_changed(analysis, policy, row):
        blocks.append(
            Text(
                "Warning: the folder is not what was frozen, see the next section. What opens is the freeze; this report is of "
                "the folder."
            )
        )
    return blocks


def _settings_changed(
    analysis: Analysis, policy: Policy, row: Row
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return what was frozen and what is now, of what can be told without reading events; None where it is the same."""
    now = declared_settings(analysis, policy)
    then = {key: row.body["frozen"].get(key) for key in now}
    return (then, now) if differences(then, now) else None


def _changed_blocks(analysis: Analysis, policy: Policy, frozen: list[Row]) -> list[Block]:
    if not frozen:
        return []
    blocks: list[Block] = []
    changed = _settings_changed(analysis, policy, frozen[-1])
    if changed:
        blocks += change_blocks(
            *changed, f"The folder now against the newest freeze, {frozen[-1].hash[:16]}."
        )
    else:
        blocks.append(Text(f"The folder is what was frozen: nothing has changed since {frozen[-1].time}."))
    if len(frozen) == 1:
        return [*blocks, Text("It is the first freeze: there is none before it to compare with.")]
    before, newest = (row.body["frozen"] for row in frozen[-2:])
    caption = f"The newest freeze against the one before it, {frozen[-2].hash[:16]}."
    return [*blocks, *change_blocks(before, newest, caption)]


def change_blocks(old: Mapping[str, Any], new: Mapping[str, Any], caption: str) -> list[Block]:
    """Lay out what differs between two freezes: values before and after, and changed modules line by line.

    Parameters
    ----------
    old, new : mapping
        Freezes, or the same parts of them.
    caption : str
    """
    paths = differences(dict(old), dict(new))
    codes = [(str(name), old.get("code", {}), new.get("code", {})) for name in _modules(old, new)]
    rows = [_change(path, old, new) for path in paths if not path.startswith("code.")]
    if not paths:
        return [Text(f"{caption} Nothing differs.")]
    blocks: list[Block] = [Text(caption)]
    if rows:
        blocks.append(Table(["what", "before", "after"], rows, words=["before", "after"]))
    for name, before, after in codes:
        then, now = (str(texts.get(name, "")).splitlines() for texts in (before, after))
        shown = "\n".join(
            difflib.unified_diff(then, now, f"{name} before", f"{name} after", lineterm="", n=2)
        )
        if shown:
            blocks.append(Code(shown))
    return blocks


def _modules(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted({*(old.get("code") or {}), *(new.get("code") or {})})


def _change(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    name, _, _ = path.rpartition(" ")
    return [name, *(_short(_at(document, name)) for document in (old, new))]


def _at(document: Any, path: str) -> Any:
    """Return the value at a path of `differences`; keys may have dots themselves."""
    if not path:
        return document
    if isinstance(document, list):
        head, _, rest = path.partition(".")
        return _at(document[int(head)], rest) if head.isdigit() and int(head) < len(document) else None
    if not isinstance(document, dict):
        return None
    for key in sorted(document, key=len, reverse=True):
        if path == key:
            return document[key]
        if path.startswith(f"{key}."):
            return _at(document[key], path[len(key) + 1 :])
    return None


def _short(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _asked_blocks(policy: Policy, ledger: Ledger) -> list[Block]:
    rows = []
    for period in policy.periods:
        opening = Opening(ledger, policy, period)
        finished, record = opening.finished(), opening.record
        for row in record.requests(period, record.freeze):
            if row.hash in finished:
                continue
            stage, agreed = row.body["stage"], record.consents(row)
            rows.append(
                [
                    stage,
                    f"{row.body['channel']}, {period}",
                    row.person,
                    row.body["opener"],
                    ", ".join(f"{one.person} ({policy.role(one.person)})" for one in agreed),
                    ", ".join(f"{n} {role}" for role, n in policy.stages[stage].approval.items()),
                ]
            )
    headers = ["stage", "of", "asked by", "opened by", "agreed", "needed"]
    states = Table(
        ["stage", "state", "p(L ≤ Lobs) at least"],
        [
            [name, state, _threshold(policy, name.partition(",")[0])]
            for name, state in stage_states(policy, ledger).items()
        ],
        "Stages in the order in which they are opened, with the agreement that the policy asks of each.",
        words=["state"],
    )
    asked: Block = (
        Table(headers, rows, "Requests with the newest freeze.", words=headers[1:])
        if rows
        else Text("Nobody has asked for an opening with the newest freeze.")
    )
    typed = "\n".join(
        f"bdana blinding approve {row[0]} --person NAME --key ~/.ssh/id_ed25519" for row in rows
    )
    return [
        states,
        asked,
        *((Text("Who agrees types, in the analysis folder:"), Code(typed)) if typed else ()),
        *(Text(f"{line}.") for line in abandonments(ledger.rows())),
    ]


def _threshold(policy: Policy, stage: str) -> str:
    return f"{policy.stages[stage].agreement_p_min:g}"


def _frozen_blocks(row: Row) -> list[Block]:
    frozen = row.body["frozen"]
    rows = [[name, str(whole), str(then or "")] for name, (whole, then) in frozen_numbers(frozen).items()]
    headers = ["region", "expected", "of that open when it is opened"]
    return [
        Table(headers, rows, "Frozen prediction."),
        *(Text(f"{name}: {text}.") for name, text in frozen.get("conventions", {}).items()),
    ]
