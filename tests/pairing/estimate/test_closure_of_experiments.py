"""Closure: many experiments with log-normal burst intensity, their mean, their pulls, and what would be wrong.

Tracks are drawn from a finite pool, so the expectation is exact: rates times window times the share of the pool's
pairs that pass.
"""

from dataclasses import dataclass, replace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.pairing.estimate.pair_cuts import PairSelection, PairTask
from bdana.reconstruction import Pairs, Tracks
from bdana.selection import LEPTON_MASS
from tests.pairing.halo import burst_table, estimate_of, halo_record, singles_of

POOL = 1200
BURSTS = 30
DOWNSCALE = 10.0
LIVE_TIME_NS = 1e9
WINDOW_NS = 10.0
MEAN_TRACKS = np.array([[140.0], [70.0]])
"""Recorded positive and negative tracks of a burst of mean intensity: n+ = 2 n-."""


@dataclass(frozen=True)
class World:
    """A pool of tracks, and the exact share of its opposite-charge pairs that are selected in each region."""

    analysis: bdana.Analysis
    pool: ak.Array
    share: np.ndarray
    ripple: float = 0.0
    periods: int = 2
    scale: float = 1.0

    def experiment(self, rng):
        """Return the estimate of one experiment and its true expectation."""
        intensity = np.exp(0.6 * rng.standard_normal(BURSTS) - 0.18)
        n = rng.poisson(self.scale * MEAN_TRACKS * intensity)
        charge = np.repeat(np.tile([0, 1], (BURSTS, 1)).T.ravel(), n.ravel())
        burst = np.repeat(np.tile(np.arange(BURSTS), 2), n.ravel())
        record = self.pool[rng.integers(0, POOL, len(charge)) + POOL * charge]
        rates = self.scale * MEAN_TRACKS * intensity * DOWNSCALE / LIVE_TIME_NS
        pairs = (rates[0] * rates[1]).sum() * WINDOW_NS * LIVE_TIME_NS * (1.0 + 0.5 * self.ripple**2)
        # The pool's tracks are all there are: none is lost to a third one.
        table = burst_table(BURSTS, live_time_s=LIVE_TIME_NS * 1e-9, downscale=DOWNSCALE)
        time = self.timestamps(rng, len(record))
        return self.estimate(singles_of(record, burst, time), table), pairs * self.share

    def timestamps(self, rng, n):
        """Draw times in a burst of some periods of the ripple, by the inverse of its distribution on a fine grid."""
        phase = np.linspace(0.0, 2.0 * np.pi, 4097)
        below = (phase + self.ripple * (1.0 - np.cos(phase))) / (2.0 * np.pi)
        within = np.interp(rng.random(n), below, phase) / (2.0 * np.pi)
        return (rng.integers(0, self.periods, n) + within) * LIVE_TIME_NS / self.periods

    def estimate(self, singles, table):
        return estimate_of(self.analysis, singles, table)


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(11)
    analysis = bdana.load(
        overrides=[
            "background.combinatorial.readout_ns=0.0",
            "background.combinatorial.duty_slices_ms=[25.0]",
        ]
    )
    pool = ak.concatenate([halo_record(POOL, rng, 1), halo_record(POOL, rng, -1)])
    background, _ = analysis.combinatorial("combinatorial")
    selection, cuts = analysis.selection("dimuon")
    chosen = [c for c in selection.active(cuts) if c.level == "pair" and c.name not in background.replaced]
    pairs = PairSelection(selection, cuts, analysis.setup, {})
    task = PairTask(chosen, pairs, background.bounds(cuts), WINDOW_NS)
    passed = np.zeros(len(analysis.regions.names))
    others = POOL + np.arange(POOL)
    bare = ak.zip({name: np.zeros(2 * POOL, dtype=np.int64) for name in ("run", "burst", "event", "weight")})
    tracks = Tracks(pool, bare, np.arange(2 * POOL), analysis.detector)
    for block in np.array_split(np.arange(POOL), 4):
        i, j = (k.ravel() for k in np.meshgrid(block, others, indexing="ij"))
        pairs, _ = task.judge(
            Pairs.by_charge(tracks, i, j, LEPTON_MASS[cuts.lepton], analysis.setup.beam_line)
        )
        region = analysis.regions.classify(pairs.z_tax, pairs.cda_tax)
        passed += [np.count_nonzero(region == name) for name in analysis.regions.names]
    return World(analysis, pool, passed / POOL**2)


@pytest.fixture(scope="module")
def rippled(world):
    """The same with 90% ripple in the spill, slices of 1/20 of its period, and more tracks, so that slices have pairs."""
    overrides = ["background.combinatorial.readout_ns=0.0", "background.combinatorial.slice_ms=50.0"]
    return replace(world, analysis=bdana.load(overrides=overrides), ripple=0.9, periods=1, scale=4.0)


