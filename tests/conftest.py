"""The one way to files outside the repository, people with keys, and the settings of hypothesis."""

import os
from pathlib import Path

import hypothesis
import pytest

from tests.blinding.people import ROLES, ssh_key

# Seeded, and without a time limit: a busy machine must not fail a test.
hypothesis.settings.register_profile("bdana", deadline=None, derandomize=True, max_examples=50, database=None)
hypothesis.settings.load_profile("bdana")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference numbers and foreign files: BDANA_REFERENCE, or `shared` beside the checkout."""
    folder = Path(os.environ.get("BDANA_REFERENCE", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no reference folder at {folder}; set BDANA_REFERENCE to it")
    return folder.resolve()


@pytest.fixture(scope="session")
def keys(tmp_path_factory) -> dict[str, Path]:
    """An SSH key for everybody."""
    folder = tmp_path_factory.mktemp("keys")
    return {name: ssh_key(folder, name) for name in ROLES}


@pytest.fixture(scope="session")
def publics(keys) -> dict[str, str]:
    """The public halves of the keys."""
    return {name: key.with_suffix(".pub").read_text().strip() for name, key in keys.items()}
