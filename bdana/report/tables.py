"""Tables of a search as headers and rows of text, for terminal and report, from the files in output/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana.observed import Predicted, observed_text
from bdana.pairing import DutyFactor
from bdana.rounding import error_text, p_text, same_place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.search.input_table import StatedInput

__all__ = ["Layout", "compared", "counting", "estimate_notes", "estimated", "in_label", "sources", "stated"]

Layout = tuple[list[str], list[list[str]]]
"""Headers and rows of a table."""
_P = ["p(N ≥ n)", "p(L ≤ Lobs)"]


def counting(document: Mapping[str, Any]) -> Layout:
    """Lay out the table of a search; a closed region has neither observed number nor p-values.

    Parameters
    ----------
    document : mapping
        Of `CountingTable.to_dict`.

    Examples
    --------
    >>> from bdana.observed import Observed, Predicted
    >>> from bdana.statistics.table import counting_table
    >>> expected = {"CR": Predicted(9.0, 3.0), "SR": Predicted(0.016, 0.002)}
    >>> table = counting_table(expected, {"CR": Observed("CR", 7), "SR": Observed("SR")}, joint=())
    >>> for row in counting(table.to_dict())[1]:
    ...     print(*row)
    CR 9.0 ± 3.0 7 0.7035 0.905
    SR 0.0160 ± 0.0020 closed
    """
    rows = [
        _compared(row)
        if row["state"] == "open"
        else [row["name"], str(Predicted.of_dict(row)), "closed", "", ""]
        for row in document["regions"]
    ]
    if "joint" in document:
        joint = document["joint"]
        rows.append(["+".join(joint["regions"]), "", "", p_text(joint["p_n"]), p_text(joint["p_l"])])
    return ["region", "expected", in_label("observed", document["label"]), *_P], rows


def in_label(what: str, label: str) -> str:
    """Return a word or title that says so where it is not of data: `observed (pseudo-data)`.

    Parameters
    ----------
    what : str
    label : str
        Data, simulation or pseudo-data.

    Examples
    --------
    >>> in_label("observed", "data"), in_label("observed", "pseudo-data")
    ('observed', 'observed (pseudo-data)')
    """
    return what if label == "data" else f"{what} ({label})"


def compared(document: Sequence[Mapping[str, Any]], label: str = "data") -> Layout:
    """Lay out the rows of a check: pairs that are open in every region against their prediction.

    Parameters
    ----------
    document : sequence of mapping
        Rows of checks.json.
    label : str
        What was looked at: data, simulation or pseudo-data.

    Examples
    --------
    >>> row = {"region": "CR", "expected": 9.0, "error": 3.0, "observed": 7, "p_n": 0.7, "p_l": 0.8}
    >>> compared([row])[1]
    [['CR', '9.0 ± 3.0', '7', '0.7', '0.8']]
    """
    rows = [_compared(row | {"name": row["region"]}) for row in map(dict, document)]
    return ["region", "expected", in_label("observed", label), *_P], rows


def estimated(document: Mapping[str, Any]) -> Layout:
    """Lay out the regions of an estimate; where there is no pair, the 90% CL upper limit.

    Parameters
    ----------
    document : mapping
        Of `PairEstimate.to_dict`.

    Examples
    --------
    >>> region = {"name": "CR", "expected": 9.0, "statistical_error": 1.0, "error": 1.5, "pairs": 400}
    >>> estimated({"regions": [region], "systematic_covariance": [[1.25]]})[1]
    [['CR', '9.0', '1.0', '1.1', '1.5', '400']]
    """
    rows = []
    systematic = document["systematic_covariance"]
    for i, row in enumerate(document["regions"]):
        if row["pairs"]:
            value, total = same_place(row["expected"], row["error"])
            parts = row["statistical_error"], systematic[i][i] ** 0.5
            if "error_down" in row:
                total = f"+{total} -{same_place(row['expected'], row['error_down'])[1]}"
            shown = [value, *(same_place(row["expected"], part)[1] for part in parts), total]
        else:
            shown = [f"{Predicted.of_dict(row)} at 90% CL", "", "", ""]
        rows.append([row["name"], *shown, str(row["pairs"])])
    return ["region", "expected", "statistical", "systematic", "total", "pairs"], rows


def sources(document: Mapping[str, Any]) -> Layout:
    """Lay out the systematic uncertainties of an estimate.

    Parameters
    ----------
    document : mapping
        Of `PairEstimate.to_dict`.

    Examples
    --------
    >>> source = {"name": "time_window", "effect": {"CR": 0.02}, "correlated": True, "source": "assumed"}
    >>> sources({"systematics": [source]})[1]
    [['time_window', '2.0%', 'yes', 'assumed']]
    """
    rows = [
        [
            source["name"],
            _relative(source),
            "yes" if source["correlated"] else "no",
            source["source"],
        ]
        for source in document["systematics"]
    ]
    return ["systematic source", "relative", "correlated", "from"], rows


def _relative(source: Mapping[str, Any]) -> str:
    """Say the largest relative effect of a source, and its direction where it has but one."""
    largest = max(source["effect"].values(), key=abs, default=0.0)
    only = ("only up, " if largest > 0 else "only down, ") if source.get("one_sided") else ""
    return f"{only}{error_text(100.0 * abs(largest))}%"


def estimate_notes(document: Mapping[str, Any]) -> list[str]:
    """Return sentences on the inputs of an estimate, its warnings, and what it could not measure.

    Parameters
    ----------
    document : mapping
        Of `PairEstimate.to_dict`.
    """
    singles = document["single_tracks"]
    clusters = singles.get("clusters", 0)
    made_of = (
        f"{f'{clusters} single clusters' if clusters else '{plus} positive and {minus} negative single tracks'.format(**singles)} "
        f"in {document['bursts']} bursts, "
        f"{document['pairs']} pairs; accidental veto survival {document['accidental_survival']:.4f}"
    )
    said = [made_of, *document["warnings"], *document["notes"]]
    if "bootstrap_error" in document:
        errors = zip(document["regions"], document["bootstrap_error"], strict=True)
        said.append(
            "statistical errors by the bootstrap: "
            + ", ".join(f"{row['name']} {error_text(e)}" for row, e in errors)
        )
    if document["duty_factor"]:
        said.append(f"duty factor <R>²/<R²> inside bursts: {DutyFactor(**document['duty_factor'])}")
        slices = document["slices"]
        if len(set(slices.values())) == 1:
            said.append(f"pairs are made in: {next(iter(slices.values()))}")
        else:
            said.append("pairs are made in: " + "; ".join(f"{name} {how}" for name, how in slices.items()))
    return said


def stated(rows: Sequence[StatedInput]) -> Layout:
    """Lay out the numbers behind a result: value, error, whether measured or assumed, and source.

    Parameters
    ----------
    rows : sequence of StatedInput

    Examples
    --------
    >>> from bdana.search.input_table import StatedInput
    >>> stated([StatedInput("combinatorial", "h2_efficiency", 1.0, 0.02, "assumed", "of H2")])[1]
    [['combinatorial', 'h2_efficiency', '1.000', '0.020', 'assumed', 'of H2']]
    """
    lines = [[row.part, row.name, *_value_and_error(row), row.kind, row.source] for row in rows]
    return ["of", "number", "value", "error", "kind", "source"], lines


def _value_and_error(row: StatedInput) -> list[str]:
    if isinstance(row.value, float | int) and row.error is not None:
        return same_place(row.value, row.error)
    value = f"{row.value:.6g}" if isinstance(row.value, float | int) else row.value or ""
    if row.error is None:
        return [value, ""]
    return [value, f"{error_text(100.0 * row.error)}%" if row.value is None else error_text(row.error)]


def _compared(row: Mapping[str, Any]) -> list[str]:
    p = p_text(row["p_n"]), p_text(row["p_l"])
    number = observed_text(row["observed"], row.get("from_guard_bands", {}))
    return [row["name"], str(Predicted.of_dict(row)), number, *p]
