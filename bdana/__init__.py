"""Blinded, event-level searches for dark photons at proton beam dumps.

The names below are what an analysis may use. They are loaded when first asked for, so `bdana --help` stays fast.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bdana._version import __version__

if TYPE_CHECKING:
    from bdana.api import Analysis, load
    from bdana.engine import ProcessExecutor, SerialExecutor
    from bdana.errors import (
        BdanaError,
        BlindingError,
        ConfigError,
        InputError,
        MissingColumnError,
        UserCodeError,
    )
    from bdana.masses import MASS
    from bdana.pairing import Combinatorial, PairBounds, PairingParameters
    from bdana.reconstruction import Line, Pairs, Tracks, any_near, closest_approach, nearest, none_near
    from bdana.regions import Box, Regions
    from bdana.rounding import plus_minus
    from bdana.selection import (
        TRACK_AFTER,
        Cut,
        Parameters,
        Selection,
        SingleTrackSelection,
        cluster_cut,
        event_cut,
        pair_cut,
        pair_quantity,
        track_cut,
        track_quantity,
    )
    from bdana.upstream import MATERIALS, Block, MuonStates, Prompt, PromptParameters

_HOMES = {
    "bdana.api": ("Analysis", "load"),
    "bdana.engine": ("ProcessExecutor", "SerialExecutor"),
    "bdana.errors": (
        "BdanaError",
        "BlindingError",
        "ConfigError",
        "InputError",
        "MissingColumnError",
        "UserCodeError",
    ),
    "bdana.masses": ("MASS",),
    "bdana.pairing": ("Combinatorial", "PairingParameters", "PairBounds"),
    "bdana.reconstruction": (
        "Line",
        "Pairs",
        "Tracks",
        "any_near",
        "closest_approach",
        "nearest",
        "none_near",
    ),
    "bdana.regions": ("Box", "Regions"),
    "bdana.rounding": ("plus_minus",),
    "bdana.selection": (
        "TRACK_AFTER",
        "Cut",
        "Parameters",
        "Selection",
        "SingleTrackSelection",
        "cluster_cut",
        "event_cut",
        "pair_cut",
        "pair_quantity",
        "track_cut",
        "track_quantity",
    ),
    "bdana.upstream": ("MATERIALS", "Block", "MuonStates", "Prompt", "PromptParameters"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "MASS",
    "MATERIALS",
    "TRACK_AFTER",
    "Analysis",
    "BdanaError",
    "BlindingError",
    "Block",
    "Box",
    "Combinatorial",
    "ConfigError",
    "Cut",
    "InputError",
    "Line",
    "MissingColumnError",
    "MuonStates",
    "PairBounds",
    "PairingParameters",
    "Pairs",
    "Parameters",
    "ProcessExecutor",
    "Prompt",
    "PromptParameters",
    "Regions",
    "Selection",
    "SerialExecutor",
    "SingleTrackSelection",
    "Tracks",
    "UserCodeError",
    "__version__",
    "any_near",
    "closest_approach",
    "cluster_cut",
    "event_cut",
    "load",
    "nearest",
    "none_near",
    "pair_cut",
    "pair_quantity",
    "plus_minus",
    "track_cut",
    "track_quantity",
]


_RENAMED = {"Search": "PairBounds"}
"""Old names that still work in this release, with a deprecation warning, and their new names."""


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        new = _RENAMED[name]
        warnings.warn(f"bdana.{name} is now called bdana.{new}", DeprecationWarning, stacklevel=2)
        return __getattr__(new)
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    msg = f"module 'bdana' has no attribute '{name}'"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
