"""Tables of a search as headers and rows of text, one layout for terminal and report, from what is written into output/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana.observed import Predicted
from bdana.pairing import DutyFactor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Layout", "compared", "counting", "estimated", "said_of_estimate", "sources"]

Layout = tuple[list[str], list[list[str]]]
"""Headers and rows."""
_P = ["p(N ≥ n)", "p(L ≤ Lobs)"]


def counting(document: Mapping[str, Any]) -> Layout:
    """Lay out the table of a search, from `CountingTable.to_dict`: what is closed has no number."""
    rows = [
        _compared(row)
        if row["state"] == "open"
        else [row["name"], str(Predicted.of_dict(row)), "closed", "", ""]
        for row in document["regions"]
    ]
    if "joint" in document:
        joint = document["joint"]
        rows.append(["+".join(joint["regions"]), "", "", f"{joint['p_n']:.4g}", f"{joint['p_l']:.4g}"])
    return ["region", "expected", "observed", *_P], rows


def compared(document: Sequence[Mapping[str, Any]]) -> Layout:
    """Lay out the rows of a check: pairs that are open in every region against their prediction."""
    rows = [_compared(row | {"name": row["region"]}) for row in map(dict, document)]
    return ["region", "expected", "observed", *_P], rows


def estimated(document: Mapping[str, Any]) -> Layout:
    """Lay out the regions of an estimate, from `PairEstimate.to_dict`: the 90% CL upper limit where there is no pair."""
    rows = []
    systematic = document["systematic_covariance"]
    for i, row in enumerate(document["regions"]):
        if row["pairs"]:
            numbers = (row["statistical_error"], systematic[i][i] ** 0.5, row["error"])
            shown = [f"{row['expected']:.4g}", *(f"{number:.2g}" for number in numbers)]
        else:
            shown = [f"{Predicted.of_dict(row)} at 90% CL", "", "", ""]
        rows.append([row["name"], *shown, str(row["pairs"])])
    return ["region", "expected", "statistical", "systematic", "total", "pairs"], rows


def sources(document: Mapping[str, Any]) -> Layout:
    """Lay out the systematic uncertainties of an estimate."""
    rows = [
        [
            source["name"],
            f"{max(source['effect'].values(), default=0.0):.2%}",
            "yes" if source["correlated"] else "no",
            source["source"],
        ]
        for source in document["systematics"]
    ]
    return ["systematic source", "relative", "correlated", "from"], rows


def said_of_estimate(document: Mapping[str, Any]) -> list[str]:
    """Return what an estimate was made of, what must be said of it, and what it could not measure."""
    singles = document["single_tracks"]
    made_of = (
        f"{singles['plus']} positive and {singles['minus']} negative single tracks in {document['bursts']} bursts, "
        f"{document['pairs']} pairs; accidental veto survival {document['accidental_survival']:.4f}"
    )
    said = [made_of, *document["warnings"], *document["notes"]]
    if "bootstrap_error" in document:
        errors = zip(document["regions"], document["bootstrap_error"], strict=True)
        said.append(
            "statistical errors by the bootstrap: " + ", ".join(f"{row['name']} {e:.2g}" for row, e in errors)
        )
    if document["duty_factor"]:
        said.append(f"duty factor <R>²/<R²> inside bursts: {DutyFactor(**document['duty_factor'])}")
    return said


def _compared(row: Mapping[str, Any]) -> list[str]:
    p = (f"{row['p_n']:.4g}", f"{row['p_l']:.4g}")
    return [row["name"], str(Predicted.of_dict(row)), str(row["observed"]), *p]
