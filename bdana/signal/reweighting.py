"""Expected number of decays at any coupling, from one sample of particles that serves them all.

With widths proportional to the squared coupling s, a particle of momentum p and mass m survives a path d from its production
with probability exp(-a s), a = d m Gamma_1 / (p hbar c), Gamma_1 the total width at coupling 1. The number of decays
in a volume is a sum of such exponentials over the sample, one for each particle. `DecaySum` replaces it by a sum over some
thousand exponents that lie at fixed steps of log a: exp(-a s) as a function of log a is interpolated between them.

Error of the interpolation (this project). With steps of h and polynomials of degree q - 1 through the q nearest nodes it is,
relative to exp(-a s), at most (h a s)^q P / q!, P = [(1/2)(3/2)...((q - 1)/2)]^2; the difference of two exponents that are
close, relative to itself, has at most (h a s)^(q-1) (q/2 - 1)! (q/2)! / q!. With h = 0.008 and q = 10 the latter is 8e-6 at
a s = 75, where one term has fallen to 1e-30 of its largest value, and 1e-13 at a s = 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

from bdana.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["DecaySum", "effective_size"]

_STEP = 0.008
"""Distance of the nodes in log(exponent)."""
_POINTS = 10
"""Nodes that each exponent is spread over: as many below it as above."""
_NEGLIGIBLE = 1e-70
"""Part of the sum of all terms at coupling 0 below which what is left of them is given as 0."""
_COUPLINGS = 256
"""Couplings that are evaluated at once, so that memory does not grow with their number."""

# Powers of t, the place in the cell between two nodes from -1/2 to 1/2, to the Lagrange polynomials of its _POINTS nodes.
_LAGRANGE = np.linalg.inv(np.vander(np.arange(_POINTS) - (_POINTS - 1) / 2, increasing=True))
# Integral over the cell, from the values at these nodes.
_QUADRATURE = (0.5 ** np.arange(0, _POINTS, 2) / np.arange(1, _POINTS + 1, 2)) @ _LAGRANGE[::2]


@dataclass(frozen=True, eq=False)
class DecaySum:
    """Sum of exponential decay laws that is quick to evaluate at any coupling: s sum_k c_k exp(-a_k s).

    Made by `through` or `at_points` to a relative accuracy of 1e-5 wherever the sum is above 1e-30 of its maximum; with
    weights of both signs, relative to the sum with their absolute values. Sums add up (`a + b`) and scale (`2.0 * a`).
    The two arrays are all there is: stored in an .npz, they give the sum back as `DecaySum(nodes, coefficients)`.

    Attributes
    ----------
    nodes : ndarray, shape (K,)
        Exponents a_k for each unit of squared coupling, ascending. K is about 290 for each decade of exponents.
    coefficients : ndarray, shape (K,)
        Number of decays for each unit of squared coupling c_k, as long as nothing has decayed before.

    Examples
    --------
    Two particles with 80 m to the volume and 60 m inside; at coupling 1 their mean decay lengths are 1e-9 and 3e-9 mm.

    >>> import numpy as np
    >>> from bdana.signal.reweighting import DecaySum
    >>> near, far = np.array([80e12, 80e12 / 3]), np.array([140e12, 140e12 / 3])
    >>> decays = DecaySum.through(np.array([1.0, 1.0]), near, far)
    >>> decays(np.array([1e-16, 1e-14, 1e-12])).round(6)
    array([0.007927, 0.341571, 0.      ])
    """

    nodes: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    @classmethod
    def through(cls, weight: ArrayLike, near: ArrayLike, far: ArrayLike) -> DecaySum:
        """Return the sum of w [exp(-near s) - exp(-far s)]: decays in a volume whose acceptance is one number per particle.

        Particles that live so long that the two exponentials are all but the same are no exception to the accuracy, as
        long as far - near is above 1e-8 of near.

        Parameters
        ----------
        weight : array_like
            Weights w of the particles, of any sign, acceptance included. Those of weight 0 are left out.
        near : array_like
            Path to the volume m Gamma_1 / (p hbar c), above 0. Same shape as the weights, or broadcast to it.
        far : array_like
            The same for the path to the end of the volume, not below `near`.

        Raises
        ------
        InputError
            When a number is not finite, `near` not above 0, or `far` below `near`.
        """
        weights, starts, ends = _particles(weight=weight, near=near, far=far)
        if (ends < starts).any():
            raise InputError("far is below near: give the exponents of the entry first, of the exit second")
        if not len(weights):
            return cls(np.empty(0), np.empty(0))
        u_near, u_far = np.log(starts) / _STEP, np.log(ends) / _STEP
        first, last = int(np.floor(u_near.min())), int(np.floor(u_far.max()))
        node, spread = _at_nodes(
            _moments(u_near, weights, first, last) - _moments(u_far, weights, first, last), first
        )
        # What enters at a node and leaves at a later one decays in all cells between them.
        inside = np.cumsum(spread)[:-1]
        nodes = _nodes(node - (_POINTS // 2 - 1), len(inside) + _POINTS - 1)
        return cls(nodes, _STEP * nodes * np.convolve(inside, _QUADRATURE))

    @classmethod
    def at_points(cls, weight: ArrayLike, rate: ArrayLike, exponent: ArrayLike) -> DecaySum:
        """Return the sum of s w rate exp(-exponent s): decays at given points, or in slices, each with its acceptance.

        The variance of a sum over n independent particles is that of the squares, s^2 w^2 rate^2 exp(-2 exponent s), which
        is s times `at_points(weight**2, rate**2, 2 * exponent)`.

        Parameters
        ----------
        weight : array_like
            Weights w of the points, of any sign, acceptance included. Those of weight 0 are left out.
        rate : array_like
            Stretch of the path that the point stands for m Gamma_1 / (p hbar c). Same shape as the weights, or broadcast
            to it.
        exponent : array_like
            The same for the path from the production to the point, above 0.

        Raises
        ------
        InputError
            When a number is not finite or an exponent not above 0.
        """
        weights, exponents, rates = _particles(weight=weight, exponent=exponent, rate=rate)
        if not len(weights):
            return cls(np.empty(0), np.empty(0))
        u = np.log(exponents) / _STEP
        first, last = int(np.floor(u.min())), int(np.floor(u.max()))
        node, spread = _at_nodes(_moments(u, weights * rates, first, last), first)
        return cls(_nodes(node, len(spread)), spread)

    def __call__(self, coupling2: ArrayLike) -> NDArray[np.float64]:
        """Return the number of decays at each squared coupling, 0 where next to none is left (1e-70 of the terms at 0).

        Parameters
        ----------
        coupling2 : array_like
            Squared couplings s, such as epsilon^2, of any shape, which the result has too.

        Raises
        ------
        InputError
            When a squared coupling is negative or not finite.
        """
        s = np.asarray(coupling2, dtype=float)
        return s * self._per_coupling2(s)

    def __add__(self, other: DecaySum) -> DecaySum:
        """Return the sum of both."""
        nodes, place = np.unique(np.concatenate([self.nodes, other.nodes]), return_inverse=True)
        coefficients = np.zeros(len(nodes))
        np.add.at(coefficients, place, np.concatenate([self.coefficients, other.coefficients]))
        return DecaySum(nodes, coefficients)

    def __mul__(self, factor: float) -> DecaySum:
        """Return the sum with all weights multiplied by a number."""
        return DecaySum(self.nodes, factor * self.coefficients)

    __rmul__ = __mul__

    def _per_coupling2(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the number of decays over the squared coupling, which is known at 0 too."""
        if not (np.isfinite(s) & (s >= 0.0)).all():
            raise InputError("a squared coupling is negative or not finite: give numbers from 0 on")
        flat = s.reshape(-1)
        total = np.empty(len(flat))
        for start in range(0, len(flat), _COUPLINGS):
            part = slice(start, start + _COUPLINGS)
            total[part] = np.exp(np.multiply.outer(flat[part], -self.nodes)) @ self.coefficients
        # Far below the rest the interpolation is not accurate, not even in its sign.
        total[np.abs(total) < _NEGLIGIBLE * np.abs(self.coefficients).sum()] = 0.0
        return total.reshape(s.shape)


