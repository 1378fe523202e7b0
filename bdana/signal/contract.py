"""Interface of signal models, and the total width, branching ratio and decay length of any model.

A model is one file in `bdana/signal/models/`. It defines `Parameters`, what users may choose (a `StrictModel`), `PARTICLE`
and `COUPLING`, what it and its coupling are called, `SCAN`, where it is searched for by default, and `Model(mass, parameters)`: the particle of one mass, with its widths by decay mode and the
processes that make it. Widths and production are both proportional to one squared coupling, epsilon^2 for a dark photon,
and given at coupling 1. A model that has several has a parameter `coupling`, and `COUPLING` and `SCAN` are dicts by its values.
Everything after that (decay, detector, selection, yield, exclusion) gets a `SignalModel` and knows no other name.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.errors import ConfigError
from bdana.on_demand import late_module
from bdana.signal.constants import HBAR_C

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    import particle
    from numpy.typing import NDArray

    Density: TypeAlias = Callable[
        [NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]
    ]
else:
    particle = late_module("particle")

__all__ = [
    "Coupling",
    "Mode",
    "Particles",
    "Production",
    "ScanRange",
    "SignalModel",
    "Varied",
    "branching_ratio",
    "check_mass",
    "decay_length",
    "find_mode",
    "is_open",
    "total_width",
]


@dataclass(frozen=True)
class Coupling:
    r"""What the coupling of a model is called.

    Attributes
    ----------
    name : str
        In tables, columns and JSON, such as `epsilon`.
    symbol : str
        On axes, such as `$\varepsilon$`.
    """

    name: str
    symbol: str


@dataclass(frozen=True)
class ScanRange:
    """Where a particle is searched for, unless the analysis says it.

    Attributes
    ----------
    masses : (float, float)
        Ends in MeV.
    couplings : (float, float)
        Ends.
    point : (float, float)
        Mass and coupling that tables and figures show.
    """

    masses: tuple[float, float]
    couplings: tuple[float, float]
    point: tuple[float, float]


@dataclass(frozen=True)
class Mode:
    """A decay mode of the particle.

    Attributes
    ----------
    width : float
        Partial width in MeV at coupling 1.
    products : tuple of int
        PDG numbers of the decay products, positive charge before negative before none; empty where they are not told
        apart, as in the sum over hadrons. Where the charges can be the other way round, both are meant: pi+ e- and
        pi- e+.
    error : float
        Relative error of the width.
    density : callable, optional
        Of three products, their distribution in the Dalitz plot: the squared matrix element, up to a factor, as a
        function of the squared masses in MeV^2 of the first and second, the first and third, the second and third. Even
        if not given.
    """

    width: float
    products: tuple[int, ...] = ()
    error: float = 0.0
    density: Density | None = field(default=None, compare=False)

    @property
    def masses(self) -> tuple[float, ...]:
        """Masses of the decay products in MeV."""
        known = [particle.Particle.from_pdgid(number).mass for number in self.products]
        return tuple(
            0.0 if mass is None else float(mass) for mass in known
        )  # that of a neutrino is not known

    @property
    def spelled(self) -> str:
        """Decay products in letters, such as `π⁺ μ⁻`; empty where they are not told apart."""
        names = (html.unescape(particle.Particle.from_pdgid(number).html_name) for number in self.products)
        return " ".join(_INDEX.sub(r"_\1", _CHARGE.sub(_raised, name)) for name in names)


_INDEX, _CHARGE = re.compile("<SUB>(.*?)</SUB>"), re.compile("<SUP>(.*?)</SUP>")


def _raised(charge: re.Match[str]) -> str:
    return charge[1].translate(str.maketrans("+-0", "⁺⁻⁰"))


@dataclass(frozen=True)
class Particles:
    """N particles as they leave the dump: momenta, directions and weights.

    Attributes
    ----------
    p : ndarray, shape (N,)
        Momentum in MeV/c.
    direction : ndarray, shape (3, N)
        Unit vectors.
    weight : ndarray, shape (N,)
        How much likelier than drawn: 1 on average.
    variations : mapping of str to (low, high)
        By the name of a systematic uncertainty of the production, the factors on the weights for its two ends: floats,
        or ndarrays of shape (N,).
    """

    p: NDArray[np.float64]
    direction: NDArray[np.float64]
    weight: NDArray[np.float64]
    variations: Mapping[str, tuple[float | NDArray[np.float64], float | NDArray[np.float64]]] = field(
        default_factory=dict
    )

    def take(self, where: NDArray[np.intp]) -> Particles:
        """Return some of the particles.

        Parameters
        ----------
        where : ndarray of int
            Indices, which may repeat.
        """

        def part(factor: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
            return factor[where] if isinstance(factor, np.ndarray) else factor

        variations = {name: (part(low), part(high)) for name, (low, high) in self.variations.items()}
        return Particles(self.p[where], self.direction[:, where], self.weight[where], variations)

    @classmethod
    def around_beam(
        cls,
        p: NDArray[np.float64],
        pt: NDArray[np.float64],
        weight: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> Particles:
        """Return particles whose directions are uniform in azimuth around the beam.

        Parameters
        ----------
        p, pt : ndarray, shape (N,)
            Momentum and transverse momentum in MeV/c.
        weight : ndarray, shape (N,)
        rng : Generator
        """
        phi, sine = rng.uniform(0.0, 2.0 * np.pi, len(p)), pt / p
        return cls(p, np.stack([sine * np.cos(phi), sine * np.sin(phi), np.sqrt(1.0 - sine**2)]), weight)


class Production(Protocol):
    """Interface of a production process: a way in which protons in the dump make the particle."""

    @property
    def per_proton(self) -> float:
        """Particles for each proton that interacts, at coupling 1."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles as they leave the dump, evenly enough in log p that hard ones are not rare.

        Short-lived particles reach the detector only when they are hard, so the spectrum belongs into the weights.

        Parameters
        ----------
        n : int
        rng : Generator
        """
        ...


@dataclass(frozen=True)
class Varied:
    """A production process with one more systematic uncertainty, the same for all its particles.

    Attributes
    ----------
    process : Production
    name : str
        Of the systematic uncertainty.
    low, high : float
        Factors on the yield at its two ends.
    """

    process: Production
    name: str
    low: float
    high: float

    @property
    def per_proton(self) -> float:
        """As for `Production`."""
        return self.process.per_proton

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles, with the factors in their `variations`.

        Parameters
        ----------
        n : int
        rng : Generator
        """
        drawn = self.process.draw(n, rng)
        return replace(drawn, variations={**drawn.variations, self.name: (self.low, self.high)})


