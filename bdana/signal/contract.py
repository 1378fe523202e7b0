"""Interface of signal models, and the total width, branching ratio and decay length of any model.

A model is one file in `bdana/signal/models/`: mass and couplings as fields, widths by mode with the masses they hold
for, and the ways in which protons make the particle. Everything after that (decay, detector, selection, yield) gets a
`SignalModel` and knows no other name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bdana.errors import ConfigError
from bdana.signal.constants import HBAR_C

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Mode", "Particles", "Production", "SignalModel", "branching_ratio", "decay_length", "total_width"]


@dataclass(frozen=True)
class Mode:
    """A decay mode of the particle.

    Attributes
    ----------
    width : float
        Partial width in MeV.
    masses : tuple of float
        Masses of the decay products in MeV; empty where they are not told apart, as in the sum over hadrons.
    """

    width: float
    masses: tuple[float, ...] = ()


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
    """

    p: NDArray[np.float64]
    direction: NDArray[np.float64]
    weight: NDArray[np.float64]

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
        """Particles for each proton that interacts, divided by `SignalModel.coupling2`."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> Particles:
        """Draw particles as they leave the dump.

        Parameters
        ----------
        n : int
        rng : Generator
        """
        ...


class SignalModel(Protocol):
    """Interface of a signal model: a new particle of one mass with given couplings."""

    @property
    def mass(self) -> float:
        """Mass in MeV/c2."""
        ...

    @property
    def coupling2(self) -> float:
        """Squared coupling that production is proportional to."""
        ...

    @property
    def largest_mass(self) -> float:
        """Mass in MeV/c2 up to which the widths are known."""
        ...

    @property
    def modes(self) -> Mapping[str, Mode]:
        """Partial widths by the name of the mode, such as `mumu`; with the couplings of the model."""
        ...

    @property
    def production(self) -> Mapping[str, Production]:
        """Production processes by name."""
        ...


def total_width(model: SignalModel) -> float:
    """Return the sum of all partial widths in MeV.

    Parameters
    ----------
    model : SignalModel

    Raises
    ------
    ConfigError
        When the widths are not known at this mass.

    Examples
    --------
    >>> from bdana.signal import total_width
    >>> from bdana.signal.models.dark_photon import DarkPhoton
    >>> f"{total_width(DarkPhoton(400.0, epsilon=1e-6)):.2e}"
    '2.10e-12'
    """
    if model.mass > model.largest_mass:
        raise ConfigError(
            f"the widths are known for masses up to {model.largest_mass:g} MeV, not at {model.mass:g} MeV"
        )
    return sum(mode.width for mode in model.modes.values())


def branching_ratio(model: SignalModel, mode: str) -> float:
    """Return the branching ratio of a decay mode.

    Parameters
    ----------
    model : SignalModel
    mode : str
        A name of `SignalModel.modes`.
    """
    return model.modes[mode].width / total_width(model)


def decay_length(model: SignalModel, p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean decay length in mm, shape (N,): p / m times hbar c over the total width.

    Parameters
    ----------
    model : SignalModel
    p : ndarray, shape (N,)
        Momentum in MeV/c.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.signal import decay_length
    >>> from bdana.signal.models.dark_photon import DarkPhoton
    >>> decay_length(DarkPhoton(400.0, 1e-6), np.array([50e3, 100e3])).round(-1)
    array([11740., 23490.])
    """
    return p / model.mass * HBAR_C / total_width(model)
