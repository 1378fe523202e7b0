"""From expected signal events to excluded couplings: limits on the count, contours, and their systematic bands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.sensitivity.contour import Island, trace
from bdana.sensitivity.event_limits import ChannelCount, EventLimit, event_limits, with_borders
from bdana.signal import Coupling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from bdana.sensitivity.yields import MassYields
    from bdana.signal.reweighting import DecaySum

__all__ = ["CERTAIN", "WIDTHS", "ChannelCount", "Exclusion", "exclude", "expected_events"]

WIDTHS = "widths"
"""Name of the systematic uncertainty of the total width."""
CERTAIN = 2.0
"""Statistical errors of the simulated decays by which an island of a part of the signal must exceed the limit somewhere."""


@dataclass(frozen=True)
class Exclusion:
    """Couplings excluded at one confidence level.

    Attributes
    ----------
    level : float
        Confidence level.
    protons : float
        On target.
    convention : str
        How the limit on the number of events was made.
    observed_limit : float or None
        On the number of signal events; None without an observation. Of several channels the largest for any shares, of
        windows of mass the largest of all masses.
    expected_limits : tuple of float
        At the -2, -1, 0, +1 and +2 sigma quantiles of the count; of several channels only the median.
    observed : tuple of Island
        Empty where nothing is excluded, or nothing was observed.
    expected : tuple of tuple of Island
        For each of `expected_limits`.
    systematics : mapping of str to (tuple of Island, tuple of Island)
        The observed contour (without an observation the median one) at the two ends of each uncertainty.
    coupling : Coupling
        What is excluded.
    """

    level: float
    protons: float
    convention: str
    observed_limit: float | None
    expected_limits: tuple[float, ...]
    observed: tuple[Island, ...]
    expected: tuple[tuple[Island, ...], ...]
    systematics: Mapping[str, tuple[tuple[Island, ...], tuple[Island, ...]]]
    coupling: Coupling

    @property
    def shown(self) -> tuple[Island, ...]:
        """The observed contour, without an observation the median expected one."""
        return self.expected[len(self.expected) // 2] if self.observed_limit is None else self.observed

    @property
    def limit(self) -> float:
        """The observed limit on the number of signal events, without an observation the median expected one."""
        median = self.expected_limits[len(self.expected_limits) // 2]
        return median if self.observed_limit is None else self.observed_limit

    def to_dict(self) -> dict[str, Any]:
        """Return the exclusion as plain values, for JSON."""
        name = self.coupling.name
        both = {
            key: {"low": _plain(low, name), "high": _plain(high, name)}
            for key, (low, high) in self.systematics.items()
        }
        return {
            "confidence_level": self.level,
            "pot": self.protons,
            "convention": self.convention,
            "observed_limit": self.observed_limit,
            "expected_limits": list(self.expected_limits),
            "observed": None if self.observed_limit is None else _plain(self.observed, name),
            "expected": [_plain(islands, name) for islands in self.expected],
            "systematics": both,
            "coupling": asdict(self.coupling),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Exclusion:
        """Return the exclusion that `to_dict` gave.

        Parameters
        ----------
        values : mapping
        """
        coupling = Coupling(**values["coupling"])
        name = coupling.name
        return cls(
            values["confidence_level"],
            values["pot"],
            values["convention"],
            values["observed_limit"],
            tuple(values["expected_limits"]),
            _islands(values["observed"] or [], name),
            tuple(_islands(rows, name) for rows in values["expected"]),
            {
                key: (_islands(ends["low"], name), _islands(ends["high"], name))
                for key, ends in values["systematics"].items()
            },
            coupling,
        )


def _plain(islands: Sequence[Island], coupling: str) -> list[dict[str, Any]]:
    return [
        {
            "mass_mev": island.mass.tolist(),
            f"{coupling}_low": island.low.tolist(),
            f"{coupling}_high": island.high.tolist(),
            "open_at": list(island.open_at),
        }
        for island in islands
    ]


def _islands(rows: Sequence[Mapping[str, Any]], coupling: str) -> tuple[Island, ...]:
    return tuple(
        Island(
            np.array(row["mass_mev"]),
            np.array(row[f"{coupling}_low"]),
            np.array(row[f"{coupling}_high"]),
            tuple(row["open_at"]),
        )
        for row in rows
    )


def expected_events(
    yields: MassYields,
    protons: float,
    *,
    production: str | None = None,
    variation: tuple[str, int] | None = None,
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the expected selected events of the innermost region as a function of the coupling.

    Parameters
    ----------
    yields : MassYields
    protons : float
        On target.
    production : str, optional
        One process; by default all of them together.
    variation : (str, int), optional
        Name of a systematic uncertainty, and which of its ends: 0 or 1.
    """
    name, end = variation or ("", 0)
    total: DecaySum | None = None
    for process, part in yields.production.items():
        if production in {None, process}:
            mean = next(iter(part.selected.values())).mean
            ends = part.variations.get(name)
            term = ends[end] if ends else mean
            total = term if total is None else total + term
    # A total width larger by a factor f: the branching ratio falls by f, decays come earlier by f.
    f = 1.0 + (-1, 1)[end] * yields.width_error if name == WIDTHS else 1.0

    def events(coupling: NDArray[np.float64]) -> NDArray[np.float64]:
        c2 = np.asarray(coupling, dtype=np.float64) ** 2
        if total is None:
            return np.zeros(c2.shape)
        number: NDArray[np.float64] = protons * c2 * total(f * c2) / f
        return number

    return events


