"""backgrounds/prompt.py on simulated data: an injected prompt fraction is recovered, the estimate scales as it must."""

from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError, InputError
from bdana.reconstruction import Tracks
from bdana.simulation import Beam, Halo, SimulationConfig, simulate, write_sample
from bdana.statistics.poisson import Background, p_values
from bdana.statistics.significance import two_sided


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


@pytest.fixture(scope="module")
def prompt(analysis):
    return analysis.modules.load("backgrounds", "prompt").background


def pairs_of(fraction, pot=1.4e17, seed=1):
    config = SimulationConfig(
        pot=pot, bursts=20, beam=Beam(downscale=1e6), halo=Halo(prompt_fraction=fraction)
    )
    return simulate(config, seed)[0]


def before_the_veto(selection, prompt):
    return replace(selection, cuts=tuple(c for c in selection.cuts if c.name not in prompt.left_out))


def loose(analysis):
    """The dimuon selection without vertex cuts: prompt pairs come from before the decay volume."""
    selection, cuts = analysis.selection("dimuon")
    left = tuple(c for c in selection.cuts if c.name not in ("cda", "vertex_z"))
    return replace(selection, cuts=left), cuts


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_an_injected_prompt_fraction_is_recovered(analysis, prompt, fraction):
    events = pairs_of(fraction, pot=0.7e17)
    selection, cuts = loose(analysis)
    wide = before_the_veto(selection, prompt)
    found = wide.apply(events, cuts, analysis.setup).candidates
    fit = prompt.share(found, cuts, prompt.parameters(), analysis.regions, ("outside",))
    truth = [
        wide.apply(events[events.truth.process == process], cuts, analysis.setup).candidates
        for process in (0, 2)
    ]
    in_window = [np.sum((np.abs(t.dt) < 8.0) & (t.region == "outside")) for t in truth]
    assert fit.pairs == sum(in_window)
    # The limit refers to |DT| < 5 ns, the cut of the selection. Within three times the interval:
    true = 1.6 * in_window[1] / in_window[0]
    assert (
        fit.fraction - 3.0 * (fit.fraction - fit.low)
        <= true
        <= fit.fraction + 3.0 * (fit.high - fit.fraction)
    )
    assert fit.low <= fit.fraction <= fit.high < fit.fraction + 0.3 * max(true, 1.0)
    assert fit.upper_limit > fit.fraction


def test_only_open_regions_are_fitted(analysis, prompt):
    events = pairs_of(0.3, pot=0.3e17)
    selection, cuts = loose(analysis)
    par = prompt.parameters()
    found = before_the_veto(selection, prompt).apply(events, cuts, analysis.setup).candidates
    everywhere = prompt.share(found, cuts, par, analysis.regions, analysis.regions.names)
    outside = prompt.share(found, cuts, par, analysis.regions, ("outside",))
    assert 0 < outside.pairs < everywhere.pairs
    with pytest.raises(ConfigError, match="no region"):
        prompt.share(found, cuts, par, analysis.regions, ("CR9",))


def test_the_share_is_fitted_from_files(analysis, tmp_path):
    """The whole selection before the LAV veto on 1.4e17 protons: about 30 pairs, a limit of tens of percent."""
    config = SimulationConfig(pot=1.4e17, bursts=20, beam=Beam(downscale=1e6))
    write_sample(tmp_path / "halo.root", config, 6)
    share = analysis.prompt_share([tmp_path / "halo.root"], kind="mc")
    assert 15 < share.pairs < 80
    assert 0.03 < share.upper_limit < 1.0
    assert share.to_dict()["pairs"] == share.pairs


@pytest.fixture(scope="module")
def singles(analysis):
    events = simulate(SimulationConfig(pot=1.4e15, bursts=2, beam=Beam(downscale=230.0)), 3)[0]
    tracks = Tracks.of_events(events, analysis.detector)
    return tracks.take((tracks.p > 10e3) & np.isfinite(tracks.chi2))


