"""Opened regions according to the ledger: observed numbers, and whether the prediction was frozen before."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.blinding.record import Record
from bdana.blinding.rules import require_sound
from bdana.display import short_repr
from bdana.errors import BlindingError
from bdana.observed import Observed, Predicted
from bdana.rounding import p_text
from bdana.sealing.manifest import manifest_of, read_manifest
from bdana.search.reported import abandonments, exercise_lines, explanations
from bdana.selection import Candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.analysis import AnalysisFolder
    from bdana.blinding import Policy
    from bdana.blinding.ledger import Row

__all__ = [
    "Opened",
    "OpenedRegion",
    "data_period",
    "opened_candidates",
    "opened_events",
    "opened_regions",
    "reported_looks",
    "verdict_text",
]


@dataclass(frozen=True)
class OpenedRegion:
    """A region that was opened.

    Attributes
    ----------
    name : str
    observed : int
        Candidates, those of more secret stages that the selection puts here included.
    frozen_before : bool
        Whether the prediction that the analysis makes now was frozen before the region was seen.
    freeze, freezes : int
        The freeze it was opened with, of how many.
    same : bool
        Whether that freeze is of the analysis as it is now, so that the same cuts made count and prediction.
    seen_before : int
        How many of the candidates are of events that were open before a reprocessing closed them.
    by_stage : mapping of str to int
        The candidates by the stage whose opening they came with, its own and those of whose guard band they lie in.
    verdict : mapping
        What the ledger says of its own opening: expected and observed numbers of what was open then, p-values.
    """

    name: str
    observed: int
    frozen_before: bool
    freeze: int
    freezes: int
    same: bool
    seen_before: int = 0
    by_stage: Mapping[str, int] = field(default_factory=dict)
    verdict: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = short_repr

    @property
    def provenance(self) -> str:
        """Text printed beside the region: whether its prediction was frozen before it was seen."""
        said = "yes" if self.frozen_before else "no"
        text = (
            f"prediction frozen before this region was seen: {said}, freeze {self.freeze} of {self.freezes}"
        )
        if not self.same:
            text += f"; the analysis has changed since: the count is of freeze {self.freeze}, the prediction of now"
        if self.seen_before:
            text += f"; {self.seen_before} of its candidates were open before a reprocessing closed them"
        return text + (f"; when it was opened: {verdict_text(self.verdict)}" if self.verdict else "")


def verdict_text(verdict: Mapping[str, Any]) -> str:
    """Return a verdict in words, as ledger, table and report give it.

    Parameters
    ----------
    verdict : mapping
        Of a row `end` or `verdict` of the ledger.

    Examples
    --------
    >>> from bdana.search.opened import verdict_text
    >>> verdict_text({"expected": 1.4, "error": 0.2, "observed": 2, "p_n": 0.41, "p_l": 0.7, "agrees": True})
    '2 observed, 1.40 ± 0.20 expected, p(N ≥ n) 0.41, p(L ≤ Lobs) 0.7, agrees'
    """
    numbers = f"{verdict['observed']} observed, {Predicted.of_dict(verdict)} expected"
    p = f"p(N ≥ n) {p_text(verdict['p_n'])}, p(L ≤ Lobs) {p_text(verdict['p_l'])}"
    agrees = {True: ", agrees", False: ", does not agree", None: ""}[verdict.get("agrees")]
    return f"{numbers}, {p}{agrees}"


@dataclass(frozen=True)
class Opened:
    """What was opened of the data of a search.

    Attributes
    ----------
    regions : tuple of OpenedRegion
    candidates : mapping of str to Candidates
        As `opened_candidates` gives them.
    elsewhere : tuple of str
        Regions that are open in any case, where events of guard bands are counted too.
    filled : tuple of mapping, optional
        What was histogrammed while the events of these candidates were selected, one mapping an opening; None where an opening
        did not write it down.
    """

    regions: tuple[OpenedRegion, ...] = ()
    candidates: Mapping[str, Candidates] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    filled: tuple[Mapping[str, Any], ...] | None = None

    __repr__ = short_repr

    @classmethod
    def of(cls, analysis: AnalysisFolder, name: str) -> Opened:
        """Return what the ledger says of a sample: nothing unless it is the data of the search.

        Parameters
        ----------
        analysis : AnalysisFolder
        name : str
            Of the sample.

        Raises
        ------
        BlindingError
            As `opened_regions` does.
        """
        gate = analysis.gate
        if (
            name != analysis.config.search.data
            or analysis.config.samples[name].kind != "data"
            or gate is None
        ):
            return cls()
        elsewhere = tuple(region for region in analysis.regions.names if region not in gate.names)
        candidates = opened_candidates(analysis)
        kept = [one.outputs for stage, one in _openings(analysis).items() if stage in candidates]
        filled = tuple(one["filled"] for one in kept) if all("filled" in one for one in kept) else None
        return cls(opened_regions(analysis), candidates, elsewhere, filled)

    @cached_property
    def by_stage(self) -> dict[str, dict[str, int]]:
        """Number of opened candidates by region and stage."""
        found = {region.name: dict(region.by_stage) for region in self.regions}
        return found | {
            name: {stage: int(np.count_nonzero(c.region == name)) for stage, c in self.candidates.items()}
            for name in self.elsewhere
        }

    def added_to(self, observed: Observed) -> Observed:
        """Return the number of a region with what was opened of it.

        Parameters
        ----------
        observed : Observed
            What is open without an opening.
        """
        name = observed.region
        if name not in self.by_stage:
            return observed
        before = observed.value if observed.state == "open" else 0
        numbers = self.by_stage[name]
        later = {stage: number for stage, number in numbers.items() if stage != name}
        return Observed(name, before + sum(numbers.values()), later)


def data_period(analysis: AnalysisFolder, policy: Policy) -> str | None:
    """Return the data-taking period of the search's data; None for a search without sealed data.

    Parameters
    ----------
    analysis : AnalysisFolder
    policy : Policy

    Raises
    ------
    BlindingError
        When they are of several periods, which have keys and openings of their own.
    """
    name = analysis.config.search.data
    if name is None or analysis.config.samples[name].kind != "data":
        return None
    (dataset,) = analysis.sample(name)
    found = sorted({str(read_manifest(manifest_of(Path(file)), policy)["period"]) for file in dataset.files})
    if len(found) > 1:  # guard: data-of-one-period
        raise BlindingError(
            f"refused: the data of [samples.{name}] are of the periods {', '.join(found)}, which are opened one by one: give "
            "each a sample, and its single tracks too, and name those of one period in [search]"
        )
    return found[0]


def opened_regions(analysis: AnalysisFolder) -> tuple[OpenedRegion, ...]:
    """Return the regions of the search whose opening is complete, in the order of their openings.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    BlindingError
        When the ledger is damaged, or has a row that is not signed or not allowed.
    """
    openings, same = _openings(analysis), _frozen_now(analysis)
    order = [row.hash for row in analysis.ledger.of_kind("freeze")]
    looks = _looks(analysis)  # guard: looks-count
    found = []
    for stage in openings:
        # Events of a more secret stage that the selection puts here count, and are of the freeze of their own opening.
        counted = {name: o for name, o in openings.items() if stage in o.outputs.get("observed", {})}
        looked = min([openings[stage].begin, *(number for number, names, _ in looks if stage in names)])
        if openings[stage].outputs:
            found.append(
                OpenedRegion(
                    stage,
                    observed=sum(o.outputs["observed"][stage] for o in counted.values()),
                    frozen_before=any(row.number < looked for row in same),  # guard: fix-is-said
                    freeze=order.index(openings[stage].freeze) + 1,
                    freezes=len(order),
                    same=all(
                        o.freeze in {row.hash for row in same} for o in counted.values()
                    ),  # guard: same-cuts
                    seen_before=sum(o.outputs.get("seen_before", {}).get(stage, 0) for o in counted.values()),
                    by_stage={name: int(o.outputs["observed"][stage]) for name, o in counted.items()},
                    verdict=openings[stage].outputs.get("verdict", {}),
                )
            )
    return tuple(found)


def opened_candidates(analysis: AnalysisFolder) -> dict[str, Candidates]:
    """Return the candidates of the openings made with the present analysis by stage, guard bands included.

    Those of a region that was opened with other cuts are left out: they are not of the same plot.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    BlindingError
        As `opened_regions` does.
    """
    same = {row.hash for row in _frozen_now(analysis)}
    shown = {region.name for region in opened_regions(analysis) if region.same}
    shown |= set(analysis.regions.names) - set(analysis.gate.names if analysis.gate else ())
    return {
        stage: Candidates.of_rows(
            [row for row in opening.outputs.get("candidates", []) if row["region"] in shown]
        )
        for stage, opening in _openings(analysis).items()
        if opening.freeze in same and opening.outputs
    }


def opened_events(analysis: AnalysisFolder) -> list[Mapping[str, Any]]:
    """Return the events of `opened_candidates` that the openings wrote down, as `plain_events` gives them.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    BlindingError
        As `opened_regions` does.
    """
    candidates = opened_candidates(analysis)
    found = []
    for stage, opening in _openings(analysis).items():
        chosen = candidates.get(stage)
        if chosen is None:
            continue
        ids = set(zip(chosen.run.tolist(), chosen.burst.tolist(), chosen.event.tolist(), strict=True))
        events = opening.outputs.get("events", [])
        found += [one for one in events if (one["run"], one["burst"], one["event"]) in ids]
    return found


def reported_looks(analysis: AnalysisFolder) -> list[str]:
    """Return what people reported in the ledger: looks outside the procedure, abandoned openings, why tests failed.

    Parameters
    ----------
    analysis : AnalysisFolder
    """
    looks = [f"{', '.join(names)}: {text}" for _, names, text in _looks(analysis)]
    policy = analysis.policy
    if policy is None:
        return looks
    rows = analysis.ledger.rows()
    return [*exercise_lines(rows), *looks, *abandonments(rows), *explanations(Record(rows, policy))]


def _looks(analysis: AnalysisFolder) -> list[tuple[int, list[str], str]]:
    """Return number, regions and text of the ledger's rows of kind `seen`."""
    return [
        (
            row.number,
            list(row.body.get("regions", [])),
            f"seen outside the procedure by {row.person}, {row.time}: {row.body['reason']}",
        )
        for row in analysis.ledger.of_kind("seen")
    ]


