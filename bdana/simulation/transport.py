"""Effects on the way that are switched off by default: protons scatter in the dump, decay products bend in the tank.

Their sizes on mass and pointing are in docs/validation.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError
from bdana.upstream import MATERIALS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.signal import Particles
    from bdana.simulation.sample_config import TankField
    from bdana.simulation.tracks import Tracks

__all__ = ["bend_in_tank", "scatter_protons"]

MEV_PER_GAUSS_MM = 0.299792458e-4
"""Momentum in MeV/c that a unit charge gains in 1 G over 1 mm across the field."""


def scatter_protons(
    particles: Particles,
    depth_mm: NDArray[np.float64],
    rng: np.random.Generator,
    momentum: float,
    material: str,
) -> tuple[Particles, NDArray[np.float64]]:
    """Scatter the protons in the dump before they interact, and what they make with them.

    Angle and displacement by Highland's formula (PDG, Passage of particles through matter): theta0 = 13.6 MeV/p
    sqrt(t) (1 + 0.038 ln t) behind t radiation lengths, the displacement with theta0/sqrt(3) of the depth and the
    correlation sqrt(3)/2.

    Parameters
    ----------
    particles : Particles
        N particles around the direction of the beam.
    depth_mm : ndarray, shape (N,)
        Depth at which each is made.
    rng : Generator
    momentum : float
        Of the beam, in MeV/c.
    material : str
        Of the dump.

    Raises
    ------
    ConfigError
        When the scattering in the material is not known.

    Returns
    -------
    Particles
        Turned by the angle.
    ndarray, shape (2, N)
        Displacement of their origins in x and y, in mm.
    """
    if material not in MATERIALS:
        raise ConfigError(
            f"the scattering of the beam in {material} is not known: material of [dump] is one of {', '.join(MATERIALS)}"
        )
    t = np.maximum(depth_mm / MATERIALS[material].radiation_length, 1e-3)
    theta0 = 13.6 / momentum * np.sqrt(t) * (1.0 + 0.038 * np.log(t))
    first, second = rng.standard_normal((2, 2, len(depth_mm)))
    turned = particles.direction.copy()
    turned[:2] += theta0 * second
    turned /= np.linalg.norm(turned, axis=0)
    moved = depth_mm * theta0 * (first / np.sqrt(12.0) + second / 2.0)
    return replace(particles, direction=turned), moved


def bend_in_tank(tracks: Tracks, field: TankField) -> Tracks:
    """Bend charged particles in the residual field between where they are made and the end of the decay tank.

    The field is uniform and across the beam, the slopes are small, so that the path is a parabola.

    Parameters
    ----------
    tracks : Tracks
        Particles that begin behind the end of the tank keep their straight line.
    field : TankField

    Returns
    -------
    Tracks
        On the straight lines that they follow behind the tank.
    """
    if not (field.bx_gauss or field.by_gauss):
        return tracks
    begin = np.clip(tracks.z, field.z_min_mm, field.z_max_mm)
    length = field.z_max_mm - begin
    turn = MEV_PER_GAUSS_MM * tracks.charge / tracks.p * length
    # F = q v x B for a particle along z.
    angle_x, angle_y = -field.by_gauss * turn, field.bx_gauss * turn
    end = np.maximum(tracks.z, field.z_max_mm)
    step = end - tracks.z
    return replace(
        tracks,
        x=tracks.x + step * tracks.tx + 0.5 * length * angle_x,
        y=tracks.y + step * tracks.ty + 0.5 * length * angle_y,
        z=end,
        tx=tracks.tx + angle_x,
        ty=tracks.ty + angle_y,
    )
