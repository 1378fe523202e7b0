"""An analysis folder: what it declares, where each value comes from, and how a new one is made."""

from bdana.analysis.folder import AnalysisFolder, Handling, find_analysis, template_folder
from bdana.analysis.origins import Setting, settings_with_origin
from bdana.analysis.scaffold import experiments, scaffold

__all__ = [
    "AnalysisFolder",
    "Handling",
    "Setting",
    "experiments",
    "find_analysis",
    "scaffold",
    "settings_with_origin",
    "template_folder",
]