@dataclass(frozen=True)
class _Opening:
    """The newest opening of a stage: the row of the first begin, the freeze, and the outputs, if it ended."""

    begin: int
    freeze: str
    outputs: Mapping[str, Any]


def _openings(analysis: AnalysisFolder) -> dict[str, _Opening]:
    """Return the openings of the search's channel and period by stage, first begun first."""
    policy = analysis.policy
    if policy is None or not policy.people:
        return {}
    ledger = analysis.ledger
    require_sound(ledger, policy)
    requests = ledger.by_hash("request")
    rows = ledger.of_kind("begin", "end")
    period = data_period(analysis, policy) if rows else None
    found: dict[str, _Opening] = {}
    for row in rows:
        asked, stage = requests[row.body["request"]].body, row.body["stage"]
        if asked["channel"] != analysis.config.search.selection or period not in {None, asked["period"]}:
            continue  # candidates of another channel or of other data are not of this table # guard: channel
        first = found[stage].begin if stage in found else row.number
        if row.kind == "end":
            found[stage] = _Opening(first, asked["freeze"], row.body["outputs"])
        elif stage not in found:
            found[stage] = _Opening(first, asked["freeze"], {})
    return found


def _frozen_now(analysis: AnalysisFolder) -> list[Row]:
    """Return the ledger's freezes of the present analysis."""
    freezes = analysis.ledger.of_kind("freeze")
    return [row for row in freezes if row.body["frozen"].get("analysis_hash") == analysis.hash]
