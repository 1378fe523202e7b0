"""Pictures: hist objects drawn by mplhep."""

from bdana.plotting.plane import plane_histogram, save_plane

__all__ = ["plane_histogram", "save_plane"]
