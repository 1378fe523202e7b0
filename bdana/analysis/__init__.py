"""The analysis: analysis.toml and the modules it names, loaded, checked and hashed."""

from bdana.analysis.analysis import Analysis, find_analysis, load, template_folder
from bdana.analysis.scaffold import scaffold

__all__ = ["Analysis", "find_analysis", "load", "scaffold", "template_folder"]
