"""What the ledger says was opened: the observed numbers, and whether their prediction was frozen before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdana.blinding import load_policy
from bdana.blinding.ledger import Ledger
from bdana.blinding.protocol import require_sound

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
    same : bool
        Whether that freeze is of the analysis as it is now, so that the same cuts made count and prediction.
    seen_before : int
        How many of the candidates are of events that were open before a reprocessing closed them.
    """

    name: str
    observed: int
    frozen_before: bool
    freeze: int
    freezes: int
    same: bool
    seen_before: int = 0

    @property
    def provenance(self) -> str:
        """What is printed beside the region."""
        said = "yes" if self.frozen_before else "no"
        text = (
            f"prediction frozen before this region was seen: {said}, freeze {self.freeze} of {self.freezes}"
        )
        if not self.same:
            text += f"; the analysis has changed since: the count is of freeze {self.freeze}, the prediction of now"
        if self.seen_before:
            text += f"; {self.seen_before} of its candidates were open before a reprocessing closed them"
        return text


def ledger_of(analysis: DeclaredAnalysis) -> Ledger:
    """Return the ledger of an analysis folder."""
    return Ledger(analysis.folder / "blinding" / "ledger")


def opened_regions(analysis: DeclaredAnalysis) -> tuple[OpenedRegion, ...]:
    """Return the regions whose opening ended, first opened first.

    Raises
    ------
    BlindingError
        When the ledger is damaged, or has a row that is not signed or not allowed.
    """
    policy = load_policy(analysis.folder, analysis.regions)
    if policy is None or not policy.people:
        return ()
    ledger = ledger_of(analysis)
    require_sound(ledger, policy)
    rows = ledger.rows()
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
    frozen_with = {key: requests[row.body["request"]].body["freeze"] for key, row in ends.items()}
    order = [row.hash for row in freezes]
    same = {row.hash: row for row in freezes if row.body["frozen"].get("analysis_hash") == analysis.hash}
    found = []
    for stage in dict.fromkeys(stage for _, stage in ends):
        number = max(order.index(freeze) + 1 for (_, name), freeze in frozen_with.items() if name == stage)
        # Events of a more secret stage that the selection puts here count, and are of the freeze of their own opening.
        counted = {
            key: row.body["outputs"] for key, row in ends.items() if stage in row.body["outputs"]["observed"]
        }
        observed = sum(outputs["observed"][stage] for outputs in counted.values())
        seen = sum(outputs.get("seen_before", {}).get(stage, 0) for outputs in counted.values())
        before = any(row.number < begins[stage] for row in same.values())
        now = all(frozen_with[key] in same for key in counted)
        found.append(OpenedRegion(stage, observed, before, number, len(freezes), now, seen))
    return tuple(found)


def seen_rows(analysis: DeclaredAnalysis) -> list[str]:
    """Return what people wrote down about having looked outside the procedure."""
    return [
        f"seen outside the procedure by {row.person}, {row.time}: {row.body['reason']}"
        for row in ledger_of(analysis).of_kind("seen")
    ]
