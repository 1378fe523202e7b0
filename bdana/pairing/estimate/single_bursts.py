"""Bursts of the single-track sample: live time, downscale, tracks, rate, and survival of accidental vetoes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import hepunits
import numpy as np

from bdana.display import short_repr
from bdana.errors import InputError
from bdana.pairing.estimate.veto_survival import VetoSurvival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.events import BurstTable
    from bdana.selection.single_track import SingleEvents

__all__ = ["BurstCounts", "SingleBursts", "pairs_among", "partners"]


def partners(
    plus: NDArray[np.int64], minus: NDArray[np.int64], neutral: NDArray[np.int64]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
    """Return how many there are of each kind, and how many others each of them is paired with.

    Parameters
    ----------
    plus, minus, neutral : ndarray of int
        Numbers of tracks by charge, and of clusters.
    """
    return (plus, minus), (minus, plus), (neutral, np.maximum(neutral - 1, 0))


def pairs_among(
    plus: NDArray[np.int64], minus: NDArray[np.int64], neutral: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the number of pairs: of tracks of opposite charge, and of clusters each two once.

    Parameters
    ----------
    plus, minus, neutral : ndarray of int
        Numbers of tracks by charge, and of clusters.
    """
    twice: NDArray[np.int64] = sum(
        (own * others for own, others in partners(plus, minus, neutral)), np.zeros_like(plus)
    )
    return twice // 2


@dataclass(frozen=True)
class BurstCounts:
    """Numbers of single tracks in each burst, added up chunk by chunk; every array has shape (N,).

    Attributes
    ----------
    events, tried, survived, survived_squares, plus, minus, neutral : ndarray
        As of `SingleBursts`.
    selected, vetoed : ndarray of int
        Tracks of any charge that are selected, and those that pass every track cut, but whose events fail an event cut.
    """

    events: NDArray[np.int64]
    tried: NDArray[np.float64]
    survived: NDArray[np.float64]
    survived_squares: NDArray[np.float64]
    plus: NDArray[np.int64]
    minus: NDArray[np.int64]
    neutral: NDArray[np.int64]
    selected: NDArray[np.int64]
    vetoed: NDArray[np.int64]

    __repr__ = short_repr

    @property
    def every(self) -> NDArray[np.int64]:
        """Tracks that are selected or vetoed, shape (N,)."""
        return self.selected + self.vetoed

    @classmethod
    def none(cls, bursts: int) -> BurstCounts:
        """Return zeros.

        Parameters
        ----------
        bursts : int
        """
        whole, real = np.zeros(bursts, dtype=np.int64), np.zeros(bursts)
        fields: dict[str, Any] = dict.fromkeys(cls.__dataclass_fields__, whole)
        fields |= dict.fromkeys(("tried", "survived", "survived_squares"), real)
        return cls(**{name: zeros.copy() for name, zeros in fields.items()})

    def add(
        self,
        events: SingleEvents,
        at: NDArray[np.int64],
        charge: NDArray[np.int64] | None,
        places: Sequence[NDArray[np.int64]],
    ) -> None:
        """Count what was selected in one chunk.

        Parameters
        ----------
        events : SingleEvents
        at : ndarray of int
            Burst of each of these events.
        charge : ndarray of int or None
            Of the selected tracks; None for clusters.
        places : sequence of ndarray of int
            Bursts of the selected tracks, and of the vetoed ones.
        """
        selected, vetoed = places
        survival = np.where(events.tried, events.survival, 0.0)
        for total, where, weight in (
            (self.events, at, None),
            (self.tried, at, events.tried),
            (self.survived, at, survival),
            (self.survived_squares, at, survival**2),
            *(
                [(self.neutral, selected, None)]
                if charge is None
                else [(self.plus, selected[charge > 0], None), (self.minus, selected[charge < 0], None)]
            ),
            (self.selected, selected, None),
            (self.vetoed, vetoed, None),
        ):
            if len(where):
                first, last = int(where.min()), int(where.max())
                total[first : last + 1] += np.bincount(where - first, weight)


