"""Statistics of the counting experiment."""

from bdana.statistics.systematic import Systematic

__all__ = ["Systematic"]
