"""The prompt check of a run: an injected fraction comes back, the published variation, the expected pairs."""

from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.observed import Observed, Predicted
from bdana.pairing import SingleSample
from bdana.search.checks import left_out_cuts
from bdana.search.estimates import estimate_singles, prompt_share, single_tracks
from bdana.search.prompt_check import bound, check_prompt, expected_pairs, vary
from bdana.simulation import Beam, Halo, SimulationConfig, simulate, write_sample
from bdana.upstream import PromptRegion
from tests.searches import OPEN_VERTEX


def recover(analysis, folder, fraction, seed, pot=0.7e17):
    """Inject a prompt fraction; return the share that a run finds, and the true numbers of both sorts of pairs."""
    halo = Halo(prompt_fraction=fraction)
    config = SimulationConfig(pot=pot, bursts=20, beam=Beam(downscale=1e6), halo=halo)
    path = folder / f"halo{fraction}-{seed}.root"
    write_sample(path, config, seed)
    left_out = left_out_cuts(analysis)
    found = analysis.select_from(analysis.dataset([path], kind="pseudo"), "dimuon", left_out=left_out)
    path.unlink()
    events = simulate(config, seed)[0]
    events = events[analysis.gate.secrecy(events) == len(analysis.gate.names)] if analysis.gate else events
    background, _ = analysis.prompt("prompt")
    selection, cuts = analysis.selection("dimuon")
    wide = replace(selection, cuts=tuple(c for c in selection.cuts if c.name not in background.left_out))
    numbers = []
    for process in (0, 2):
        true = wide.apply(events[events.truth.process == process], cuts, analysis.setup).candidates
        numbers.append(int(np.sum((np.abs(true.dt) < 8.0) & np.isin(true.region, open_regions(found)))))
    return prompt_share(analysis, "prompt", found, open_regions(found)), *numbers


def open_regions(found):
    return [region.name for region in found.regions]


@pytest.fixture(scope="module")
def loose():
    return bdana.load(overrides=OPEN_VERTEX)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_a_run_recovers_an_injected_prompt_fraction(loose, tmp_path, fraction):
    share, accidental, prompt = recover(loose, tmp_path, fraction, 11)
    assert share.pairs == accidental + prompt > 100
    assert (prompt == 0) == (fraction == 0.0)
    true = 1.6 * prompt / accidental
    assert share.fraction - 3.0 * (share.fraction - share.low) <= true
    assert true <= share.fraction + 3.0 * (share.high - share.fraction)
    assert share.upper_limit > share.fraction


@pytest.mark.exhaustive
@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_injected_prompt_fractions_of_an_ensemble(loose, tmp_path, fraction):
    """The 68% interval holds the expected fraction as often as it says, more often at zero; the limit in 90%."""
    shares, accidental, prompt = zip(
        *(recover(loose, tmp_path, fraction, 1000 + seed, 0.2e17) for seed in range(60)), strict=True
    )
    expected = 1.6 * sum(prompt) / sum(accidental)
    inside = np.mean([s.low <= expected <= s.high for s in shares])
    assert (0.5 if fraction else 0.7) < inside < (0.86 if fraction else 1.01)
    assert np.mean([s.upper_limit > expected for s in shares]) > 0.8


def test_the_published_variation():
    """Talk: 30% of b = 0.016 +- 0.002 added makes 0.0208, p = 2.06%, 2.3 sigma two-sided."""
    row = vary(Predicted(0.016, 0.002), 0.30, Observed("SR", 1))
    assert row.expected == pytest.approx(0.0208)
    assert row.p_n == pytest.approx(0.0206, abs=5e-5)
    assert row.z_two_sided == pytest.approx(2.3, abs=0.05)
    assert row.text.endswith("0.0208 ± 0.0026 expected, p(N ≥ n) = 2.06%, 2.3 sigma two-sided")
    closed = vary(Predicted(0.016, 0.002), 0.30, Observed("SR"))
    assert closed.p_n is closed.z_two_sided is None
    assert closed.text.endswith("0.0208 ± 0.0026 expected")
    unseen = vary(Predicted(0.0, 0.0, 0.01 * np.log(10)), 0.30, Observed("SR", 1))
    assert unseen.p_n == pytest.approx(0.013 / 1.013)
    assert unseen.upper_limit_90 == pytest.approx(0.013 * np.log(10))


def prompt_region(limit, constrained=True):
    return PromptRegion("SR", 0.0, 0.0, limit / 2, limit, 0.9, 0.02, 0.01, constrained)


def test_a_bound_above_the_combinatorial_background_says_so():
    over = bound(prompt_region(0.08), Predicted(0.016, 0.002), Observed("SR"))
    assert "0.080 at 90% CL, is 5 times the combinatorial background of 0.0160 ± 0.0020" in over.text
    assert "not excluded" in over.text
    assert over.varied.p_n is None
    below = bound(prompt_region(0.0048), Predicted(0.016, 0.002), Observed("SR", 1))
    assert "is 30% of the combinatorial background" in below.text
    assert "excluded" not in below.text
    # The talk's variation again: 0.0208, 2.06%.
    assert (below.varied.expected, below.varied.error) == pytest.approx((0.0208, 0.002))
    assert below.varied.p_n == pytest.approx(0.0206, abs=5e-5)
    assert (
        "assumed" in bound(prompt_region(0.08, constrained=False), Predicted(0.016, 0.0), Observed("SR")).text
    )


