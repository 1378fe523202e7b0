"""The analysis: analysis.toml and the modules it names, loaded, checked and hashed."""

from bdana.analysis.analysis import Analysis, find_analysis, load, template_folder
from bdana.analysis.effective import Setting, effective_settings
from bdana.analysis.scaffold import scaffold
from bdana.analysis.skim import provenance, write_skim

__all__ = [
    "Analysis",
    "Setting",
    "effective_settings",
    "find_analysis",
    "load",
    "provenance",
    "scaffold",
    "template_folder",
    "write_skim",
]
