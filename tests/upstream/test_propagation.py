"""Muons through matter: means against the table, scattering against Highland, backward against PUMAS."""

import numpy as np
import pytest
from hepunits import GeV, m

from bdana.upstream import COPPER, IRON, Block, MuonStates, backward, forward

BEAM = 400 * GeV

IRON_10M = [Block(IRON, 0.0, 10.0 * m)]


def muons(energy, n, z=0.0):
    zeros = np.zeros(n)
    return MuonStates(zeros, zeros, zeros, zeros, np.full(n, energy), z)


def test_fifty_gev_after_ten_metres_of_iron():
    """PUMAS: entered with 67.0 GeV (median), 71.2 GeV (mean)."""
    entered = backward(muons(50 * GeV, 20_000, 10 * m), IRON_10M, np.random.default_rng(1), BEAM).energy / GeV
    assert np.median(entered) == pytest.approx(67.0, rel=0.015)
    assert entered.mean() == pytest.approx(71.2, abs=0.7)


def test_the_tail_grows_with_the_largest_energy():
    """PUMAS: sd 25 GeV, met with histories up to 0.7 TeV; 17 GeV up to the beam energy."""
    spread = []
    for limit in (400 * GeV, 700 * GeV):
        entered = backward(muons(50 * GeV, 40_000, 10 * m), IRON_10M, np.random.default_rng(2), limit).energy
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


def test_backwards_muons_keep_to_their_lines():
    start = MuonStates(*(np.full(100, v) for v in (5.0, -3.0, 2e-3, -1e-3, 50 * GeV)), 3 * m)
    back = backward(
        start, [Block(IRON, 0.0, 1 * m), Block(COPPER, 1 * m, 2 * m)], np.random.default_rng(5), BEAM
    )
    assert back.z == 0.0
    assert back.x == pytest.approx(5.0 - 3 * m * 2e-3)
    assert np.all(back.ty == -1e-3)
    assert back.energy.min() > 52 * GeV


def test_a_way_in_two_parts_is_the_whole_way():
    """Every muon has its own z on the way: one in a gap, one inside a block; then all go on to the end."""
    blocks = [Block(IRON, 0.0, 1 * m), Block(COPPER, 2 * m, 3 * m)]
    until = np.repeat([0.4 * m, 1.5 * m, 2.5 * m], 20_000)
    rng = np.random.default_rng(7)
    half = forward(muons(50 * GeV, len(until)), blocks, rng, until=until)
    assert np.array_equal(half.z, until)
    iron, copper = (material.mean_loss(np.array([50 * GeV]))[0] * m for material in (IRON, COPPER))
    lost = 50 * GeV - half.energy.reshape(3, -1).mean(axis=1)
    assert lost == pytest.approx([0.4 * iron, iron, iron + 0.5 * copper], rel=0.05)
    rest = forward(half, blocks, rng)
    assert rest.z == 3 * m
    whole = forward(muons(50 * GeV, 40_000), blocks, rng)
    assert rest.energy.mean() == pytest.approx(whole.energy.mean(), rel=2e-3)
    for name in ("x", "tx"):
        # Highland's logarithm of a thickness that is crossed in two parts is up to 3% smaller.
        width, expected = (np.quantile(np.abs(getattr(end, name)), 0.68) for end in (rest, whole))
        assert width == pytest.approx(expected, rel=0.05)


def test_stopped_muons_stay_stopped():
    out = forward(muons(5 * GeV, 100), IRON_10M, np.random.default_rng(6))
    assert np.all(out.energy == 0.0)
    assert np.all(out.tx == 0.0)
    assert np.isfinite(out.x).all()
