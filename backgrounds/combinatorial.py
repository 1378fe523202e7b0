"""Combinatorial background: two uncorrelated halo muons inside the coincidence window look like a vertex.

Single tracks of one burst are paired, + with -, and every pair goes through the pair cuts of selections/dimuon.py,
the vertex and the regions as if it were data. How often such a pair is in time by accident is its weight.
"""

import numpy as np
import scipy
from hepunits import m, ns
from pydantic import Field

import bdana


class Parameters(bdana.PairingParameters):
    """Numbers of the estimate; `assumed` marks working values without a public source."""

    readout_ns: float = Field(
        100.0,
        ge=0,
        description="full width of the readout window, in which a third good track spoils an event, assumed",
    )
    window_error_ns: float = Field(0.1, ge=0, description="error of the full width of the window, assumed")


def window(cuts, par):
    """The full width W of the time window that the pair selection leaves."""
    return 2.0 * cuts.max_dt_ns * ns


def bounds(cuts):
    """Pairs that would fail these two cuts are not even built."""
    return bdana.PairBounds(cuts.max_cda_mm, cuts.min_z_vertex_m * m, cuts.max_z_vertex_m * m)


def weight(bursts, cuts, par):
    """D^2 W / T: n+ n- D^2 / T^2 is the product of the two rates, times W and the live time T."""
    return bursts.downscale**2 * window(cuts, par) / bursts.live_time


def third_track(bursts, cuts, par):
    """`Exactly one` twice loses exp(-2 R tau) of the pairs to a further track, `exactly two` only exp(-R tau)."""
    # Seen are events without a further track, R exp(-R tau): solved for R tau, at most 1, where what is seen is largest.
    seen = np.minimum(bursts.rate / par.q1_efficiency * par.readout_ns * ns, np.exp(-1.0) - 1e-13)
    return np.exp(-scipy.special.lambertw(-seen).real)


def accidental_veto(bursts, cuts, par):
    """Each single track survived accidental veto hits, so a pair did twice; a data pair has to only once."""
    return 1.0 / bursts.survival.by_burst


def triggers(bursts, cuts, par):
    """Singles were taken by Q1, each with its efficiency; pairs of the data by H2, in its own live time."""
    return par.h2_efficiency * bursts.live_time_ratio(par.h2_live_time) / par.q1_efficiency**2


def systematics(bursts, cuts, par):
    """Sources that move all regions together: name -> (relative effect, where it comes from)."""
    lost = np.average(third_track(bursts, cuts, par), weights=bursts.events) if bursts.events.any() else 1.0
    stated = inputs(bursts, cuts, par)
    powers = {"time_window": 1, "q1_efficiency": 2, "h2_efficiency": 1, "h2_live_time": 1}
    sources = {
        name: (power * error / value, f"{bdana.plus_minus(value, error)}, {source}")
        for name, power in powers.items()
        for value, error, source in [stated[name]]
    }
    whole = f"the whole correction, for a readout window of {par.readout_ns:g} ns, assumed"
    return sources | {"third_track": (lost - 1.0, whole)}


def inputs(bursts, cuts, par):
    """Numbers that single tracks do not tell: name -> (value, error, where it comes from)."""
    return {
        "time_window": (
            window(cuts, par) / ns,
            par.window_error_ns,
            "full width in ns; its error is assumed",
        ),
        "q1_efficiency": (par.q1_efficiency, par.q1_efficiency_error, "assumed"),
        "h2_efficiency": (par.h2_efficiency, par.h2_efficiency_error, "averaged over DT"),
        "h2_live_time": (par.h2_live_time, par.h2_live_time_error, "over that of Q1, assumed"),
        "readout": (par.readout_ns, 0.0, "full width in ns in which a third track spoils an event, assumed"),
    }


background = bdana.Combinatorial(
    single_track="single_track",
    selection="dimuon",
    replaced=("track_time_difference",),  # by the weight; trigger_time ties each single track to its trigger
    charge="opposite_charge",
    timing=("track_time_difference", "trigger_time"),
    window=window,
    bounds=bounds,
    weight=weight,
    corrections=(third_track, accidental_veto, triggers),
    systematics=systematics,
    inputs=inputs,
    parameters=Parameters,
)
