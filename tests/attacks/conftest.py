"""People with keys, once a session, for the attacks."""

import pytest

from tests.blinding.people import ROLES, ssh_key


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: ssh_key(folder, name) for name in ROLES}


@pytest.fixture(scope="session")
def publics(keys):
    return {name: key.with_suffix(".pub").read_text().strip() for name, key in keys.items()}
