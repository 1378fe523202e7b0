"""Folder of the bundle for reinterpretation: its tables in YAML, and a program that makes the exclusion from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana._version import __version__
from bdana.atomic import whole_folder
from bdana.errors import InputError
from bdana.sensitivity.bundle_tables import TABLES, bundle_tables
from bdana.sensitivity.hepdata_files import require_hepdata, write_submission, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bdana.analysis import AnalysisFolder
    from bdana.sensitivity.bundle import Bins, MassTables
    from bdana.sensitivity.bundle_tables import SearchCounts

__all__ = ["bundle_head", "check_folder", "example_program", "write_bundle"]

MADE_BY = "# Made by `bdana export reinterpretation`.\n"
"""First line of submission.yaml, by which a folder that may be replaced is known."""
EXAMPLE = '''\
"""Couplings that the search excludes, from the tables beside this file: mass in MeV, lowest, highest."""

from pathlib import Path

import numpy as np
import yaml
from scipy import optimize, stats

BEGIN = ""  # of the names of the tables


def load(name):  # columns by name; of a binned one the lower edges and the upper edges
    text = Path(__file__).with_name(BEGIN + name + ".yaml").read_text()
    table = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    rows = lambda c: [[v[k] for k in ("low", "high", "value") if k in v] for v in c["values"]]
    return {c["header"]["name"]: np.array(rows(c)).T for c in sum(table.values(), [])}


experiment, particle, spectra, acceptance = map(load, ("experiment", "particle", "spectra", "acceptance"))
given = dict(zip(experiment["quantity"][0], experiment["value"][0].astype(float)))

# CLs limit on the number of signal events, averaged over background and signal efficiency (200 quantiles each).
n, b, u = given["count"], given["background"], (np.arange(200) + 0.5) / 200
up, down = given["background error"], given["background error down"]
if given["exponential prior"]:
    b = stats.expon(scale=b).ppf(u)
elif up:  # a Gaussian of two halves, cut at zero
    x = np.linspace(max(b - 6 * down, 0), b + 6 * up, 100_000)
    weight = np.cumsum(np.exp(-0.5 * ((x - b) / np.where(x > b, up, down)) ** 2))
    b = np.interp(u, weight / weight[-1], x)
size = np.exp(np.log1p(given["error of protons"]) * stats.norm.ppf(u))[:, None]
below = lambda s: stats.poisson.cdf(n, s * size + b).mean()
alpha = (1 - given["confidence level"]) * below(0)
limit = optimize.brentq(lambda s: below(s) - alpha, 0, 1e3 * (n + 1))

coupling = np.geomspace(given["lowest coupling"], given["highest coupling"], 2000)[:, None]
for mass, width, ratio in zip(*(v[0] for v in particle.values())):
    here, seen = spectra["mass"][0] == mass, acceptance["mass"][0] == mass
    cell = np.diff(np.log(spectra["energy"]), axis=0)[0] * np.diff(spectra["angle"], axis=0)[0]
    made = sum(v[0] for k, v in spectra.items() if k.startswith("d2N"))[here] * cell[here]
    efficiency = acceptance["acceptance x efficiency"][0][seen].reshape(len(made), -1)
    start, end = acceptance["z"][:, seen].reshape(2, len(made), -1)[:, 0] - given["z of production"]
    momentum = np.sqrt((1e3 * spectra["mean energy"][0][here]) ** 2 - mass**2)
    length = momentum / mass * 197.3269804e-15 / (width * coupling**2)  # in m
    decays = sum(
        (np.exp(-a / length) - np.exp(-e / length)) * f for a, e, f in zip(start, end, efficiency.T)
    )
    events = given["protons on target"] * coupling[:, 0] ** 2 * ratio * (decays @ made)
    excluded = coupling[events > limit]
    print(f"{mass:g} {min(excluded, default=[np.nan])[0]:.4g} {max(excluded, default=[np.nan])[0]:.4g}")
'''
"""Text of example.py. `spectra` and `acceptance` have the same order of energy and angle; z runs fastest."""


def example_program(begin: str = "") -> str:
    """Return the program that makes the exclusion from the tables beside it.

    Parameters
    ----------
    begin : str
        Of the names of the tables, where those of several decay modes lie in one folder.
    """
    return EXAMPLE.replace('BEGIN = ""', f'BEGIN = "{begin}"')


def check_folder(path: Path) -> None:
    """Raise an error unless a bundle can be written to a folder: a new one, an empty one, or one made before.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When there is something else, or no folder to make it in.
    ConfigError
        When the libraries that write and check HEPData tables are not installed.
    """
    require_hepdata()
    if not path.resolve().parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.resolve().parent} to make it in")
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file; give the name of a new folder")
    found = {file.name for file in path.iterdir()} if path.exists() else set()
    ours = {"submission.yaml", "example.py", *(f"{name}.yaml" for name in TABLES)}
    if found and not (found <= ours and _is_ours(path / "submission.yaml")):
        raise InputError(
            f"{path}: holds other files than a bundle that this command made; give the name of a new folder"
        )


def write_bundle(
    path: Path,
    analysis: AnalysisFolder,
    mode: str,
    bins: Bins,
    masses: Sequence[MassTables],
    counts: SearchCounts,
) -> None:
    """Write the bundle to a folder, which appears whole and checked with HEPData's own validator, or not at all.

    Parameters
    ----------
    path : Path
        A bundle of before is replaced.
    analysis : AnalysisFolder
    mode : str
        Decay mode that is searched for.
    bins : Bins
    masses : sequence of MassTables
    counts : SearchCounts

    Raises
    ------
    InputError
        When the folder cannot be written or holds something else, or a table becomes too large for HEPData.
    ConfigError
        When the libraries for HEPData are not installed.
    """
    check_folder(path)
    tables = bundle_tables(analysis, mode, bins, masses, counts)
    with whole_folder(path) as folder:
        write_text(folder / "example.py", example_program())
        write_submission(folder, path, bundle_head(analysis, mode, masses, counts), tables, MADE_BY)


def _inside(analysis: AnalysisFolder, selection: str) -> str:
    """Say what lies in the innermost region of a selection."""
    regions, _ = analysis.plane_of(selection)
    box = regions.boxes[0]
    (low, high), most = (end / box.unit for end in box.ends), f"{box.top:g} mm"
    if regions.of_clusters:
        return (
            f"the invariant mass of the two photons, if they begin in the middle of the decay volume, is from {low:g} to {high:g} MeV, "
            f"and the energy-weighted centre of their clusters within {most} of the beam line"
        )
    return (
        f"the line of the two tracks' summed momentum through their vertex comes closest to the beam line within {most} of it, "
        f"at z from {low:g} to {high:g} m"
    )


def _is_ours(submission: Path) -> bool:
    return submission.is_file() and submission.read_text(encoding="utf-8", errors="replace").startswith(
        MADE_BY
    )


def bundle_head(
    analysis: AnalysisFolder, mode: str, masses: Sequence[MassTables], counts: SearchCounts
) -> dict[str, Any]:
    """Return the first document of submission.yaml: what the tables of the bundle are, and the program beside them.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        Decay mode that is searched for.
    masses : sequence of MassTables
    counts : SearchCounts
    """
    first, last = analysis.signal.decay_volume_m
    name, selection = analysis.regions.names[0], analysis.signal.selection(mode)
    cautions = "".join(
        f" Caution: {text}." for text in analysis.signal.cautions([each.mass for each in masses])
    )
    return {
        "comment": f"{analysis.config.analysis.name}: search for the {analysis.signal.particle_name} to {mode}. Expected signal events at a "
        "coupling are protons on target x squared coupling x branching ratio x the sum over bins of spectrum x width of the bin "
        "in log(energy) and angle x probability to decay in the bin of z x acceptance x efficiency. The probability is "
        "exp(-(z1 - z0)/L) - exp(-(z2 - z0)/L) with the mean place of production z0 and the decay length L = p/m x hbar c / "
        f"(width x squared coupling), p that of the mean energy of the bin. Decay volume: {first:g} to {last:g} m. Positions are "
        "along the beam axis from the T10 target. A decay is selected when it passes the selection "
        f"{selection} and lies in region {name}: {_inside(analysis, selection)}. Another particle takes its own spectra, width and branching ratio with the "
        f"same acceptance x efficiency. Protons on target: {counts.protons:.4g}. Made with bdana {__version__}; SHA-256 of "
        f"configuration and selections: {analysis.hash}.{cautions}",
        "additional_resources": [
            {
                "location": "example.py",
                "description": "Program that makes the excluded couplings from the tables (Python with numpy, scipy, pyyaml)",
            }
        ],
    }