def exclude(
    counts: Sequence[ChannelCount],
    *,
    level: float = 0.9,
    method: str = "cls",
    production: str | None = None,
    systematics: bool = False,
    common: ArrayLike | None = None,
) -> Exclusion:
    """Return the couplings excluded by the counts in the innermost region of one or more channels.

    The relative error of the protons on target is in the limit on the number of events. Of several channels the limit is
    on all their signal events together and depends on the share of each (`bdana.statistics.combination`).

    Parameters
    ----------
    counts : sequence of ChannelCount
        The yields of their masses should be computed before; the contour adds masses at its tips.
    level : float
        Confidence level.
    method : str
        One of `bdana.statistics.methods.METHODS`; of several channels cls or bayes.
    production : str, optional
        One process; by default all of them together. Its islands are left out that nowhere exceed the limit by more than
        two statistical errors of the simulated decays: they are fluctuations of a process that just misses or meets it.
    systematics : bool
        Whether contours are also traced at the ends of every uncertainty of the yield.
    common : array_like, shape (channels, channels), optional
        Relative covariance of the backgrounds of different channels; its diagonal is not used. By default the errors of
        channels are independent.
    """
    config = counts[0].scan.analysis.signal
    masses = sorted({mass for count in counts for mass in config.masses(count.scan.mode)})
    masses = with_borders(masses, counts)
    limits = event_limits(counts, masses, level, method, common)
    known: dict[object, tuple[Island, ...]] = {}

    def contour(limit: EventLimit, variation: tuple[str, int] | None = None) -> tuple[Island, ...]:
        if (limit, variation) not in known:
            excess = _excess(counts, limit, production, variation)
            islands = trace(masses, excess, lambda _: 1.0, config.couplings)
            if production is not None:
                least = _excess(counts, limit, production, errors_below=CERTAIN)
                islands = tuple(island for island in islands if _exceeds(island, least))
            known[limit, variation] = islands
        return known[limit, variation]

    shown = limits.observed or limits.expected[len(limits.expected) // 2]
    names = _uncertainties(counts, masses) if systematics else ()
    return Exclusion(
        level,
        sum(count.protons for count in counts) / len(counts),
        limits.convention,
        limits.observed.value if limits.observed else None,
        tuple(limit.value for limit in limits.expected),
        contour(limits.observed) if limits.observed else (),
        tuple(contour(limit) for limit in limits.expected),
        {name: (contour(shown, (name, 0)), contour(shown, (name, 1))) for name in names},
        config.coupling,
    )


def _excess(
    counts: Sequence[ChannelCount],
    limit: EventLimit,
    production: str | None,
    variation: tuple[str, int] | None = None,
    errors_below: float = 0.0,
) -> Callable[[float], Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
    """Return, for a mass, the expected signal events over their limit as a function of the coupling.

    They can be lowered by a number of statistical errors of one production process.
    """

    def at(mass: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        parts = [
            expected_events(count.scan(mass), count.protons, production=production, variation=variation)
            for count in counts
            if count.scan.is_open(mass)
        ]
        is_open = np.array([count.scan.is_open(mass) for count in counts])

        def excess(coupling: NDArray[np.float64]) -> NDArray[np.float64]:
            number = np.zeros((len(counts), len(coupling)))
            number[is_open] = [events(coupling) for events in parts]
            total = number.sum(axis=0)
            shares = np.divide(number, total, out=np.zeros(number.shape), where=total > 0.0)
            if errors_below:
                total = total - errors_below * _error(counts, mass, production, coupling)
            ratio: NDArray[np.float64] = total / limit.at(mass, shares)
            return ratio

        return excess

    return at


def _error(
    counts: Sequence[ChannelCount], mass: float, production: str | None, coupling: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the error of the expected signal events of some processes, from the number of decays drawn."""
    variance = np.zeros(coupling.shape)
    for count in counts:
        if count.scan.is_open(mass):
            for process, part in count.scan(mass).production.items():
                if production in {None, process}:
                    inner = next(iter(part.selected.values()))
                    variance += inner.error(coupling, count.protons) ** 2
    return np.sqrt(variance)


def _exceeds(
    island: Island, excess: Callable[[float], Callable[[NDArray[np.float64]], NDArray[np.float64]]]
) -> bool:
    """Say whether somewhere in an island the events over their limit are above 1."""
    return any(
        (excess(float(mass))(np.geomspace(low, high, 25)) > 1.0).any()
        for mass, low, high in zip(island.mass, island.low, island.high, strict=True)
    )


def _uncertainties(counts: Sequence[ChannelCount], masses: Sequence[float]) -> tuple[str, ...]:
    found = {
        name
        for count in counts
        for mass in masses
        if count.scan.is_open(mass)
        for part in count.scan(mass).production.values()
        for name in part.variations
    }
    return (*sorted(found), WIDTHS)
