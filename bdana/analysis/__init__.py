"""The analysis: analysis.toml and the modules it names, loaded, checked and hashed."""

from bdana.analysis.analysis import Analysis, find_analysis, load, template_folder
from bdana.analysis.effective import Setting, effective_settings
from bdana.analysis.scaffold import scaffold

__all__ = [
    "Analysis",
    "Setting",
    "effective_settings",
    "find_analysis",
    "load",
    "scaffold",
    "template_folder",
]
