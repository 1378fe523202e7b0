"""Closure of the whole chain: simulated H2 pairs against the estimate from simulated Q1 singles of the same file.

Vertex cuts are wide open, so that most pairs are selected; each sample has one correction that matters, and without
that correction the estimate is off by what it should be.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import bdana
from bdana.events import Dataset
from bdana.pairing import PairSelection
from bdana.search.estimates import single_tracks
from bdana.simulation import Beam, Halo, SimulationConfig, write_sample
from bdana.simulation.sample_config import Activity
from tests.searches import OPEN_VERTEX

RATE = Halo().rate_hz
BURSTS = 20


@dataclass(frozen=True)
class Case:
    """One sample: rates in units of the usual ones, what is switched off, and what is then left of the estimate."""

    name: str
    rate: float
    left: float
    lav_mhz: float = 1.0
    ripple: float = 0.0


CASES = (
    # 0.178 further muons in 100 ns, of which three quarters are good tracks.
    Case("third_track", rate=400.0, left=np.exp(-0.75 * 0.178)),
    # 20 MHz in LAV, 0.3 in IRC and SAC, each in 20 ns.
    Case("accidental_veto", rate=30.0, lav_mhz=20.0, left=np.exp(-20.6 * 0.02)),
    Case("in_spill", rate=30.0, ripple=0.9, left=1.0 / (1.0 + 0.5 * 0.9**2)),
)


def configured(case, pairs, singles):
    """Return a simulation of about so many coincidences of H2 and single tracks of Q1, of bursts of one ripple period."""
    rate = RATE * case.rate
    seconds = pairs / (rate**2 * Beam().coincidence_ns * 1e-9 * (1.0 + 0.5 * case.ripple**2))
    beam = Beam(
        intensity_rms=0.2,
        ripple=case.ripple,
        ripple_period_s=seconds / BURSTS,
        downscale=max(1.0, round(rate * seconds / singles)),
    )
    pot = seconds / beam.spill_s * beam.pot_per_spill
    halo, activity = Halo(rate_hz=rate), Activity(lav_mhz=case.lav_mhz)
    return SimulationConfig(pot=pot, bursts=BURSTS, beam=beam, halo=halo, activity=activity)


def closure(path, case, seed, pairs=20_000, singles=7_000):
    """Return observed pairs, and the estimates (expected, variance) with and without the correction of the case."""
    write_sample(path, configured(case, pairs, singles), seed)
    analysis = bdana.load(overrides=OPEN_VERTEX)
    observed = len(analysis.select([path], kind="mc").candidates)
    dataset = Dataset.open([path], kind="mc", gate=None)
    sample = single_tracks(analysis, "combinatorial", dataset)
    background, par = analysis.combinatorial("combinatorial")
    left = tuple(c for c in background.corrections if c.__name__ != case.name)
    made = []
    for chosen in (background, replace(background, corrections=left)):
        pairs = PairSelection(*analysis.selection("dimuon"), analysis.setup, {})
        found = chosen.estimate(sample, pairs, par)
        # Pairs of whole bursts are fewer by the duty factor, which is no correction of a burst.
        whole = found.duty_factor.value if case.ripple and chosen is not background else 1.0
        made.append((whole * (found.expected.sum() + found.undefined), whole**2 * found.covariance.sum()))
    return observed, *made


def deviation(observed, expected, variance):
    """Expected minus observed, in standard deviations of both."""
    return (expected - observed) / np.sqrt(observed + variance)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_estimate_of_a_sample_closes_with_its_correction_alone(tmp_path, case):
    observed, full, without = closure(tmp_path / "halo.root", case, seed=11)
    assert observed > 800
    assert abs(deviation(observed, *full)) < 3
    assert deviation(observed, *without) < -4
    assert without[0] / full[0] == pytest.approx(case.left, rel=0.05)


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_estimate_of_many_samples_closes(tmp_path, case):
    """To 2%."""
    made = [closure(tmp_path / f"halo{seed}.root", case, seed) for seed in range(21, 31)]
    observed = sum(n for n, *_ in made)
    full, without = (np.sum([found[i] for found in made], axis=0) for i in (1, 2))
    assert abs(deviation(observed, *full)) < 3
    assert full[0] / observed == pytest.approx(1.0, abs=0.045)
    assert deviation(observed, *without) < -6
