"""Muons through matter: means against the table, scattering against Highland, backward against PUMAS."""

import numpy as np
import pytest
from hepunits import GeV, m

from bdana.upstream import COPPER, IRON, Block, MuonStates, backward, forward, propagation

IRON_10M = [Block(IRON, 0.0, 10.0 * m)]


def muons(energy, n, z=0.0):
    zeros = np.zeros(n)
    return MuonStates(zeros, zeros, zeros, zeros, np.full(n, energy), z)


def test_fifty_gev_after_ten_metres_of_iron():
    """PUMAS: entered with 67.0 GeV (median), 71.2 GeV (mean)."""
    entered = backward(muons(50 * GeV, 20_000, 10 * m), IRON_10M, np.random.default_rng(1)).energy / GeV
    assert np.median(entered) == pytest.approx(67.0, rel=0.015)
    assert entered.mean() == pytest.approx(71.2, abs=0.7)


def test_the_tail_grows_with_the_largest_energy(monkeypatch):
    """PUMAS: sd 25 GeV, met with histories up to 0.7 TeV; 17 GeV up to the beam energy."""
    spread = []
    for limit in (400 * GeV, 700 * GeV):
        monkeypatch.setattr(propagation, "BEAM_ENERGY", limit)
        entered = backward(muons(50 * GeV, 40_000, 10 * m), IRON_10M, np.random.default_rng(2)).energy
        spread.append(entered.std() / GeV)
    assert spread == pytest.approx([17.0, 25.0], rel=0.12)


@pytest.mark.parametrize("material", [IRON, COPPER])
def test_forward_mean_is_that_of_the_table(material):
    out = forward(muons(100 * GeV, 20_000), [Block(material, 0.0, 2 * m)], np.random.default_rng(3))
    loss = 100 * GeV - out.energy.mean()
    assert loss == pytest.approx(100 * GeV - material.after(np.array([100 * GeV]), 2 * m)[0], rel=0.03)
    assert np.median(out.energy) > out.energy.mean()  # most lose less than the mean
    assert out.z == 2 * m


def test_scattering_of_a_thin_block():
    """Highland at 50 GeV in 10 radiation lengths, with the width and correlation of the displacement (PDG)."""
    block = Block(IRON, 0.0, 10 * IRON.radiation_length)
    out = forward(muons(50 * GeV, 50_000), [block], np.random.default_rng(4))
    width = 13.6 / 50e3 * np.sqrt(10) * (1 + 0.038 * np.log(10))
    assert out.tx.std() == pytest.approx(width, rel=0.03)
    assert out.y.std() == pytest.approx(block.z_max * width / np.sqrt(3), rel=0.03)
    assert np.corrcoef(out.x, out.tx)[0, 1] == pytest.approx(np.sqrt(3) / 2, abs=0.01)


def test_backward_displacement_goes_upstream():
    """Carried back, a muon that points to +x at the entrance was at -x there, as seen from the exit."""
    block = Block(IRON, 0.0, 1 * m)
    back = backward(muons(50 * GeV, 20_000, 1 * m), [block], np.random.default_rng(5))
    assert back.z == 0.0
    assert np.corrcoef(back.x, back.tx)[0, 1] == pytest.approx(-np.sqrt(3) / 2, abs=0.02)


def test_stopped_muons_stay_stopped():
    out = forward(muons(5 * GeV, 100), IRON_10M, np.random.default_rng(6))
    assert np.all(out.energy == 0.0)
    assert np.all(out.tx == 0.0)
    assert np.isfinite(out.x).all()
