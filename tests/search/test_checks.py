"""Checks on simulated data with many accidental pairs: they agree where the data are what is assumed, and show where not."""

import json
from dataclasses import replace

import numpy as np
import pytest

import bdana
from bdana.analysis import scaffold
from bdana.cli.background import share_text
from bdana.report.check_sections import check_blocks, check_figures
from bdana.report.document import Table, Text
from bdana.search.checks import left_out_cuts, run_checks
from bdana.search.estimates import estimate_singles, single_tracks
from bdana.simulation import Beam, Halo, SimulationConfig, write_sample

SAMPLES = """
[samples.pseudo]
kind = "pseudo"
files = ["halo.root"]
trigger = "H2"
[samples.singles]
kind = "pseudo"
files = ["halo.root"]
trigger = "Q1"
"""


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checks") / "a"
    scaffold(folder)
    # 20 times the rate makes 400 times the pairs.
    halo = Halo(rate_hz=20 * 4460.0)
    config = SimulationConfig(pot=3e15, bursts=40, truth=False, beam=Beam(downscale=4000.0), halo=halo)
    write_sample(folder / "halo.root", config, 5)
    path = folder / "analysis.toml"
    text = path.read_text().replace("[search]\n", '[search]\ndata = "pseudo"\nsingle_tracks = "singles"\n')
    path.write_text(text + SAMPLES)
    return bdana.load(folder)


def checks(analysis, good=None, times=None):
    """Make the checks, with some bursts marked bad, or with other time differences of the data."""
    data, source = analysis.sample("pseudo", "singles")
    if good is not None:
        data, source = (replace(d, bursts=replace(d.bursts, good=good)) for d in (data, source))
    selected = analysis.select_from(data, "dimuon", left_out=left_out_cuts(analysis))
    if times:
        moved = replace(selected.loose.candidates, dt=times(selected.loose.candidates.dt))
        selected = replace(selected, loose=replace(selected.loose, candidates=moved))
    sample = single_tracks(analysis, "combinatorial", source)
    estimate = estimate_singles(analysis, "combinatorial", sample)
    known = {region.name: region.observed for region in selected.regions}
    return run_checks(analysis, selected, known, sample, source, estimate)


@pytest.fixture(scope="module")
def made(analysis):
    good = np.ones(40, dtype=bool)
    good[::8] = False
    return checks(analysis, good)


def test_like_sign_and_out_of_time_pairs_are_as_predicted_in_every_region(made):
    for rows in (made.like_sign, made.out_of_time):
        assert [row.region for row in rows] == ["SR", "CR", "CR1", "CR2", "CR3", "outside"]
        assert all(row.p_l > 0.003 for row in rows), rows
        total, expected = sum(row.observed for row in rows), sum(row.expected for row in rows)
        assert total > 100
        # Not with the normalisation error of 13%: counts and the few single tracks only.
        assert total == pytest.approx(expected, abs=4 * np.sqrt(expected + (0.05 * expected) ** 2))


def test_accidental_pairs_are_flat_and_stable(made):
    assert made.flatness.pairs > 100
    assert made.flatness.p > 0.003
    assert [s.what for s in made.stability] == [
        "|t(+) - t(-)|", "intensity of the burst", "time", "quality of the burst",
    ]  # fmt: skip
    for stability in made.stability:
        assert stability.p > 0.003, stability
        assert sum(stability.observed) > 80
    quality = made.stability[-1]
    assert quality.observed[1] > 5
    assert quality.expected[1] / quality.expected[0] == pytest.approx(5 / 35, rel=0.7)


def test_closure_on_the_simulated_sample(made):
    """CR3 to SR of a pseudo sample are closed, so that pairs in time are left out."""
    assert [row.source for row in made.closure] == ["opposite charge, out of time", "like-sign, in time"]
    for row, compared in zip(made.closure, (made.out_of_time, made.like_sign), strict=True):
        assert row.observed == sum(region.observed for region in compared)
        assert row.estimate == pytest.approx(sum(region.expected for region in compared))
        assert row.error < 0.1 * row.estimate
        assert row.pull == pytest.approx(
            (row.estimate - row.observed) / np.hypot(np.sqrt(row.estimate), row.error)
        )
        assert abs(row.pull) < 3.5
        assert row.ratio == pytest.approx(1.0, abs=3.5 * row.ratio_error)


def test_no_prompt_pair_is_found(made):
    share = made.prompt.share
    assert share.low < 0.1
    assert made.to_dict()["prompt"]["share"]["left_out"] == [
        "track_time_difference",
        "trigger_time",
        "lav_veto",
    ]
    assert share.upper_limit < 0.4
    (innermost, *_, outside) = made.prompt.varied
    assert innermost.p_n is None
    assert innermost.z_two_sided is None
    assert outside.expected == pytest.approx(
        (1 + share.upper_limit) * sum_expected(made, "outside"), rel=1e-6
    )
    assert outside.p_n is not None


def sum_expected(made, region):
    """The estimate of a region, back from the out-of-time window."""
    low, high = made.sideband_ns
    return next(row.expected for row in made.out_of_time if row.region == region) * 10.0 / (2 * (high - low))


def test_pulls_name_every_source(made):
    assert {"accidental_survival", "third_track", "halo_normalisation", "single tracks, outside"} <= {
        pull.source for pull in made.pulls
    }
    assert all(abs(pull.value) < 3 and pull.error <= 1 + 1e-9 for pull in made.pulls)


def test_pairs_that_are_not_flat_in_time_are_seen(analysis):
    peaked = checks(analysis, times=lambda dt: dt * abs(dt) / 20.0)
    assert peaked.flatness.p < 1e-4
    assert peaked.stability[0].p < 1e-4
    assert "quality of the burst" not in [s.what for s in peaked.stability]


def test_plain_values(made):
    document = made.to_dict()
    assert document["like_sign"][0]["region"] == "SR"
    assert document["prompt"]["varied"][0]["p_n"] is None


def test_the_report_shows_the_prompt_component_with_its_closure(made, tmp_path):
    document = json.loads(json.dumps(made.to_dict()))
    assert "unfolding.png" in [figure.path.name for figure in check_figures(document, tmp_path)]
    blocks = check_blocks(document)
    texts = [block.text for block in blocks if isinstance(block, Text)]
    share = document["prompt"]["share"]
    said = next(text for text in texts if text.startswith("In-time (prompt) component"))
    assert "without track_time_difference, trigger_time, lav_veto" in said
    assert share["text"] in said
    estimate = document["prompt"]["estimate"]
    assert any(f"{estimate['iterations']} iterations" in text for text in texts)
    widths = next(b for b in blocks if isinstance(b, Table) and b.headers[0].startswith("width (rms)"))
    assert [row[0] for row in widths.rows] == ["x, mm", "y, mm", "dx/dz, mrad", "dy/dz, mrad"]
    assert float(widths.rows[2][1]) == pytest.approx(1e3 * estimate["widths"]["measured"][2], rel=1e-3)
    assert widths.rows[3][4] == f"{1e3 * estimate['widths']['seen'][3]:.4g}"


def test_the_text_of_the_fit_names_the_cuts_that_are_left_out(made):
    said = share_text(made.prompt.share, ("trigger_time", "lav_veto"))
    assert "without trigger_time, lav_veto: " in said
    assert said.endswith(made.prompt.share.text)
