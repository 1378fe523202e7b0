"""Combinatorial background: two uncorrelated halo muons inside the coincidence window look like a vertex.

Single tracks of one burst are paired, + with -, and every pair goes through the pair cuts of selections/dimuon.py,
the vertex and the regions as if it were data. How often such a pair is in time by accident is its weight.
"""

import numpy as np
from hepunits import m, ns
from pydantic import Field
from scipy.special import lambertw

import bdana


class Parameters(bdana.PairingParameters):
    """Numbers of the estimate; `assumed` marks working values without a public source."""

    readout_ns: float = Field(
        100.0,
        ge=0,
        description="full width of the readout window, in which a third good track spoils an event, assumed",
    )
    h2_efficiency: float = Field(
        1.0, gt=0, le=1, description="of H2 for pairs in the window, averaged over DT, assumed"
    )
    h2_efficiency_error: float = Field(0.02, ge=0, description="its absolute error, assumed")
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
    seen = np.minimum(bursts.rate * par.readout_ns * ns, np.exp(-1.0) - 1e-13)
    return np.exp(-lambertw(-seen).real)


def accidental_veto(bursts, cuts, par):
    """Each single track survived accidental veto hits, so a pair did twice; a data pair has to only once."""
    return 1.0 / bursts.survival.by_burst


def coincidence_trigger(bursts, cuts, par):
    """Pairs of the data were taken by H2, whose efficiency falls with DT at the edges of its coincidence."""
    return par.h2_efficiency


def systematics(bursts, cuts, par):
    """Sources that move all regions together: name -> (relative effect, where it comes from)."""
    lost = np.average(third_track(bursts, cuts, par), weights=bursts.events) if bursts.events.any() else 1.0
    width = window(cuts, par) / ns
    trigger = par.h2_efficiency_error / par.h2_efficiency
    said = (
        f"assumed: width {width:g} +- {par.window_error_ns:g} ns, "
        f"H2 efficiency {par.h2_efficiency:g} +- {par.h2_efficiency_error:g}"
    )
    return {
        "time_window": (np.hypot(par.window_error_ns / width, trigger), said),
        "third_track": (lost - 1.0, "the whole correction"),
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
    corrections=(third_track, accidental_veto, coincidence_trigger),
    systematics=systematics,
    parameters=Parameters,
)