def expect(analysis, prompt, singles, **changed):
    selection, cuts = analysis.selection("dimuon")
    par = prompt.parameters(**changed)
    weights = np.full(len(singles), 230.0)
    return prompt.expect(singles, weights, selection, cuts, par, analysis.setup, np.random.default_rng(4))


def test_expected_pairs_scale_with_the_assumed_yield(analysis, prompt, singles, monkeypatch):
    monkeypatch.setattr("bdana.upstream.spectrum.GENERATED", 15_000)
    selection, _ = analysis.selection("dimuon")
    assert {c.name for c in selection.cuts if c.level == "pair" and not c.needs} >= {"cda", "vertex_z"}
    # A block inside the decay volume, so that the vertex cut keeps what it makes.
    inside = {"wall_m": (110.0, 112.0), "pairs_drawn": 5}
    one = expect(analysis, prompt, singles, **inside)
    two = expect(analysis, prompt, singles, pairs_per_muon=2e-6, **inside)
    assert one.expected.sum() > 0
    assert two.expected == pytest.approx(2.0 * one.expected)
    assert one.error == pytest.approx(np.hypot(one.expected, one.unfolding_error))  # 100% of the yield
    assert np.all(one.unfolding_error <= 0.3 * one.expected)
    assert np.all(one.unfolding_error[one.expected > 0] > 0)
    assert one.regions == analysis.regions.names


def test_the_spectrum_at_production_is_higher_than_the_one_seen(analysis, prompt, singles):
    result = expect(analysis, prompt, singles)
    # Every bin that is shown closes, places and slopes too.
    closure = result.spectrum.closure
    assert closure.rms_pull < 1.2
    assert np.all(np.abs(closure.unfolded - closure.true) < 4 * closure.error)
    assert result.directions.seen == pytest.approx(result.directions.measured, rel=0.06)
    centre = np.sqrt(result.edges[1:] * result.edges[:-1])
    mean = np.average(centre, weights=result.spectrum.counts)
    assert mean > singles.p.mean() + 4e3
    # Every muon seen was made, and those that stopped in addition.
    seen = 230.0 * len(singles)
    assert 0.85 * seen < result.carried_back.sum() <= seen
    assert result.spectrum.counts.sum() > result.carried_back.sum()


def test_where_no_drawn_pair_is_seen_nothing_is_expected(analysis, prompt, singles, monkeypatch):
    monkeypatch.setattr("bdana.upstream.spectrum.GENERATED", 5_000)
    result = expect(analysis, prompt, singles.take(np.arange(3)), pairs_drawn=1)
    assert result.pairs.sum() == 0
    assert result.expected.tolist() == [0.0] * len(result.expected)


@pytest.mark.exhaustive
def test_the_spread_over_seeds_is_the_simulation_error(analysis, prompt, singles, monkeypatch):
    """Depths, scattering and losses of every muon are its own: nothing is common to the pairs of one run."""
    monkeypatch.setattr("bdana.upstream.spectrum.GENERATED", 5_000)
    some = singles.take(np.arange(1_500))
    runs = []
    for seed in range(20):
        selection, cuts = analysis.selection("dimuon")
        par = prompt.parameters(wall_m=(104.0, 110.0), iterations=4)
        weights = np.full(len(some), 230.0)
        rng = np.random.default_rng(seed)
        runs.append(prompt.expect(some, weights, selection, cuts, par, analysis.setup, rng))
    outside = [run.expected[-1] for run in runs]
    quoted = np.sqrt(np.mean([run.simulation_error[-1] ** 2 for run in runs]))
    assert np.mean([run.pairs[-1] for run in runs]) > 20
    assert np.std(outside, ddof=1) == pytest.approx(quoted, rel=0.35)


