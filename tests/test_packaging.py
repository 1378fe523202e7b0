"""The wheel holds the default analysis, and works outside the checkout; so does the editable install."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml

import bdana

CHECKOUT = Path(__file__).parents[1]
PRINT = (
    "import bdana, bdana.analysis\na = bdana.load()\n"
    "print(bdana.__file__, a.folder, a.hash, ','.join(c.name for c in a.selection('dimuon')[0].cuts), sep='\\n')"
)


def built_from(checkout, out):
    command = [
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        out,
        checkout,
    ]
    subprocess.run([sys.executable, *map(str, command)], check=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built_from(CHECKOUT, tmp_path_factory.mktemp("wheel"))


def loaded(folder, path=""):
    environment = os.environ | {"PYTHONPATH": str(path)}
    done = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_wheel_outside_the_checkout_gives_the_analysis_of_the_repository(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    empty = tmp_path / "empty"
    empty.mkdir()
    home, folder, digest, cuts = loaded(empty, site)
    assert Path(home).is_relative_to(site)
    assert Path(folder) == site / "bdana" / "_template"
    here = bdana.load(CHECKOUT)
    assert digest == here.hash
    assert cuts.split(",") == [cut.name for cut in here.selection("dimuon")[0].cuts]


def test_editable_install_uses_the_repository(tmp_path):
    _, folder, digest, _ = loaded(tmp_path, CHECKOUT)
    assert Path(folder) == CHECKOUT
    assert digest == bdana.load(CHECKOUT).hash


def test_the_newest_release_is_one_version_and_one_day_everywhere(wheel):
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, day = re.search(r"^## (\S+) - (\d{4}-\d\d-\d\d)$", changes, re.MULTILINE).groups()
    assert datetime.strptime(day, "%Y-%m-%d").date() >= date(2026, 11, 28)
    cited = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["version"], str(cited["date-released"])) == (version, day)
    assert bdana.__version__ == version
    assert wheel.name.split("-")[1] == version


def test_wheel_has_license_type_marker_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "bdana/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


def test_neither_wheel_nor_new_analysis_takes_a_ledger_or_results_along(tmp_path):
    ignored = shutil.ignore_patterns(".git", "__pycache__", "bdana-demo")
    checkout = shutil.copytree(CHECKOUT, tmp_path / "checkout", ignore=ignored)
    secret = ("blinding/ledger/000001-join.json", "output/data/candidates.csv")
    for name in secret:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("{}")
    with zipfile.ZipFile(built_from(checkout, tmp_path)) as archive:
        names = archive.namelist()
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "bdana", "init", "new"]
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert "bdana/_template/blinding/policy.toml" in names
    assert (tmp_path / "new" / "blinding" / "policy.toml").is_file()
    for name in secret:
        assert f"bdana/_template/{name}" not in names
        assert not (tmp_path / "new" / name).exists()


def test_one_version_is_named_everywhere():
    cited = (CHECKOUT / "CITATION.cff").read_text()
    newest = (CHECKOUT / "CHANGELOG.md").read_text().partition("\n## ")[2].split()[0].strip(",")
    assert f"\nversion: {bdana.__version__}\n" in cited
    assert newest == bdana.__version__