def test_a_bound_beside_a_limit_is_added_to_it_and_not_compared():
    row = bound(prompt_region(0.08), Predicted(0.0, 0.0, 0.02), Observed("SR"))
    assert row.varied.upper_limit_90 == pytest.approx(0.1)
    assert row.share is None
    assert "cannot be compared" in row.text


def test_a_search_carries_its_in_time_pairs_over_to_every_region(loose, tmp_path):
    """With the vertex cuts open there are pairs everywhere: their true number is within the intervals and limits."""
    config = SimulationConfig(
        pot=0.4e17, bursts=20, beam=Beam(downscale=20_000.0), halo=Halo(prompt_fraction=0.5)
    )
    write_sample(tmp_path / "halo.root", config, 5)
    source = loose.dataset([tmp_path / "halo.root"], kind="pseudo")
    sample = single_tracks(loose, "combinatorial", source)
    estimate = estimate_singles(loose, "combinatorial", sample)
    data = loose.select_from(source, "dimuon", left_out=left_out_cuts(loose))
    closed = {name: Observed(name) for name in loose.regions.names}
    check = check_prompt(loose, data, closed, sample, estimate)
    assert [row.prompt.region for row in check.bounded] == list(loose.regions.names)
    assert all(row.prompt.constrained for row in check.bounded)
    total = check.share.prompt * estimate.bursts.accidental_survival
    is_open = [row.prompt.expected for row in check.bounded if row.prompt.region in open_regions(data)]
    assert sum(is_open) == pytest.approx(total, rel=1e-6)
    document = check.to_dict()["bounded"]
    assert document[0]["with_limit"]["expected"] == pytest.approx(
        document[0]["combinatorial"] + document[0]["upper_limit"]
    )


def test_expected_pairs_of_the_single_tracks_of_a_search(tmp_path, monkeypatch):
    analysis = bdana.load()
    config = SimulationConfig(pot=6e15, bursts=4, beam=Beam(downscale=4000.0))
    write_sample(tmp_path / "halo.root", config, 3)
    monkeypatch.setattr("bdana.upstream.spectrum.GENERATED", 15_000)
    source = analysis.dataset([tmp_path / "halo.root"], kind="pseudo")
    sample = single_tracks(analysis, "combinatorial", source)
    downscale = source.used_bursts.downscale
    all_muons = expected_pairs(analysis, sample, downscale)
    monkeypatch.setattr("bdana.search.prompt_check.MUONS", len(sample) // 2)
    half = expected_pairs(analysis, sample, downscale)
    # Half of the muons with twice the weight stand for as many.
    assert half.carried_back.sum() == pytest.approx(all_muons.carried_back.sum(), rel=0.02)
    assert all_muons.carried_back.sum() == pytest.approx(4000.0 * len(sample), rel=0.15)
    assert np.array_equal(np.isnan(all_muons.upper_limit), all_muons.pairs > 0)
    assert np.all(all_muons.error >= all_muons.expected)  # 100%
    assert expected_pairs(analysis, SingleSample(None, sample.bursts), downscale) is None


def test_a_downscale_from_the_configuration_counts_as_one_of_the_table(tmp_path, monkeypatch):
    """`--set background.combinatorial.downscale=D` fills the gaps of the burst table in the prompt estimate too."""
    monkeypatch.setattr("bdana.upstream.spectrum.GENERATED", 15_000)
    analysis = bdana.load(overrides=["background.combinatorial.downscale=4000"])
    config = SimulationConfig(pot=3e15, bursts=4, beam=Beam(downscale=4000.0))
    write_sample(tmp_path / "halo.root", config, 3)
    source = analysis.dataset([tmp_path / "halo.root"], kind="pseudo")
    unknown = np.where(np.arange(4) == 1, np.nan, source.bursts.downscale)
    gaps = replace(source, bursts=replace(source.bursts, downscale=unknown))
    closed = {name: Observed(name) for name in analysis.regions.names}
    estimates = []
    for dataset in (source, gaps):
        sample = single_tracks(analysis, "combinatorial", dataset)
        estimate = estimate_singles(analysis, "combinatorial", sample)
        data = analysis.select_from(dataset, "dimuon", left_out=left_out_cuts(analysis))
        estimates.append(check_prompt(analysis, data, closed, sample, estimate).estimate)
    assert np.array_equal(estimates[0].carried_back, estimates[1].carried_back)


def test_the_unfolding_closes(tmp_path):
    analysis = bdana.load()
    config = SimulationConfig(pot=6e15, bursts=4, beam=Beam(downscale=2000.0))
    write_sample(tmp_path / "halo.root", config, 4)
    source = analysis.dataset([tmp_path / "halo.root"], kind="pseudo")
    sample = single_tracks(analysis, "combinatorial", source)
    made = expected_pairs(analysis, sample, source.used_bursts.downscale)
    closure = made.spectrum.closure
    assert len(closure.true) >= 5
    assert closure.rms_pull < 1.2
    assert np.all(np.abs(closure.unfolded - closure.true) < 4 * closure.error)
    assert made.directions.seen == pytest.approx(made.directions.measured, rel=0.1)
