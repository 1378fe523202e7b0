"""The dimuon selection as a numba kernel over columns that uproot reads: `python kernel.py FILE`."""

import json
import math
import sys
from pathlib import Path

import numba
import numpy as np
from columns import CUTS, FLOATS, INTS, chunks, document, flat

COMPILED = numba.njit(cache=True, error_model="numpy")
P, TIME, CHI2, BEFORE, AFTER, LKR, MUV3, LAV = 0, 1, 2, 3, 8, 13, 16, 19


@COMPILED
def at(f, i, z):
    """Return x and y of a track in a plane; columns of a state are x, y, z, tx, ty."""
    k = BEFORE if z < 197000.0 else AFTER
    step = z - np.float64(f[k + 2][i])
    return f[k][i] + step * f[k + 3][i], f[k + 1][i] + step * f[k + 4][i]


@COMPILED
def minimum_ionising(f, i, first, last):
    x, y = at(f, i, 241093.0)
    nearest, energy = np.inf, 0.0
    for k in range(first, last):
        d = math.hypot(f[LKR][k] - x, f[LKR + 1][k] - y)
        if math.isnan(d):
            return False
        if d < nearest:
            nearest, energy = d, np.float64(f[LKR + 2][k]) if d < 50.0 else 0.0
    return energy / f[P][i] < 0.2


@COMPILED
def muon(f, i, first, last):
    x, y = at(f, i, 246800.0)
    for k in range(first, last):
        near = math.hypot(f[MUV3][k] - x, f[MUV3 + 1][k] - y) < 220.0
        if near and abs(np.float64(f[MUV3 + 2][k]) - f[TIME][i]) < 5.0:
            return True
    return False


@COMPILED
def vertex(f, a, b):
    tx1, ty1, tx2, ty2 = f[6][a] * 1.0, f[7][a] * 1.0, f[6][b] * 1.0, f[7][b] * 1.0
    wx, wy, wz = f[3][b] - f[3][a] * 1.0, f[4][b] - f[4][a] * 1.0, f[5][b] - f[5][a] * 1.0
    nx, ny, nz = ty1 - ty2, tx2 - tx1, tx1 * ty2 - ty1 * tx2
    n2 = nx * nx + ny * ny + nz * nz
    if not n2 > 1e-24:
        return np.nan, np.nan
    s = ((wy - wz * ty2) * nx + (wz * tx2 - wx) * ny + (wx * ty2 - wy * tx2) * nz) / n2
    u = ((wy - wz * ty1) * nx + (wz * tx1 - wx) * ny + (wx * ty1 - wy * tx1) * nz) / n2
    return abs(wx * nx + wy * ny + wz * nz) / math.sqrt(n2), 0.5 * (f[5][a] + s + f[5][b] + u)


@COMPILED
def straw(f, i, z, centre):
    x, y = at(f, i, z)
    dx, r = x - centre, 1.0 / math.sqrt(2.0)
    seen = (
        int(abs(dx) > 63.8) + int(abs(y) > 63.8) + int(abs(dx + y) * r > 63.8) + int(abs(dx - y) * r > 63.8)
    )
    return seen >= 2 and math.hypot(x, y) < 1000.0


@COMPILED
def ring(f, i, z, low, high):
    r = math.hypot(*at(f, i, z))
    return r > low and r < high


@COMPILED
def inside(f, i):
    straws = straw(f, i, 183508.0, 101.2) and straw(f, i, 194066.0, 114.4) and straw(f, i, 204459.0, 92.4)
    if not (straws and straw(f, i, 218885.0, 52.8)):
        return False
    chods = ring(f, i, 238131.5, 140.0, 1070.0) and ring(f, i, 239009.0, 130.0, 1100.0)
    if not (chods and ring(f, i, 239389.0, 130.0, 1100.0)):
        return False
    x, y = at(f, i, 241093.0)
    ax, ay = abs(x), abs(y)
    if not (max(ax, ay) < 1130.0 and (ax + ay) / math.sqrt(2.0) < 1130.0 and math.hypot(x, y) > 150.0):
        return False
    x, y = at(f, i, 246800.0)
    if not (abs(x) < 1320.0 and abs(y) < 1320.0 and math.hypot(x, y) > 103.0):
        return False
    return not ring(f, i, 238313.0, 1070.0, 1440.0)


@COMPILED
def passes(cut, a, b, trigger, charge, f, lkr, muv3, lav):
    if cut == 0:
        return charge[a] == 1 and charge[b] == -1
    if cut == 1:
        return abs(np.float64(f[TIME][a]) - f[TIME][b]) < 5.0
    if cut == 2:
        return abs(np.float64(f[TIME][a]) - trigger) < 5.0 and abs(np.float64(f[TIME][b]) - trigger) < 5.0
    if cut == 3:
        return minimum_ionising(f, a, lkr[0], lkr[1]) and minimum_ionising(f, b, lkr[0], lkr[1])
    if cut == 4:
        return muon(f, a, muv3[0], muv3[1]) and muon(f, b, muv3[0], muv3[1])
    if cut == 5:
        return vertex(f, a, b)[0] < 20.0
    if cut == 6:
        z = vertex(f, a, b)[1]
        return z > 105000.0 and z < 180000.0
    if cut == 7:
        time = 0.5 * (np.float64(f[TIME][a]) + f[TIME][b])
        for k in range(lav[0], lav[1]):
            if not abs(f[LAV][k] - time) >= 10.0:
                return False
        return True
    if cut == 8:
        x1, y1 = at(f, a, 183508.0)
        x2, y2 = at(f, b, 183508.0)
        return math.hypot(x1 - x2, y1 - y2) > 20.0
    return inside(f, a) and inside(f, b)


@COMPILED
def loop(trigger, tracks, lkr, muv3, lav, charge, chambers, f, left, but_one):
    two, cuts = 0, len(left)
    for i in range(len(trigger)):
        good, a, b = 0, 0, 0
        for k in range(tracks[i], tracks[i + 1]):
            if f[CHI2][k] < 20.0 and chambers[k] >= 3 and f[P][k] > 10000.0:
                good, a, b = good + 1, (k if good == 0 else a), (k if good == 1 else b)
        if good != 2:
            continue
        if charge[b] > charge[a]:
            a, b = b, a
        two += 1
        failures, first = 0, cuts
        for cut in range(cuts):
            at_hits = (lkr[i], lkr[i + 1]), (muv3[i], muv3[i + 1]), (lav[i], lav[i + 1])
            if not passes(cut, a, b, np.float64(trigger[i]), charge, f, *at_hits):
                failures += 1
                if failures > 1:
                    break
                first = cut
        left[:first] += 1
        if failures == 0:
            but_one += 1
        elif failures == 1:
            but_one[first] += 1
    return two


left, but_one, two = np.zeros(len(CUTS), np.int64), np.zeros(len(CUTS), np.int64), 0
for read in chunks(Path(sys.argv[1])):
    values = {name: flat(read[name]) for name in (*INTS, *FLOATS)}
    offsets = [values[name][0] for name in ("tracks_p", "lkr_x", "muv3_x", "lav_time")]
    floats = tuple(values[name][1] for name in FLOATS)
    trigger = np.asarray(read["trigger_time"])
    two += loop(trigger, *offsets, *(values[name][1] for name in INTS), floats, left, but_one)
print(json.dumps(document(two, left, but_one)))
