"""Halo-like tracks made by hand: about 0.7 m wide at 183 m, pointing back to the TAX region."""

from dataclasses import replace

import awkward as ak
import numpy as np

from bdana.detector import load_detector
from bdana.masses import MASS
from bdana.pairing import PairOptions, PairSelection, SingleSample
from bdana.reconstruction import Line, Tracks
from bdana.selection import Cutflow, SelectedSingles
from bdana.selection.single_track import SingleEvents
from tests.synthetic import good_bursts

Z = 183_000.0


def halo_columns(n, rng, width=700.0, origin=300.0):
    """Return x, y, tx, ty of n tracks at z = 183 m."""
    x, y = width * rng.standard_normal((2, n))
    x0, y0 = origin * rng.standard_normal((2, n))
    return x, y, (x - x0) / (Z - 23_070.0), (y + 22.0 - y0) / (Z - 23_070.0)


def halo_lines(n, rng, **shape):
    """Return them as lines."""
    x, y, tx, ty = halo_columns(n, rng, **shape)
    return Line.from_slopes(x, y, np.full(n, Z), tx, ty)


def halo_record(n, rng, charge):
    """Return them as track records with momenta; `charge` is one value or n."""
    x, y, tx, ty = halo_columns(n, rng)
    return ak.zip(
        {
            "x_before": x,
            "y_before": y,
            "z_before": np.full(n, Z),
            "tx_before": tx,
            "ty_before": ty,
            "p": np.clip(30e3 * np.exp(0.7 * rng.standard_normal(n)), 10e3, 200e3),
            "time": rng.uniform(-1.0, 1.0, n),
            "charge": np.broadcast_to(charge, n),
            "mass": np.full(n, MASS[13]),
        }
    )


def singles_of(record, burst, timestamp=None):
    """Make a single-track sample of track records in the given bursts of run 1, none of which was ever vetoed.

    `timestamp` is one value or one for each track, in ns; without it the events have none.
    """
    n = len(record)
    events = ak.zip(
        {
            "run": np.ones(n, dtype=np.int64),
            "burst": np.asarray(burst),
            "event": np.arange(n),
            "weight": np.ones(n),
        }
        | ({} if timestamp is None else {"timestamp": np.broadcast_to(np.asarray(timestamp, dtype=float), n)})
    )
    tracks = Tracks(record, events, np.arange(n), load_detector("na62"))
    single_events = SingleEvents(
        np.ones(n, dtype=np.int64), np.asarray(burst), np.ones(n, dtype=np.bool_), np.ones(n)
    )
    none = Tracks(record[:0], events[:0], np.arange(0), tracks.detector)
    return SelectedSingles(Cutflow(()), tracks, single_events, none)


def burst_table(n, *, live_time_s=1.0, downscale=10.0):
    """Return n good bursts 0 ... n - 1 of run 1."""
    return good_bursts(n, run=1, burst=np.arange(n), live_time_s=live_time_s, downscale=downscale)


def estimate_of(analysis, singles, table, *, variables=None, systematics=(), changed=None, **options):
    """Return the combinatorial estimate of an analysis; `changed` replaces what backgrounds/combinatorial.py declares."""
    background, par = analysis.combinatorial("combinatorial")
    # Those that a function of the selection gives are not kept with pairs.
    kept = {name: one for name, one in (variables or {}).items() if not one.function}
    pairs = PairSelection(*analysis.selection("dimuon"), analysis.setup, kept, origin=(analysis, "dimuon"))
    background = replace(background, **(changed or {}))
    return background.estimate(SingleSample(singles, table), pairs, par, systematics, PairOptions(**options))
