"""Proton bremsstrahlung of a new particle: p + nucleus -> p + particle + anything.

J. Bluemlein, J. Brunner, Phys. Lett. B 731, 320 (arXiv:1311.3870), with z = p / p_beam of the new particle and pT its
transverse momentum. Densities are per proton that interacts, at coupling 1, for a proton without form factor. The functions
are those of a vector that couples like the photon; `Bremsstrahlung` takes the splitting of another particle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError
from bdana.signal.constants import ALPHA, PROTON_MASS
from bdana.signal.contract import Particles
from bdana.signal.validity import ValidRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Splitting = Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.float64]]

__all__ = [
    "CROSS_SECTION",
    "PT_RANGE",
    "Z_RANGE",
    "Bremsstrahlung",
    "bremsstrahlung_density",
    "pp_cross_section",
    "splitting",
]

Z_RANGE = ValidRange(
    "bremsstrahlung",
    "z",
    0.1,
    0.9,
    "",
    "beyond, the splitting of a proton into proton and particle is no approximation",
)
"""Fractions of the momentum of the beam for which the approximation holds (arXiv:1311.3870)."""
PT_RANGE = ValidRange(
    "bremsstrahlung", "pT", 0.0, 1000.0, "MeV", "beyond, it is not collinear, and grows without end"
)
"""Transverse momenta for which it holds."""
CROSS_SECTION = ValidRange(
    "the pp cross-section", "s", 25.0, math.inf, "GeV^2", "the fit begins at 5 GeV in the centre of mass"
)
"""Squared energies of the fit (Particle Data Group)."""

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class Bremsstrahlung:
    """Production of a new particle by proton bremsstrahlung.

    The approximation holds for 0.1 < z < 0.9 and pT below 1 GeV, which are the defaults. Without a limit on pT the yield
    grows with its logarithm up to pT = p, far outside the approximation.

    Attributes
    ----------
    mass : float
        Of the particle, in MeV.
    beam_momentum : float
        Of the protons, in MeV/c.
    z_range : tuple of float
        Range of z. The upper end is at most where the remaining proton and a nucleon at rest can only just be made.
    pt_max : float
        Largest pT in MeV/c; may be infinite.
    theta_max : float or None
        Largest angle to the beam in rad. `per_proton` counts the particles within.
    factor : float
        Of all densities, such as the square of a form factor.
    weight : callable
        The splitting w(z, pT^2, mass) of a proton into proton and particle, in MeV^-2; by default that of a vector that
        couples like the photon, `splitting`.

    Raises
    ------
    ConfigError
        When a limit is not possible.

    Examples
    --------
    >>> from bdana.signal.bremsstrahlung import Bremsstrahlung
    >>> f"{Bremsstrahlung(250.0).per_proton:.3e}"
    '6.709e-03'
    """

    mass: float
    beam_momentum: float = 400e3
    z_range: tuple[float, float] = (0.1, 0.9)
    pt_max: float = 1000.0
    theta_max: float | None = None
    factor: float = 1.0
    weight: Splitting | None = None

    def __post_init__(self) -> None:
        low, high = self.z_range
        possible = (
            ("mass", 0.0 < self.mass < math.inf),
            ("beam_momentum", 0.0 < self.beam_momentum < math.inf),
            ("z_range", 0.0 < low < high < 1.0),
            ("pt_max", self.pt_max > 0.0),
            ("theta_max", self.theta_max is None or 0.0 < self.theta_max <= 0.5 * math.pi),
            ("factor", 0.0 <= self.factor < math.inf),
        )
        for name, right in possible:
            if not right:
                raise ConfigError(f"bremsstrahlung: {name} = {getattr(self, name)} is not possible")

    @property
    def cautions(self) -> tuple[str, ...]:
        """Limits that are wider than the approximation, mostly none."""
        low, high = self._z_ends
        if low >= high:
            return ()
        said = []
        if low < Z_RANGE.low or high > Z_RANGE.high:
            said.append(
                f"bremsstrahlung with z from {low:.3g} to {high:.3g}: it holds {Z_RANGE.text}, {Z_RANGE.why}"
            )
        pt_max = min(self.pt_max, high * self.beam_momentum * self._sine)
        if pt_max > PT_RANGE.high:
            said.append(
                f"bremsstrahlung with pT up to {pt_max * 1e-3:.3g} GeV: it holds up to {PT_RANGE.high * 1e-3:g} GeV, {PT_RANGE.why}"
            )
        energy = np.hypot(self.beam_momentum, PROTON_MASS) - np.hypot(high * self.beam_momentum, self.mass)
        s_left = 2e-6 * PROTON_MASS * float(energy)
        if s_left < CROSS_SECTION.low:
            said.append(
                f"bremsstrahlung leaves s' = {s_left:.3g} GeV^2 at the largest z: the pp cross-section holds {CROSS_SECTION.text}"
            )
        return tuple(said)

    @property
    def is_open(self) -> bool:
        """Whether the protons have the energy for any z of the range."""
        low, high = self._z_ends
        return low < high

    @cached_property
    def per_proton(self) -> float:
        """Particles for each proton that interacts, at coupling 1, within the limits on z, pT and angle."""
        low, high = self._z_ends
        crossing = self.pt_max / (
            self.beam_momentum * self._sine
        )  # z at which pT and angle give the same limit
        middle = float(_logit(np.clip(crossing, low, high)) - _logit(low)) / float(_logit(high) - _logit(low))
        v = 0.5 * (_POINTS + 1.0)
        total = 0.0
        for first, last in ((0.0, middle), (middle, 1.0)):
            u = first + 0.5 * (last - first) * (_POINTS + 1.0)
            _, _, density = self._at(u[:, None], v[None, :])
            total += 0.25 * (last - first) * float(np.einsum("i,j,ij->", _WEIGHTS, _WEIGHTS, density))
        return total

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles as they leave the dump, evenly in log z below 1/2 and in log(1 - z) above.

        Parameters
        ----------
        n : int
        rng : Generator
        """
        z, pt2, density = self._at(rng.random(n), rng.random(n))
        return Particles.around_beam(z * self.beam_momentum, np.sqrt(pt2), density / self.per_proton, rng)

    @property
    def _z_ends(self) -> tuple[float, float]:
        """Ends of z, the upper one where s' = 2 m_p (E_p - E) is at least 4 m_p^2."""
        low, high = self.z_range
        energy = np.hypot(self.beam_momentum, PROTON_MASS) - 2.0 * PROTON_MASS
        if energy <= self.mass:
            return low, 0.0
        return low, min(high, float(np.sqrt(energy**2 - self.mass**2)) / self.beam_momentum)

    @property
    def _sine(self) -> float:
        """Largest pT over p."""
        return 1.0 if self.theta_max is None else float(np.sin(self.theta_max))

    def _at(
        self, u: NDArray[np.float64], v: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return z, pT^2 and the density at points of the unit square.

        z follows u evenly in log(z / (1 - z)), and pT^2 follows v evenly in log(pT^2 + h), which is how the density
        falls; the density is that in (u, v).
        """
        low, high = (_logit(z) for z in self._z_ends)
        z = 1.0 / (1.0 + np.exp(-(low + (high - low) * u)))
        h = (1.0 - z) * self.mass**2 + z**2 * PROTON_MASS**2
        span = np.log1p(np.minimum(z * self.beam_momentum * self._sine, self.pt_max) ** 2 / h)
        pt2 = h * np.expm1(span * v)
        density = _density(z, pt2, self.mass, self.beam_momentum, self.weight or _splitting)
        steps = z * (1.0 - z) * (high - low) * span * (pt2 + h)
        return z, pt2, self.factor * density * steps


def _logit(z: ArrayLike) -> NDArray[np.float64]:
    z = np.asarray(z, dtype=np.float64)
    odds: NDArray[np.float64] = np.log(z / (1.0 - z))
    return odds


def bremsstrahlung_density(
    z: ArrayLike, pt2: ArrayLike, mass: float, beam_momentum: float = 400e3, *, extrapolate: bool = False
) -> NDArray[np.float64]:
    """Return the differential yield d2N/dz dpT2 per proton that interacts, in MeV^-2, shape (N,).

    sigma_pp(s')/sigma_pp(s) w(z, pT^2) with s = 2 m_p E_p and s' = 2 m_p (E_p - E) (arXiv:1311.3870, eq. 2).

    Parameters
    ----------
    z, pt2, mass, extrapolate
        As for `splitting`.
    beam_momentum : float
        In MeV/c.

    Raises
    ------
    ConfigError
        Outside of `Z_RANGE`, `PT_RANGE` or `CROSS_SECTION`, unless `extrapolate`.

    Examples
    --------
    >>> from bdana.signal.bremsstrahlung import bremsstrahlung_density
    >>> bremsstrahlung_density([0.2, 0.8], 1e4, 250.0)
    array([9.14131503e-08, 2.44974369e-09])
    """
    if not 0.0 < beam_momentum < math.inf:
        raise ConfigError(f"bremsstrahlung: beam_momentum = {beam_momentum:g} MeV is not above 0")
    z, pt2 = _checked(z, pt2, mass, extrapolate=extrapolate)
    s_left = _left(z, mass, beam_momentum)
    CROSS_SECTION.check(s_left, extrapolate=extrapolate)
    return _density(z, pt2, mass, beam_momentum, _splitting)


def _density(
    z: NDArray[np.float64], pt2: NDArray[np.float64], mass: float, beam_momentum: float, weight: Splitting
) -> NDArray[np.float64]:
    beam_energy = np.hypot(beam_momentum, PROTON_MASS)
    s = np.asarray(2e-6 * PROTON_MASS * beam_energy)
    return _cross_section(_left(z, mass, beam_momentum)) / _cross_section(s) * weight(z, pt2, mass)


def _left(z: NDArray[np.float64], mass: float, beam_momentum: float) -> NDArray[np.float64]:
    """Return s' in GeV^2, shape (N,)."""
    beam_energy = np.hypot(beam_momentum, PROTON_MASS)
    left: NDArray[np.float64] = 2e-6 * PROTON_MASS * (beam_energy - np.hypot(z * beam_momentum, mass))
    return left


def _checked(
    z: ArrayLike, pt2: ArrayLike, mass: float, *, extrapolate: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not 0.0 < mass < math.inf:
        raise ConfigError(f"bremsstrahlung: mass = {mass:g} MeV is not above 0")
    fraction, squared = np.asarray(z, dtype=np.float64), np.asarray(pt2, dtype=np.float64)
    if not ((fraction > 0.0) & (fraction < 1.0)).all():
        raise ConfigError("bremsstrahlung: z is a fraction between 0 and 1")
    if not ((squared >= 0.0) & (squared < math.inf)).all():
        raise ConfigError("bremsstrahlung: pT^2 is a number from 0 up")
    Z_RANGE.check(fraction, extrapolate=extrapolate)
    PT_RANGE.check(np.sqrt(squared), extrapolate=extrapolate)
    return fraction, squared


def splitting(z: ArrayLike, pt2: ArrayLike, mass: float, *, extrapolate: bool = False) -> NDArray[np.float64]:
    """Return the splitting weight w(z, pT^2) of p -> p A' (arXiv:1311.3870, eq. 3) at coupling 1.

    Parameters
    ----------
    z : array-like, shape (N,)
        Momentum of the new particle over that of the beam.
    pt2 : array-like, shape (N,)
        pT^2 in MeV^2.
    mass : float
        Mass of the new particle in MeV.
    extrapolate : bool
        Whether to give numbers outside the range too, with an `ExtrapolationWarning`.

    Returns
    -------
    ndarray, shape (N,)
        In MeV^-2.

    Raises
    ------
    ConfigError
        Outside of `Z_RANGE` or `PT_RANGE`, unless `extrapolate`.
    """
    return _splitting(*_checked(z, pt2, mass, extrapolate=extrapolate), mass)


def _splitting(z: NDArray[np.float64], pt2: NDArray[np.float64], mass: float) -> NDArray[np.float64]:
    m2, mp2 = mass**2, PROTON_MASS**2
    h = pt2 + (1.0 - z) * m2 + z**2 * mp2
    one = 1.0 - z
    terms = (
        (1.0 + one**2) / z
        - 2.0 * z * one * ((2.0 * mp2 + m2) / h - 2.0 * z**2 * mp2**2 / h**2)
        + 2.0 * z * one * (1.0 + one**2) * mp2 * m2 / h**2
        + 2.0 * z * one**2 * m2**2 / h**2
    )
    weight: NDArray[np.float64] = ALPHA / (2.0 * np.pi * h) * terms
    return weight


def pp_cross_section(s: ArrayLike, *, extrapolate: bool = False) -> NDArray[np.float64]:
    """Return the total pp cross-section in mb: fit of the Particle Data Group as used by arXiv:1311.3870.

    Parameters
    ----------
    s : array-like, shape (N,)
        Squared centre-of-mass energy in GeV^2.
    extrapolate : bool
        Whether to give numbers outside the range too, with an `ExtrapolationWarning`.

    Raises
    ------
    ConfigError
        Outside of `CROSS_SECTION`, unless `extrapolate`.
    """
    return _cross_section(CROSS_SECTION.check(s, extrapolate=extrapolate))


def _cross_section(s: NDArray[np.float64]) -> NDArray[np.float64]:
    sigma: NDArray[np.float64] = (
        35.45 + 0.308 * np.log(s / 28.94) ** 2 + 42.53 * s**-0.458 - 33.34 * s**-0.545
    )
    return sigma
