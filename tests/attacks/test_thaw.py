"""What was frozen against what lies in the folder now: a code, a file or a table that is another is not opened."""

from copy import deepcopy
from types import SimpleNamespace

import pytest

from bdana.errors import BlindingError
from bdana.opening import thaw as thaw_module
from bdana.opening.freeze import FORMAT, PARTS
from bdana.opening.thaw import reproduce, thaw
from bdana.sealing.manifest import file_sha256


@pytest.fixture
def frozen(analysis):
    """The parts of a freeze that are looked at before anything is read."""
    return dict.fromkeys(PARTS) | {
        "format": FORMAT,
        "bdana": "0.0",
        "config": analysis.config.model_dump(mode="json", by_alias=True),
        "code": dict(analysis.modules.texts),
        "prediction": {"regions": list(analysis.regions.names)},
        "analysis_hash": analysis.hash,
        "beside": {"analysis.toml": file_sha256(analysis.folder / "analysis.toml")},
    }


def test_what_was_frozen_comes_back(analysis, frozen):
    assert thaw(analysis.folder, frozen).hash == analysis.hash


def test_other_code_than_frozen(analysis, frozen):
    name = "selections/dimuon.py"
    code = frozen["code"] | {name: frozen["code"][name] + "\n# looser\n"}
    with pytest.raises(BlindingError, match="the freeze does not give the analysis that it names"):
        thaw(analysis.folder, frozen | {"code": code})


def test_a_file_that_changed_since_the_freeze(analysis, frozen):
    with pytest.raises(BlindingError, match=r"analysis.toml changed since the freeze"):
        thaw(analysis.folder, frozen | {"beside": {"analysis.toml": "0" * 64}})


def test_a_freeze_of_another_version(analysis, frozen):
    with pytest.raises(BlindingError, match=r"which does not read a freeze of bdana 0.0"):
        thaw(analysis.folder, frozen | {"config": frozen["config"] | {"from_the_future": 1}})


@pytest.mark.parametrize("part", PARTS)
def test_a_freeze_that_lacks_a_part(analysis, frozen, part):
    del frozen[part]
    with pytest.raises(BlindingError, match=f"parts of the freeze are missing or unknown: {part}$"):
        thaw(analysis.folder, frozen)


def test_a_freeze_that_says_more_than_is_read(analysis, frozen):
    with pytest.raises(BlindingError, match="the freeze are missing or unknown: promises"):
        thaw(analysis.folder, frozen | {"promises": 1})


@pytest.mark.parametrize("other", [1, FORMAT + 1])
def test_a_freeze_of_another_format(analysis, frozen, other):
    with pytest.raises(BlindingError, match=f"does not read a freeze of format {other}: freeze again"):
        thaw(analysis.folder, frozen | {"format": other})


def test_a_prediction_of_other_regions(analysis, frozen):
    with pytest.raises(BlindingError, match="predicts other regions than its configuration has"):
        thaw(analysis.folder, frozen | {"prediction": {"regions": ["SR", "CRX"]}})


@pytest.fixture
def counted(monkeypatch):
    """An analysis of one input file whose table is [1] and whose error is one-sided, and its freeze."""
    declared = {"inputs": {"1" * 64: "in.root"}}
    monkeypatch.setattr(thaw_module, "declared_parts", lambda analysis, policy: declared)
    found = {"prediction": {"error": [2.0], "error_down": [1.0]}, "table": [1]}
    monkeypatch.setattr(thaw_module, "counted_parts", lambda analysis: deepcopy(found))
    return SimpleNamespace(folder=None, policy="a policy"), {**declared, **found, "packages": {}}


def test_other_input_than_frozen(counted):
    analysis, frozen = counted
    with pytest.raises(BlindingError, match=r"in.root is not the file that was frozen"):
        reproduce(analysis, frozen | {"inputs": {"0" * 64: "in.root"}})


def test_a_table_that_does_not_come_out_again(counted):
    analysis, frozen = counted
    reproduce(analysis, frozen)
    with pytest.raises(BlindingError, match="the frozen table does not come out again here"):
        reproduce(analysis, frozen | {"table": [2]})


def test_a_downward_error_comes_out_again_where_it_was_frozen(counted):
    analysis, frozen = counted
    reproduce(analysis, frozen | {"prediction": {"error": [2.0]}})  # frozen before it was written down
    for other in ({"error": [2.0], "error_down": [2.0]}, {"error": [1.0]}):
        with pytest.raises(BlindingError, match="the frozen prediction does not come out again here"):
            reproduce(analysis, frozen | {"prediction": other})


def test_an_analysis_without_a_policy(counted):
    _, frozen = counted
    with pytest.raises(BlindingError, match=r"has no blinding/policy.toml"):
        reproduce(SimpleNamespace(folder=None, policy=None), frozen)
