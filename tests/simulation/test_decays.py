"""Decays into two charged particles: exact kinematics, acceptance of the detector, weights."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from bdana.detector import load_detector
from bdana.signal.constants import ELECTRON_MASS, MUON_MASS, PION_MASS
from bdana.simulation import Signal
from bdana.simulation.decays import draw_decays
from bdana.simulation.tracks import Flight

NA62 = load_detector("na62")
TAX_MM = NA62.beam_dump.point_mm
STRAWS = ("STRAW1", "STRAW2", "STRAW3", "STRAW4")
PENCIL = {"spot_mm": 0.0, "depth_mm": 1e-9}


def draw(signal, pot=1.4e17, seed=1):
    decays, weight = draw_decays(signal, NA62, signal.decays, pot, np.random.default_rng(seed))
    muons = decays.tracks
    unit = np.stack([muons.tx, muons.ty, np.ones(len(muons))]) / np.sqrt(1 + muons.tx**2 + muons.ty**2)
    momenta = (muons.p * unit).reshape(3, signal.decays, 2)
    return SimpleNamespace(
        p=decays.particles.p, weight=weight, muons=muons, momenta=momenta, total=momenta.sum(axis=2)
    )


@pytest.mark.parametrize("spectrum", ["flat", "bremsstrahlung", "mesons", "all"])
@pytest.mark.parametrize(
    ("mass", "mode", "product"),
    [
        (212.0, "mumu", MUON_MASS),
        (411.0, "mumu", MUON_MASS),
        (940.0, "mumu", MUON_MASS),
        (20.0, "ee", ELECTRON_MASS),
        (411.0, "ee", ELECTRON_MASS),
        (600.0, "pipi", PION_MASS),
    ],
)
def test_two_body_decay_is_exact(mass, mode, product, spectrum):
    parameters = {"extrapolate": mass > 650.0}
    found = draw(Signal(mass_mev=mass, mode=mode, decays=2000, spectrum=spectrum, parameters=parameters))
    forwards = np.isfinite(found.total).all(axis=0)
    assert forwards.mean() > 0.6
    assert found.muons.energy == pytest.approx(np.hypot(found.muons.p, product), rel=1e-12)
    energy = found.muons.energy.reshape(-1, 2).sum(axis=1)[forwards]
    found.total, found.p = found.total[:, forwards], found.p[forwards]
    p2 = (found.total**2).sum(axis=0)
    assert np.sqrt(p2) == pytest.approx(found.p, rel=1e-10)
    assert energy == pytest.approx(np.hypot(found.p, mass), rel=1e-10)
    assert (found.muons.charge.reshape(-1, 2) == [1, -1]).all()


def test_decay_is_isotropic_in_the_rest_frame():
    mass = 411.0
    found = draw(Signal(mass_mev=mass, decays=40_000))
    energy = np.hypot(found.muons.p.reshape(-1, 2)[:, 0], MUON_MASS)
    p_star = np.sqrt(mass**2 / 4 - MUON_MASS**2)
    gamma = np.hypot(found.p, mass) / mass
    cosine = (energy / gamma - mass / 2) / (p_star * np.sqrt(1 - gamma**-2))
    assert np.abs(cosine).max() < 1 + 1e-6
    assert cosine.mean() == pytest.approx(0.0, abs=0.01)
    assert (cosine**2).mean() == pytest.approx(1 / 3, abs=0.01)


def test_momentum_points_from_the_tax_to_the_decay():
    found = draw(Signal(mass_mev=411.0, decays=1000, **PENCIL))
    along = np.stack([found.muons.x, found.muons.y, found.muons.z])[:, ::2] - np.array(TAX_MM)[:, None]
    cross = np.cross(along.T, found.total.T)
    sine = np.linalg.norm(cross, axis=1) / (np.linalg.norm(along, axis=0) * found.p)
    assert sine.max() < 1e-8


@pytest.mark.parametrize(
    ("mass", "p_max", "expected"),
    [
        (220.0, 250e3, 0.49),
        (300.0, 250e3, 0.47),
        (411.0, 250e3, 0.44),
        (550.0, 250e3, 0.40),
        (700.0, 250e3, 0.37),
        (411.0, 100e3, 0.25),
    ],
)
def test_acceptance_of_the_idealised_detector(mass, p_max, expected):
    """Reference values of an independent calculation, which states pT as "about 0.25 GeV"."""
    found = draw(Signal(mass_mev=mass, decays=40_000, p_max_mev=p_max, **PENCIL))
    flight = Flight.of(found.muons, NA62.magnet)
    seen = flight.in_all(NA62, *STRAWS, "NewCHOD", "CHOD_V", "CHOD_H", "LKr", "MUV3")
    seen &= ~flight.hits(NA62["LAV12"]) & (found.muons.p > 5e3)
    both = seen.reshape(-1, 2).all(axis=1).mean()
    assert both == pytest.approx(expected, abs=0.018)


def test_counts_of_the_bremsstrahlung_reference(shared):
    with (shared / "reference" / "na62_counts.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["production"] == "bremsstrahlung"]
    assert len(rows) == 6
    for row in rows:
        signal = Signal(
            mass_mev=float(row["mass_mev"]),
            decays=60_000,
            epsilon=float(row["epsilon"]),
            spectrum="bremsstrahlung",
            parameters={"form_factor": "none"},
            z_min_mm=102e3,
            z_max_mm=182e3,
            **PENCIL,
        )
        found = draw(signal)
        sine = np.hypot(found.total[0], found.total[1]) / found.p
        weight = found.weight * (sine < 11.5e-3)
        assert weight.sum() == pytest.approx(float(row["n_decays_fv"]), rel=0.04), row
        flight = Flight.of(found.muons, NA62.magnet)
        seen = flight.in_all(NA62, *STRAWS, "LKr", "MUV3") & (np.hypot(found.muons.p, MUON_MASS) > 5e3)
        both = seen.reshape(-1, 2).all(axis=1)
        assert weight[both].sum() == pytest.approx(float(row["n_accepted"]), rel=0.05), row


def test_one_muon_in_acceptance_is_not_two():
    found = draw(Signal(mass_mev=250.0, decays=20_000, epsilon=1e-6, spectrum="bremsstrahlung"))
    seen = Flight.of(found.muons, NA62.magnet).in_all(NA62, *STRAWS, "LKr", "MUV3").reshape(-1, 2)
    weight = found.weight
    assert weight[seen.any(axis=1)].sum() > 1.3 * weight[seen.all(axis=1)].sum()


def test_flat_spectrum_with_epsilon_gives_probabilities():
    """A short-lived A' decays in the volume with exp(-d/lambda) - exp(-(d+L)/lambda) for each momentum."""
    signal = Signal(
        mass_mev=411.0, decays=50_000, epsilon=1e-6, p_min_mev=99.9e3, p_max_mev=100.1e3, **PENCIL
    )
    found = draw(signal)
    length = 100e3 / 411.0 * 197.3269804e-12 / (2.19 * 1e-12)  # total width about 2.19 MeV epsilon^2
    d = NA62.volume_mm[0] - TAX_MM[2]
    expected = 0.445 * (np.exp(-d / length) - np.exp(-(d + 75e3) / length))
    assert found.weight.mean() == pytest.approx(expected, rel=0.05)