class SignalModel(Protocol):
    """Interface of a signal model: a new particle of one mass."""

    @property
    def mass(self) -> float:
        """Mass in MeV/c2."""
        ...

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses in MeV/c2 between which the widths are known."""
        ...

    @property
    def cautions(self) -> tuple[str, ...]:
        """What people must know of the numbers at this mass, such as a formula outside its range; mostly empty."""
        ...

    @property
    def modes(self) -> Mapping[str, Mode]:
        """Decay modes by name, such as `mumu`; one that is closed at this mass has the width 0, or is left out."""
        ...

    @property
    def production(self) -> Mapping[str, Production]:
        """Production processes by name; those that are closed at this mass are left out."""
        ...


def check_mass(model: SignalModel) -> None:
    """Raise an error unless the widths of a model are known at its mass.

    Parameters
    ----------
    model : SignalModel

    Raises
    ------
    ConfigError
    """
    low, high = model.mass_range
    if not low <= model.mass <= high:
        raise ConfigError(
            f"mass {model.mass:g} MeV: the widths of this particle are known from {low:.4g} to {high:.4g} MeV"
        )


def total_width(model: SignalModel, coupling: float = 1.0) -> float:
    """Return the sum of all partial widths in MeV.

    Parameters
    ----------
    model : SignalModel
    coupling : float

    Raises
    ------
    ConfigError
        When the widths are not known at this mass, or the coupling is below 0.

    Examples
    --------
    >>> from bdana.signal import total_width
    >>> from bdana.signal.models.dark_photon import DarkPhoton
    >>> f"{total_width(DarkPhoton(250.0), coupling=1e-6):.2e}"
    '1.05e-12'
    """
    check_mass(model)
    if not 0.0 <= coupling < np.inf:
        raise ConfigError(f"coupling {coupling:g}: give a finite number from 0 up")
    return coupling**2 * sum(mode.width for mode in model.modes.values())


def is_open(model: SignalModel, mode: str) -> bool:
    """Tell whether the particle decays to a mode at its mass.

    Parameters
    ----------
    model : SignalModel
    mode : str
    """
    return mode in model.modes and model.modes[mode].width > 0.0


def branching_ratio(model: SignalModel, mode: str) -> float:
    """Return the branching ratio of a decay mode.

    Parameters
    ----------
    model : SignalModel
    mode : str
        A name of `SignalModel.modes`.

    Raises
    ------
    ConfigError
        When the particle has no such mode, its widths are not known at this mass, or all of them are 0.
    """
    return find_mode(model, mode).width / _decaying(model, 1.0)


def find_mode(model: SignalModel, mode: str) -> Mode:
    """Return a decay mode of a particle.

    Parameters
    ----------
    model : SignalModel
    mode : str
        A name of `SignalModel.modes`.

    Raises
    ------
    ConfigError
        When the particle has no such mode, naming those that it has.
    """
    if mode not in model.modes:
        raise ConfigError(
            f"no decay mode '{mode}': this particle has {', '.join(model.modes)} at {model.mass:g} MeV; choose one of these"
        )
    return model.modes[mode]


def _decaying(model: SignalModel, coupling: float) -> float:
    """Return the total width, and refuse a particle that does not decay."""
    width = total_width(model, coupling)
    if not width > 0.0:
        raise ConfigError(
            f"mass {model.mass:g} MeV, coupling {coupling:g}: the particle does not decay, since all its widths "
            f"({', '.join(model.modes) or 'none'}) are 0; give a larger mass, or a width in the table of widths"
        )
    return width


def decay_length(model: SignalModel, coupling: float, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean decay length in mm, shape (N,): p / m times hbar c over the total width.

    Parameters
    ----------
    model : SignalModel
    coupling : float
    p : ndarray, shape (N,)
        Momentum in MeV/c.

    Raises
    ------
    ConfigError
        When the widths are not known at this mass, or all of them are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.signal import decay_length
    >>> from bdana.signal.models.dark_photon import DarkPhoton
    >>> decay_length(DarkPhoton(250.0), 1e-6, np.array([50e3, 100e3])).round(-2)
    array([37600., 75200.])
    """
    return p / model.mass * HBAR_C / _decaying(model, coupling)
