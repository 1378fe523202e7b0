"""Cutflow: the number of events that are left after each cut."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.display import html_table
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["AccountingStep", "Cutflow", "CutflowRow", "accounting", "accounting_table"]


@dataclass(frozen=True)
class CutflowRow:
    """Events left after a cut.

    Attributes
    ----------
    cut : str
        Name of the cut.
    events : int
        Events that passed it and all before it.
    sum_w, sum_w2 : float
        Their sum of weights and of squared weights.
    n_minus_1 : int or None
        Events that pass every other cut; None for the rows that make the pairs.
    """

    cut: str
    events: int
    sum_w: float
    sum_w2: float
    n_minus_1: int | None

    def __add__(self, other: CutflowRow) -> CutflowRow:
        if self.cut != other.cut:
            raise ValueError(f"cannot add cutflow row {other.cut} to {self.cut}")
        n_minus_1 = (
            None if self.n_minus_1 is None or other.n_minus_1 is None else self.n_minus_1 + other.n_minus_1
        )
        return CutflowRow(
            self.cut,
            self.events + other.events,
            self.sum_w + other.sum_w,
            self.sum_w2 + other.sum_w2,
            n_minus_1,
        )


@dataclass(frozen=True)
class Cutflow:
    """Events left after each cut: one row a cut, in order.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.selection import Cutflow
    >>> masks = {"in_time": np.array([True, True, False]), "vertex": np.array([True, False, True])}
    >>> cutflow, left = Cutflow(()).then("all", np.ones(3)).then_cuts(masks, np.ones(3))
    >>> [(row.cut, row.events, row.n_minus_1) for row in cutflow.rows]
    [('all', 3, None), ('in_time', 2, 2), ('vertex', 1, 2)]
    >>> left
    array([ True, False, False])
    """

    rows: tuple[CutflowRow, ...]

    @classmethod
    def of(cls, steps: Mapping[str, NDArray[np.float64]]) -> Cutflow:
        """Return the cutflow of some steps.

        Parameters
        ----------
        steps : mapping of str to ndarray
            Weights of the events that are left after each, by its name.
        """
        rows: list[CutflowRow] = []
        last = None
        for name, weights in steps.items():
            rows.append(replace(rows[-1], cut=name) if weights is last else _row(name, weights))
            last = weights
        return cls(tuple(rows))

    def then(self, name: str, weights: NDArray[np.float64]) -> Cutflow:
        """Return the cutflow with one more row.

        Parameters
        ----------
        name : str
        weights : ndarray, shape (N,)
            Of the events that are left.
        """
        return Cutflow((*self.rows, _row(name, weights)))

    def then_cuts(
        self, masks: dict[str, NDArray[np.bool_]], weights: NDArray[np.float64]
    ) -> tuple[Cutflow, NDArray[np.bool_]]:
        """Apply cuts in order; return the cutflow with their rows, and which pairs pass all, shape (N,).

        Parameters
        ----------
        masks : dict of str to ndarray of bool, shape (N,)
            Which pairs pass each cut.
        weights : ndarray, shape (N,)
        """
        failures = np.zeros(len(weights), dtype=np.int64)
        for mask in masks.values():
            failures += ~mask
        rows = list(self.rows)
        left = np.ones(len(weights), dtype=np.bool_)
        for name, mask in masks.items():
            left &= mask
            # A pair passes all others if it fails nothing, or only this.
            rows.append(_row(name, weights[left], int(np.count_nonzero(failures - ~mask == 0))))
        return Cutflow(tuple(rows)), left

    def __add__(self, other: Cutflow) -> Cutflow:
        return Cutflow(tuple(a + b for a, b in zip(self.rows, other.rows, strict=True)))

    def __getitem__(self, cut: str) -> CutflowRow:
        """Return the row of a cut."""
        for row in self.rows:
            if row.cut == cut:
                return row
        raise ConfigError(
            f"no cut '{cut}' in the cutflow; there are {', '.join(row.cut for row in self.rows)}"
        )

    def __repr__(self) -> str:
        if not self.rows:
            return "Cutflow()"
        first, last = self.rows[0], self.rows[-1]
        return f"Cutflow({len(self.rows)} rows, from {first.cut} {first.events} to {last.cut} {last.events})"

    def _repr_html_(self) -> str:
        rows = [
            [
                row.cut,
                f"{row.events}",
                f"{row.sum_w:.6g}",
                "" if row.n_minus_1 is None else f"{row.n_minus_1}",
            ]
            for row in self.rows
        ]
        return html_table(["cut", "events", "sum w", "all cuts but this"], rows)

    def to_list(self) -> Sequence[dict[str, Any]]:
        """Return the rows as plain dictionaries, for JSON."""
        return [asdict(row) for row in self.rows]


@dataclass(frozen=True)
class AccountingStep:
    """One step on the way of the events from the files to the candidates.

    Attributes
    ----------
    step : str
        `read`, `good_bursts`, `trigger`, `open`, then the rows of the cutflow, and `candidates`.
    events : int
        Events left. Closed ones are in none of the numbers.
    sum_w : float
        Their sum of weights.
    efficiency, total_efficiency : float or None
        Their sum of weights over that of the step before, and of all that was read; None where that is zero, and of the
        first step.
    """

    step: str
    events: int
    sum_w: float
    efficiency: float | None
    total_efficiency: float | None


def accounting(reading: Cutflow, cutflow: Cutflow) -> tuple[AccountingStep, ...]:
    """Return one chain of numbers from what was read to the candidates, with the efficiency of each step.

    Parameters
    ----------
    reading : Cutflow
        The steps of reading.
    cutflow : Cutflow
        That of the selection; its first row is what is open of the rest.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.selection import Cutflow
    >>> reading = Cutflow.of({"read": np.ones(8), "good_bursts": np.ones(4), "trigger": np.ones(4)})
    >>> chain = accounting(reading, Cutflow(()).then("all", np.ones(4)).then("two_good_tracks", np.ones(1)))
    >>> [(x.step, x.events, x.efficiency) for x in chain[1:]]  # doctest: +NORMALIZE_WHITESPACE
    [('good_bursts', 4, 0.5), ('trigger', 4, 1.0), ('open', 4, 1.0), ('two_good_tracks', 1, 0.25),
     ('candidates', 1, 1.0)]
    """
    first, *cuts = cutflow.rows
    rows = [*reading.rows, replace(first, cut="open"), *cuts, replace([first, *cuts][-1], cut="candidates")]
    found: list[AccountingStep] = []
    for i, row in enumerate(rows):
        before, everything = (rows[i - 1].sum_w, rows[0].sum_w) if i else (0.0, 0.0)
        found.append(
            AccountingStep(
                row.cut,
                row.events,
                row.sum_w,
                row.sum_w / before if before else None,
                row.sum_w / everything if everything else None,
            )
        )
    return tuple(found)


def accounting_table(document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of the way of the events from the files to the candidates, with efficiencies.

    Parameters
    ----------
    document : mapping
        Of `SelectionRun.to_dict`.

    Examples
    --------
    >>> from bdana.selection.cutflow import accounting_table
    >>> step = {"step": "vertex", "events": 3, "sum_w": 3.0, "efficiency": 0.75, "total_efficiency": 0.003}
    >>> document = {"accounting": [step], "cutflow": [{"cut": "vertex", "n_minus_1": 8}]}
    >>> accounting_table(document)[1]
    [['vertex', '3', '3', '75.0%', '0.300%', '8']]
    """
    others = {row["cut"]: row["n_minus_1"] for row in document["cutflow"] if row["n_minus_1"] is not None}
    rows = [
        [
            row["step"],
            str(row["events"]),
            f"{row['sum_w']:.0f}" if float(row["sum_w"]).is_integer() else f"{row['sum_w']:.6g}",
            _share(row["efficiency"]),
            _share(row["total_efficiency"]),
            str(others.get(row["step"], "")),
        ]
        for row in document["accounting"]
    ]
    return ["cut", "events", "sum of weights", "of the step before", "of all read", "all cuts but this"], rows


def _share(efficiency: float | None) -> str:
    return "" if efficiency is None else f"{100.0 * efficiency:#.3g}%".replace(".%", "%")


def _row(name: str, weights: NDArray[np.float64], n_minus_1: int | None = None) -> CutflowRow:
    return CutflowRow(name, len(weights), float(np.sum(weights)), float(np.sum(weights**2)), n_minus_1)
