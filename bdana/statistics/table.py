"""The result table of a search: expected and observed counts and p-values of its regions, unless closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bdana.display import html_table, short_repr, shortened
from bdana.errors import ConfigError
from bdana.observed import open_part_of
from bdana.statistics.joint import joint_p_values
from bdana.statistics.poisson import Background, Counting, p_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.observed import Observed, Predicted
    from bdana.statistics.error_sources import ErrorSources

__all__ = ["CountingTable", "TableRow", "counting_table"]


LATER = (
    "candidates of the region that were sealed with a stage opened later; the p-values are those of the sum"
)


@dataclass(frozen=True)
class TableRow:
    """One region of the table.

    Attributes
    ----------
    name : str
    expected : Predicted
    observed : Observed
        Without a value while the region is closed.
    counting : Counting or None
        The p-values; None while the region is closed.
    missing : tuple of str
        Stages that are closed and whose guard band reaches into an open region: what lies there is neither in the expected
        nor in the observed number.
    """

    name: str
    expected: Predicted
    observed: Observed
    counting: Counting | None
    missing: tuple[str, ...] = ()

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain values; a closed region has no observed number and no p-values."""
        row = {"name": self.name, **self.expected.to_dict(), "state": self.observed.state}
        if self.counting is None:
            return row
        row |= {"observed": self.observed.value, "p_n": self.counting.p_n, "p_l": self.counting.p_l}
        if self.observed.later:
            row["from_guard_bands"] = dict(self.observed.later)
        return row | ({"closed_guard_bands": list(self.missing)} if self.missing else {})


@dataclass(frozen=True)
class CountingTable:
    """Rows of the table in the order in which regions are opened, and joint p-values of some regions.

    Attributes
    ----------
    rows : tuple of TableRow
    joint_regions : tuple of str
        Regions whose joint p-values are asked for.
    joint : Counting or None
        None while one of them is closed.
    errors : ErrorSources or None
        What the errors of the expectations are made of; None: they move together.
    label : str
        What the observed numbers are counted in: data, simulation or pseudo-data.
    """

    rows: tuple[TableRow, ...]
    joint_regions: tuple[str, ...]
    joint: Counting | None
    errors: ErrorSources | None = None
    label: str = "data"

    def __getitem__(self, region: str) -> TableRow:
        """Return the row of a region."""
        for row in self.rows:
            if row.name == region:
                return row
        raise ConfigError(
            f"no region '{region}' in the table; there are {', '.join(row.name for row in self.rows)}"
        )

    def __repr__(self) -> str:
        rows = (f"{row.name}: {row.observed} of {row.expected}" for row in self.rows)
        return shortened(f"{type(self).__name__}({'; '.join(rows)})")

    def _repr_html_(self) -> str:
        rows = [
            [row.name, f"{row.expected}", f"{row.observed}", *(_p_text(row.counting) or ("", ""))]
            for row in self.rows
        ]
        if self.joint:
            rows.append(["+".join(self.joint_regions), "", "", *_p_text(self.joint)])
        return html_table(["region", "expected", "observed", "p(N ≥ n)", "p(L ≤ Lobs)"], rows)

    @property
    def conventions(self) -> dict[str, str]:
        """Definitions of the p-values and of what is printed instead of numbers."""
        found: dict[str, str] = {}
        for row in self.rows:
            if row.counting and row.expected.upper_limit is None:
                found["p"] = row.counting.convention
        unseen = next((row for row in self.rows if row.expected.upper_limit is not None), None)
        if unseen:
            found["expected"] = "< is the 90% CL upper limit where no pair was seen to estimate from"
            found["p where expected is <"] = p_values(0, Background.of(unseen.expected)).convention
        if self.joint:
            found["joint"] = self.joint.convention
        if any(row.observed.later for row in self.rows):
            found["+"] = LATER
        return found | {
            row.name: open_part_of(row.missing) for row in self.rows if row.counting and row.missing
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain values, for JSON."""
        document: dict[str, Any] = {"label": self.label, "regions": [row.to_dict() for row in self.rows]}
        if self.joint:
            document["joint"] = {
                "regions": list(self.joint_regions),
                "p_n": self.joint.p_n,
                "p_l": self.joint.p_l,
            }
        if self.errors:
            document["errors"] = self.errors.to_dict()
        return document | {"conventions": self.conventions}


def counting_table(
    expected: Mapping[str, Predicted],
    observed: Mapping[str, Observed],
    joint: Sequence[str],
    errors: ErrorSources | None = None,
    label: str = "data",
    missing: Mapping[str, Sequence[str]] | None = None,
) -> CountingTable:
    """Compare expected with observed numbers of events, region by region.

    Parameters
    ----------
    expected : mapping of str to Predicted
        By region, in the order of the rows. A region with an upper limit only has p-values that are marginalised with
        what zero pairs tell (`Background.unseen`).
    observed : mapping of str to Observed
        By region.
    joint : sequence of str
        Regions to be judged together, in the order they are named in.
    errors : ErrorSources, optional
        What the errors are made of, with their covariance; by default they move together, as one common scale does.
    label : str
        What is counted in: data, simulation or pseudo-data.
    missing : mapping of str to sequence of str, optional
        By open region, the closed stages whose guard band reaches into it, so that the numbers are of a part of it.

    Returns
    -------
    CountingTable
        With p(N >= n) and p(L <= Lobs) as `bdana.statistics.poisson` and `.joint` define them.

    Examples
    --------
    >>> from bdana.observed import Observed, Predicted
    >>> from bdana.statistics.table import counting_table
    >>> expected = {"CR": Predicted(1.70, 0.22), "SR": Predicted(0.016, 0.002)}
    >>> table = counting_table(expected, {"CR": Observed("CR", 2), "SR": Observed("SR")}, joint=())
    >>> [(row.name, row.counting and round(row.counting.p_n, 4)) for row in table.rows]
    [('CR', 0.5037), ('SR', None)]
    """
    left = missing or {}
    rows = tuple(
        _row(name, predicted, observed[name], tuple(left.get(name, ())))
        for name, predicted in expected.items()
    )
    by_name = {row.name: row for row in rows}
    together = [by_name[name] for name in joint if name in by_name]
    all_open = bool(together) and all(row.counting for row in together)
    counts = [row.observed.value for row in together] if all_open else []
    backgrounds = [Background.of(row.expected) for row in together]
    names = tuple(row.name for row in together)
    covariance = errors.select(names).covariance if errors else None
    judged = joint_p_values(counts, backgrounds, covariance) if all_open else None
    return CountingTable(rows, names, judged, errors, label)


def _p_text(counting: Counting | None) -> tuple[str, ...]:
    """Return both p-values as text; none while the number is closed."""
    if counting is None:
        return ()
    # A p-value below the smallest number is no zero.
    return tuple(f"{p:.4g}" if p > 0 else "< 1e-300" for p in (counting.p_n, counting.p_l))


def _row(name: str, expected: Predicted, observed: Observed, missing: tuple[str, ...]) -> TableRow:
    counting = None if observed.state == "closed" else p_values(observed.value, Background.of(expected))
    return TableRow(name, expected, observed, counting, missing)
