"""New particles from mesons that protons make in a dump: from their decays, and from mixing with them.

The mesons come from the tables of `bdana.signal.meson_spectra`, or another `MesonSource`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.errors import ConfigError
from bdana.signal.contract import Particles
from bdana.signal.meson_spectra import MESONS, MesonSpectra, meson_mass, meson_spectra

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MESONS",
    "DrawnMesons",
    "MesonDecay",
    "MesonDecays",
    "MesonMixing",
    "MesonSource",
    "MesonSpectra",
    "draw_mesons",
    "isotropic_decay",
    "meson_mass",
    "meson_spectra",
    "two_body_momentum",
    "within_angle",
]


class MesonSource(Protocol):
    """Interface of numbers and spectra of mesons."""

    def multiplicity(self, meson: str) -> float:
        """Return the mean number of mesons.

        Parameters
        ----------
        meson : str
        """
        ...

    def draw(
        self, meson: str, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Draw momenta and transverse momenta in MeV/c, and weights of mean 1, each of shape (n,).

        Parameters
        ----------
        meson : str
        n : int
        rng : Generator
        """
        ...

    def variation(
        self, meson: str, p: NDArray[np.float64], pt: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the factors on the weights at the two ends of the uncertainty of the spectrum, each of shape (N,).

        Parameters
        ----------
        meson : str
        p, pt : ndarray, shape (N,)
            In MeV/c.
        """
        ...


def two_body_momentum(heavy: ArrayLike, one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Return the momentum of both products in the rest frame of a decay in MeV/c; 0 below threshold.

    Parameters
    ----------
    heavy : array-like
        Mass of what decays, in MeV.
    one, other : array-like
        Masses of the products in MeV.

    Examples
    --------
    >>> from bdana.signal.mesons import two_body_momentum
    >>> float(two_body_momentum(500.0, 0.0, 300.0))
    160.0
    """
    mother = np.asarray(heavy, dtype=np.float64)
    above = np.maximum(mother**2 - np.add(one, other) ** 2, 0.0)
    momentum: NDArray[np.float64] = np.sqrt(above * (mother**2 - np.subtract(one, other) ** 2)) / (
        2.0 * mother
    )
    return momentum


@dataclass(frozen=True)
class MesonDecay:
    """A decay of a meson, or tau lepton, into the new particle and one other particle.

    Attributes
    ----------
    meson : str
        One of `PDG_NUMBERS`.
    recoil_mass : float
        Mass of the other particle in MeV, 0 for a photon.
    branching_ratio : float
        At coupling 1, so it may exceed 1.

    Raises
    ------
    ConfigError
    """

    meson: str
    recoil_mass: float
    branching_ratio: float

    def __post_init__(self) -> None:
        meson_mass(self.meson)  # refuses what is no meson
        for name, value in (("recoil mass", self.recoil_mass), ("branching ratio", self.branching_ratio)):
            if not 0.0 <= value < np.inf:
                raise ConfigError(f"decay of {self.meson}: {name} {value:g} is not a number from 0 up")

    def at_rest(self, mass: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:  # noqa: ARG002
        """Return momenta of the new particle in the rest frame of the meson in MeV/c, shape (n,).

        Parameters
        ----------
        mass : float
            Of the new particle, in MeV.
        n : int
        rng : Generator
            Not needed where there are two particles.
        """
        return np.full(n, two_body_momentum(meson_mass(self.meson), mass, self.recoil_mass))

    def open_at(self, mass: float) -> bool:
        """Return whether the meson is heavy enough.

        Parameters
        ----------
        mass : float
            Of the new particle, in MeV.
        """
        return meson_mass(self.meson) > mass + self.recoil_mass


@dataclass(frozen=True)
class MesonDecays:
    """Production in decays of mesons, meson -> new particle + one other particle.

    Attributes
    ----------
    mass : float
        Of the new particle, in MeV.
    decays : tuple of MesonDecay
        Those for which the meson is too light are left out.
    spectra : MesonSource
    theta_max : float or None
        Largest angle to the beam in rad; particles beyond get weight 0. `per_proton` counts all.

    Raises
    ------
    ConfigError
        When mass or angle are not possible.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.signal.mesons import MesonDecay, MesonDecays, meson_spectra
    >>> production = MesonDecays(250.0, (MesonDecay("eta", 0.0, 0.39),), meson_spectra())
    >>> particles = production.draw(1000, np.random.default_rng(1))
    >>> particles.direction.shape
    (3, 1000)
    """

    mass: float
    decays: tuple[MesonDecay, ...]
    spectra: MesonSource
    theta_max: float | None = None

    def __post_init__(self) -> None:
        _check(self.mass, self.theta_max)

    @property
    def per_proton(self) -> float:
        """Particles for each proton that interacts: multiplicity times branching ratio, summed over open decays."""
        return sum(self._yields)

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles from isotropic decays of mesons whose momenta are even in log p.

        Each decay gets its share of the particles. `variations` holds `meson_spectra`, see `MesonSpectra.variation`.

        Parameters
        ----------
        n : int
        rng : Generator

        Returns
        -------
        Particles

        Raises
        ------
        ConfigError
            When no decay is open.
        """
        drawn = draw_mesons(self.spectra, [decay.meson for decay in self._open], self._yields, n, rng)
        heavy = np.array([meson_mass(decay.meson) for decay in self._open])
        at_rest = np.zeros(n)
        for i, decay in enumerate(self._open):
            own = np.flatnonzero(drawn.source == i)
            at_rest[own] = decay.at_rest(self.mass, len(own), rng)
        momentum = isotropic_decay(drawn.p, drawn.pt, heavy[drawn.source], self.mass, at_rest, rng)
        p = np.sqrt((momentum**2).sum(axis=0))
        made = Particles(p, momentum / p, drawn.weight, {"meson_spectra": drawn.variation})
        return within_angle(made, self.theta_max)

    @property
    def _open(self) -> list[MesonDecay]:
        return [decay for decay in self.decays if decay.open_at(self.mass)]

    @property
    def _yields(self) -> list[float]:
        return [self.spectra.multiplicity(decay.meson) * decay.branching_ratio for decay in self._open]


@dataclass(frozen=True)
class MesonMixing:
    """Production by mixing with mesons: where the collision makes a meson, it makes the new particle instead.

    The particle takes momentum and direction of the meson, and the energy that its own mass then needs.

    Attributes
    ----------
    mass : float
        Of the new particle, in MeV.
    probabilities : mapping of str to float
        By meson, new particles for each meson at coupling 1, so it may exceed 1.
    spectra : MesonSpectra
    theta_max : float or None
        Largest angle to the beam in rad; particles beyond get weight 0. `per_proton` counts all.

    Raises
    ------
    ConfigError
        When mass or angle are not possible, a meson is unknown or a probability negative.
    """

    mass: float
    probabilities: Mapping[str, float]
    spectra: MesonSpectra
    theta_max: float | None = None

    def __post_init__(self) -> None:
        _check(self.mass, self.theta_max)
        for meson, value in self.probabilities.items():
            meson_mass(meson)  # refuses what is no meson
            if not 0.0 <= value < np.inf:
                raise ConfigError(f"mixing with {meson}: probability {value:g} is not a number from 0 up")

    @property
    def per_proton(self) -> float:
        """Particles for each proton that interacts: multiplicity times probability, summed over mesons."""
        return sum(self._yields)

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles with the momenta of mesons, even in log p.

        Each meson gets its share of the particles. `variations` holds `meson_spectra`, see `MesonSpectra.variation`.

        Parameters
        ----------
        n : int
        rng : Generator

        Returns
        -------
        Particles

        Raises
        ------
        ConfigError
            When all probabilities are 0.
        """
        drawn = draw_mesons(self.spectra, list(self.probabilities), self._yields, n, rng)
        made = Particles.around_beam(drawn.p, drawn.pt, drawn.weight, rng)
        return within_angle(replace(made, variations={"meson_spectra": drawn.variation}), self.theta_max)

    @property
    def _yields(self) -> list[float]:
        return [self.spectra.multiplicity(meson) * value for meson, value in self.probabilities.items()]


@dataclass(frozen=True)
class DrawnMesons:
    """N mesons that were drawn from several sources.

    Attributes
    ----------
    source : ndarray of int, shape (N,)
        From which of the sources each is.
    p, pt, weight : ndarray, shape (N,)
        Momentum and transverse momentum in MeV/c, and weights of mean 1.
    variation : tuple of ndarray
        Factors on the weights at the two ends of the uncertainty of the spectra.
    """

    source: NDArray[np.intp]
    p: NDArray[np.float64]
    pt: NDArray[np.float64]
    weight: NDArray[np.float64]
    variation: tuple[NDArray[np.float64], NDArray[np.float64]]


def _check(mass: float, theta_max: float | None) -> None:
    if not 0.0 < mass < np.inf:
        raise ConfigError(f"mass {mass:g} MeV: a new particle from mesons needs a mass above 0")
    if theta_max is not None and not 0.0 < theta_max <= np.pi:
        raise ConfigError(f"theta_max {theta_max:g} rad: an angle to the beam lies between 0 and pi")


def draw_mesons(
    spectra: MesonSource, mesons: Sequence[str], yields: Sequence[float], n: int, rng: np.random.Generator
) -> DrawnMesons:
    """Draw mesons of several kinds, of which each gets its share, in random order.

    Parameters
    ----------
    spectra : MesonSource
    mesons : sequence of str
    yields : sequence of float
        New particles from each kind.
    n : int
    rng : Generator

    Raises
    ------
    ConfigError
        When all yields are 0.
    """
    if not sum(yields) > 0.0:
        raise ConfigError("nothing to draw: no meson makes this particle at this mass")
    until = np.cumsum(yields) / np.sum(yields)
    until[-1] = 1.0
    # Expected numbers are exact, whole numbers by one common random offset.
    each = np.diff(np.floor(n * np.concatenate([[0.0], until]) + rng.random())).astype(int)
    parts = []
    for i, (meson, count) in enumerate(zip(mesons, each, strict=True)):
        p, pt, weight = spectra.draw(meson, count, rng)
        parts.append((np.full(count, i), p, pt, weight, *spectra.variation(meson, p, pt)))
    order = rng.permutation(n)
    source, p, pt, weight, low, high = (np.concatenate(column)[order] for column in zip(*parts, strict=True))
    return DrawnMesons(source, p, pt, weight, (low, high))


def isotropic_decay(
    p: NDArray[np.float64],
    pt: NDArray[np.float64],
    heavy: NDArray[np.float64],
    mass: float,
    at_rest: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the momenta of particles from isotropic decays in MeV/c, shape (3, N), with uniform azimuth around the beam.

    Parameters
    ----------
    p, pt : ndarray, shape (N,)
        Of what decays, in MeV/c.
    heavy : ndarray, shape (N,)
        Its mass in MeV.
    mass : float
        Of the particle, in MeV.
    at_rest : ndarray, shape (N,)
        Momentum of the particle where the heavy one rests, in MeV/c.
    rng : Generator
    """
    n = len(heavy)
    cosine, turn = rng.uniform(-1.0, 1.0, n), rng.uniform(0.0, 2.0 * np.pi, n)
    across = at_rest * np.sqrt(1.0 - cosine**2)
    energy = np.sqrt(heavy**2 + p**2)
    along = (energy * at_rest * cosine + p * np.sqrt(mass**2 + at_rest**2)) / heavy
    in_plane, off_plane = across * np.cos(turn), across * np.sin(turn)

    sine = pt / p
    forward = np.sqrt(1.0 - sine**2)
    radial = along * sine + in_plane * forward
    azimuth = rng.uniform(0.0, 2.0 * np.pi, n)
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    return np.stack([
        radial * cos - off_plane * sin,
        radial * sin + off_plane * cos,
        along * forward - in_plane * sine,
    ])  # fmt: skip


def within_angle(particles: Particles, theta_max: float | None) -> Particles:
    """Give particles at larger angles to the beam the weight 0.

    Parameters
    ----------
    particles : Particles
    theta_max : float or None
        In rad.
    """
    if theta_max is None:
        return particles
    x, y, z = particles.direction
    return replace(
        particles, weight=np.where(np.arctan2(np.hypot(x, y), z) <= theta_max, particles.weight, 0.0)
    )
