"""The README's Python runs as it stands."""

import re
from pathlib import Path

import pytest

from bdana.simulation import Signal, SimulationConfig, write_sample
from tests.searches import one_variable, search_folder

README = Path(__file__).parents[1] / "README.md"
CODE = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An analysis with what the README names: FILE.root, and data-2021 with its single tracks, which are pseudo-data."""
    made = tmp_path_factory.mktemp("readme") / "my-search"
    search_folder(made, "pseudo.root", "pseudo", data="data-2021", edit=one_variable)
    (made / "analysis.toml").write_text(
        (made / "analysis.toml").read_text().replace('prompt = "prompt"\n', "")
    )
    write_sample(
        made / "FILE.root", SimulationConfig(pot=1e13, bursts=1, signal=Signal(411.0, decays=200)), 1
    )
    write_sample(made / "pseudo.root", SimulationConfig(pot=1e14, bursts=2), 2)
    return made


def test_it_runs(folder, monkeypatch):
    (code,) = CODE
    monkeypatch.chdir(folder)
    names = {}
    exec(code, names)
    run, search = names["run"], names["search"]
    assert run.cutflow["all"].events == 200
    assert len(run.candidates) > 50
    assert run.masks.all_but().sum() == len(run.candidates)
    assert search.table["SR"].observed.state == "closed"