def test_two_muons_share_the_energy_of_one(analysis, prompt):
    par = prompt.parameters()
    rng = np.random.default_rng(5)
    zeros = np.zeros(20_000)
    parent = bdana.MuonStates(zeros, zeros, zeros, zeros, np.full(20_000, 50e3), zeros + 95e3)
    first, second = prompt.pair(parent, par, rng)
    assert np.all(first.energy + second.energy <= parent.energy)
    assert np.all((first.energy >= 0) & (second.energy >= 0))
    lost = 1.0 - first.energy / parent.energy
    assert lost.min() == pytest.approx(0.1, abs=0.01)
    # dN/dv = 1/v from 0.1 to 1: the mean is 0.9 / ln 10, the median sqrt(0.1).
    assert lost.mean() == pytest.approx(0.9 / np.log(10), rel=0.02)
    assert np.median(lost) == pytest.approx(np.sqrt(0.1), rel=0.03)
    assert (second.energy / (parent.energy * lost)).mean() == pytest.approx(0.5, abs=0.01)
    assert second.tx.std() == pytest.approx(3e-3, rel=0.02)
    assert np.array_equal(first.z, parent.z)


def test_a_pair_of_more_energy_than_its_muon_is_refused(analysis, prompt, singles):
    wrong = replace(prompt, pair=lambda muons, par, rng: (muons, muons))
    with pytest.raises(ConfigError, match="more energy"):
        expect(analysis, wrong, singles.take(np.arange(200)))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("wall_m=[20,21]", "copper_m, iron_m and wall_m must"),
        ("copper_m=[25,24]", "copper_m, iron_m and wall_m must"),
        ("iron_m=[25,25]", "copper_m, iron_m and wall_m must"),
        ("wall_m=[95,nan]", r"wall_m\[1\] = nan: must be a finite number"),
        ("pairs_per_muon=-1", "pairs_per_muon"),
        ("relative_error=-0.1", "relative_error"),
        ("pair_angle=nan", "pair_angle=nan: must be a finite number"),
        ("min_loss=0", "min_loss"),
        ("min_energy_gev=500", "min_energy_gev"),
        ("spectrum_bins=1", "spectrum_bins"),
        ("iterations=0", "iterations"),
        ("window_ns=0", "window_ns"),
        ("dt_width_ns=-1", "dt_width_ns"),
        ("dt_width_error_ns=inf", "dt_width_error_ns"),
        ("copper_mm=[1,2]", "no key 'copper_mm': did you mean 'copper_m'"),
    ],
)
def test_senseless_parameters_are_refused_by_name(override, message):
    with pytest.raises(ConfigError, match=message):
        bdana.load(overrides=[f"background.prompt.{override}"]).prompt("prompt")


@pytest.mark.parametrize("ends", [[(20, 21), (10, 11)], [(20, 20)], [(20, 22), (21, 23)], [(20, np.nan)], []])
def test_blocks_of_any_analysis_must_be_in_order(prompt, ends):
    """Also those that another backgrounds/*.py makes without looking."""
    wrong = replace(prompt, blocks=lambda par: [bdana.Block(bdana.MATERIALS["iron"], *z) for z in ends])
    with pytest.raises(ConfigError, match=r"block . of the prompt background|no matter"):
        wrong.matter(None)


def test_no_single_muons_are_an_error(analysis, prompt, singles):
    with pytest.raises(InputError, match="single muons"):
        expect(analysis, prompt, singles.take(np.zeros(0, dtype=int)))


def test_a_third_more_background_is_the_published_variation():
    """Talk: a prompt component of 30% makes b = 0.0208 of 0.016, p = 2.06%, 2.3 sigma two-sided."""
    varied = Background(0.016 * 1.3, 0.002 * 1.3)
    p = p_values(1, varied).p_n
    assert varied.expected == pytest.approx(0.0208)
    assert p == pytest.approx(0.0206, abs=5e-5)
    assert two_sided(p).z == pytest.approx(2.3, abs=0.05)
