"""Statistics of the counting experiment."""

from bdana.statistics.systematics import Systematic

__all__ = ["Systematic"]
