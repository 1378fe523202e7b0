"""Pairs built of single clusters, as the cuts of a selection see them: quantities in compiled code, when they are asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bdana.pairing.geometry.photon_kernel import decay_points, photon_columns, photon_frame, photon_pairs
from bdana.reconstruction import ClusterPairs
from bdana.reconstruction.read_only import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BuiltClusterPairs"]


class BuiltClusterPairs(ClusterPairs):
    """Pairs of clusters of a sample, many of them."""

    @cached_property
    def separation(self) -> NDArray[np.float64]:
        """As in `ClusterPairs`."""
        return self._built("separation")

    @cached_property
    def centre_distance(self) -> NDArray[np.float64]:
        """As in `ClusterPairs`."""
        return self._built("centre_distance")

    @cached_property
    def mass(self) -> NDArray[np.float64]:
        """As in `ClusterPairs`."""
        return self._built("mass")

    @cached_property
    def z_vertex(self) -> NDArray[np.float64]:
        """As in `ClusterPairs`."""
        z = np.empty(len(self))
        mass = np.broadcast_to(np.asarray(self.hypothesis, dtype=np.float64), len(self))
        decay_points(photon_columns(self), photon_frame(self), self.separation, mass, z)
        return read_only(z)

    def _built(self, name: str) -> NDArray[np.float64]:
        """Compute all three quantities, and return one of them."""
        out = read_only(np.empty((3, len(self))))
        photon_pairs(photon_columns(self), photon_frame(self), out.base)
        built = dict(zip(("separation", "centre_distance", "mass"), out, strict=True))
        vars(self).update(built)
        return built[name]
