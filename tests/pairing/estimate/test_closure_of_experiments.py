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
BURSTS = 20
DOWNSCALE = 10.0
LIVE_TIME_NS = 4.8e9
WINDOW_NS = 10.0
MEAN_TRACKS = np.array([[140.0], [70.0]])
"""Positive and negative tracks of a burst of mean intensity that are recorded at the usual downscale: n+ = 2 n-."""


@dataclass(frozen=True)
class World:
    """A pool of tracks, the exact share of its opposite-charge pairs that are selected in each region, and a beam.

    The intensity in the spill is 1 + ripple sin(2 pi t / period); at intensity x of burst and spill exp(-veto x) survive.
    """

    analysis: bdana.Analysis
    pool: ak.Array
    share: np.ndarray
    ripple: float = 0.0
    period_ns: float = 20e6
    scale: float = 1.0
    downscale: tuple = (DOWNSCALE,) * BURSTS
    veto: float = 0.0

    def experiment(self, rng):
        """Return the estimate of one experiment and its true expectation."""
        downscale = np.array(self.downscale)
        intensity = np.exp(0.6 * rng.standard_normal(BURSTS) - 0.18)
        rates = self.scale * MEAN_TRACKS * intensity * DOWNSCALE / LIVE_TIME_NS
        n = rng.poisson(rates * LIVE_TIME_NS / downscale)
        charge = np.repeat(np.tile([0, 1], (BURSTS, 1)).T.ravel(), n.ravel())
        burst = np.repeat(np.tile(np.arange(BURSTS), 2), n.ravel())
        record = self.pool[rng.integers(0, POOL, len(charge)) + POOL * charge]
        level = self.level((np.arange(1000) + 0.5) * self.period_ns / 1000)
        seen = (level**2 * np.exp(-self.veto * np.outer(intensity, level))).mean(axis=1)
        pairs = (rates[0] * rates[1] * seen).sum() * WINDOW_NS * LIVE_TIME_NS
        # The pool's tracks are all there are: none is lost to a third one.
        table = burst_table(BURSTS, live_time_s=LIVE_TIME_NS * 1e-9, downscale=downscale)
        table = replace(table, pot=1e12 * intensity)
        time = self.timestamps(rng, len(record))
        singles = singles_of(record, burst, time)
        if self.veto:
            singles = vetoed(singles, np.exp(-self.veto * intensity[burst] * self.level(time)), rng)
        return self.estimate(singles, table), pairs * self.share

    def level(self, time):
        """Return the intensity in the spill at given times."""
        return 1.0 + self.ripple * np.sin(2.0 * np.pi * time / self.period_ns)

    def timestamps(self, rng, n):
        """Draw times in a burst by rejection."""
        time = rng.uniform(0.0, LIVE_TIME_NS, n)
        left = np.arange(n) if self.ripple else np.empty(0, dtype=int)
        while len(left):
            time[left] = rng.uniform(0.0, LIVE_TIME_NS, len(left))
            left = left[rng.random(len(left)) * (1.0 + self.ripple) > self.level(time[left])]
        return time

    def estimate(self, singles, table):
        return estimate_of(self.analysis, singles, table)


def vetoed(singles, survival, rng):
    """Veto tracks by accidental activity, and try two displaced windows of each."""
    survived = (rng.random((2, len(survival))) < survival).mean(axis=0)
    gone = rng.random(len(survival)) > survival
    tracks, others = (ak.to_packed(singles.tracks.record[where]) for where in (~gone, gone))
    events = [ak.to_packed(singles.tracks.events[where]) for where in (~gone, gone)]
    kept, lost = (
        Tracks(record, event, np.arange(len(record)), singles.tracks.detector)
        for record, event in zip((tracks, others), events, strict=True)
    )
    return replace(singles, tracks=kept, vetoed=lost, events=replace(singles.events, survival=survived))


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(11)
    analysis = bdana.load(overrides=["background.combinatorial.readout_ns=0.0"])
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


def ensemble(world, n, seed):
    rng = np.random.default_rng(seed)
    results = [world.experiment(rng) for _ in range(n)]
    expected = np.array([estimate.expected for estimate, _ in results])
    covariance = np.array([estimate.covariance for estimate, _ in results])
    return expected, covariance, np.array([truth for _, truth in results]), [made for made, _ in results]


