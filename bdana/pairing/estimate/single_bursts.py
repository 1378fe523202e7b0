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
    from numpy.typing import NDArray

    from bdana.events import BurstTable
    from bdana.selection import SelectedSingles

__all__ = ["SingleBursts"]


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

    def __post_init__(self) -> None:
        if not len(self.pair_live_time):
            object.__setattr__(self, "pair_live_time", np.full(len(self.run), np.nan))

    __repr__ = short_repr

    @classmethod
    def of_singles(cls, singles: SelectedSingles, table: BurstTable, downscale: float | None) -> SingleBursts:
        """Count the single tracks of each burst that is used.

        Parameters
        ----------
        singles : SelectedSingles
        table : BurstTable
            The bursts used, those without tracks included.
        downscale : float or None
            Downscale of the bursts for which the table has none.

        Raises
        ------
        InputError
            When a burst with tracks has no live time, or no downscale is known.
        """
        n = len(table.run)
        at = table.places(singles.events.run, singles.events.burst)
        kept = singles.tracks.events
        charge = singles.tracks.charge
        own = table.places(np.asarray(kept.run), np.asarray(kept.burst))
        known = (
            table.downscale
            if downscale is None
            else np.where(np.isnan(table.downscale), downscale, table.downscale)
        )
        survival = np.where(singles.events.tried, singles.events.survival, 0.0)
        live_time = table.live_time_s * hepunits.s
        exposed = (table.pot > 0) & (live_time > 0)
        bursts = cls(
            run=table.run,
            burst=table.burst,
            live_time=live_time,
            downscale=known,
            events=np.bincount(at, minlength=n),
            tried=np.bincount(at, singles.events.tried, minlength=n).astype(np.float64),
            survived=np.bincount(at, survival, minlength=n).astype(np.float64),
            survived_squares=np.bincount(at, survival**2, minlength=n).astype(np.float64),
            plus=np.bincount(own[charge > 0], minlength=n),
            minus=np.bincount(own[charge < 0], minlength=n),
            intensity=np.divide(table.pot, live_time, out=np.full(n, np.nan), where=exposed),
            pair_live_time=table.pair_live_time_s * hepunits.s,
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
            self.plus * self.minus,
        )

    @property
    def accidental_survival(self) -> float:
        """Probability that accidental activity does not veto an event, averaged over all pairs; 1 if never tried."""
        return self.survival.mean
