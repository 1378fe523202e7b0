"""What the ledger says was opened: the observed numbers, and whether their prediction was frozen before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdana.blinding import load_policy
from bdana.blinding.ledger import Ledger

if TYPE_CHECKING:
    from bdana.analysis.declared import DeclaredAnalysis
    from bdana.blinding.ledger import Row

__all__ = ["OpenedRegion", "ledger_of", "opened_regions", "seen_rows"]


@dataclass(frozen=True)
class OpenedRegion:
    """A region that was opened.

    Attributes
    ----------
    name : str
    observed : int
        Candidates, those of less secret stages and of more secret ones that the selection puts here included.
    frozen_before : bool
        Whether the prediction that the analysis makes now was frozen before the region was seen.
    freeze, freezes : int
        The freeze it was opened with, of how many.
    seen_before : int
        How many of the candidates are of events that were open before a reprocessing closed them.
    """

    name: str
    observed: int
    frozen_before: bool
    freeze: int
    freezes: int
    seen_before: int = 0

    @property
    def provenance(self) -> str:
        """What is printed beside the region."""
        said = "yes" if self.frozen_before else "no"
        text = (
            f"prediction frozen before this region was seen: {said}, freeze {self.freeze} of {self.freezes}"
        )
        if not self.seen_before:
            return text
        return f"{text}; {self.seen_before} of its candidates were open before a reprocessing closed them"


def ledger_of(analysis: DeclaredAnalysis) -> Ledger:
    """Return the ledger of an analysis folder."""
    return Ledger(analysis.folder / "blinding" / "ledger")


def opened_regions(analysis: DeclaredAnalysis) -> tuple[OpenedRegion, ...]:
    """Return the regions whose opening ended, first opened first.

    Raises
    ------
    BlindingError
        When the ledger is damaged.
    """
    policy = load_policy(analysis.folder, analysis.regions)
    if policy is None or not policy.people:
        return ()
    rows = ledger_of(analysis).rows()
    requests = {row.hash: row for row in rows if row.kind == "request"}
    freezes = [row for row in rows if row.kind == "freeze"]
    # The newest opening of each period and stage counts.
    ends: dict[tuple[str, str], Row] = {}
    begins: dict[str, int] = {}
    for row in rows:
        asked = requests[row.body["request"]].body if row.kind in {"begin", "end"} else {}
        if asked.get("channel") != analysis.config.search.selection:
            continue  # another channel's candidates are not of this table
        if row.kind == "end":
            ends[asked["period"], row.body["stage"]] = row
        else:
            begins.setdefault(row.body["stage"], row.number)
    same = [row.number for row in freezes if row.body["frozen"].get("analysis_hash") == analysis.hash]
    found = []
    for stage in dict.fromkeys(stage for _, stage in ends):
        mine = [row for (_, name), row in ends.items() if name == stage]
        number = [row.hash for row in freezes].index(requests[mine[-1].body["request"]].body["freeze"]) + 1
        observed = sum(row.body["outputs"]["observed"].get(stage, 0) for row in ends.values())
        before = any(n < begins[stage] for n in same)
        seen = sum(row.body["outputs"].get("seen_before", {}).get(stage, 0) for row in ends.values())
        found.append(OpenedRegion(stage, observed, before, number, len(freezes), seen))
    return tuple(found)


def seen_rows(analysis: DeclaredAnalysis) -> list[str]:
    """Return what people wrote down about having looked outside the procedure."""
    return [
        f"seen outside the procedure by {row.person}, {row.time}: {row.body['reason']}"
        for row in ledger_of(analysis).of_kind("seen")
    ]
