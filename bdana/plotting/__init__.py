"""Pictures: hist objects drawn by mplhep."""

from bdana.plotting.comparison import pulls, save_comparison
from bdana.plotting.groups import save_groups
from bdana.plotting.plane import save_plane

__all__ = ["pulls", "save_comparison", "save_groups", "save_plane"]
