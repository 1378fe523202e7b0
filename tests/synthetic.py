"""Events made by hand: dimuon candidates that pass every cut of the default selection; and bursts."""

from pathlib import Path

import awkward as ak
import numpy as np

from bdana.events import BurstTable

MUON_MASS = 105.6583755


def muon_lines(vertex, p_plus, p_minus):
    """Return the upstream state of two muons of momenta (3,) MeV from a vertex (3,) mm, at z = 180 m."""
    return [
        {
            "x_before": vertex[0] + (180_000 - vertex[2]) * p[0] / p[2],
            "y_before": vertex[1] + (180_000 - vertex[2]) * p[1] / p[2],
            "z_before": 180_000.0,
            "tx_before": p[0] / p[2],
            "ty_before": p[1] / p[2],
            "p": float(np.linalg.norm(p)),
        }
        for p in (p_plus, p_minus)
    ]


def after_magnet(track):
    """Add the state behind the dipole at 197 m (p_x kick of -270 MeV times the charge), at z = 222 m."""
    slopes = np.array([track["tx_before"], track["ty_before"], 1.0])
    px, py, pz = track["p"] * slopes / np.linalg.norm(slopes)
    px -= 270.0 * track["charge"]
    pz = np.sqrt(track["p"] ** 2 - px**2 - py**2)
    x, y = (track[f"{c}_before"] + 17_000 * track[f"t{c}_before"] for c in "xy")
    return track | {
        "x_after": x + 25_000 * px / pz,
        "y_after": y + 25_000 * py / pz,
        "z_after": 222_000.0,
        "tx_after": px / pz,
        "ty_after": py / pz,
    }


def at(track, z):
    """Return the position of a track behind the magnet."""
    return tuple(track[f"{c}_after"] + (z - track["z_after"]) * track[f"t{c}_after"] for c in "xy")


def diphoton_event(
    number=0,
    *,
    mass=100.0,
    z=140_000.0,
    centre=(380.0, 150.0),
    energies=(30_000.0, 25_000.0),
    run=99001,
    burst=1,
):
    """Two photons of a particle from the dump that decays at z (mm), and no track; its line goes through `centre` at the LKr."""
    dump, plane = np.array((0.0, -22.0, 23_070.0)), 241_093.0
    along = np.array((*centre, plane)) - dump
    vertex = dump + along * (z - dump[2]) / along[2]
    along /= np.linalg.norm(along)
    across = np.cross(along, (0.0, 0.6, 0.8))
    across /= np.linalg.norm(across)
    first, second = energies
    opening = np.arccos(1.0 - mass**2 / (2.0 * first * second))
    angle = np.arctan2(second * np.sin(opening), first + second * np.cos(opening))  # their pT are opposite
    clusters = []
    for energy, turn in ((first, angle), (second, angle - opening)):
        flight = np.cos(turn) * along + np.sin(turn) * across
        x, y, _ = vertex + flight * (plane - z) / flight[2]
        clusters.append({"x": x, "y": y, "energy": energy, "time": 10.0})
    vetoes = {name: [{"time": 60.0}] for name in ("lav", "irc", "sac")}
    muv3 = [{"x": 0.0, "y": 0.0, "time": 60.0}]
    tracks = [dimuon_event()["tracks"][0] | {"time": 60.0}]  # out of time: it says what a track is made of
    return (
        dimuon_event(number, run=run, burst=burst)
        | {"tracks": tracks, "lkr": clusters, "muv3": muv3}
        | vetoes
    )


def policy_with_clusters(text):
    """Return the text of a policy with the tables of clusters that docs/channels.md shows."""
    return f"{text}\n{(Path(__file__).parent / 'policy_clusters.toml').read_text()}"


def dimuon_event(
    number=0, *, run=99001, burst=1, vertex=(60.0, 40.0, 140_000.0), origin=(0.0, -22.0, 23_070.0)
):
    """A candidate from a point, by default the beam's impact on the TAX, with muons of 35 and 45 GeV."""
    flight = np.array(vertex) - origin
    along = flight / np.linalg.norm(flight)
    across = np.cross(along, (0.0, 0.6, 0.8))
    across /= np.linalg.norm(across)
    momenta = 35_000 * along + 180 * across, 45_000 * along - 180 * across
    tracks = [
        after_magnet(line | {"charge": charge, "time": 10.0 + 0.2 * charge, "chi2": 2.0, "n_chambers": 4})
        for charge, line in zip((1, -1), muon_lines(vertex, *momenta), strict=True)
    ]
    return {
        "run": run,
        "burst": burst,
        "event": number,
        "timestamp": 1e9,
        "trigger_time": 10.5,
        "trigger": 2,
        "quality": 0,
        "weight": 1.0,
        "tracks": tracks,
        "lkr": [
            dict(zip(("x", "y"), at(t, 241_093), strict=True)) | {"energy": 600.0, "time": 10.0}
            for t in tracks
        ],
        "muv3": [dict(zip(("x", "y"), at(t, 246_800), strict=True)) | {"time": 10.0} for t in tracks],
        "lav": [{"time": 60.0}],
        "irc": [{"time": -60.0}],
        "sac": [{"time": -60.0}],
    }


def records(events):
    """Turn event dictionaries into canonical records."""
    return ak.Array(events)


def good_bursts(number=1, *, run=99001, **columns):
    """Return good bursts of a run, each of 1e12 protons in 3 s; columns of one value or one a burst replace that."""
    usual = {
        "burst": 1 + np.arange(number), "pot": 1e12, "live_time_s": 3.0, "good": True, "downscale": np.nan,
    }  # fmt: skip
    values = {name: np.full(number, value) for name, value in usual.items()}
    values |= {name: np.full(number, value, values[name].dtype) for name, value in columns.items()}
    return BurstTable(run=np.full(number, run), **values)
