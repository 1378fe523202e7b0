"""Folder of the bundle for reinterpretation: HEPData tables in YAML, and a program that makes the exclusion from them."""

from __future__ import annotations

__all__ = ["SearchCounts", "check_folder", "write_bundle"]

MADE_BY = "# Made by `bdana export reinterpretation`.\n"
"""First line of submission.yaml, by which a folder that may be replaced is known."""

EXAMPLE = '''\
"""Couplings that the search excludes, from the tables beside this file alone: prints mass in MeV, lowest, highest."""

from pathlib import Path

import numpy as np
import yaml
from scipy import optimize, stats


def load(name):  # the columns of a table by their names; of binned ones, the lower and the upper edges
    text = Path(__file__).with_name(f"{name}.yaml").read_text()
    table = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    columns = table["independent_variables"] + table["dependent_variables"]
    return {c["header"]["name"]: np.array([[v[k] for k in ("low", "high", "value") if k in v]
                                           for v in c["values"]]).T for c in columns}


setting = load("experiment")
given = dict(zip(setting["quantity"][0], setting["value"][0].astype(float)))
particle, spectra, acceptance = load("particle"), load("spectra"), load("acceptance")
n, b, db, alpha = (given[k] for k in ("count", "background", "background error", "one minus confidence level"))
u = (np.arange(200) + 0.5) / 200
b = stats.expon.ppf(u, scale=b) if given["exponential prior"] else stats.truncnorm.ppf(u, -b / db, np.inf, b, db) if db else b
kappa = np.exp(np.log1p(given["error of protons on target"]) * stats.norm.ppf(u))[:, None]  # of the signal's size
below = lambda s: stats.poisson.cdf(n, s * kappa + b).mean()  # P(N <= n)
limit = optimize.brentq(lambda s: below(s) - alpha * below(0), 0, 100 + 100 * n)  # CLs

coupling = np.geomspace(given["lowest coupling"], given["highest coupling"], 4000)[:, None, None]
for mass, width, ratio in zip(particle["mass"][0], particle["total width at coupling 1"][0], particle["branching ratio"][0]):
    made, seen = spectra["mass"][0] == mass, acceptance["mass"][0] == mass
    size = np.diff(np.log(spectra["energy"]), axis=0)[0] * np.diff(spectra["angle"], axis=0)[0]
    number = sum(v[0] for k, v in spectra.items() if k.startswith("d2N"))[made] * size[made]
    momentum = np.sqrt((1e3 * spectra["mean energy"][0][made]) ** 2 - mass**2)
    bins = acceptance["acceptance x efficiency"][0][seen].reshape(len(number), -1)  # energy and angle, z
    z = acceptance["z"][:, seen].reshape(2, len(number), -1)[:, 0] - given["z of production"]
    length = (momentum / mass * 197.3269804e-18 / width / coupling[..., 0] ** 2)[..., None]  # hbar c in MeV m
    decays = np.exp(-z[0] / length) - np.exp(-z[1] / length)  # probability in each bin of z
    events = given["protons on target"] * coupling[:, 0, 0] ** 2 * ratio * np.einsum("i,ij,cij->c", number, bins, decays)
    excluded = coupling[events > limit]
    print(f"{mass:g}", *(f"{end:.4g}" for end in ((excluded.min(), excluded.max()) if excluded.size else (np.nan, np.nan))))
'''
