"""Normalised densities of events in mass, or in (z_TAX, CDA_TAX), that can be evaluated and sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import special

from bdana.errors import InputError

if TYPE_CHECKING:
    import hist
    from numpy.typing import ArrayLike, NDArray

    from bdana.statistics.poisson import Floats

__all__ = ["Density", "Exponential", "Peak", "Product", "Template", "Uniform"]


class Density(Protocol):
    """Interface of a normalised density."""

    def __call__(self, x: Floats) -> Floats:
        """Return the density at points of shape (n, dimensions); shape (n,)."""

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw random points, shape (n, dimensions).

        Parameters
        ----------
        rng : Generator
        n : int
        """


@dataclass(frozen=True)
class _Window:
    """A density of one variable between two borders.

    Attributes
    ----------
    low, high : float
        Borders, in the unit of the variable.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
            raise InputError(
                f"the window from {self.low} to {self.high} is empty: give finite borders in order"
            )

    def _inside(self, x: Floats) -> Floats:
        return ((x[:, 0] >= self.low) & (x[:, 0] <= self.high)).astype(float)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw random points, shape (n, 1)."""
        return np.clip(self._quantile(rng.random(n)), self.low, self.high)[:, None]

    def _quantile(self, share: Floats) -> Floats:
        return self.low + (self.high - self.low) * share


@dataclass(frozen=True)
class Uniform(_Window):
    """A uniform density between two borders."""

    def __call__(self, x: Floats) -> Floats:
        """Return the density at points of shape (n, 1)."""
        return self._inside(x) / (self.high - self.low)


@dataclass(frozen=True)
class Exponential(_Window):
    """A density proportional to exp(-x / scale) between two borders; it rises where the scale is negative."""

    scale: float

    def __call__(self, x: Floats) -> Floats:
        """Return the density at points of shape (n, 1)."""
        length = (self.high - self.low) / self.scale
        return self._inside(x) * np.exp((self.low - x[:, 0]) / self.scale) / self.scale / -np.expm1(-length)

    def _quantile(self, share: Floats) -> Floats:
        length = (self.high - self.low) / self.scale
        return self.low - self.scale * np.log1p(share * np.expm1(-length))


@dataclass(frozen=True)
class Peak(_Window):
    """A Gaussian density around a mass with a resolution as its width, truncated at the borders of the window.

    Attributes
    ----------
    low, high, mass, resolution : float
        In the unit of the variable, such as MeV.
    """

    mass: float
    resolution: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.resolution > 0 and self.low <= self.mass <= self.high):
            raise InputError(
                f"the peak at {self.mass} with resolution {self.resolution} needs a resolution above zero and a mass in the "
                f"window from {self.low} to {self.high}"
            )

    def __call__(self, x: Floats) -> Floats:
        """Return the density at points of shape (n, 1)."""
        pull = (x[:, 0] - self.mass) / self.resolution
        low, high = self._shares()
        return (
            self._inside(x) * np.exp(-0.5 * pull**2) / (np.sqrt(2 * np.pi) * self.resolution * (high - low))
        )

    def _quantile(self, share: Floats) -> Floats:
        low, high = self._shares()
        return np.asarray(self.mass + self.resolution * special.ndtri(low + (high - low) * share))

    def _shares(self) -> Floats:
        return np.asarray(special.ndtr((np.array([self.low, self.high]) - self.mass) / self.resolution))


class Template:
    """A density from a histogram in one or more variables, constant within each bin.

    Parameters
    ----------
    contents : array_like
        Not negative, shape (bins of the first variable, ...); normalised here.
    edges : sequence of array_like
        Of every variable.
    """

    def __init__(self, contents: ArrayLike, *edges: ArrayLike) -> None:
        self.edges = [np.asarray(axis, dtype=float) for axis in edges]
        shares = np.asarray(contents, dtype=float)
        if shares.shape != tuple(axis.size - 1 for axis in self.edges):
            raise InputError(
                f"a template of {shares.shape} bins needs the edges of as many bins in each variable"
            )
        if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
            raise InputError("a template needs finite contents that are not negative and not all zero")
        self.shares = shares / shares.sum()

    @classmethod
    def of_hist(cls, histogram: hist.Hist[Any]) -> Template:
        """Return the density of a histogram; its under- and overflow are left out.

        Parameters
        ----------
        histogram : hist.Hist
        """
        return cls(histogram.values(), *(axis.edges for axis in histogram.axes))

    def __call__(self, x: Floats) -> Floats:
        """Return the density at points of shape (n, variables)."""
        places, volume, inside = [], np.ones(len(x)), np.ones(len(x), dtype=bool)
        for axis, values in zip(self.edges, x.T, strict=True):
            place = np.clip(np.searchsorted(axis, values, side="right") - 1, 0, axis.size - 2)
            inside &= (values >= axis[0]) & (values <= axis[-1])
            volume *= np.diff(axis)[place]
            places.append(place)
        return np.where(inside, self.shares[tuple(places)] / volume, 0.0)

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw random points, shape (n, variables).

        Parameters
        ----------
        rng : Generator
        n : int
        """
        return self.sample_bins(rng, rng.choice(self.shares.size, size=n, p=self.shares.ravel()))

    def sample_bins(self, rng: np.random.Generator, bins: NDArray[np.int64]) -> Floats:
        """Draw a random point in each of the bins given, shape (n, variables).

        Parameters
        ----------
        rng : Generator
        bins : ndarray of int, shape (n,)
            Places in the flattened contents.
        """
        places = np.unravel_index(bins, self.shares.shape)
        return np.stack(
            [
                axis[place] + np.diff(axis)[place] * rng.random(len(bins))
                for axis, place in zip(self.edges, places, strict=True)
            ],
            axis=1,
        )


class Product:
    """A product of two densities of independent variables, first those of `first`.

    Parameters
    ----------
    first : Density
    dimensions : int
        Number of its variables.
    second : Density
    """

    def __init__(self, first: Density, dimensions: int, second: Density) -> None:
        self.first, self.dimensions, self.second = first, dimensions, second

    def __call__(self, x: Floats) -> Floats:
        """Return the density at points of shape (n, variables of both)."""
        return self.first(x[:, : self.dimensions]) * self.second(x[:, self.dimensions :])

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw random points, shape (n, variables of both).

        Parameters
        ----------
        rng : Generator
        n : int
        """
        return np.concatenate([self.first.sample(rng, n), self.second.sample(rng, n)], axis=1)