def test_nothing_decays_before_it_is_made():
    """Decay points in front of the impact point, where nothing can be, have no weight."""
    for epsilon in (None, 1e-6):
        signal = Signal(
            mass_mev=411.0, decays=2000, epsilon=epsilon, spectrum="flat",
            z_min_mm=TAX_MM[2] - 10e3, z_max_mm=TAX_MM[2] + 10e3, **PENCIL,
        )  # fmt: skip
        found = draw(signal)
        behind = found.muons.z[::2] > TAX_MM[2]
        assert 0.4 < behind.mean() < 0.6
        assert ((found.weight > 0.0) == behind).all()


def test_all_processes_together_expect_what_they_expect_one_by_one():
    def expected(spectrum):
        signal = Signal(mass_mev=411.0, decays=60_000, epsilon=3e-7, spectrum=spectrum)
        return draw(signal).weight.sum()

    processes = Signal(mass_mev=411.0).particle.production
    assert expected("all") == pytest.approx(sum(expected(name) for name in processes), rel=0.08)


def test_some_of_the_decays_keep_their_tracks():
    signal = Signal(mass_mev=411.0, decays=100)
    decays, _ = draw_decays(signal, NA62, 100, 1e17, np.random.default_rng(1))
    some = decays.take(np.array([7, 3, 3]))
    assert some.tracks.p.tolist() == decays.tracks.p[[14, 15, 6, 7, 6, 7]].tolist()
    assert some.tracks.event.tolist() == [0, 0, 1, 1, 2, 2]
    assert some.path.tolist() == decays.path[[7, 3, 3]].tolist()
