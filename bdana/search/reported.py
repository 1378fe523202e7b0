"""What the rows of a ledger tell people, in sentences: a rehearsal, abandoned openings, explanations, odd dates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bdana.blinding.ledger import by_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bdana.blinding.ledger import Row
    from bdana.blinding.record import Record

__all__ = ["abandonments", "exercise_lines", "explanations", "remarks"]


def abandonments(rows: Iterable[Row]) -> list[str]:
    """Return which openings began and were abandoned, by whom and why, in sentences, oldest first.

    Parameters
    ----------
    rows : iterable of Row
    """
    begins, found = {}, []
    for row in rows:
        if row.kind == "begin":
            begins[row.body["request"]] = row
        elif row.kind == "abandon":
            begin = begins[row.body["request"]]
            found.append(
                f"{row.body['stage']}: the opening that {begin.person} began on {begin.time} was abandoned by {row.person} on "
                f"{row.time}, and the region counts as seen from its beginning: {row.body['reason']}"
            )
    return found


def explanations(record: Record) -> list[str]:
    """Return what freezes after failed agreement tests and abandoned openings say of it, in sentences, oldest first.

    Parameters
    ----------
    record : Record
    """
    found = []
    for number, row in enumerate(record.of_kind("freeze"), 1):
        before = replace(record, rows=record.rows[: record.rows.index(row)])
        after = ["a failed agreement test"] * bool(before.failures(before.freeze))
        after += ["an abandoned opening"] * bool(before.abandoned())
        if row.body.get("explains"):
            why = f", after {' and '.join(after)}" if after else ""
            found.append(f"freeze {number} of {row.person}{why}: {row.body['explains']}")
    return found


def remarks(rows: Sequence[Row]) -> Iterator[str]:
    """Give what is unusual in a ledger without being wrong: dates out of order, and abandoned openings.

    Parameters
    ----------
    rows : sequence of Row
    """
    times = by_hash(rows)
    for row in rows:
        for before in {row.follows, str(row.body.get("head", ""))} & times.keys():
            if row.time < times[before].time:
                yield (
                    f"{row.name} is dated {row.time}, before {times[before].name}, which it follows, of {times[before].time}: a "
                    "clock was wrong, or somebody chose the date"
                )
    yield from abandonments(rows)


def exercise_lines(rows: Sequence[Row]) -> list[str]:
    """Say of a rehearsal with a sealed injection what was hidden, claimed and revealed, in sentences; nothing of other ledgers.

    Parameters
    ----------
    rows : sequence of Row
    """
    found = [
        f"This is a rehearsal: the data are simulated, and {row.person} hid decays of a new particle in them, or none, on "
        f"{row.time}"
        for row in rows
        if row.kind == "hide"
    ]
    claims = [row for row in rows if row.kind == "claim"]
    found += [f"{row.person} claimed on {row.time}: {_numbers(row.body['events'])}" for row in claims]
    for row in (row for row in rows if row.kind == "reveal"):
        if not row.body["answer"]:
            found.append(f"{row.person} agreed on {row.time} to reveal what was hidden")
            continue
        answer = row.body["answer"]
        what = f"decays of {answer['mass_mev']:g} MeV to {answer['mode']}" if answer["events"] else "nothing"
        found.append(f"Revealed with {row.person} on {row.time}: hidden were {what}")
        found += [_judged(claim, answer, rows) for claim in claims]
    return found


def _judged(claim: Row, answer: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Say of each region what was claimed, how much was hidden in its stage, and how much of that the openings selected."""
    selected = {
        (one["run"], one["burst"], one["event"])
        for row in rows
        if row.kind == "end"
        for one in row.body["outputs"].get("candidates", [])
    }
    parts = []
    for name in dict.fromkeys((*claim.body["events"], *answer["events"])):
        events = {tuple(event) for event in answer["events"].get(name, [])}
        claimed = claim.body["events"].get(name, "nothing")
        of_them = f", {len(events & selected)} of them selected" if events else ""
        parts.append(f"in {name} {claimed} claimed and {len(events)} hidden{of_them}")
    return f"{claim.person}: {'; '.join(parts)}"


def _numbers(events: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in events.items())
