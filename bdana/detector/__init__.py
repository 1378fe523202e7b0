"""Geometry and acceptance of the detector, and where the beam is dumped: one TOML file an experiment."""

from bdana.detector.experiment import (
    BeamDump,
    Detector,
    Magnet,
    Roles,
    Tracking,
    load_detector,
    shipped_detectors,
)
from bdana.detector.planes import Element

__all__ = [
    "BeamDump",
    "Detector",
    "Element",
    "Magnet",
    "Roles",
    "Tracking",
    "load_detector",
    "shipped_detectors",
]
