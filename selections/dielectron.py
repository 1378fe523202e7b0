"""A' -> e+ e-: the dimuon selection with electron identification in place of the muons'."""

from typing import Literal

from pydantic import Field

import bdana

from . import dimuon


class Parameters(dimuon.Parameters):
    """Numbers and switches that differ from the dimuon selection's."""

    lepton: Literal["muon", "electron"] = Field("electron", description="mass hypothesis of both tracks")
    min_e_over_p: float = Field(0.95, description="LKr energy over momentum, assumed")
    max_e_over_p: float = Field(1.05, description="LKr energy over momentum, assumed")


@bdana.track_cut(*dimuon.e_over_p.needs)
def e_over_p(track, par):
    """The nearest LKr cluster has the energy of an electron."""
    ratio = dimuon.lkr_e_over_p(track, par)
    return (ratio > par.min_e_over_p) & (ratio < par.max_e_over_p)


@bdana.track_cut(*dimuon.muv3.needs)
def muv3(track, par):
    """No muon-veto tile behind the track fired in time with it."""
    x, y = track.at(track.detector["MUV3"].z_mm)
    return bdana.none_near(
        track.event.muv3, x, y, par.muv3_distance_mm, time=track.time, time_window=par.muv3_dt_ns
    )


IDENTIFICATION = {"e_over_p": e_over_p, "muv3": muv3}
CUTS = tuple(IDENTIFICATION.get(cut.name, cut) for cut in dimuon.CUTS)

selection = bdana.Selection(
    good_track=dimuon.good_track, cuts=CUTS, parameters=Parameters, quantities=dimuon.QUANTITIES
)
