"""N -> pi mu, of a heavy neutral lepton: the dimuon selection with one pion and one muon, or electron where `lepton` says so.

`mass` says what each track is; the cuts look at nothing else. Both charges of the pion are taken.
"""

import awkward as ak
import numpy as np
from pydantic import Field

import bdana

from . import dimuon

PION_MASS = bdana.MASS[211]
LEPTON = {"muon": 13, "electron": 11}


class Parameters(dimuon.Parameters):
    """Numbers that differ from the dimuon selection's; `lepton` is the particle beside the pion."""

    max_pion_e_over_p: float = Field(0.85, ge=0, description="LKr energy over momentum of a pion, assumed")
    min_electron_e_over_p: float = Field(0.95, ge=0, description="the same of an electron, assumed")
    max_electron_e_over_p: float = Field(1.05, ge=0, description="the same of an electron, assumed")


def mass(track, par):
    """A muon fires the muon veto, pion and electron do not; E/p tells these two apart. Anything else is nothing."""
    x, y = track.at(track.detector["LKr"].z_mm)
    energy = bdana.nearest(track.event.lkr, x, y, within=par.lkr_distance_mm).energy
    e_over_p = np.asarray(ak.fill_none(energy, 0.0)) / track.p
    fired = np.asarray(dimuon.muv3(track, par))
    pion = ~fired & (e_over_p < par.max_pion_e_over_p)
    if par.lepton == "muon":
        lepton = fired & (e_over_p < par.max_e_over_p)
    else:
        lepton = ~fired & (e_over_p > par.min_electron_e_over_p) & (e_over_p < par.max_electron_e_over_p)
    return np.select([pion, lepton], [PION_MASS, bdana.MASS[LEPTON[par.lepton]]], np.nan)


@bdana.track_cut(*dimuon.e_over_p.needs, *dimuon.muv3.needs)
def identified(track, par):
    """Each track is a pion or the lepton."""
    return track.mass > 0.0


@bdana.pair_cut()
def one_pion(pair, par):
    """One of the two is the pion."""
    return (pair.plus.mass == PION_MASS) ^ (pair.minus.mass == PION_MASS)


IDENTIFICATION = {"e_over_p": identified, "muv3": one_pion}
CUTS = tuple(IDENTIFICATION.get(cut.name, cut) for cut in dimuon.CUTS)

selection = bdana.Selection(good_track=dimuon.good_track, cuts=CUTS, parameters=Parameters, mass=mass)