@dataclass(frozen=True)
class SingleBursts:
    """Bursts of the single-track sample; every array has shape (N,), in the order of (run, burst).

    Attributes
    ----------
    run, burst : ndarray of int
    live_time : ndarray of float
        Live time of the single-track trigger in ns.
    downscale : ndarray of float
        Its downscale D.
    events : ndarray of int
        Events with exactly one good track.
    tried, survived, survived_squares : ndarray of float
        Events whose track passes all track cuts; the sums of the fraction of displaced windows in which they pass the
        event cuts, and of its square.
    plus, minus : ndarray of int
        Selected tracks by charge.
    intensity : ndarray of float
        Protons over live time, in 1/ns; NaN where either is not known.
    pair_live_time : ndarray of float
        Live time of the two-track trigger in ns; NaN where the burst table does not have it apart.
    neutral : ndarray of int
        Selected clusters, all of which are paired with each other; 0 of tracks.
    """

    run: NDArray[np.int64]
    burst: NDArray[np.int64]
    live_time: NDArray[np.float64]
    downscale: NDArray[np.float64]
    events: NDArray[np.int64]
    tried: NDArray[np.float64]
    survived: NDArray[np.float64]
    survived_squares: NDArray[np.float64]
    plus: NDArray[np.int64]
    minus: NDArray[np.int64]
    intensity: NDArray[np.float64]
    pair_live_time: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    neutral: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not len(self.neutral):
            object.__setattr__(self, "neutral", np.zeros(len(self.run), dtype=np.int64))
        if not len(self.pair_live_time):
            object.__setattr__(self, "pair_live_time", np.full(len(self.run), np.nan))

    __repr__ = short_repr

    @classmethod
    def of_counts(cls, counts: BurstCounts, table: BurstTable, downscale: float | None) -> SingleBursts:
        """Put the numbers of single tracks beside what the table knows of each burst.

        Parameters
        ----------
        counts : BurstCounts
        table : BurstTable
            The bursts used, those without tracks included.
        downscale : float or None
            Downscale of the bursts for which the table has none.

        Raises
        ------
        InputError
            When a burst with tracks has no live time, or no downscale is known.
        """
        known = (
            table.downscale
            if downscale is None
            else np.where(np.isnan(table.downscale), downscale, table.downscale)
        )
        live_time = table.live_time_s * hepunits.s
        exposed = (table.pot > 0) & (live_time > 0)
        bursts = cls(
            run=table.run,
            burst=table.burst,
            live_time=live_time,
            downscale=known,
            events=counts.events,
            tried=counts.tried,
            survived=counts.survived,
            survived_squares=counts.survived_squares,
            plus=counts.plus,
            minus=counts.minus,
            intensity=np.divide(table.pot, live_time, out=np.full(len(table.run), np.nan), where=exposed),
            pair_live_time=table.pair_live_time_s * hepunits.s,
            neutral=counts.neutral,
        )
        bursts._check()
        return bursts

    def _check(self) -> None:
        unknown = np.isnan(self.downscale)
        remedies = {
            "no live time: correct the burst table or mark the burst bad": ~(
                (self.live_time > 0) & np.isfinite(self.live_time)
            ),
            "no downscale of Q1: add it to the burst table, or --set background.combinatorial.downscale=D": unknown,
            "a downscale of Q1 below 1: correct the burst table or mark the burst bad": ~unknown
            & ~self.usable,
        }
        for remedy, bad in remedies.items():
            hurt = np.flatnonzero(bad & (self.events > 0))
            if len(hurt):
                k = hurt[0]
                raise InputError(
                    f"run {self.run[k]} burst {self.burst[k]}: {self.events[k]} single tracks but {remedy}"
                )

    def __len__(self) -> int:
        return len(self.run)

    def take(self, where: Any) -> SingleBursts:
        """Return some of the bursts.

        Parameters
        ----------
        where : ndarray
            Mask or indices.
        """
        return SingleBursts(**{name: getattr(self, name)[where] for name in self.__dataclass_fields__})

    @property
    def partners(self) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
        """Selected tracks or clusters of each kind, and how many others each of them is paired with; shape (N,) each."""
        return partners(self.plus, self.minus, self.neutral)

    @property
    def pairs(self) -> NDArray[np.int64]:
        """Pairs of selected tracks of opposite charge, or of clusters, shape (N,)."""
        return pairs_among(self.plus, self.minus, self.neutral)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Whether live time and downscale are known."""
        return (self.live_time > 0) & np.isfinite(self.live_time) & (self.downscale >= 1)

    def live_time_ratio(self, unknown: float) -> NDArray[np.float64]:
        """Return the live time of the two-track trigger over that of the single-track trigger, shape (N,).

        Parameters
        ----------
        unknown : float
            Ratio in bursts for which the burst table has only one live time.
        """
        return np.where(np.isnan(self.pair_live_time), unknown, self.pair_live_time / self.live_time)

    @property
    def rate(self) -> NDArray[np.float64]:
        """Rate of good tracks in 1/ns, shape (N,); 0 for a burst without any."""
        return np.divide(
            self.downscale * self.events, self.live_time, out=np.zeros(len(self)), where=self.events > 0
        )

    @cached_property
    def survival(self) -> VetoSurvival:
        """Survival of accidental vetoes by burst, averaged over pairs of tracks in classes of intensity.

        A pair of a burst weighs D^2 / T.
        """
        return VetoSurvival.of(
            self.tried,
            self.survived,
            self.survived_squares,
            np.divide(self.downscale**2, self.live_time, out=np.zeros(len(self)), where=self.usable),
            self.intensity,
            self.pairs,
        )

    @property
    def accidental_survival(self) -> float:
        """Probability that accidental activity does not veto an event, averaged over all pairs; 1 if never tried."""
        return self.survival.mean
