"""Pairs of single clusters: each two of a burst once, with the weights and the accounting of pairs of tracks."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.events import write_events
from bdana.pairing import PairOptions, PairSelection
from bdana.pairing.estimate import paired_clusters
from bdana.pairing.estimate.built_clusters import BuiltClusterPairs
from bdana.pairing.estimate.single_bursts import SingleBursts
from bdana.pairing.estimate.singles import SingleSample
from bdana.reconstruction import ClusterPairs, Clusters
from bdana.search.run import run_search
from bdana.selection import Cutflow, SelectedSingles
from bdana.selection.single_track import SingleEvents
from bdana.simulation import (
    Activity,
    Beam,
    Halo,
    SimulationConfig,
    simulate_bursts,
    simulate_coincidences,
    write_sample,
)
from tests.pairing.halo import burst_table
from tests.searches import of_photons, one_variable, search_folder, with_clusters

PHOTONS = Halo(photons=True, p_median_mev=6e3, p_min_mev=2e3)
CONFIG = SimulationConfig(
    pot=2e15,
    bursts=40,
    beam=Beam(downscale=3000.0, intensity_rms=0.7),
    halo=PHOTONS,
    activity=Activity(lkr_mhz=0.0),
)
"""Without accidental clusters: an event of one photon and one of those is no pair of photons that Q1 and H2 tell apart."""
PLACES = [(400.0, 100.0), (-300.0, 200.0), (100.0, -700.0)]


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def singles_of(places, burst, energies=(20e3, 20e3, 20e3)):
    n = len(places)
    x, y = np.array(places).reshape(-1, 2).T
    record = ak.zip({"energy": np.array(energies[:n]), "x": x, "y": y, "time": np.zeros(n)})
    burst = np.asarray(burst)
    columns = {"run": np.ones(n, dtype=int), "burst": burst, "event": np.arange(n), "weight": np.ones(n)}
    tracks = Clusters(record, ak.zip(columns), np.arange(n), bdana.load().detector)
    events = SingleEvents(columns["run"], burst, np.ones(n, dtype=bool), np.ones(n))
    return SelectedSingles(Cutflow(()), tracks, events, tracks.take(np.zeros(0, dtype=int)))


def estimate(analysis, singles, table, options=PairOptions(), **changed):
    background, par = analysis.combinatorial("combinatorial_gg")
    selection, cuts = analysis.selection("diphoton")
    pairs = PairSelection(selection, cuts, analysis.setup, {"mass": analysis.variables["mass"]})
    sample = SingleSample(singles, table)
    return replace(background, **changed).estimate(sample, pairs, par, (), options)


def test_each_two_clusters_of_a_burst_are_one_pair(analysis):
    """Three pairs of weight w share their clusters: the variance is 3 (2w)^2 - 3 w^2."""
    found = estimate(analysis, singles_of(PLACES, [0, 0, 0]), burst_table(2))
    table = burst_table(2)
    w = table.downscale[0] ** 2 * 10.0 / (table.live_time_s[0] * 1e9)
    assert found.built == 3
    assert found.pairs.sum() == 3
    assert found.expected.sum() == pytest.approx(3.0 * w, rel=1e-3)
    assert found.to_dict()["single_tracks"] == {"plus": 0, "minus": 0, "clusters": 3}
    selection, cuts = analysis.selection("diphoton")
    clusters = singles_of(PLACES, [0, 0, 0]).tracks
    pairs = selection.pair_clusters(clusters, np.array([0, 0, 1]), np.array([1, 2, 2]), cuts, analysis.setup)
    regions = analysis.cluster_regions.classify(pairs.mass, pairs.centre_distance)
    counted = {name: int(n) for name, n in zip(found.regions, found.pairs, strict=True) if n}
    assert counted == {name: regions.tolist().count(name) for name in set(regions.tolist())}
    everywhere = np.ones(len(found.regions)) @ found.covariance @ np.ones(len(found.regions))
    assert everywhere >= 9.0 * w**2 * 0.99


def test_clusters_of_different_bursts_are_not_paired(analysis):
    found = estimate(analysis, singles_of(PLACES, [0, 0, 1]), burst_table(2))
    assert (found.built, found.pairs.sum()) == (1, 1)


def test_pair_cuts_act_on_built_pairs(analysis):
    near = [(400.0, 100.0), (400.0, 199.0), (100.0, -700.0)]
    found = estimate(analysis, singles_of(near, [0, 0, 0]), burst_table(1))
    assert (found.built, found.pairs.sum()) == (3, 2)


def test_broken_clusters_give_no_pair(analysis):
    for energies in ((np.nan, 20e3), (np.inf, 20e3)):
        found = estimate(analysis, singles_of(PLACES[:2], [0, 0], energies), burst_table(1))
        assert np.isfinite(found.expected).all()
        assert not found.expected.any()


def test_a_burst_of_many_clusters_gives_what_few_at_a_time_give(analysis, monkeypatch):
    """Equal energies and bursts that are cut into rows: each pair is counted once all the same."""
    rng = np.random.default_rng(4)
    places = rng.uniform(-600.0, 600.0, (60, 2))
    singles = singles_of(places, np.repeat([0, 1], [45, 15]), np.repeat([9e3, 20e3, 9e3], 20))
    usual = estimate(analysis, singles, burst_table(2))
    monkeypatch.setattr(paired_clusters, "BATCH", 200)
    in_rows = estimate(analysis, singles, burst_table(2))
    assert in_rows.pairs.tolist() == usual.pairs.tolist()
    assert in_rows.expected == pytest.approx(usual.expected, rel=1e-12)
    assert in_rows.covariance == pytest.approx(usual.covariance, rel=1e-9)


@pytest.mark.parametrize(("hypothesis", "least"), [(100.0, 150), (2e3, 1), (1e6, 0), (np.nan, 0)])
def test_compiled_quantities_are_those_that_the_selection_sees(analysis, hypothesis, least):
    """Of whole and of broken clusters, at the same place too, before and after some are taken."""
    rng = np.random.default_rng(8)
    places = [*rng.uniform(-900.0, 900.0, (40, 2)), (0.0, 0.0), (0.0, 0.0), (np.nan, 5.0)]
    energies = [*rng.choice([2e3, 9e3, 60e3], 38), np.nan, np.inf, 5e3, 0.0, 7e3]
    clusters = singles_of(places, np.zeros(43), energies).tracks
    one, other = np.triu_indices(43, 1)
    where = (clusters, one, other, np.array(analysis.detector.beam_dump.point_mm))
    for beam_line in (analysis.setup.beam_line, None):
        slow, fast = (
            replace(kind.by_energy(*where, beam_line, 142.5e3), hypothesis=hypothesis)
            for kind in (ClusterPairs, BuiltClusterPairs)
        )
        for some in (np.arange(len(one)), np.arange(len(one)) % 3 == 1):
            slow, fast = slow.take(some), fast.take(some)
            for name in ("separation", "centre_distance", "mass", "z_vertex"):
                np.testing.assert_allclose(
                    getattr(fast, name), getattr(slow, name), rtol=1e-9, atol=1e-9, err_msg=name
                )
                assert not getattr(fast, name).flags.writeable
    assert np.isfinite(fast.z_vertex).sum() >= least


def test_clusters_have_no_charge(analysis):
    singles = singles_of(PLACES, [0, 0, 0])
    with pytest.raises(ConfigError, match="no like-sign pairs"):
        estimate(analysis, singles, burst_table(1), PairOptions(like_sign=True))
    with pytest.raises(ConfigError, match="clusters, which have no charge: leave out `charge`"):
        estimate(analysis, singles, burst_table(1), charge="opposite_charge")
    background, _ = analysis.combinatorial("combinatorial")
    with pytest.raises(ConfigError, match="`charge` must name its cut"):
        replace(background, charge="").require_cuts_of(analysis.selection("dimuon")[0])


def test_pairs_of_clusters_are_of_one_kind():
    one, none = np.array([5, 1, 0]), np.zeros(3)
    bursts = SingleBursts(
        **dict.fromkeys(("run", "burst", "events", "plus", "minus"), np.zeros(3, dtype=int)),
        **dict.fromkeys(
            ("tried", "survived", "survived_squares", "live_time", "downscale", "intensity"), none
        ),
        neutral=one,
    )
    assert bursts.pairs.tolist() == [10, 0, 0]
    assert [int(own @ others) for own, others in bursts.partners] == [0, 0, 20]


def test_closure_on_simulated_photons(analysis, tmp_path):
    """Bursts of different intensity and a downscaled trigger: the expected pairs are those that are simulated."""
    file, many, times = tmp_path / "photons.root", tmp_path / "pairs.root", 100.0
    write_sample(file, CONFIG, seed=7)
    found = analysis.background([file], kind="mc", name="combinatorial_gg")
    write_events(many, simulate_coincidences(CONFIG, 7, times), simulate_bursts(CONFIG, 7))
    truth = analysis.select([many], selection="diphoton", kind="mc").candidates
    expected = np.array([truth.weight[truth.region == name].sum() for name in found.regions])
    assert expected.sum() > 10.0
    error = np.sqrt(expected.sum() / times + found.covariance.sum())
    assert error < 0.07 * expected.sum()
    assert abs(found.expected.sum() - expected.sum()) < 3.0 * error
    seen = np.sqrt(expected / times + np.diag(found.covariance))
    assert (abs(found.expected - expected) < 4.0 * seen).all()


def test_a_blinded_search_of_clusters_has_its_prediction(tmp_path):
    """What is closed is predicted as a whole, what is open in its open part, and pairs out of time are compared."""
    config = replace(CONFIG, pot=1e14, bursts=4, truth=False, beam=replace(CONFIG.beam, downscale=200.0))
    write_sample(tmp_path / "photons.root", config, seed=3)
    folder = search_folder(
        tmp_path / "analysis",
        tmp_path / "photons.root",
        "pseudo",
        edit=lambda text: of_photons(one_variable(text)),
    )
    (run,) = [one for one in run_search(bdana.load(with_clusters(folder))) if one.table]
    rows = {row.name: row for row in run.table.rows}
    assert [name for name, row in rows.items() if row.counting is None] == [
        "CR3",
        "CR2",
        "CR1",
        "CR",
        "SR",
    ]
    whole = dict(zip(run.estimate.regions, run.estimate.whole.expected, strict=True))
    assert rows["SR"].expected.value == whole["SR"] > 0.0
    assert 0.0 < rows["outside"].expected.value < whole["outside"]
    assert run.checks.like_sign == ()
    assert sum(row.expected for row in run.checks.out_of_time) == pytest.approx(
        sum(whole.values()) * 2.0 * np.diff(run.checks.sideband_ns)[0] / 10.0
    )
