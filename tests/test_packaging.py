"""The wheel holds the default analysis, and works outside the checkout; so does the editable install."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bdana

CHECKOUT = Path(__file__).parents[1]
PRINT = (
    "import bdana, bdana.analysis\na = bdana.load()\n"
    "print(bdana.__file__, a.folder, a.hash, ','.join(c.name for c in a.selection('dimuon')[0].cuts), sep='\\n')"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
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
        CHECKOUT,
    ]
    subprocess.run([sys.executable, *map(str, command)], check=True)
    (built,) = out.glob("*.whl")
    return built


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


def test_wheel_has_license_type_marker_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "bdana/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "docs/")) for name in names)
