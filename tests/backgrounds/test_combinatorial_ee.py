"""Combinatorial background of electron pairs: single electrons alone are paired, as muons are for the dimuon search."""

import numpy as np
import pytest

import bdana
from bdana.events import Dataset
from bdana.search.estimates import estimate_singles, single_tracks
from bdana.simulation import Beam, SimulationConfig, write_sample
from tests.searches import OPEN_VERTEX

# Cuts with which the halo's muons pass as electrons: their energy, and a muon veto too small to be hit.
MUONS_PASS = ["min_e_over_p=-1.0", "max_e_over_p=0.2", "muv3_distance_mm=1e-3"]
PASS_AS_ELECTRONS = [f"selection.dielectron.{value}" for value in MUONS_PASS]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("halo") / "halo.root"
    write_sample(path, SimulationConfig(pot=1e16, bursts=20, beam=Beam(downscale=4000.0)), 7)
    return path


def estimate(path, overrides, name="combinatorial_ee"):
    analysis = bdana.load(overrides=overrides)
    sample = single_tracks(analysis, name, Dataset.open([path], kind="mc", gate=None))
    return estimate_singles(analysis, name, sample, hists=False)


def open_vertex(selection):
    return [setting.replace("dimuon", selection) for setting in OPEN_VERTEX]


def test_muons_are_not_paired_and_the_regions_have_upper_limits(path):
    found = estimate(path, [])
    assert found.built == 0
    assert not found.expected.any()
    assert (found.upper_limit > 0).all()


def test_with_cuts_that_muons_pass_it_is_the_estimate_of_the_dimuon_search(path):
    """But for the muon veto's efficiency of 0.995 a track, which only that has."""
    muons = estimate(path, OPEN_VERTEX, "combinatorial").expected.sum()
    electrons = estimate(path, PASS_AS_ELECTRONS + open_vertex("dielectron")).expected.sum()
    assert muons < electrons
    assert electrons == pytest.approx(muons / 0.995**2, rel=0.02)


def test_it_predicts_the_pairs_of_the_dielectron_selection(path):
    overrides = PASS_AS_ELECTRONS + open_vertex("dielectron")
    found = estimate(path, overrides)
    pairs = bdana.load(overrides=overrides).select([path], kind="mc", selection="dielectron").candidates
    total, variance = found.expected.sum() + found.undefined, found.covariance.sum()
    assert len(pairs) > 100
    assert abs(total - len(pairs)) < 3 * np.sqrt(len(pairs) + variance)


def test_it_has_numbers_of_its_own(path):
    usual = bdana.load().combinatorial("combinatorial_ee")[1]
    other = bdana.load(overrides=["background.combinatorial_ee.h2_efficiency=0.5"])
    assert usual == bdana.load().combinatorial("combinatorial")[1]
    assert other.combinatorial("combinatorial_ee")[1].h2_efficiency == 0.5
    assert other.combinatorial("combinatorial")[1].h2_efficiency == 1.0
