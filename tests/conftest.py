"""The one way to files outside the repository, people with keys and files of their own, and the settings of hypothesis."""

import os
from pathlib import Path

import hypothesis
import pytest

from tests.blinding.people import ROLES, ssh_key
from tests.blinding.quick_lock import quickly_locked

# Seeded, and without a time limit: a busy machine must not fail a test.
hypothesis.settings.register_profile("bdana", deadline=None, derandomize=True, max_examples=50, database=None)
hypothesis.settings.load_profile("bdana")

LONGEST = (
    "attacks/test_noninterference_search.py",
    "opening/test_whole_search.py",
    "cli/test_demo.py",
    "attacks/test_noninterference.py",
    "cli/test_process.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker is left with one of them when the others have ended."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference numbers and foreign files: BDANA_REFERENCE, or `shared` beside the checkout."""
    folder = Path(os.environ.get("BDANA_REFERENCE", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no reference folder at {folder}; set BDANA_REFERENCE to it")
    return folder.resolve()


@pytest.fixture
def config_home(tmp_path, monkeypatch) -> Path:
    """Where people's own files lie: identities and receipts."""
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def chunk_each_cluster(monkeypatch) -> None:
    """Files are read cluster by cluster, however small; otherwise small ones are read together."""
    monkeypatch.setattr("bdana.events.dataset.CHUNK_ENTRIES", 1)


@pytest.fixture(autouse=True, scope="session")
def quick_locks():
    """Identities are locked with little work; `test_identity` looks at those that are locked with all of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyrage.passphrase.encrypt", quickly_locked)
        yield


@pytest.fixture(scope="session")
def keys(tmp_path_factory) -> dict[str, Path]:
    """An SSH key for everybody."""
    folder = tmp_path_factory.mktemp("keys")
    return {name: ssh_key(folder, name) for name in ROLES}


@pytest.fixture(scope="session")
def publics(keys) -> dict[str, str]:
    """The public halves of the keys."""
    return {name: key.with_suffix(".pub").read_text().strip() for name, key in keys.items()}
