"""The packaged analysis with people, and what seals its data."""

import pytest

import bdana
from tests.searches import analysis_folder, sealing_of, stage_secrets


@pytest.fixture
def analysis(tmp_path, keys):
    return bdana.load(analysis_folder(tmp_path / "analysis", keys=keys))


@pytest.fixture
def secrets():
    return stage_secrets()


@pytest.fixture
def sealing(analysis, keys, secrets):
    return sealing_of(analysis, keys, secrets)
