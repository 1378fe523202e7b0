"""An analysis and what seals its data, once a session, and a frozen search, for the attacks."""

import shutil
from types import SimpleNamespace

import pytest

import bdana
from bdana import report
from tests.attacks.changing import NEW, Changing
from tests.attacks.interference import Frozen
from tests.attacks.search import Search
from tests.blinding.people import ssh_key
from tests.searches import analysis_folder, one_variable, sealing_of, stage_secrets
from tests.unlaid import unlaid

__all__ = ["unlaid"]  # a fixture


@pytest.fixture(scope="session")
def secrets():
    return stage_secrets()


@pytest.fixture(scope="session")
def analysis(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("leaks") / "analysis"
    samples = {"data": {"kind": "data", "files": ["data/run.open.root"]}}
    return bdana.load(analysis_folder(folder, samples, keys=keys, edit=one_variable, pdf=True))


@pytest.fixture(scope="session")
def sealing(analysis, keys, secrets):
    return sealing_of(analysis, keys, secrets)


@pytest.fixture(scope="session")
def frozen_search(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("search")
    made = Search(folder, keys)
    made.freeze()
    return folder, made


@pytest.fixture
def search(tmp_path, frozen_search):
    """A frozen search in a folder of its own: a copy, since the signatures of a new one take their time."""
    folder, made = frozen_search
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return made.at(tmp_path)


@pytest.fixture
def unfrozen(tmp_path, keys):
    """A search in which nothing is frozen."""
    return Search(tmp_path, keys)


@pytest.fixture(scope="session")
def more_keys(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("more")
    return {**keys, **{name: ssh_key(folder, name) for name in NEW}}


@pytest.fixture
def stopped_clocks(monkeypatch):
    """Files of ROOT are all of one time, and so are results."""
    monkeypatch.setattr("bdana.search.output.datetime", Frozen)
    for module in ("_cascade", "_cascadetree", "writable"):
        monkeypatch.setattr(f"uproot.writing.{module}.datetime", SimpleNamespace(datetime=Frozen))


@pytest.fixture
def undrawn(monkeypatch):
    """Reports have no figures, which take the time; `bdana plot` draws."""
    assert report.save_figures.__module__ == "bdana.report.search_report"  # what `plot` calls is the real one
    monkeypatch.setattr("bdana.report.search_report.save_figures", lambda analysis: [])


@pytest.fixture
def changing(tmp_path, keys, more_keys):
    return Changing(tmp_path, keys, more_keys)
