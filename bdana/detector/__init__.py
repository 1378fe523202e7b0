"""Geometry and acceptance of the detector."""

from bdana.detector.planes import Detector, Element, Magnet, load_detector

__all__ = ["Detector", "Element", "Magnet", "load_detector"]
