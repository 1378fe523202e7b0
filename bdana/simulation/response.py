"""The detector's response: track fit, calorimeter, muon veto, times, with resolutions, tails and accidental hits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from bdana.simulation.tracks import ELECTRON, MUON, PHOTON, PION, Tracks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bdana.detector import Detector
    from bdana.simulation.sample_config import Response
    from bdana.simulation.tracks import Flight

__all__ = [
    "Hits",
    "accidental_hits",
    "calorimeter",
    "chambers_crossed",
    "collect",
    "correlated_lav",
    "in_calorimeter",
    "is_seen",
    "makes_track",
    "muon_veto",
    "of_either",
    "radiated",
    "straw_tracks",
]


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


def chambers_crossed(flight: Flight, detector: Detector) -> NDArray[np.int64]:
    """Return how many of the chambers each particle crosses, shape (N,).

    Parameters
    ----------
    flight : Flight
    detector : Detector
    """
    crossed: NDArray[np.int64] = np.sum(
        [flight.hits(detector[name]) for name in detector.tracker.chambers], axis=0
    )
    return crossed


def makes_track(flight: Flight, detector: Detector) -> NDArray[np.bool_]:
    """Tell which particles cross enough chambers to be reconstructed, shape (N,).

    Parameters
    ----------
    flight : Flight
    detector : Detector
    """
    return chambers_crossed(flight, detector) >= detector.tracker.min_chambers


def is_seen(tracks: Tracks, flight: Flight, detector: Detector) -> NDArray[np.bool_]:
    """Tell which particles may be reconstructed, shape (N,): charged ones as tracks, photons as clusters.

    Parameters
    ----------
    tracks : Tracks
    flight : Flight
    detector : Detector
    """
    return of_either(
        tracks.charge, lambda: makes_track(flight, detector), lambda: in_calorimeter(flight, detector)
    )


def of_either(
    charge: NDArray[np.int64],
    of_charged: Callable[[], NDArray[np.bool_]],
    of_photons: Callable[[], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Return for each particle what holds of charged ones or of photons, shape (N,); what none is asked for is not computed.

    Parameters
    ----------
    charge : ndarray of int, shape (N,)
        0 of photons.
    of_charged, of_photons : callable
        Return arrays of shape (N,).
    """
    charged = charge != 0
    if charged.all():
        return of_charged()
    return np.where(charged, of_charged(), of_photons()) if charged.any() else of_photons()


def in_calorimeter(flight: Flight, detector: Detector) -> NDArray[np.bool_]:
    """Tell which particles hit the calorimeter, shape (N,); none where the geometry has none.

    Parameters
    ----------
    flight : Flight
    detector : Detector
    """
    name = detector.uses.calorimeter
    return flight.hits(detector[name]) if name else np.zeros(len(flight.x), dtype=np.bool_)


def radiated(tracks: Tracks, response: Response, rng: np.random.Generator) -> Tracks:
    """Return the particles behind the matter before the magnet, where electrons radiate.

    What is left of an electron's energy is exp(-u), u from a gamma distribution of shape t / ln 2 behind t radiation
    lengths (H. Bethe, W. Heitler, Proc. R. Soc. A 146, 83). The photon is not simulated.

    Parameters
    ----------
    tracks : Tracks
    response : Response
    rng : Generator
    """
    electron = np.flatnonzero(tracks.species == ELECTRON)
    if not len(electron):
        return tracks
    p = tracks.p.copy()
    p[electron] *= np.exp(-rng.standard_gamma(response.electron_x0 / np.log(2.0), len(electron)))
    return replace(tracks, p=np.maximum(p, 1e-3))  # at rest: never seen


def straw_tracks(
    tracks: Tracks, flight: Flight, detector: Detector, response: Response, rng: np.random.Generator
) -> Hits:
    """Reconstruct the tracks of the charged particles that cross enough chambers.

    Each side of the magnet is the line through two measured points. The upstream one has the multiple scattering
    of the first chamber on the way to the second, 13.6 MeV/p sqrt(X/X0) (1 + 0.038 ln X/X0), with the logarithm of
    all chambers together, as for any stack of layers (PDG, Passage of particles through matter).

    Parameters
    ----------
    tracks : Tracks
    flight : Flight
    detector : Detector
    response : Response
    rng : Generator
    """
    tracker = detector.tracker
    chambers = [detector[name] for name in tracker.chambers]
    crossed = chambers_crossed(flight, detector)
    seen = np.flatnonzero(makes_track(flight, detector) & (tracks.charge != 0))
    n, p = len(seen), tracks.p[seen]
    scale = np.where(rng.random(n) < response.tail_fraction, response.tail_scale, 1.0)
    x0 = response.chamber_x0
    scattering = 13.6 * np.sqrt(x0) * (1.0 + 0.038 * np.log(len(chambers) * x0)) / p
    fields: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        "charge": tracks.charge[seen],
        "p": p
        * np.maximum(
            1.0
            + scale * np.hypot(response.p_constant, response.p_linear_per_mev * p) * rng.standard_normal(n),
            0.01,
        ),
        "time": tracks.time[seen] + response.track_time_ns * rng.standard_normal(n),
        "chi2": np.where(
            rng.random(n) < response.chi2_failed,
            np.nan,
            response.chi2_scale * rng.standard_gamma(response.chi2_shape, n),
        ),
        "n_chambers": crossed[seen],
    }
    sides = (
        ("before", chambers[0].z_mm, chambers[1].z_mm, tracker.z_before_mm, scattering),
        ("after", chambers[2].z_mm, chambers[3].z_mm, tracker.z_after_mm, 0.0 * scattering),
    )
    for side, z1, z2, z, kinks in sides:
        for axis, first, second in zip("xy", flight.at(z1), flight.at(z2), strict=True):
            error = response.hit_mm * scale * rng.standard_normal((2, n))
            at1 = first[seen] + error[0]
            at2 = second[seen] + error[1] + (z2 - z1) * kinks * rng.standard_normal(n)
            slope = (at2 - at1) / (z2 - z1)
            fields |= {f"{axis}_{side}": at1 + slope * (z - z1), f"t{axis}_{side}": slope}
        fields[f"z_{side}"] = np.full(n, z)
    return Hits(tracks.event[seen], fields)


