"""The names that an analysis may use: those of the last release still work, and what the packaged analysis uses is one."""

import ast
import warnings
from pathlib import Path

import pytest

import bdana
from bdana.analysis import template_folder

RELEASED = [
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
    "PairingParameters",
    "Pairs",
    "Parameters",
    "ProcessExecutor",
    "Prompt",
    "PromptParameters",
    "Regions",
    "Search",
    "Selection",
    "SerialExecutor",
    "SingleTrackSelection",
    "Tracks",
    "__version__",
    "any_near",
    "closest_approach",
    "event_cut",
    "load",
    "nearest",
    "none_near",
    "pair_cut",
    "pair_quantity",
    "track_cut",
    "track_quantity",
]
"""Public names of 0.1: each is there, or warns of its new name for one release."""


@pytest.mark.parametrize("name", RELEASED)
def test_names_of_the_last_release_work(name):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert getattr(bdana, name).__doc__
    assert (name in bdana.__all__) != bool(warned)
    assert all(warning.category is DeprecationWarning for warning in warned)


def test_every_public_name_is_listed_loaded_and_documented():
    assert set(dir(bdana)) == set(bdana.__all__)
    assert all(getattr(bdana, name).__doc__ for name in bdana.__all__)


def test_a_name_that_is_not_public():
    with pytest.raises(AttributeError, match="module 'bdana' has no attribute 'PairFinder'"):
        _ = bdana.PairFinder


def used(path):
    """Names that a file takes from bdana."""
    tree = ast.parse(Path(path).read_text())
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bdana"
    }


def test_the_packaged_analysis_uses_public_names_alone():
    folders = (template_folder() / name for name in ("selections", "backgrounds"))
    names = set().union(*(used(path) for folder in folders for path in folder.glob("*.py")))
    assert names <= set(bdana.__all__)
    assert len(names) > 10


def test_the_old_keyword_for_the_bounds_of_pairs_still_works():
    background, _ = bdana.load().combinatorial("combinatorial")
    declared = {
        name: getattr(background, name) for name in background.__dataclass_fields__ if name != "bounds"
    }
    with pytest.warns(DeprecationWarning, match="is now called bounds"):
        old = bdana.Combinatorial(**declared | {"search": background.bounds})
    assert old.bounds is background.bounds
    missing = bdana.Combinatorial(**declared | {"search": None})
    with pytest.raises(bdana.ConfigError, match="needs bounds"):
        missing.bounds(None)
