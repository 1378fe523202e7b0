"""Quantities of candidates that an analysis writes as functions, and distributions without one of the cuts (n-1).

=====  ==================  ============================================
level  function            entries in a histogram
=====  ==================  ============================================
track  f(tracks, par)      two for each candidate, one for each track
pair   f(pairs, par)       one for each candidate
=====  ==================  ============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from bdana.display import shortened
from bdana.errors import ConfigError, UserCodeError
from bdana.events import EVENT_COLUMNS
from bdana.events.units import dimension, value_of
from bdana.mistakes import nearest
from bdana.reconstruction import ClusterPairs
from bdana.user_code import call_user, line_of, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.events import Gate
    from bdana.reconstruction import Pairs
    from bdana.selection.candidates import Candidates
    from bdana.selection.cuts import Parameters
    from bdana.selection.histograms import Histogram, Variable

__all__ = [
    "Distributions",
    "Filled",
    "Quantity",
    "WithoutCut",
    "border",
    "pair_quantity",
    "track_quantity",
]

EVERY, PASSED = "/every", "/passed"
"""Ends of the names of histograms: of all pairs that pass the other cuts, and of those that pass this one too."""


@dataclass(frozen=True)
class Quantity:
    """A number of each pair, or of each of its tracks, that a function of the analysis computes.

    Attributes
    ----------
    name : str
        The function's name, which `function = "..."` of analysis.toml has.
    level : {"track", "pair"}
        What the function looks at.
    function : callable
        Returns one number an item in mm, ns, MeV; NaN where there is none.
    needs : tuple of str
        Canonical columns it reads, apart from those every candidate needs.
    """

    name: str
    level: Literal["track", "pair"]
    function: Callable[..., Any]
    needs: tuple[str, ...]

    @property
    def column(self) -> str:
        """Name of the column of single tracks that keeps it."""
        return f"quantity:{self.name}"

    @property
    def is_predicted(self) -> bool:
        """Whether single tracks tell it of a pair of tracks of different events, which have no time in common.

        Of a track it may be anything in the track's own event but its time after the trigger, of a pair what the columns of
        its two tracks say.
        """
        if self.level == "track":
            return "trigger_time" not in self.needs
        return all(name.startswith("tracks.") and name != "tracks.time" for name in self.needs)

    def __call__(self, items: Any, par: Parameters) -> Any:
        """Return what the function gives for tracks or pairs, so that a cut can be made on it."""
        return self.function(items, par)

    def values(self, pairs: Pairs | ClusterPairs, par: Parameters) -> NDArray[np.float64]:
        """Return the numbers of N pairs, shape (N, 1), or (N, 2) of the positive and the negative track, or of both clusters.

        Parameters
        ----------
        pairs : Pairs or ClusterPairs
        par : Parameters

        Raises
        ------
        UserCodeError
            When the function fails, or returns anything but one number for each item.
        """
        if self.level == "pair":
            return self.of(pairs, par)[:, np.newaxis]
        if isinstance(pairs, ClusterPairs):
            items: tuple[Any, ...] = (pairs.first, pairs.second)
        elif pairs.both is not None:
            return self.of(pairs.both, par).reshape(2, -1).T
        else:
            items = (pairs.plus, pairs.minus)
        return np.stack([self.of(one, par) for one in items], axis=1)

    def of(self, items: Any, par: Parameters) -> NDArray[np.float64]:
        """Return the numbers of N tracks or pairs, shape (N,); raises as `values`.

        Parameters
        ----------
        items : Tracks, Clusters, Pairs or ClusterPairs
        par : Parameters
        """
        n = len(items)
        return call_user(
            self.function,
            items,
            par,
            what=f"quantity {self.name}",
            called=f"f({self.level}s, par)",
            read=lambda answer: np.broadcast_to(
                numbers(answer, n, f"{self.level}s", undefined=True, signed=True), n
            ),
        )

    def __repr__(self) -> str:
        return shortened(
            f"Quantity({self.name}, level {self.level}, reads {', '.join(self.needs) or 'nothing more'})"
        )


@dataclass(frozen=True)
class WithoutCut:
    """The distribution of a variable for pairs that pass every cut but one, whether they pass this one or not.

    Attributes
    ----------
    cut : str
        Name of the cut.
    variable : Variable
        With its axis.
    borders : tuple of str
        Parameters of the selection where the cut lies, behind a minus sign for one below zero: `-max_dt_ns`.
    """

    cut: str
    variable: Variable
    borders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Filled:
    """Sums of weights and of squared weights by region and bin, with underflow and overflow, shape (R, B + 2).

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.selection import Variable
    >>> from bdana.selection.quantities import Filled
    >>> axis = Variable("mass", "mass", "MeV", bins=2, low=200.0, high=400.0)
    >>> one = Filled.of(axis, ["CR"], np.array(["CR", "CR", "SR"]), np.array([[250.0], [400.0], [300.0]]), np.ones(3))
    >>> (one + one).sum_w
    array([[0., 2., 0., 2.]])
    """

    sum_w: NDArray[np.float64]
    sum_w2: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        axis: Variable,
        regions: Sequence[str],
        region: NDArray[np.str_],
        values: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> Self:
        """Fill values of N pairs; those of other regions are left out.

        Parameters
        ----------
        axis : Variable
        regions : sequence of str
            R names.
        region : ndarray of str, shape (N,)
        values : ndarray, shape (N, K)
            In the unit of the axis; NaN is in the overflow.
        weight : ndarray, shape (N,)
        """
        share = (values - axis.low) / (axis.high - axis.low)
        inside = (share >= 0.0) & (share < 1.0)
        steps = np.where(
            inside, np.where(inside, share, 0.0) * axis.bins, np.where(share < 0.0, -1, axis.bins)
        )
        row = np.full(len(region), len(regions), dtype=np.int64)
        for place, name in enumerate(regions):
            row[region == name] = place
        size = axis.bins + 2
        at = (row[:, None] * size + steps.astype(np.int64) + 1).ravel()
        own = np.repeat(weight, values.shape[1])
        sums: list[Any] = [
            np.bincount(at, own**power, (len(regions) + 1) * size).reshape(-1, size)[:-1] for power in (1, 2)
        ]
        return cls(*sums)

    def __add__(self, other: Filled) -> Filled:
        return Filled(self.sum_w + other.sum_w, self.sum_w2 + other.sum_w2)

    def histogram(self, axis: Variable, regions: Sequence[str]) -> Histogram:
        """Return the sums as a histogram by region.

        Parameters
        ----------
        axis : Variable
        regions : sequence of str
        """
        made = axis.histogram(regions)
        view: Any = made.view(flow=True)
        view["value"], view["variance"] = self.sum_w, self.sum_w2
        return made


@dataclass(frozen=True)
class Distributions:
    """What is histogrammed while events are selected, since candidates do not keep it.

    Attributes
    ----------
    variables : mapping of str to Variable
        Those that a function of the analysis computes, of candidates.
    without : mapping of str to WithoutCut
        The n-1 distributions.
    regions : tuple of str
        Regions that are open; pairs of others are not filled.
    """

    variables: Mapping[str, Variable]
    without: Mapping[str, WithoutCut]
    regions: tuple[str, ...]

    @property
    def functions(self) -> set[str]:
        """Names of the functions that are called."""
        axes = [*self.variables.values(), *(one.variable for one in self.without.values())]
        return {axis.function for axis in axes if axis.function}

    @property
    def axes(self) -> dict[str, Variable]:
        """Axes by the name of the histogram: `n-1/NAME/every`, and the part that passes the cut too, `n-1/NAME/passed`."""
        found = dict(self.variables)
        for name, one in self.without.items():
            key = f"n-1/{name}"
            found |= {key + EVERY: one.variable, key + PASSED: one.variable}
        return found

    def fill(
        self,
        pairs: Pairs | ClusterPairs,
        masks: Mapping[str, NDArray[np.bool_]],
        quantities: Mapping[str, Quantity],
        par: Parameters,
        candidates_of: Callable[[Any], Candidates],
        gate: Gate | None = None,
    ) -> dict[str, Filled]:
        """Fill the pairs that fail no cut, or one alone; none of a closed region.

        Parameters
        ----------
        pairs : Pairs or ClusterPairs
            N pairs.
        masks : mapping of str to ndarray of bool, shape (N,)
            Which of them pass each cut.
        quantities : mapping of str to Quantity
            Of the selection, by name.
        par : Parameters
        candidates_of : callable
            Makes candidates of some pairs, with their regions.
        gate : Gate, optional
            Blinding; None for simulation.

        Raises
        ------
        BlindingError
            When a gate is given and one of these pairs is closed.
        """
        failures = np.zeros(len(pairs), dtype=np.int64)
        for mask in masks.values():
            failures += ~mask
        few = failures <= 1
        pairs, failures = pairs.take(few), failures[few]
        masks = {name: mask[few] for name, mask in masks.items()}
        if gate is not None:
            gate.refuse_closed(pairs)  # guard: n-1-stops
        candidates = candidates_of(pairs)
        is_open = np.isin(candidates.region, self.regions)
        pairs, candidates, failures = pairs.take(is_open), candidates.take(is_open), failures[is_open]
        computed = {name: quantities[name].values(pairs, par) for name in sorted(self.functions)}

        def filled(axis: Variable, chosen: NDArray[np.bool_]) -> Filled:
            own = computed[axis.function] / axis.scale if axis.function else axis.values(candidates)[:, None]
            region, weight = candidates.region[chosen], candidates.weight[chosen]
            return Filled.of(axis, self.regions, region, own[chosen], weight)

        passed = failures == 0
        found = {name: filled(axis, passed) for name, axis in self.variables.items()}
        for name, one in self.without.items():
            key = f"n-1/{name}"
            found[key + EVERY] = filled(one.variable, passed | ~masks[one.cut][is_open])
            found[key + PASSED] = filled(one.variable, passed)
        return found


def border(name: str, par: Parameters, axis: Variable) -> float | None:
    """Return where a cut lies on an axis: the value of a parameter, whose unit is in its name, in the unit of the axis.

    None for a parameter of another selection.

    Parameters
    ----------
    name : str
        Of the parameter, behind a minus sign for a border below zero.
    par : Parameters
    axis : Variable

    Raises
    ------
    ConfigError
        When it is no number, or its unit is of another dimension than the axis.
    """
    key = name.removeprefix("-")
    if key not in type(par).model_fields:
        return None
    value = getattr(par, key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"borders of {axis.name}: {key} is no number")
    unit = {"mev": "MeV", "gev": "GeV", "kev": "keV", "ev": "eV", "tev": "TeV"}.get(
        key.rsplit("_", 1)[-1], key.rsplit("_", 1)[-1]
    )
    try:
        known_dimension = dimension(unit)
    except ValueError:
        unit = known_dimension = ""
    if known_dimension != dimension(axis.unit):
        raise ConfigError(
            f"borders of {axis.name}: {key} is {f'in {unit}' if unit else 'a pure number'}, and the axis "
            f"{f'in {axis.unit}' if axis.unit else 'has no unit'}"
        )
    sign = -1.0 if name.startswith("-") else 1.0
    return sign * float(value) * value_of(unit) / axis.scale


def track_quantity(*needs: str) -> Callable[[Callable[..., Any]], Quantity]:
    """Mark a function of tracks, `f(tracks, par)`, as a quantity that analysis.toml can histogram.

    Parameters
    ----------
    *needs : str
        Columns it reads.

    Examples
    --------
    >>> from bdana import track_quantity
    >>> @track_quantity("tracks.chi2")
    ... def chi2(tracks, par):
    ...     return tracks.chi2
    >>> chi2.name, chi2.level
    ('chi2', 'track')
    """
    return _declare("track", needs)


def pair_quantity(*needs: str) -> Callable[[Callable[..., Any]], Quantity]:
    """Mark a function of pairs, `f(pairs, par)`, as a quantity that analysis.toml can histogram.

    Parameters
    ----------
    *needs : str
        Columns it reads.
    """
    return _declare("pair", needs)


def _declare(
    level: Literal["track", "pair"], needs: tuple[str, ...]
) -> Callable[[Callable[..., Any]], Quantity]:
    for name in needs:
        if callable(name):
            raise UserCodeError(
                f"{line_of(name)}write @bdana.{level}_quantity() above the function, with brackets"
            )

    def declared(function: Callable[..., Any]) -> Quantity:
        for name in needs:
            if name not in EVENT_COLUMNS:
                like = nearest(str(name), EVENT_COLUMNS)
                near = f"did you mean '{like}'?" if like else "docs/events.md lists them"
                raise UserCodeError(
                    f"{line_of(function)}quantity {function.__name__}: '{name}' is no column of the event model; {near}"
                )
        return Quantity(function.__name__, level, function, needs)

    return declared