def ensemble(world, n, seed):
    rng = np.random.default_rng(seed)
    results = [world.experiment(rng) for _ in range(n)]
    expected = np.array([estimate.expected for estimate, _ in results])
    covariance = np.array([estimate.covariance for estimate, _ in results])
    naive = np.array([estimate.sum_w2 for estimate, _ in results])
    return expected, covariance, naive, np.array([truth for _, truth in results])


def assert_closes(world, n, seed, *, naive_pull=1.3):
    """Mean over truth, and width of the pulls, of all regions together and of the tail: SR and CR, a tenth of the pairs."""
    # A slice of 1/20 of the period sees sinc(1/20)^2 of the ripple's part.
    part = 0.5 * world.ripple**2
    lost = part * (1.0 - np.sinc(1 / 20) ** 2) / (1.0 + part)
    many = n >= 400
    width = 0.1 if many else 3.0 / np.sqrt(2 * n)
    expected, covariance, naive, truth = ensemble(world, n, seed)
    for regions in (slice(None), slice(0, 2)):
        total, true = expected[:, regions].sum(axis=1), truth[:, regions].sum(axis=1)
        error = np.sqrt(covariance[:, regions, regions].sum(axis=(1, 2)))
        known = (total / true).std() / np.sqrt(n)
        assert not many or known < 0.003, "too few tracks to see 1%"
        assert (total / true).mean() == pytest.approx(
            1.0 - lost, abs=0.01 if many else max(0.01, 3.0 * known)
        )
        pull = (total - true) / error
        assert pull.std() == pytest.approx(1.0, abs=width)
    # Pairs taken as independent: pulls of the dense region far too wide.
    dense = (expected - truth)[:, -1]
    independent = dense / np.sqrt(naive[:, -1])
    assert independent.std() > naive_pull * (dense / np.sqrt(covariance[:, -1, -1])).std()


def test_the_mean_of_experiments_is_the_expectation(world):
    assert_closes(world, 40, seed=1)


@pytest.mark.exhaustive
def test_the_mean_of_many_experiments_is_the_expectation(world):
    assert_closes(replace(world, scale=4.0), 400, seed=2)


def test_slices_restore_what_ripple_inside_the_spill_hides(world, rippled):
    assert_closes(rippled, 40, seed=5, naive_pull=1.0)
    rng = np.random.default_rng(6)
    found = [rippled.experiment(rng) for _ in range(5)]
    duty = np.mean([estimate.duty_factor.value for estimate, _ in found])
    assert duty == pytest.approx(1.0 / (1.0 + 0.5 * 0.9**2), abs=0.03)
    whole = replace(rippled, analysis=world.analysis)
    ratio = [
        estimate.expected.sum() / truth.sum()
        for estimate, truth in (whole.experiment(rng) for _ in range(10))
    ]
    assert np.mean(ratio) == pytest.approx(0.71, abs=0.06)
    measured = {source.name: source.effect["SR"] for source in whole.experiment(rng)[0].systematics}
    assert measured["duty_factor"] == pytest.approx(0.405, abs=0.06)


@pytest.mark.exhaustive
def test_closure_with_ripple_of_many_experiments(rippled):
    assert_closes(replace(rippled, scale=8.0), 400, seed=6, naive_pull=1.0)


def test_pairing_across_bursts_would_be_biased(world):
    """As one burst the same tracks give <n>^2/<n^2> of the truth: 0.70 for a log-normal intensity of sigma 0.6."""
    rng = np.random.default_rng(3)
    ratio = []
    for _ in range(12):
        intensity = np.exp(0.6 * rng.standard_normal(BURSTS) - 0.18)
        n = rng.poisson(MEAN_TRACKS * intensity)
        record = ak.concatenate(
            [self_drawn(world, rng, n[0].sum(), 0), self_drawn(world, rng, n[1].sum(), POOL)]
        )
        burst = np.concatenate([np.repeat(np.arange(BURSTS), part) for part in n])
        apart = world.estimate(singles_of(record, burst), burst_table(BURSTS)).expected.sum()
        table = burst_table(1, live_time_s=float(BURSTS))
        mixed = world.estimate(singles_of(record, np.zeros_like(burst)), table).expected.sum()
        ratio.append(mixed / apart)
        assert mixed / apart == pytest.approx(intensity.mean() ** 2 / (intensity**2).mean(), rel=0.15)
    assert np.mean(ratio) == pytest.approx(0.70, abs=0.1)


def self_drawn(world, rng, n, first):
    return world.pool[first + rng.integers(0, POOL, n)]
