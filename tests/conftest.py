"""The one way to files outside the repository, and the settings of hypothesis."""

import os
from pathlib import Path

import hypothesis
import pytest

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
