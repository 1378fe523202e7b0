"""Signal models of new particles (one file each in `models/`), with their widths and decay lengths."""

from bdana.signal.contract import (
    Coupling,
    Mode,
    Particles,
    Production,
    SignalModel,
    Varied,
    branching_ratio,
    check_mass,
    decay_length,
    find_mode,
    is_open,
    total_width,
)

__all__ = [
    "Coupling",
    "Mode",
    "Particles",
    "Production",
    "SignalModel",
    "Varied",
    "branching_ratio",
    "check_mass",
    "decay_length",
    "find_mode",
    "is_open",
    "total_width",
]
