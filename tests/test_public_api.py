"""The names an analysis may use: a change here is a change for every user."""

import bdana


def test_public_names():
    assert set(bdana.__all__) == {
        "MATERIALS", "TRACK_AFTER", "Analysis", "BdanaError", "BlindingError", "Block", "Box", "Combinatorial", "ConfigError", "Cut", "InputError", "Line",
        "MissingColumnError", "MuonStates", "PairingParameters", "Pairs", "Parameters", "ProcessExecutor", "Prompt", "PromptParameters", "Regions", "Search", "Selection", "SerialExecutor", "SingleTrackSelection",
        "Tracks", "__version__", "any_near", "closest_approach", "event_cut", "load", "nearest", "none_near", "pair_cut",
        "track_cut",
    }  # fmt: skip
    for name in bdana.__all__:
        assert getattr(bdana, name).__doc__
