"""Prompt background: a muon makes a second one in matter upstream, in time with itself.

Single muons are carried back to where they were made, their spectrum unfolded, and sent down again to make pairs.
How many they make is assumed; what the data allow is the share of in-time pairs before the LAV veto.
"""

from dataclasses import replace
from typing import Self

from hepunits import m, ns
from pydantic import Field, model_validator

import bdana


class Parameters(bdana.PromptParameters):
    """Numbers of the estimate beside those of every prompt background; `assumed`: no public source."""

    copper_m: tuple[float, float] = Field((23.07, 24.67), description="z of copper blocks, assumed")
    iron_m: tuple[float, float] = Field((24.67, 26.27), description="z of iron blocks, assumed")
    wall_m: tuple[float, float] = Field((95.0, 96.0), description="z of iron around the beam pipe, assumed")
    pair_angle: float = Field(
        3e-3, ge=0.0, description="Gaussian angle between the muons of a pair, rad, assumed"
    )
    min_loss: float = Field(
        0.1, gt=0.0, lt=1.0, description="smallest part of a muon's energy that goes into a pair, assumed"
    )

    @model_validator(mode="after")
    def _follow_one_another(self) -> Self:
        ends = [*self.copper_m, *self.iron_m, *self.wall_m]
        if ends != sorted(ends) or any(a == b for a, b in zip(ends[::2], ends[1::2], strict=True)):
            raise ValueError("copper_m, iron_m and wall_m must have a length and follow one another in z")
        return self


def window(cuts, par):
    """Half width of the window that the pair selection leaves, which the limit refers to."""
    return cuts.max_dt_ns * ns


def blocks(par):
    """Matter between production and the spectrometer, in the order of z."""
    materials = (("copper", par.copper_m), ("iron", par.iron_m), ("iron", par.wall_m))
    return [bdana.Block(bdana.MATERIALS[name], z[0] * m, z[1] * m) for name, z in materials]


def pair(muons, par, rng):
    """Give each muon's own continuation and one of opposite charge: the pair that is counted.

    The muon loses the part v of its energy, dN/dv ~ 1/v, to a virtual photon, which makes two muons; the one of opposite
    charge has a uniform share of that. The third muon is taken to miss the spectrometer.
    """
    n = len(muons.x)
    lost = par.min_loss ** rng.random(n) * muons.energy
    tx, ty = (t + par.pair_angle * rng.standard_normal(n) for t in (muons.tx, muons.ty))
    first = replace(muons, energy=muons.energy - lost)
    return first, replace(muons, tx=tx, ty=ty, energy=lost * rng.random(n))


background = bdana.Prompt(
    selection="dimuon",
    left_out=("track_time_difference", "trigger_time", "lav_veto"),
    window=window,
    blocks=blocks,
    pair=pair,
    parameters=Parameters,
)
