"""Combinatorial background: two uncorrelated halo muons inside the coincidence window look like a vertex.

Single tracks of one burst are paired, + with -, and every pair goes through the pair cuts of selections/dimuon.py,
the vertex and the regions as if it were data. How often such a pair is in time by accident is its weight.
"""

import numpy as np
from hepunits import m, ns
from pydantic import BaseModel, Field

import bdana


class Parameters(BaseModel, extra="forbid", frozen=True):
    """Numbers of the estimate; `assumed` marks working values without a public source."""

    readout_ns: float = Field(
        100.0,
        description="full width of the readout window, in which a third good track spoils an event, assumed",
    )
    downscale: float | None = Field(None, description="of Q1, for bursts whose table does not have it")
    slice_ms: float | None = Field(
        None, gt=0, description="length of time slices inside the burst; none: the whole"
    )
    duty_slice_ms: float = Field(
        1.0, gt=0, description="slices in which the duty factor is measured when slice_ms is none"
    )
    spill_s: float | None = Field(
        None, gt=0, description="length of a burst for the slices; none: its live time, or to its last track"
    )
    mix_bursts: int = Field(
        1, gt=0, description="bursts whose tracks are mixed: biased, for studies of small samples only"
    )
    window_error_ns: float = Field(
        0.1,
        ge=0,
        description="of the width of the time window, efficiency of H2 against DT included, assumed",
    )
    sideband_ns: tuple[float, float] = Field(
        (10.0, 18.0),
        description="|DT| of pairs out of time: beyond closed pairs, inside H2's window, assumed",
    )


def window(cuts, par):
    """The full width W of the time window that the pair selection leaves."""
    return 2.0 * cuts.max_dt_ns * ns


def search(cuts):
    """Pairs that would fail these two cuts are not even built."""
    return bdana.Search(cuts.max_cda_mm, cuts.min_z_vertex_m * m, cuts.max_z_vertex_m * m)


def weight(bursts, cuts, par):
    """D^2 W / T: n+ n- D^2 / T^2 is the product of the two rates, times W and the live time T."""
    return bursts.downscale**2 * window(cuts, par) / bursts.live_time


def third_track(bursts, cuts, par):
    """`Exactly one` twice loses exp(-2 R tau) of the pairs to a further track, `exactly two` only exp(-R tau)."""
    return np.exp(bursts.rate * par.readout_ns * ns)


def accidental_veto(bursts, cuts, par):
    """Each single track survived accidental veto hits, so a pair did twice; a data pair has to only once."""
    return 1.0 / bursts.accidental_survival


def systematics(bursts, cuts, par, duty_factor):
    """Sources that move all regions together: name -> (relative effect, where it comes from)."""
    survival = bursts.accidental_survival
    rate = np.average(bursts.rate, weights=bursts.events) if bursts.events.any() else 0.0
    sources = {
        "accidental_survival": (
            bursts.accidental_survival_error / survival,
            f"binomial error of the measured survival {survival:.4f}",
        ),
        "third_track": (np.expm1(rate * par.readout_ns * ns), "the whole correction"),
        "window": (
            par.window_error_ns / window(cuts, par),
            f"width known to {par.window_error_ns:g} ns, assumed",
        ),
    }
    if par.slice_ms is None and duty_factor is not None and np.isfinite(duty_factor):
        missed = max(1.0 / duty_factor - 1.0, 0.0)
        sources["duty_factor"] = (
            missed,
            f"<R^2>/<R>^2 - 1 inside bursts, in slices of {par.duty_slice_ms:g} ms",
        )
    return sources


background = bdana.Combinatorial(
    single_track="single_track",
    selection="dimuon",
    replaced=("track_time_difference",),  # by the weight; trigger_time ties each single track to its trigger
    charge="opposite_charge",
    timing=("track_time_difference", "trigger_time"),
    window=window,
    search=search,
    weight=weight,
    corrections=(third_track, accidental_veto),
    systematics=systematics,
    parameters=Parameters,
)
