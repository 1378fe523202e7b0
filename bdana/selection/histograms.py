"""Histograms of candidates: the variables by region, and the plane of z_TAX and CDA_TAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hepunits
import numpy as np

from bdana.errors import ConfigError
from bdana.events.units import dimension, named_unit, value_of
from bdana.mistakes import did_you_mean
from bdana.on_demand import late_module
from bdana.selection.candidates import UNITS
from bdana.selection.expressions import Expression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import hist
    from numpy.typing import NDArray

    from bdana.regions import Regions
    from bdana.selection.candidates import Candidates

    Histogram = hist.Hist[Any]
else:
    hist = late_module("hist")
    Histogram = Any

__all__ = [
    "Histogram",
    "Variable",
    "empty_plane",
    "fill_histograms",
    "fill_plane",
    "plain_contents",
    "plane_histogram",
    "sum_regions",
    "with_contents",
]

_USUAL = {"length": "mm", "time": "ns", "energy": "MeV", "": ""}


@dataclass(frozen=True)
class Variable:
    """A quantity of a candidate, with its histogram axis.

    Attributes
    ----------
    name : str
        The attribute of `Candidates`, or the name of what `expression` gives.
    label : str
        Text of the axis, without unit.
    unit : str
        Unit of the axis, a name of `hepunits` of the dimension of the quantity.
    bins : int
        Number of bins, all of one width.
    low, high : float
        Ends of the axis in `unit`.
    expression : str
        Formula of the quantities of a candidate, in mm, ns and MeV; empty for one of them.
    function : str
        Name of a `Quantity` of the selection, which gives the values in place of an expression.

    Raises
    ------
    ConfigError
        When there is no such quantity, its unit is of another dimension, the label has a unit, or the axis is empty.

    Examples
    --------
    >>> from bdana.selection import Variable
    >>> mass = Variable("mass", "m(mu mu)", "MeV", bins=10, low=200.0, high=700.0)
    >>> made = mass.histogram(["CR"]).fill("CR", [250.0, 320.0, 330.0])
    >>> made["CR", :].values()
    array([0., 1., 2., 0., 0., 0., 0., 0., 0., 0.])
    """

    name: str
    label: str
    unit: str
    bins: int
    low: float
    high: float
    expression: str = ""
    function: str = ""

    def __post_init__(self) -> None:
        if self.expression and self.function:
            raise ConfigError(f"{self.name} has an expression and a function: give one of them")
        if (self.expression or self.function) and self.name in UNITS:
            what = "expression" if self.expression else "function"
            raise ConfigError(f"{self.name} is a quantity of a candidate: give the {what} another name")
        if not (self.expression or self.function) and self.name not in UNITS:
            raise ConfigError(
                f"no quantity '{self.name}' of a candidate: {did_you_mean(self.name, UNITS)}; or give its expression"
            )
        try:
            given = dimension(self.unit)
        except ValueError as err:
            raise ConfigError(f"unit of {self.name}: {err}") from None
        needed = given if self.function else Expression(self.expression or self.name).dimension
        usual = _USUAL.get(needed)
        if given != needed and not (needed == "" and given == "angle"):
            what = f"'{self.unit}', a unit of {given}" if given else "no unit"
            of = f"the dimension of {needed}, in {usual} for instance" if needed else "no unit"
            raise ConfigError(f"{self.name} has {of}; the axis has {what}")
        if named_unit(self.label):
            raise ConfigError(
                f"the label '{self.label}' of {self.name} ends with a unit: leave it out, the unit of the axis is put there"
            )
        if not (self.bins > 0 and -np.inf < self.low < self.high < np.inf):
            raise ConfigError(
                f"the axis of {self.name} is empty: {self.bins} bins from {self.low:g} to {self.high:g}; min must be below max"
            )

    @property
    def scale(self) -> float:
        """The unit of the axis in mm, ns, MeV."""
        return value_of(self.unit)

    @property
    def needs_time(self) -> bool:
        """Whether it is made of the time difference, which pairs of tracks of different events do not have."""
        return not self.function and "dt" in Expression(self.expression or self.name).names

    def values(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return its values in the unit of the axis, shape (N,).

        Parameters
        ----------
        candidates : Candidates

        Raises
        ------
        ConfigError
            When a function of the selection gives them, which candidates do not keep.
        """
        if self.function:
            raise ConfigError(f"{self.name} is filled while events are selected: candidates do not keep it")
        if not self.expression:
            values: NDArray[np.float64] = getattr(candidates, self.name)
            return values / self.scale
        return Expression(self.expression).values(candidates) / self.scale

    def histogram(self, regions: Sequence[str]) -> Histogram:
        """Return an empty histogram of the given regions; candidates elsewhere are not counted.

        Parameters
        ----------
        regions : sequence of str
        """
        text = f"{self.label} [{self.unit}]" if self.unit else self.label
        return hist.Hist(
            hist.axis.StrCategory(list(regions), name="region", overflow=False),
            hist.axis.Regular(self.bins, self.low, self.high, name=self.name, label=text),
            storage=hist.storage.Weight(),
        )


