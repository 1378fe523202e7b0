"""Loading and checking an analysis: analysis.toml and the modules beside it."""

from bdana.analysis.analysis import Analysis, find_analysis, load, template_folder
from bdana.analysis.config import AnalysisConfig

__all__ = ["Analysis", "AnalysisConfig", "find_analysis", "load", "template_folder"]