def effective_size(
    weight: ArrayLike, rate: ArrayLike, exponent: ArrayLike, coupling2: ArrayLike
) -> NDArray[np.float64]:
    """Return how many decays of equal weight would be as precise: (sum x)^2 / sum x^2, x = w rate exp(-exponent s).

    From Kish, Survey Sampling (Wiley, 1965). Accurate to 1e-4 for every number of decays that is not 0 in double precision, as
    long as the earliest decays carry 1e-15 of the weight or more; 0 where none is left.

    Parameters
    ----------
    weight, rate, exponent : array_like
        As of `DecaySum.at_points`, one for each decay.
    coupling2 : array_like
        Squared couplings s, of any shape, which the result has too.

    Raises
    ------
    InputError
        When a number is not finite, an exponent not above 0, or a squared coupling negative.

    Examples
    --------
    Two decays that are as likely as each other at long lifetimes: of short ones only the earlier is left.

    >>> from bdana.signal.reweighting import effective_size
    >>> effective_size([1.0, 1.0], [1e12, 1e12], [50e12, 80e12], [0.0, 1e-14, 1e-12]).round(3)
    array([2.   , 1.957, 1.   ])
    """
    weights, exponents, rates = _particles(weight=weight, exponent=exponent, rate=rate)
    s = np.asarray(coupling2, dtype=float)
    if not len(weights):
        return np.zeros(s.shape)
    # A factor exp(c s) on all x drops out. This one leaves something of the earliest decays at any coupling.
    later = exponents - 0.999 * exponents.min()
    values = weights * rates
    total = DecaySum.at_points(values, 1.0, later)._per_coupling2(s)
    squares = DecaySum.at_points(values**2, 1.0, 2.0 * later)._per_coupling2(s)
    return np.divide(total**2, squares, out=np.zeros(s.shape), where=squares > 0.0)