def assert_closes(world, n, seed):
    """Mean over truth, and pulls, of all regions together, and of the tail: SR and CR, a tenth of the pairs."""
    many = n >= 400
    width = 0.1 if many else 3.5 / np.sqrt(2 * n)
    expected, covariance, truth, made = ensemble(world, n, seed)
    for regions in (slice(None), slice(0, 2)):
        total, true = expected[:, regions].sum(axis=1), truth[:, regions].sum(axis=1)
        error = np.sqrt(covariance[:, regions, regions].sum(axis=(1, 2)))
        known = (total / true).std() / np.sqrt(n)
        assert (total / true).mean() == pytest.approx(1.0, abs=3.0 * known)
        assert known < (0.009 if many else 0.03), "too few tracks to see what is wrong"
        pull = (total - true) / error
        assert pull.std() == pytest.approx(1.0, abs=width)
        assert abs(pull.mean()) < 0.15 + 3.0 / np.sqrt(n)
    return made


SITUATIONS = {
    "flat": {},
    "ripple of 50 Hz": {"ripple": 0.9},
    "weak ripple of 300 Hz": {"ripple": 0.4, "period_ns": 3.33e6},
    "one period in a spill": {"ripple": 0.9, "period_ns": LIVE_TIME_NS},
    "two downscales": {"scale": 6.0, "downscale": (DOWNSCALE,) * 5 + (25.0 * DOWNSCALE,) * 15},
    "downscales over three decades": {"scale": 6.0, "downscale": tuple(10.0 ** np.linspace(0.5, 3.5, BURSTS))},
    "veto that follows the intensity": {"scale": 2.5, "veto": 1.43},
    "ripple and a veto": {"scale": 2.5, "veto": 0.4, "ripple": 0.9},
    "ripple and two downscales": {
        "ripple": 0.9, "scale": 6.0, "downscale": (DOWNSCALE,) * 5 + (25.0 * DOWNSCALE,) * 15,
    },
}  # fmt: skip


QUICK = (
    "flat",
    "downscales over three decades",
    "veto that follows the intensity",
    "ripple and a veto",
)


@pytest.mark.parametrize("name", QUICK)
def test_the_mean_of_experiments_is_the_expectation(world, name):
    assert_closes(replace(world, **SITUATIONS[name]), 40, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_mean_of_many_experiments_is_the_expectation(world, name):
    assert_closes(replace(world, **SITUATIONS[name]), 400, seed=2)


def test_pairs_taken_as_independent_would_have_far_too_small_errors(world):
    expected, covariance, truth, made = ensemble(replace(world, scale=4.0), 30, 4)
    naive = np.array([estimate.sum_w2[-1] for estimate in made])
    dense = (expected - truth)[:, -1]
    assert (dense / np.sqrt(naive)).std() > 2.0 * (dense / np.sqrt(covariance[:, -1, -1])).std()


def test_ripple_costs_little_precision_and_without_times_the_bias_is_a_one_sided_source(world):
    """The duty factor of a ripple a is 1 / (1 + a^2 / 2), which is the bias of pairs of whole bursts."""
    flat, rippled = (ensemble(replace(world, ripple=a), 30, seed=5)[3] for a in (0.0, 0.9))
    assert np.mean([1.0 / one.duty_factor.value for one in rippled]) == pytest.approx(1.405, abs=0.02)
    errors = [
        np.mean([np.sqrt(e.covariance.sum()) / e.expected.sum() for e in made]) for made in (flat, rippled)
    ]
    assert errors[1] < 1.4 * errors[0]
    without = replace(world, ripple=0.9)
    object.__setattr__(without, "timestamps", lambda rng, n: None)
    made, truth = zip(*(without.experiment(np.random.default_rng(seed)) for seed in range(10)), strict=True)
    ratio = np.mean(
        [estimate.expected.sum() / true.sum() for estimate, true in zip(made, truth, strict=True)]
    )
    assert ratio == pytest.approx(1.0 / 1.405, abs=0.06)
    (source,) = [s for s in made[0].systematics if s.name == "duty_factor"]
    assert source.one_sided
    assert source.effect["SR"] == pytest.approx(1.0 / 0.71 - 1.0)
    assert "the estimate may be too low: the files have no timestamps" in made[0].warnings[0]


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
