"""The head of a report: question, state, date, people, and three sentences of summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana.observed import Predicted
from bdana.report.tables import in_label
from bdana.rounding import p_equals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bdana.api import Analysis
    from bdana.search.signal_result import SignalResult
    from bdana.search.stored import StoredRun

__all__ = ["report_facts", "report_summary"]


def report_facts(analysis: Analysis, run: StoredRun, signal: SignalResult | None) -> dict[str, str]:
    """Return what stands in the head of a report: question, state, date and people.

    Parameters
    ----------
    analysis : Analysis
    run : StoredRun
    signal : SignalResult or None
    """
    policy = analysis.policy
    named = {name: person.role for name, person in policy.people.items()} if policy else {}
    people = analysis.config.report.people or [f"{name} ({role})" for name, role in named.items()]
    facts = {
        "Question": analysis.config.report.question or _question(analysis, signal),
        "State": _state(run),
        "Date": run.made.get("time", "not recorded: of an older version")
        .replace("T", " ")
        .replace("Z", " UTC"),
        "People": ", ".join(people) or "nobody is named, in [report] people or in blinding/policy.toml",
    }
    return {name: value for name, value in facts.items() if value}


def report_summary(run: StoredRun, signal: SignalResult | None) -> str:
    """Say in three sentences what was seen, what of the signal region, and what is excluded.

    Parameters
    ----------
    run : StoredRun
    signal : SignalResult or None
    """
    rows = list(_rows(run))
    return " ".join([_seen(run, rows), _signal_region(rows), _excluded(signal)])


def _question(analysis: Analysis, signal: SignalResult | None) -> str:
    """Ask for the particle of [signal], in the modes that were counted or, where none was, in all of its modes."""
    if analysis.config.signal is None:
        return ""
    searched = analysis.signal
    modes = [part.mode for part in signal.channels.values()] if signal else list(searched.channels)
    known = searched.particle(searched.point[0]).modes
    spelled = {mode: known[mode].spelled or mode if mode in known else mode for mode in modes}
    return f"Is the {searched.particle_name} made in the dump, and does it decay to {' or '.join(spelled.values())}?"


def _state(run: StoredRun) -> str:
    of = "" if run.label == "data" else f"{run.label}, nothing here was measured; "
    of += f"{run.incomplete}; " if run.incomplete else ""
    states: dict[str, list[str]] = {"open": [], "closed": []}
    for channel, row in _rows(run):
        states[row["state"]].append(f"{channel}{row['name']}")
    if not any(states.values()):
        return f"{of}no search: samples alone"
    said = [f"{state}: {', '.join(names)}" for state, names in states.items() if names]
    if states["closed"]:
        said.append("nothing of what is closed is in this report")
    if any((part.table or {}).get("seen") for part in (run, *run.channels.values())):
        said.append("looks or openings that were reported stand below the table")
    return of + "; ".join(said)


def _rows(run: StoredRun) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the rows of the table, without a combined one of all channels, each with its channel."""
    if run.table or not run.channels:
        yield from (("", row) for row in (run.table or {"regions": []})["regions"])
        return
    for name, part in run.channels.items():
        yield from ((f"{name} ", row) for row in (part.table or {"regions": []})["regions"])


def _seen(run: StoredRun, rows: list[tuple[str, Mapping[str, Any]]]) -> str:
    shown = [(channel, row) for channel, row in rows if row["state"] == "open"]
    if not rows:
        samples = [sample.name for part in (run, *run.channels.values()) for sample in part.samples]
        return f"Selected: {', '.join(dict.fromkeys(samples))}, without comparison with a prediction."
    if not shown:
        return "No region is open, so nothing was counted."
    said = ", ".join(
        f"{row['observed']} in {channel}{row['name']} where {Predicted.of_dict(row)} are expected "
        f"(p(N ≥ n) {p_equals(row['p_n'])})"
        for channel, row in shown
    )
    return f"Candidates {in_label('observed', run.label)}: {said}."


def _signal_region(rows: list[tuple[str, Mapping[str, Any]]]) -> str:
    inner = rows[-1][1]["name"] if rows else ""
    found = [(channel, row) for channel, row in rows if row["name"] == inner]
    closed = [(channel, row) for channel, row in found if row["state"] == "closed"]
    if not rows:
        return "No signal region was counted in."
    if not closed:
        least = min((row["p_n"] for _, row in found), default=1.0)
        return f"The signal region {inner} is open, with p(N ≥ n) {p_equals(least)}."
    said = ", ".join(f"{channel}{Predicted.of_dict(row)}" for channel, row in closed)
    return f"The signal region {inner} is closed, with an expected background of {said}."


def _excluded(signal: SignalResult | None) -> str:
    if signal is None:
        return "No exclusion was made."
    exclusion = signal.exclusion
    verb = "is expected to exclude" if exclusion.observed_limit is None else "excludes"
    level = f"{100 * exclusion.level:g}% CL the search {verb}"
    pieces = [
        f"masses from {island.mass[0]:.4g} to {island.mass[-1]:.4g} MeV with {exclusion.coupling.name} from "
        f"{island.low.min():.3g} to {island.high.max():.3g}"
        + (f" (the scan ends there at {' and '.join(island.open_at)})" if island.open_at else "")
        for island in exclusion.shown
    ]
    return f"At {level} {', and '.join(pieces) or 'nothing'}."
