"""What was frozen against what lies in the folder now: a code, a file or a table that is another is not opened."""

from types import SimpleNamespace

import pytest

from bdana.analysis import frozen as frozen_module
from bdana.analysis.frozen import reproduce, thaw
from bdana.blinding.manifest import file_sha256
from bdana.errors import BlindingError


@pytest.fixture
def frozen(analysis):
    """The parts of a freeze that are looked at before anything is read."""
    return {
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


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """An analysis of one input file whose table is [1]."""
    path = tmp_path / "in.root"
    path.write_bytes(b"open")
    monkeypatch.setattr(frozen_module, "_samples", lambda analysis: ["data"])
    monkeypatch.setattr(frozen_module, "_counted", lambda analysis: {"table": [1]})
    return SimpleNamespace(sample=lambda *names: [SimpleNamespace(files=(path,))]), file_sha256(path)


def test_other_input_than_frozen(counted):
    analysis, _ = counted
    with pytest.raises(BlindingError, match=r"in.root is not the file that was frozen"):
        reproduce(analysis, {"inputs": {"0" * 64: "in.root"}, "table": [1], "packages": {}})


def test_a_table_that_does_not_come_out_again(counted):
    analysis, digest = counted
    reproduce(analysis, {"inputs": {digest: "in.root"}, "table": [1], "packages": {}})
    with pytest.raises(BlindingError, match="the frozen table does not come out again here"):
        reproduce(analysis, {"inputs": {digest: "in.root"}, "table": [2], "packages": {}})
