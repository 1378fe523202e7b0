"""An analysis and what seals its data, once a session, and a frozen search, for the attacks."""

import shutil

import pyrage
import pytest

import bdana
from bdana.analysis import template_folder
from bdana.blinding import load_policy
from bdana.sealing.seal_file import Sealing
from tests.attacks.changing import NEW, Changing
from tests.attacks.raw import STAGES
from tests.attacks.search import Search
from tests.blinding.people import policy_text, ssh_key


@pytest.fixture(scope="session")
def secrets():
    return {stage: pyrage.x25519.Identity.generate() for stage in STAGES}


@pytest.fixture(scope="session")
def analysis(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("leaks") / "analysis"
    for part in ("selections", "backgrounds", "blinding"):
        shutil.copytree(template_folder() / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    text = (template_folder() / "analysis.toml").read_text()
    before, _, after = text.partition("[variables.dt]")
    text = before + after[after.index("# One table a selection") :]
    (folder / "analysis.toml").write_text(
        text + '[samples.data]\nkind = "data"\nfiles = ["data/run.open.root"]\n'
    )
    (folder / "blinding" / "policy.toml").write_text(policy_text(keys))
    return bdana.load(folder)


@pytest.fixture(scope="session")
def sealing(analysis, keys, secrets):
    policy = load_policy(analysis.folder, analysis.regions)
    recipients = {stage: str(secret.to_public()) for stage, secret in secrets.items()}
    return Sealing(policy, policy.gate(analysis.detector), recipients, "2021", "bob", keys["bob"])


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


@pytest.fixture(scope="session")
def more_keys(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("more")
    return {**keys, **{name: ssh_key(folder, name) for name in NEW}}


@pytest.fixture
def changing(tmp_path, keys, more_keys):
    return Changing(tmp_path, keys, more_keys)
