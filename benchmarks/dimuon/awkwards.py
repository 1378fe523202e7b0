"""The dimuon selection in plain awkward, every cut on all pairs: `python awkwards.py FILE`."""

import json
import sys
from pathlib import Path

import awkward as ak
import numpy as np
from columns import CUTS, STATE, chunks, document

NAMES = ("charge", "p", "time", "chi2", "n_chambers", *(name.removeprefix("tracks_") for name in STATE))


def at(t, z):
    side = "before" if z < 197000.0 else "after"
    step = z - t[f"z_{side}"]
    return t[f"x_{side}"] + step * t[f"tx_{side}"], t[f"y_{side}"] + step * t[f"ty_{side}"]


def minimum_ionising(t, lkr):
    x, y = at(t, 241093.0)
    d = np.hypot(lkr.x - x, lkr.y - y)
    k = ak.argmin(d, axis=1, keepdims=True)
    energy = ak.fill_none(ak.firsts(ak.where(d[k] < 50.0, lkr.energy[k], 0.0)), 0.0)
    return energy / t.p < 0.2


def muon(t, muv3):
    x, y = at(t, 246800.0)
    return ak.any((np.hypot(muv3.x - x, muv3.y - y) < 220.0) & (abs(muv3.time - t.time) < 5.0), axis=1)


def vertex(a, b):
    d1, d2 = (
        np.stack([np.asarray(t.tx_before), np.asarray(t.ty_before), np.ones(len(t))], axis=1) for t in (a, b)
    )
    p1, p2 = (np.stack([np.asarray(t[f"{c}_before"], dtype=float) for c in "xyz"], axis=1) for t in (a, b))
    n, w = np.cross(d1, d2), p2 - p1
    n2 = np.sum(n * n, axis=1)
    s, u = (np.sum(np.cross(w, d) * n, axis=1) / n2 for d in (d2, d1))
    return abs(np.sum(w * n, axis=1)) / np.sqrt(n2), 0.5 * (p1[:, 2] + s + p2[:, 2] + u)


def straw(t, z, centre):
    x, y = at(t, z)
    dx = x - centre
    views = (dx, y, (dx + y) / np.sqrt(2), (dx - y) / np.sqrt(2))
    return (sum(ak.values_astype(abs(view) > 63.8, int) for view in views) >= 2) & (np.hypot(x, y) < 1000.0)


def ring(t, z, low, high):
    r = np.hypot(*at(t, z))
    return (r > low) & (r < high)


def inside(t):
    found = (
        straw(t, 183508.0, 101.2)
        & straw(t, 194066.0, 114.4)
        & straw(t, 204459.0, 92.4)
        & straw(t, 218885.0, 52.8)
    )
    found = (
        found
        & ring(t, 238131.5, 140.0, 1070.0)
        & ring(t, 239009.0, 130.0, 1100.0)
        & ring(t, 239389.0, 130.0, 1100.0)
    )
    x, y = (abs(value) for value in at(t, 241093.0))
    found = found & (x < 1130.0) & (y < 1130.0) & ((x + y) / np.sqrt(2) < 1130.0) & (np.hypot(x, y) > 150.0)
    x, y = (abs(value) for value in at(t, 246800.0))
    found = found & (x < 1320.0) & (y < 1320.0) & (np.hypot(x, y) > 103.0)
    return found & ~ring(t, 238313.0, 1070.0, 1440.0)


left, but_one, number = np.zeros(len(CUTS), np.int64), np.zeros(len(CUTS), np.int64), 0
for read in chunks(Path(sys.argv[1])):
    tracks = ak.zip({name: read[f"tracks_{name}"] for name in NAMES})
    tracks = tracks[(tracks.chi2 < 20.0) & (tracks.n_chambers >= 3) & (tracks.p > 10000.0)]
    two = ak.num(tracks) == 2
    tracks, trigger, lav = tracks[two], read["trigger_time"][two], read["lav_time"][two]
    lkr = ak.zip({name: read[f"lkr_{name}"][two] for name in ("x", "y", "energy")})
    muv3 = ak.zip({name: read[f"muv3_{name}"][two] for name in ("x", "y", "time")})
    swapped = tracks.charge[:, 1] > tracks.charge[:, 0]
    plus, minus = ak.where(swapped, tracks[:, 1], tracks[:, 0]), ak.where(swapped, tracks[:, 0], tracks[:, 1])
    (x1, y1), (x2, y2), (cda, z) = at(plus, 183508.0), at(minus, 183508.0), vertex(plus, minus)
    masks = [
        (plus.charge == 1) & (minus.charge == -1),
        abs(plus.time - minus.time) < 5.0,
        (abs(plus.time - trigger) < 5.0) & (abs(minus.time - trigger) < 5.0),
        minimum_ionising(plus, lkr) & minimum_ionising(minus, lkr),
        muon(plus, muv3) & muon(minus, muv3),
        cda < 20.0,
        (z > 105000.0) & (z < 180000.0),
        ak.all(abs(lav - 0.5 * (plus.time + minus.time)) >= 10.0, axis=1),
        np.hypot(x1 - x2, y1 - y2) > 20.0,
        inside(plus) & inside(minus),
    ]
    masks = np.stack([np.asarray(mask) for mask in masks])
    number += masks.shape[1]
    left += np.logical_and.accumulate(masks).sum(axis=1)
    failures = (~masks).sum(axis=0)
    but_one += (failures - ~masks == 0).sum(axis=1)
print(json.dumps(document(number, left, but_one)))
