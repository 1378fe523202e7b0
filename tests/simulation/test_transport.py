"""Residual field of the decay tank and scattering in the dump: paths by hand, sizes on mass and z_TAX."""

import numpy as np
import pytest

import bdana
from bdana.signal import Particles
from bdana.simulation import Signal, SimulationConfig, TankField, override, simulate
from bdana.simulation.tracks import MUON, Tracks
from bdana.simulation.transport import bend_in_tank, scatter_protons

PENCIL = {"spot_mm": 0.0, "depth_mm": 1e-9}


def tracks(z, charge=1, p=50e3):
    n = len(z)
    return Tracks(
        x=np.full(n, 10.0), y=np.full(n, -5.0), z=np.array(z), tx=np.full(n, 2e-3), ty=np.full(n, 1e-3),
        p=np.full(n, p), charge=np.full(n, charge), time=np.zeros(n), event=np.arange(n),
        species=np.full(n, MUON),
    )  # fmt: skip


def test_the_path_in_the_field_is_the_one_of_small_steps():
    """0.3 MeV/c a T and mm: the force is q v x B, stepped through the tank in mm by hand."""
    field = TankField(bx_gauss=0.2, by_gauss=0.5)
    begin = tracks([120e3])
    bent = bend_in_tank(begin, field)
    x, y, tx, ty, step = 10.0, -5.0, 2e-3, 1e-3, 10.0
    for _ in np.arange(120e3, 181.2e3, step):
        x, y = x + step * tx, y + step * ty
        tx -= 0.299792458 * 0.5e-4 * step / 50e3
        ty += 0.299792458 * 0.2e-4 * step / 50e3
    assert (bent.tx[0], bent.ty[0]) == pytest.approx((tx, ty), rel=1e-9)
    assert (bent.x[0], bent.y[0], bent.z[0]) == pytest.approx((x, y, 181.2e3), rel=1e-6)


def test_the_field_bends_charges_apart_and_only_inside_the_tank():
    field = TankField(by_gauss=0.5)
    plus, minus = (bend_in_tank(tracks([120e3], charge), field).tx[0] for charge in (1, -1))
    assert plus - 2e-3 == pytest.approx(2e-3 - minus)
    assert plus < 2e-3
    before, at_begin = bend_in_tank(tracks([90e3, 104.5e3]), field).tx
    assert before == at_begin  # what is in front of the tank crosses all of it
    behind = tracks([182e3])
    after = bend_in_tank(behind, field)
    assert (after.x[0], after.tx[0], after.z[0]) == (behind.x[0], behind.tx[0], behind.z[0])
    assert bend_in_tank(behind, TankField()) is behind


def test_protons_scatter_by_highland_s_angle_and_displacement():
    """10 radiation lengths of copper (143.6 mm): 13.6/400e3 sqrt(10) (1 + 0.038 ln 10) = 0.117 mrad."""
    n, depth = 200_000, 143.6
    straight = np.tile([[0.0], [0.0], [1.0]], n)
    made, moved = scatter_protons(
        Particles(np.full(n, 1e5), straight, np.ones(n)),
        np.full(n, depth),
        np.random.default_rng(1),
        400e3,
        "copper",
    )
    theta0 = 13.6 / 400e3 * np.sqrt(10.0) * (1.0 + 0.038 * np.log(10.0))
    assert np.std(made.direction[0]) == pytest.approx(theta0, rel=0.01)
    assert np.std(moved[1]) == pytest.approx(depth * theta0 / np.sqrt(3.0), rel=0.01)
    correlation = np.corrcoef(made.direction[0], moved[0])[0, 1]
    assert correlation == pytest.approx(np.sqrt(3.0) / 2.0, abs=0.01)
    assert np.linalg.norm(made.direction, axis=0) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def select():
    analysis = bdana.load()
    selection, par = analysis.selection("dimuon")

    def run(*overrides, **signal):
        config = SimulationConfig(pot=1e14, bursts=5, signal=Signal(411.0, decays=40_000, **signal))
        for text in overrides:
            config = override(config, text)
        return selection.apply(simulate(config, seed=2)[0], par, analysis.setup).candidates

    return run


def core(found):
    deviation = found.mass - 411.0
    return np.std(deviation[np.abs(deviation) < 10.0])


def half_68(values):
    return np.quantile(np.abs(values), 0.68)


@pytest.mark.parametrize("axis", ["bx", "by"])
def test_a_field_of_half_a_gauss_widens_the_mass_and_not_z_tax(select, axis):
    """Independent calculation: 1.96 becomes 2.13 MeV, which is 0.83 MeV in quadrature."""
    without, with_field = select(**PENCIL), select(f"tank_field.{axis}_gauss=0.5", **PENCIL)
    added = np.sqrt(core(with_field) ** 2 - core(without) ** 2)
    assert added == pytest.approx(0.83, abs=0.2)
    z = [half_68(found.z_tax - 23_070.0) for found in (without, with_field)]
    assert z[1] == pytest.approx(z[0], rel=0.05)


def test_scattering_in_the_dump_moves_neither_mass_nor_z_tax(select):
    deep = {"spot_mm": 0.0, "depth_mm": 153.0}
    without, scattered = select(**deep), select(**deep, dump_scattering=True)
    assert len(scattered) != len(without)  # other decays
    assert core(scattered) == pytest.approx(core(without), rel=0.03)
    z = [half_68(found.z_tax - 23_223.0) for found in (without, scattered)]
    assert z[1] == pytest.approx(z[0], rel=0.05)


@pytest.mark.parametrize(("mass", "share"), [(411.0, 0.026), (700.0, 0.046)])
def test_the_signal_s_leak_into_the_control_region(mass, share):
    """Independent calculation, flat spectrum with beam spot and depth: 2.6% at 411 MeV, 4.6% at 700 MeV."""
    analysis = bdana.load()
    selection, par = analysis.selection("dimuon")
    config = SimulationConfig(pot=1e14, bursts=5, signal=Signal(mass, decays=60_000))
    found = selection.apply(simulate(config, seed=4)[0], par, analysis.setup).candidates
    assert np.mean(found.region == "CR") == pytest.approx(share, abs=0.005)