def fill_histograms(
    candidates: Candidates, variables: Mapping[str, Variable], regions: Sequence[str]
) -> dict[str, Histogram]:
    """Histogram every variable by region.

    Parameters
    ----------
    candidates : Candidates
    variables : mapping of str to Variable
    regions : sequence of str
        Regions to count; what lies in others is absent.

    Returns
    -------
    dict of str to hist.Hist
        By the name of the variable; those that a function of the analysis computes are filled by `Distributions` instead.
    """
    counted = np.isin(candidates.region, list(regions))
    filled = {}
    for name, variable in variables.items():
        if variable.function:
            continue
        made = variable.histogram(regions)
        if counted.any():
            values = variable.values(candidates)[counted]
            made.fill(candidates.region[counted], values, weight=candidates.weight[counted])
        filled[name] = made
    return filled


def sum_regions(histograms: Sequence[Histogram], regions: Sequence[str]) -> Histogram:
    """Add histograms of one variable, in the given regions.

    Parameters
    ----------
    histograms : sequence of hist.Hist
    regions : sequence of str
    """
    variable = histograms[0].axes[1]
    total: Histogram = hist.Hist(
        hist.axis.StrCategory(list(regions), name="region", overflow=False),
        variable,
        storage=hist.storage.Weight(),
    )
    view: Any = total.view(flow=True)
    for histogram in histograms:
        for place, name in enumerate(regions):
            one: Any = histogram[name, :]
            view[place] += one.view(flow=True)
    return total


def plain_contents(histogram: Histogram, regions: Sequence[str]) -> dict[str, list[list[float]]]:
    """Return what is in a histogram of regions: by region, bin (underflow 0), sum of weights and of their squares.

    Parameters
    ----------
    histogram : hist.Hist
        With an axis `region` before that of a variable.
    regions : sequence of str
        Those that are wanted.
    """
    places = {name: at for at, name in enumerate(histogram.axes["region"])}
    view: Any = histogram.view(flow=True)
    return {
        name: [
            [at, float(row["value"][at]), float(row["variance"][at])]
            for at in np.flatnonzero(row["variance"]).tolist()
        ]
        for name in regions
        for row in [view[places[name]]]
    }


def with_contents(
    histogram: Histogram, parts: Sequence[Mapping[str, Sequence[Sequence[float]]]]
) -> Histogram:
    """Return a histogram with what `plain_contents` gave of others of the same axes; their other regions are left out.

    Parameters
    ----------
    histogram : hist.Hist
    parts : sequence of mapping
    """
    total: Histogram = histogram.copy()
    view: Any = total.view(flow=True)
    for place, name in enumerate(total.axes["region"]):
        for part in parts:
            for at, sum_w, sum_w2 in part.get(name, ()):
                view["value"][place, int(at)] += sum_w
                view["variance"][place, int(at)] += sum_w2
    return total


def plane_histogram(candidates: Candidates, regions: Regions, dump: str = "dump") -> Histogram:
    """Fill weighted candidates into 100 bins of z_TAX (m), and 40 bins of CDA_TAX (mm) in the logarithm.

    Of pairs of clusters it is the mass (MeV), and the distance of the centre.

    The frame depends on no event, only on the boxes: halo, control regions and signal all show.

    Parameters
    ----------
    candidates : Candidates
    regions : Regions
        Whose frame it has.
    dump : str
        What the dump is called, for the labels.

    Returns
    -------
    hist.Hist
        Two axes, `z_tax` or `mass`, and `cda_tax`; what lies outside the frame is in the flow bins.
    """
    plane = empty_plane(regions, dump)
    first, unit = (candidates.mass, hepunits.MeV) if regions.of_clusters else (candidates.z_tax, hepunits.m)
    fill_plane(plane, first, candidates.cda_tax, candidates.weight, unit)
    return plane


def empty_plane(regions: Regions, dump: str = "dump") -> Histogram:
    """Return the histogram of `plane_histogram`, empty.

    Parameters
    ----------
    regions, dump
        As for `plane_histogram`.
    """
    z_frame, cda_frame = regions.frame
    name, label = ("z_tax", rf"$z_{{{dump}}}$ [m]")
    distance = rf"$CDA_{{{dump}}}$ [mm]"
    if regions.of_clusters:
        name, label = ("mass", "mass for a decay in the middle of the decay volume [MeV]")
        distance = "distance of the centre from the beam line [mm]"
    return hist.Hist(
        hist.axis.Regular(100, *z_frame, name=name, label=label),
        hist.axis.Regular(40, *cda_frame, name="cda_tax", label=distance, transform=hist.axis.transform.log),
        storage=hist.storage.Weight(),
    )


def fill_plane(
    plane: Histogram,
    first: NDArray[np.float64],
    cda_tax: NDArray[np.float64],
    weight: NDArray[np.float64],
    unit: float = hepunits.m,
) -> None:
    """Fill weighted points of the plane; those that are not finite are left out.

    Parameters
    ----------
    plane : hist.Hist
        Of `empty_plane`.
    first, cda_tax : ndarray, shape (N,)
        In mm, a mass in MeV.
    weight : ndarray, shape (N,)
    unit : float
        Of the first axis.
    """
    finite = np.isfinite(first) & np.isfinite(cda_tax)
    plane.fill(
        first[finite] / unit,
        # Below the frame a logarithm has no flow bin for 0: the exact hit counts as the smallest distance.
        np.maximum(cda_tax[finite], 1e-12) / hepunits.mm,
        weight=weight[finite],
    )
