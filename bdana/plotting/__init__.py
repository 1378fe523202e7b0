"""Pictures: hist objects drawn by mplhep."""

from bdana.plotting.comparison import pulls, save_comparison
from bdana.plotting.counts import save_flatness, save_regions
from bdana.plotting.groups import save_groups
from bdana.plotting.plane import save_plane
from bdana.plotting.sources import save_pulls
from bdana.plotting.spectrum import save_unfolding

__all__ = [
    "pulls",
    "save_comparison",
    "save_flatness",
    "save_groups",
    "save_plane",
    "save_pulls",
    "save_regions",
    "save_unfolding",
]
