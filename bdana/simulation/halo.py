"""Halo muons: independent draws from one joint distribution of momentum, position, slope and charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bdana.errors import ConfigError
from bdana.simulation.tracks import MUON, PHOTON, Flight, Tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.simulation.sample_config import Halo

__all__ = ["draw_halo", "draw_prompt_partners"]

IN_VAIN = 1000
"""Rounds of drawn muons without one that fires the trigger, after which nobody waits for another."""


def draw_halo(
    halo: Halo,
    detector: Detector,
    rng: np.random.Generator,
    event: NDArray[np.int64],
    time: NDArray[np.float64],
) -> Tracks:
    """Draw halo muons that fire the trigger, or photons that reach the calorimeter, one for each given event and time.

    Parameters
    ----------
    halo : Halo
    detector : Detector
    rng : Generator
    event : ndarray of int, shape (N,)
        Place of each muon's event in the block.
    time : ndarray, shape (N,)
        In ns.

    Raises
    ------
    ConfigError
        When muons cannot come from the dump to the trigger.
    """
    if not detector.beam_dump.point_mm[2] < detector.tracker.z_before_mm:
        raise ConfigError(
            f"no halo muons for the geometry {detector.name}: they come from the dump to the plane z_before_mm of [tracking], "
            "which must be behind it"
        )
    asked = detector.uses.trigger
    if halo.photons:
        if detector.uses.calorimeter is None:
            raise ConfigError(f"halo.photons: the geometry {detector.name} names no calorimeter in [roles]")
        asked = (detector.uses.calorimeter,)
    missing, rounds = np.arange(len(event)), 0
    parts, places = [], []
    while len(missing):
        muons = _draw(halo, detector, rng, event[missing], time[missing])
        kept = Flight.of(muons, detector.magnet).in_all(detector, *asked)
        parts.append(muons.take(kept))
        places.append(missing[kept])
        missing = missing[~kept]
        rounds = 0 if kept.any() else rounds + 1
        if rounds == IN_VAIN:
            raise ConfigError(
                f"no halo muon reaches the trigger of the geometry {detector.name}: look at radius_mm, origin_mm and momenta of "
                f"halo, and at {', '.join(asked)}"
            )
    return _join(parts, places) if parts else _draw(halo, detector, rng, event, time)


def draw_prompt_partners(halo: Halo, rng: np.random.Generator, first: Tracks) -> Tracks:
    """Draw for each muon a partner of opposite charge, in time with it, from a point upstream on its path.

    Parameters
    ----------
    halo : Halo
    rng : Generator
    first : Tracks
    """
    n = len(first)
    z = rng.uniform(*halo.prompt_z_mm, n)
    return Tracks(
        x=first.x + (z - first.z) * first.tx,
        y=first.y + (z - first.z) * first.ty,
        z=z,
        tx=first.tx + halo.prompt_angle * rng.standard_normal(n),
        ty=first.ty + halo.prompt_angle * rng.standard_normal(n),
        p=_momentum(halo, rng, n),
        charge=-first.charge,
        time=first.time,
        event=first.event,
        species=first.species,
    )


def _draw(
    halo: Halo,
    detector: Detector,
    rng: np.random.Generator,
    event: NDArray[np.int64],
    time: NDArray[np.float64],
) -> Tracks:
    n = len(event)
    p = _momentum(halo, rng, n)
    x, y = _around(halo.radius_mm * np.sqrt(rng.random(n)), rng)
    ring = halo.origin_mm * (p / halo.p_median_mev) ** -halo.origin_power
    ring *= 1.0 + halo.origin_spread * rng.standard_normal(n)
    x0, y0 = _around(ring, rng)
    dump, reference = detector.beam_dump.point_mm, detector.tracker.z_before_mm
    length = reference - dump[2]
    return Tracks(
        x=x,
        y=y,
        z=np.full(n, reference),
        tx=(x - dump[0] - x0) / length,
        ty=(y - dump[1] - y0) / length,
        p=p,
        charge=np.where(rng.random(n) < halo.positive_fraction, 1, -1) * (not halo.photons),
        time=time,
        event=event,
        species=np.full(n, PHOTON if halo.photons else MUON),
    )


def _around(
    radius: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    phi = rng.uniform(0.0, 2.0 * np.pi, len(radius))
    return radius * np.cos(phi), radius * np.sin(phi)


def _momentum(halo: Halo, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Draw momenta in MeV/c from the log-normal spectrum between its ends."""
    p = halo.p_median_mev * np.exp(halo.p_log_sigma * rng.standard_normal(n))
    outside = np.flatnonzero((p < halo.p_min_mev) | (p > halo.p_max_mev))
    while len(outside):
        p[outside] = halo.p_median_mev * np.exp(halo.p_log_sigma * rng.standard_normal(len(outside)))
        outside = outside[(p[outside] < halo.p_min_mev) | (p[outside] > halo.p_max_mev)]
    return p


def _join(parts: list[Tracks], places: list[NDArray[np.int64]]) -> Tracks:
    order = np.argsort(np.concatenate(places), kind="stable")
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in Tracks.__dataclass_fields__
    }
    return Tracks(**columns).take(order)
