"""Prompt background: a muon makes a second one in matter upstream, in time with itself.

Single muons are carried back to where they were made, their spectrum unfolded, and sent down again to make pairs.
How many they make is assumed; what the data allow is the share of in-time pairs before the LAV veto.
"""

import numpy as np
from hepunits import m, ns
from pydantic import BaseModel, Field

import bdana


class Parameters(BaseModel, extra="forbid", frozen=True):
    """Numbers of the estimate; `assumed` marks working values without a public source."""

    copper_m: tuple[float, float] = Field((23.07, 24.67), description="z of copper blocks, assumed")
    iron_m: tuple[float, float] = Field((24.67, 26.27), description="z of iron blocks, assumed")
    wall_m: tuple[float, float] = Field((95.0, 96.0), description="z of iron around the beam pipe, assumed")
    pairs_per_muon: float = Field(1e-6, description="pairs of muons made by a muon on its way, assumed")
    relative_error: float = Field(1.0, description="of the number of pairs")
    pair_angle: float = Field(3e-3, description="Gaussian angle between the muons of a pair, rad, assumed")
    min_share: float = Field(0.1, description="smallest share of the energy of the second muon, assumed")
    min_energy_gev: float = Field(10.0, description="lower end of the unfolded spectrum, assumed")
    spectrum_bins: int = Field(12, description="bins of the unfolded spectrum, equal in ln E")
    iterations: int = Field(4, description="of the unfolding: more amplify fluctuations")
    window_ns: float = Field(
        8.0, description="half width of the fit of DT: inside the H2 coincidence, assumed"
    )
    dt_width_ns: float = Field(0.57, description="width of the in-time peak: 0.4 ns a track, assumed")


def window(cuts, par):
    """Half width of the window that the pair selection leaves, which the limit refers to."""
    return cuts.max_dt_ns * ns


def blocks(par):
    """Matter between production and the spectrometer, in the order of z."""
    materials = (("copper", par.copper_m), ("iron", par.iron_m), ("iron", par.wall_m))
    return [bdana.Block(bdana.MATERIALS[name], z[0] * m, z[1] * m) for name, z in materials]


def partners(muons, par, rng):
    """Give each muon one of opposite charge from the same point: its share of the energy is uniform."""
    n = len(muons.x)
    share = rng.uniform(par.min_share, 1.0, n)
    tx, ty = (t + par.pair_angle * rng.standard_normal(n) for t in (muons.tx, muons.ty))
    return bdana.MuonStates(muons.x, muons.y, tx, ty, np.asarray(share * muons.energy), muons.z)


background = bdana.Prompt(
    selection="dimuon",
    left_out=("track_time_difference", "trigger_time", "lav_veto"),
    window=window,
    blocks=blocks,
    partners=partners,
    parameters=Parameters,
)
