"""A model is one file: a toy of thirty lines goes through every command, and no code outside its file knows a model."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bdana as package
from bdana.signal import models
from tests.commands import bdana

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # hepdata-validator leaves files open

TOY = '''"""A toy: pairs of muons from a spectrum flat in momentum."""

from dataclasses import dataclass, field

import numpy as np
from pydantic import Field

from bdana.parameters import ParameterTable
from bdana.signal.contract import Coupling, Mode, Particles, ScanRange

PARTICLE = "toy"
COUPLING = Coupling("kappa", r"$\\kappa$")
SCAN = ScanRange((300.0, 600.0), (1e-7, 1e-3), (400.0, 1e-5))


class Parameters(ParameterTable):
    """What users may choose."""

    per_proton: float = Field(default=1.0, gt=0, description="toys at coupling 1")


@dataclass(frozen=True)
class Flat:
    per_proton: float

    def draw(self, n, rng):
        p = rng.uniform(10e3, 200e3, n)
        return Particles.around_beam(p, 50.0 * rng.random(n), np.ones(n), rng)


@dataclass(frozen=True)
class Model:
    mass: float
    parameters: Parameters = field(default_factory=Parameters)
    mass_range = (250.0, 700.0)
    cautions = ()

    @property
    def modes(self):
        return {"mumu": Mode(1e-3 * self.mass, (-13, 13))}

    @property
    def production(self):
        return {"flat": Flat(self.parameters.per_proton)}
'''
SMALL = (
    "--set",
    "signal.decays=2000",
    "--set",
    "signal.events=200",
    "--set",
    "signal.mass_points=3",
    "--no-cache",
)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "toy.py").write_text(TOY)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "models")])
    return tmp_path


def done(*arguments):
    command = bdana(*arguments)
    assert command.returncode == 0, command.stderr
    return command.stdout


def test_a_toy_is_listed_and_counted_at_points(toy):
    assert "kappa" in done("sensitivity", "--couplings")
    both = [
        json.loads(
            done(
                "sensitivity",
                "--model",
                "toy",
                "--mass",
                400,
                "--coupling",
                1e-5,
                "--json",
                *SMALL,
                "--set",
                f"signal.parameters.per_proton={rate}",
            )
        )["points"][0]
        for rate in (1.0, 3.0)
    ]
    assert both[0]["kappa"] == 1e-5
    made = [point["production"]["flat"]["n_selected"] for point in both]
    assert made[1] == pytest.approx(3.0 * made[0])
    assert made[0] > 0.0


def test_its_contour_has_its_coupling_in_figure_and_grid(toy):
    grid, plot = toy / "grid.csv", toy / "contour.svg"
    out = done("sensitivity", "--model", "toy", "--grid", grid, "--plot", plot, "--jobs", 1, *SMALL)
    assert "300 to 600" in out
    assert grid.read_text().startswith("mass_mev,kappa_low,kappa_high\n")
    assert plot.stat().st_size > 0


def test_its_bundle_can_be_exported_and_computes_its_couplings(toy):
    out = toy / "bundle"
    done(
        "export", "reinterpretation", out, "--mass", 400, "--decays", 2, "--jobs", 1, "--pot", 1e16,
        "--set", 'signal.model="toy"', "--set", "signal.parameters={}",
    )  # fmt: skip
    assert "toy to mumu" in (out / "submission.yaml").read_text()
    ran = subprocess.run([sys.executable, out / "example.py"], capture_output=True, text=True, check=True)
    mass, low, high = map(float, ran.stdout.split())
    assert mass == 400.0
    assert 1e-7 < low < high < 1e-3


def test_no_code_outside_of_the_models_names_one():
    """But for the one that an analysis without a table [signal] searches for."""
    root = Path(package.__file__).parent
    names = "|".join((*models.model_names(), "Alp", "DarkPhoton", "DarkScalar", "HeavyNeutralLepton"))
    code = [path for path in root.rglob("*.py") if "models" not in path.parts]
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in code
        for line in path.read_text().splitlines()
        if re.search(rf"\b({names})\b", line) and not re.match(r"\s*(>>>|\.\.\.)", line)
    ]
    assert all(re.search(r"= \"dark_photon\"|default=\"dark_photon\"", line) for line in found), found
    assert len(found) == 2
