"""Candidates in the (z_TAX, CDA_TAX) plane, as a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hepunits
import hist
import numpy as np

if TYPE_CHECKING:
    from bdana.selection.candidates import Candidates
    from bdana.selection.variables import Histogram

__all__ = ["CDA_FRAME_MM", "Z_FRAME_M", "plane_histogram"]

# The frame depends on no event: three decades around the boxes, where halo, control regions and signal all show.
Z_FRAME_M = (-100.0, 180.0)
CDA_FRAME_MM = (0.3, 3000.0)


def plane_histogram(candidates: Candidates) -> Histogram:
    """Fill weighted candidates into z_TAX (m, 2 m wide bins) and CDA_TAX (mm, 10 bins a decade).

    Returns
    -------
    hist.Hist
        Two axes, `z_tax` and `cda_tax`; what lies outside the frame is in the flow bins.
    """
    plane = hist.Hist(
        hist.axis.Regular(140, *Z_FRAME_M, name="z_tax", label=r"$z_{TAX}$ [m]"),
        hist.axis.Regular(
            40, *CDA_FRAME_MM, name="cda_tax", label=r"$CDA_{TAX}$ [mm]", transform=hist.axis.transform.log
        ),
        storage=hist.storage.Weight(),
    )
    finite = np.isfinite(candidates.z_tax) & np.isfinite(candidates.cda_tax)
    plane.fill(
        z_tax=candidates.z_tax[finite] / hepunits.m,
        # Below the frame a logarithm has no flow bin for 0: the exact hit counts as the smallest distance.
        cda_tax=np.maximum(candidates.cda_tax[finite], 1e-12) / hepunits.mm,
        weight=candidates.weight[finite],
    )
    return plane
