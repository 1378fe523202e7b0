"""The part of the report on openings: who did what when, and what was signed, from the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.blinding.ledger import by_hash
from bdana.blinding.rules import require_sound
from bdana.blinding.signing import fingerprint
from bdana.report.document import Table, Text
from bdana.search.opened import verdict_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.api import Analysis
    from bdana.blinding.ledger import Row
    from bdana.report.document import Block

__all__ = ["opening_blocks", "people_table"]

BESIDE = ("join", "keys", "handover", "seal")
"""Kinds of rows that are preparation: they are counted, not listed."""
SHORT = 16  # digits of a hash, as in the names of the ledger's files


def opening_blocks(analysis: Analysis) -> list[Block]:
    """Lay out the ledger: freezes, requests, approvals, openings and their verdicts.

    Parameters
    ----------
    analysis : Analysis

    Raises
    ------
    BlindingError
        When the ledger is damaged, or has a row that is not signed or not allowed.
    """
    policy, ledger = analysis.policy, analysis.ledger
    if policy is None or not policy.people:
        said = "blinding/policy.toml names no people" if policy else "there is no blinding/policy.toml"
        return [Text(f"Nothing was sealed, opened or signed: {said}.")]
    require_sound(ledger, policy)
    rows = ledger.rows()
    before = [row for row in rows if row.kind in BESIDE]
    told = [
        [str(row.number), row.time.replace("T", " ").replace("Z", ""), row.person, said, row.hash[:SHORT]]
        for row in rows
        if row.kind not in BESIDE and (said := _said(row, rows))
    ]
    headers = ["row", "when (UTC)", "who", "what", "signed"]
    caption = "What was signed, oldest first; a row's file in blinding/ledger begins with its number, and its hash with `signed`."
    listed: list[Block] = [Table(headers, told, caption, words=["who", "what"])] if told else []
    kinds = ", ".join(f"{sum(r.kind == kind for r in before)} of {kind}" for kind in BESIDE)
    return [
        *(listed or [Text("Nothing was frozen, asked for or opened yet.")]),
        Text(f"Beside these rows, of preparation: {kinds}. `bdana blinding verify` checks every signature."),
        people_table(analysis),
    ]


def people_table(analysis: Analysis) -> Table:
    """Lay out the people of the policy.

    Parameters
    ----------
    analysis : Analysis
    """
    people = analysis.policy.people if analysis.policy else {}
    rows = [
        [name, person.role, "yes" if person.production else "", fingerprint(person.ssh_key)]
        for name, person in people.items()
    ]
    headers = ["person", "role", "seals data", "fingerprint of the SSH key"]
    return Table(headers, rows, "People of blinding/policy.toml.", words=headers[1:])


def _said(row: Row, rows: Sequence[Row]) -> str:
    """Say what a row of the ledger does; nothing for one that another row tells."""
    body, asks = row.body, by_hash(rows, "request")
    short = {key: str(body[key])[:SHORT] for key in ("freeze", "request") if key in body}
    stage = body.get("stage", "")
    if row.kind == "freeze":
        explained = f"; explains: {body['explains']}" if "explains" in body else ""
        return f"froze the analysis {str(body['frozen'].get('analysis_hash', ''))[:SHORT]}{explained}"
    if row.kind == "request":
        return f"asked that {body['opener']} opens {stage} ({body['channel']}, period {body['period']}) with freeze {short['freeze']}"
    if row.kind in {"approve", "withdraw"}:
        verb = "approved the opening of" if row.kind == "approve" else "took back the consent to open"
        asked: Mapping[str, str] = asks[row.follows].body if row.follows in asks else {}
        return f"{verb} {asked.get('stage', '')}" + (f": {body['reason']}" if "reason" in body else "")
    said = {
        "rehearse": f"rehearsed the openings with freeze {short.get('freeze', '')}",
        "begin": f"began to open {stage}",
        "end": f"opened {stage}",
        "abandon": f"abandoned the opening of {stage}: {body.get('reason', '')}",
        "seen": f"saw {', '.join(body.get('regions', []))} outside the procedure: {body.get('reason', '')}",
        "policy": "signed a change of the policy",
        "hide": "hid a made-up signal for an exercise",
        "claim": "said what was found in the exercise",
        "reveal": "revealed what was hidden",
    }
    return f"compared {stage}: {verdict_text(body)}" if row.kind == "verdict" else said.get(row.kind, "")