def _particles(**given: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    """Return the numbers in one row each, without those of weight 0; the first are the weights, the second exponents."""
    arrays = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in given.values()))
    rows = [
        np.array(array, order="C").reshape(-1) for array in arrays
    ]  # one layout, for which numba compiles once
    kept = rows[0] != 0.0
    if not kept.all():
        rows = [row[kept] for row in rows]
    for name, row in zip(given, rows, strict=True):
        if not np.isfinite(row).all():
            raise InputError(f"a {name} is not finite: give it the weight 0 or mend it")
    if (rows[1] <= 0.0).any():
        name = list(given)[1]
        raise InputError(f"a value of {name} is not above 0: the path from the production begins there")
    return tuple(rows)


def _nodes(first: int, number: int) -> NDArray[np.float64]:
    """Return nodes in a row; two sums have the same ones, to the last bit, where their exponents overlap."""
    return np.exp(_STEP * np.arange(first, first + number))


def _at_nodes(moments: NDArray[np.float64], first: int) -> tuple[int, NDArray[np.float64]]:
    """Return the number of the first node, and what the nodes get of the moments in each cell."""
    cells = len(moments)
    shares = moments @ _LAGRANGE
    spread = np.zeros(cells + _POINTS - 1)
    for j in range(_POINTS):
        spread[j : j + cells] += shares[:, j]
    return first - (_POINTS // 2 - 1), spread


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _moments(u, weight, first, last):  # type: ignore[no-untyped-def]
    """Return sums of weight t^m in each cell of a step, t from -1/2 to 1/2 the place in the cell, m < _POINTS."""
    moments = np.zeros((last - first + 1, _POINTS))
    for i in range(len(u)):
        cell = np.floor(u[i])
        t, value = u[i] - cell - 0.5, weight[i]
        for m in range(_POINTS):
            moments[int(cell) - first, m] += value
            value *= t
    return moments
