"""Statistics of counting experiments: p-values, limits, significances and exported tables."""

from bdana.statistics.systematic import Systematic

__all__ = ["Systematic"]
