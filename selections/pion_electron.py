"""N -> pi e, of a heavy neutral lepton: selections/pion_lepton.py with an electron."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from . import pion_lepton


class Parameters(pion_lepton.Parameters):
    """Numbers of the pion-lepton selection."""

    lepton: Literal["muon", "electron"] = Field("electron", description="particle beside the pion")


selection = replace(pion_lepton.selection, parameters=Parameters)
