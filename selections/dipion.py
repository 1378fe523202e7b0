"""X -> pi+ pi-, of a dark photon or scalar: the dimuon selection with pion identification in place of the muons'."""

import numpy as np
from pydantic import Field

import bdana

from . import dielectron, dimuon


class Parameters(dimuon.Parameters):
    """Numbers that differ from the dimuon selection's."""

    max_e_over_p: float = Field(0.85, ge=0, description="LKr energy over momentum of a pion, assumed")


def mass(track, par):
    """Both tracks are taken for pions."""
    return np.full(len(track), bdana.MASS[211])


IDENTIFICATION = {"muv3": dielectron.muv3}  # no tile fired: a pion stops before, or is lost as a muon
CUTS = tuple(IDENTIFICATION.get(cut.name, cut) for cut in dimuon.CUTS)

selection = bdana.Selection(good_track=dimuon.good_track, cuts=CUTS, parameters=Parameters, mass=mass)
