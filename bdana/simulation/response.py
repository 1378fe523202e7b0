"""The detector's response to muons: straw track fit, LKr, MUV3, times, with resolutions, tails and accidental hits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.simulation.muons import Flight, Muons
    from bdana.simulation.sample_config import Response

__all__ = ["Hits", "accidental_hits", "calorimeter", "collect", "correlated_lav", "muon_veto", "straw_tracks"]

CHAMBERS = ("STRAW1", "STRAW2", "STRAW3", "STRAW4")
MIN_CHAMBERS = 3
"""Smallest number of straw chambers that a muon must cross to be reconstructed."""
Z_BEFORE, Z_AFTER = 180_000.0, 222_000.0
"""Planes (z in mm) before and behind the magnet at which the track states are given."""


@dataclass(frozen=True)
class Hits:
    """Entries of one collection: N values of each field, and the index of their event in the block."""

    event: NDArray[np.int64]
    fields: dict[str, NDArray[np.float64] | NDArray[np.int64]]


def collect(events: int, *parts: Hits) -> ak.Array:
    """Group entries into one list for each event, in the order of the parts.

    Floats are in single precision, as in files.

    Parameters
    ----------
    events : int
        Number of events.
    *parts : Hits
    """
    event = np.concatenate([part.event for part in parts])
    fields = {name: np.concatenate([part.fields[name] for part in parts]) for name in parts[0].fields}
    if len(parts) > 1:
        order = np.argsort(event, kind="stable")
        fields = {name: values[order] for name, values in fields.items()}
    types = {"f": np.float32, "i": np.int32}
    records = ak.zip({name: values.astype(types[values.dtype.kind]) for name, values in fields.items()})
    return ak.unflatten(records, np.bincount(event, minlength=events))


def straw_tracks(
    muons: Muons, flight: Flight, detector: Detector, response: Response, rng: np.random.Generator
) -> Hits:
    """Reconstruct straw tracks of the muons that cross at least three chambers.

    Each side of the magnet is the line through two measured points. The upstream one has the multiple scattering
    of the first chamber on the way to the second, 13.6 MeV/p sqrt(X/X0) (1 + 0.038 ln X/X0), with the logarithm of
    all chambers together, as for any stack of layers (PDG, Passage of particles through matter).

    Parameters
    ----------
    muons : Muons
    flight : Flight
    detector : Detector
    response : Response
    rng : Generator
    """
    chambers = [detector[name] for name in CHAMBERS]
    crossed = np.sum([flight.hits(chamber) for chamber in chambers], axis=0)
    seen = np.flatnonzero(crossed >= MIN_CHAMBERS)
    n, p = len(seen), muons.p[seen]
    scale = np.where(rng.random(n) < response.tail_fraction, response.tail_scale, 1.0)
    x0 = response.chamber_x0
    scattering = 13.6 * np.sqrt(x0) * (1.0 + 0.038 * np.log(len(chambers) * x0)) / p
    fields: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        "charge": muons.charge[seen],
        "p": p
        * np.maximum(
            1.0
            + scale * np.hypot(response.p_constant, response.p_linear_per_mev * p) * rng.standard_normal(n),
            0.01,
        ),
        "time": muons.time[seen] + response.track_time_ns * rng.standard_normal(n),
        "chi2": np.where(
            rng.random(n) < response.chi2_failed,
            np.nan,
            response.chi2_scale * rng.standard_gamma(response.chi2_shape, n),
        ),
        "n_chambers": crossed[seen],
    }
    sides = (
        ("before", chambers[0].z_mm, chambers[1].z_mm, Z_BEFORE, scattering),
        ("after", chambers[2].z_mm, chambers[3].z_mm, Z_AFTER, 0.0 * scattering),
    )
    for side, z1, z2, z, kinks in sides:
        for axis, first, second in zip("xy", flight.at(z1), flight.at(z2), strict=True):
            error = response.hit_mm * scale * rng.standard_normal((2, n))
            at1 = first[seen] + error[0]
            at2 = second[seen] + error[1] + (z2 - z1) * kinks * rng.standard_normal(n)
            slope = (at2 - at1) / (z2 - z1)
            fields |= {f"{axis}_{side}": at1 + slope * (z - z1), f"t{axis}_{side}": slope}
        fields[f"z_{side}"] = np.full(n, z)
    return Hits(muons.event[seen], fields)


def calorimeter(
    muons: Muons, flight: Flight, detector: Detector, response: Response, rng: np.random.Generator
) -> Hits:
    """Simulate LKr clusters of minimum-ionising energy of the muons that cross it.

    Parameters
    ----------
    muons, flight, detector, response, rng
        As for `straw_tracks`.
    """
    seen = np.flatnonzero(flight.hits(detector["LKr"]))
    n = len(seen)
    x, y = (at[seen] for at in flight.at(detector["LKr"].z_mm))
    energy = (
        response.mip_mev
        + response.mip_sigma_mev * rng.standard_normal(n)
        + response.mip_tail_mev * rng.standard_exponential(n)
    )
    return Hits(
        muons.event[seen],
        {
            "energy": energy,
            "x": x + response.lkr_mm * rng.standard_normal(n),
            "y": y + response.lkr_mm * rng.standard_normal(n),
            "time": muons.time[seen] + response.lkr_time_ns * rng.standard_normal(n),
        },
    )


def muon_veto(
    muons: Muons, flight: Flight, detector: Detector, response: Response, rng: np.random.Generator
) -> Hits:
    """Simulate MUV3 hits of muons: the centre of the tile hit after scattering in the calorimeters.

    Parameters
    ----------
    muons, flight, detector, response, rng
        As for `straw_tracks`.
    """
    efficient = rng.random(len(muons)) < response.muv3_efficiency
    seen = np.flatnonzero(flight.hits(detector["MUV3"]) & efficient)
    n, tile = len(seen), response.muv3_tile_mm
    width = response.muv3_scattering_mm_mev / muons.p[seen]
    places = (at[seen] + width * rng.standard_normal(n) for at in flight.at(detector["MUV3"].z_mm))
    x, y = ((np.floor(at / tile) + 0.5) * tile for at in places)
    time = muons.time[seen] + response.muv3_time_ns * rng.standard_normal(n)
    return Hits(muons.event[seen], {"x": x, "y": y, "time": time})


def correlated_lav(muons: Muons, probability: float, time_ns: float, rng: np.random.Generator) -> Hits:
    """Simulate LAV hits in time with a muon.

    Parameters
    ----------
    muons : Muons
    probability : float
        Of a hit for each muon.
    time_ns : float
        Gaussian width of its time.
    rng : Generator
    """
    seen = np.flatnonzero(rng.random(len(muons)) < probability)
    time = muons.time[seen] + time_ns * rng.standard_normal(len(seen))
    return Hits(muons.event[seen], {"time": time})


def accidental_hits(
    mean: NDArray[np.float64],
    half_width_ns: float,
    rng: np.random.Generator,
    half_side_mm: float | None = None,
    mean_energy_mev: float | None = None,
) -> Hits:
    """Simulate accidental hits, flat in time around the trigger.

    Parameters
    ----------
    mean : ndarray, shape (N,)
        Expected hits of each event.
    half_width_ns : float
        Half width of the time window.
    rng : Generator
    half_side_mm : float, optional
        Half side of the square in which x and y are drawn; without it the hits have no position.
    mean_energy_mev : float, optional
        Mean of the exponential energy; without it the hits have none.
    """
    event = np.repeat(np.arange(len(mean)), rng.poisson(mean))
    n = len(event)
    fields: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    if mean_energy_mev is not None:
        fields["energy"] = rng.exponential(mean_energy_mev, n)
    if half_side_mm is not None:
        fields["x"] = rng.uniform(-half_side_mm, half_side_mm, n)
        fields["y"] = rng.uniform(-half_side_mm, half_side_mm, n)
    fields["time"] = rng.uniform(-half_width_ns, half_width_ns, n)
    return Hits(event, fields)
