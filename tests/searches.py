"""Analyses that tests search with: the packaged one in a folder of its own, with samples, people and what seals."""

import json
import re

import pyrage

from bdana.analysis import scaffold
from bdana.blinding import load_policy
from bdana.sealing.seal_file import Sealing
from bdana.simulation import Signal, SimulationConfig, write_sample
from tests.blinding.people import policy_text
from tests.synthetic import policy_with_clusters

REGIONS = ["SR", "CR", "CR1", "CR2", "CR3", "outside"]
STAGES = ("CR3", "CR2", "CR1", "CR", "SR")
EXPECTED = [0.02, 0.2, 0.3, 0.6, 1.5, 26.0]
FROZEN = {
    "prediction": {
        "regions": REGIONS,
        "expected": EXPECTED,
        "error": [0.01] * 6,
        "upper_limit_90": [None] * 6,
        "steps": {
            stage: {name: {"expected": b, "error": 0.01} for name, b in zip(REGIONS, EXPECTED, strict=True)}
            for stage in STAGES
        },
    },
    "agreement": dict.fromkeys(REGIONS, 0.01),
    "outputs": ["observed", "seen_before", "candidates", "verdict"],
}
"""What an opening needs of a freeze, made up."""
OPEN_VERTEX = [
    f"selection.dimuon.{value}" for value in ("max_cda_mm=1e7", "min_z_vertex_m=-1e6", "max_z_vertex_m=1e6")
]
"""Settings with which most pairs are selected, and many prompt ones, which come from before the decay volume."""


def analysis_folder(folder, samples=None, search=None, keys=None, edit=str, *, pdf=False):
    """Copy the packaged analysis into a folder.

    Parameters
    ----------
    folder : Path
    samples, search : dict, optional
        [samples.NAME] by name, and what [search] has beside or instead of what is there.
    keys : mapping of str to Path, optional
        People of the policy, with their SSH keys.
    edit : callable, optional
        Changes the text of analysis.toml first, from which the new particle and [n_minus_1] are missing: scan and figures
        take time, and so do many pairs drawn for the prompt background.
    pdf : bool
        Whether figures are written as PDF too, which takes a third of the time of a report.
    """
    scaffold(folder)
    path = folder / "analysis.toml"
    before, _, after = path.read_text().partition("[signal]\n")
    after = after.partition("[variables.mass]")[2]
    shown, _, rest = after.partition("# The variable that a cut looks at")
    text = edit(f"{before}[variables.mass]{shown}{rest[rest.index('# How figures look') :]}")
    if not pdf:
        text = text.replace('formats = ["pdf"]', "formats = []")
        text += "" if "[plot]" in text else "\n[plot]\nformats = []\n"
    for key, value in (search or {}).items():
        text = re.sub(rf"(?m)^{key} = .*\n", "", text)
        text = text.replace("[search]\n", f"[search]\n{key} = {json.dumps(value)}\n")
    for name, settings in (samples or {}).items():
        lines = (f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        text += "".join((f"\n[samples.{name}]\n", *lines))
    text += "\n[background.prompt]\npairs_drawn = 2\n"
    path.write_text(text)
    if keys:
        (folder / "blinding" / "policy.toml").write_text(policy_text(keys))
    return folder


def of_photons(text):
    """Let an analysis.toml search for two photons instead of two muons."""
    muons = 'selection = "dimuon"\nbackground = "combinatorial"\nprompt = "prompt"'
    assert muons in text
    return text.replace(muons, 'selection = "diphoton"\nbackground = "combinatorial_gg"')


def with_clusters(folder):
    """Add the tables of clusters to the policy of an analysis folder, and return the folder."""
    policy = folder / "blinding" / "policy.toml"
    policy.write_text(policy_with_clusters(policy.read_text()))
    return folder


def search_folder(folder, file, kind="data", *, data="data", singles=None, samples=None, **more):
    """Make an analysis that searches the pairs of H2 in a file, with single tracks of Q1 in the same or another one.

    `data` is the name of the first sample; other arguments are those of `analysis_folder`.
    """
    declared = {
        data: {"kind": kind, "files": [str(file)], "trigger": "H2"},
        "singles": {"kind": kind, "files": [str(singles or file)], "trigger": "Q1"},
    }
    named = {"data": data, "single_tracks": "singles"}
    return analysis_folder(folder, declared | (samples or {}), named, **more)


def signal_search_folder(folder, **search):
    """Make an analysis that searches ten simulated decays, whose events hardly matter."""
    analysis_folder(folder, {"s": {"kind": "mc", "files": ["s.root"]}}, {"data": "s", **search})
    write_sample(folder / "s.root", SimulationConfig(pot=1e13, bursts=1, signal=Signal(411.0, decays=10)), 1)
    return folder


def one_variable(text):
    """Leave all variables but the mass out of analysis.toml: histograms and figures take the time."""
    before, _, after = text.partition("[variables.dt]")
    return before + after[after.index("# One table a selection") :]


def stage_secrets(stages=STAGES):
    """Make the age identity of each stage."""
    return {stage: pyrage.x25519.Identity.generate() for stage in stages}


def sealing_of(analysis, keys, secrets=None, publics=None):
    """Return with what bob seals data of an analysis: to the secrets of the stages, or to public keys."""
    policy = load_policy(analysis.folder, analysis.regions)
    publics = publics or {stage: str(secret.to_public()) for stage, secret in secrets.items()}
    return Sealing(policy, policy.gate(analysis.detector), publics, "2021", "bob", keys["bob"])