def calorimeter(
    tracks: Tracks, flight: Flight, detector: Detector, response: Response, rng: np.random.Generator
) -> Hits:
    """Simulate clusters of the calorimeter: minimum-ionising muons, showers of electrons and photons, and pions that are either.

    Parameters
    ----------
    tracks, flight, detector, response, rng
        As for `straw_tracks`.
    """
    name = detector.uses.calorimeter
    if name is None:
        return _no_hits("energy", "x", "y", "time")
    seen = np.flatnonzero(flight.hits(detector[name]))
    n = len(seen)
    x, y = (at[seen] for at in flight.at(detector[name].z_mm))
    energy = (
        response.mip_mev
        + response.mip_sigma_mev * rng.standard_normal(n)
        + response.mip_tail_mev * rng.standard_exponential(n)
    )
    species = tracks.species[seen]
    if (species != MUON).any():
        energy = _showers(tracks.p[seen], species, energy, response, rng)
    return Hits(
        tracks.event[seen],
        {
            "energy": energy,
            "x": x + response.lkr_mm * rng.standard_normal(n),
            "y": y + response.lkr_mm * rng.standard_normal(n),
            "time": tracks.time[seen] + response.lkr_time_ns * rng.standard_normal(n),
        },
    )


def _showers(
    p: NDArray[np.float64],
    species: NDArray[np.int64],
    mip: NDArray[np.float64],
    response: Response,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the energy in the calorimeter: all of an electron's or photon's, of a pion a part, or that of a minimum-ionising particle."""
    n, gev = len(p), 1e3
    terms = (
        response.lkr_stochastic * np.sqrt(p / gev) * gev,
        np.full(n, response.lkr_noise_mev),
        response.lkr_constant * p,
    )
    shower_of_all = p + np.sqrt(sum(term**2 for term in terms)) * rng.standard_normal(n)
    tail = rng.random(n) < response.electron_tail_fraction
    shower_of_all *= np.where(tail, np.exp(-response.electron_tail_loss * rng.standard_exponential(n)), 1.0)
    shower = p * rng.beta(*response.pion_shower, n)
    pion = np.where(rng.random(n) < response.pion_mip_fraction, mip, shower)
    of_electron = (species == ELECTRON) | (species == PHOTON)
    return np.where(of_electron, np.maximum(shower_of_all, 0.0), np.where(species == PION, pion, mip))


def muon_veto(
    tracks: Tracks, flight: Flight, detector: Detector, response: Response, rng: np.random.Generator
) -> Hits:
    """Simulate hits of muons in the muon veto, and of a few pions: the centre of the tile hit, after scattering before it.

    Parameters
    ----------
    tracks, flight, detector, response, rng
        As for `straw_tracks`.
    """
    name = detector.uses.muon_veto
    if name is None:
        return _no_hits("x", "y", "time")
    efficiency = np.where(tracks.species == PION, response.pion_muv3, response.muv3_efficiency)
    efficient = rng.random(len(tracks)) < np.where(
        np.isin(tracks.species, (ELECTRON, PHOTON)), 0.0, efficiency
    )
    seen = np.flatnonzero(flight.hits(detector[name]) & efficient)
    n, tile = len(seen), response.muv3_tile_mm
    width = response.muv3_scattering_mm_mev / tracks.p[seen]
    places = (at[seen] + width * rng.standard_normal(n) for at in flight.at(detector[name].z_mm))
    x, y = ((np.floor(at / tile) + 0.5) * tile for at in places)
    time = tracks.time[seen] + response.muv3_time_ns * rng.standard_normal(n)
    return Hits(tracks.event[seen], {"x": x, "y": y, "time": time})


def _no_hits(*fields: str) -> Hits:
    return Hits(np.empty(0, dtype=np.int64), {name: np.empty(0) for name in fields})


def correlated_lav(tracks: Tracks, probability: float, time_ns: float, rng: np.random.Generator) -> Hits:
    """Simulate hits of the large-angle veto in time with a muon.

    Parameters
    ----------
    tracks : Tracks
    probability : float
        Of a hit for each muon.
    time_ns : float
        Gaussian width of its time.
    rng : Generator
    """
    seen = np.flatnonzero(rng.random(len(tracks)) < probability)
    time = tracks.time[seen] + time_ns * rng.standard_normal(len(seen))
    return Hits(tracks.event[seen], {"time": time})


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
