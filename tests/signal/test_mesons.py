"""Mesons from protons in a dump: tables against their generator, and decays and mixing into a new particle."""

import csv
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from bdana.errors import ConfigError, InputError
from bdana.signal import meson_spectra as module
from bdana.signal.meson_spectra import MESONS, SETTINGS, meson_mass, meson_spectra, spectra_file
from bdana.signal.mesons import MesonDecay, MesonDecays, MesonMixing, two_body_momentum

PI0, OMEGA = meson_mass("pi0"), meson_mass("omega")


def rng(seed=1):
    return np.random.default_rng(seed)


def only_at(spectra, meson, p, pt):
    """Spectra with all mesons in the bin of (p, pT)."""
    row = np.searchsorted(spectra.p_edges, p) - 1
    column = np.searchsorted(spectra.pt_edges, pt) - 1
    counts = np.zeros_like(spectra.counts)
    counts[MESONS.index(meson), row, column] = 1e6
    return replace(spectra, counts=counts)


class Fixed:
    """Spectra in which each kind of meson has one momentum, and one transverse momentum."""

    def __init__(self, pt=0.0, **momenta):
        self.pt, self.momenta = pt, momenta

    def multiplicity(self, meson):
        return 1.0 if meson in self.momenta else 0.0

    def draw(self, meson, n, rng):
        return np.full(n, self.momenta[meson]), np.full(n, self.pt), np.ones(n)

    def variation(self, meson, p, pt):
        return np.ones_like(p), np.ones_like(p)


def momentum(particles):
    return particles.p * particles.direction


# Spectra


def test_multiplicities_are_those_of_the_reference(shared):
    with (shared / "reference" / "meson_multiplicities_400GeV.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["source"].startswith("ours")]
    assert len(rows) == 3
    for row in rows:
        setting, _, rest = row["setting"].partition(" ")
        events = 1e3 * float(rest.split()[-1 if "20k" in rest else 0].rstrip("k"))
        spectra = meson_spectra(setting)
        assert spectra.provenance["cross_section_mb"] == pytest.approx(float(row["sigma_mb"]), rel=1e-3)
        for meson in MESONS:
            # Several of a kind come in one event, so that counts fluctuate more than Poisson: up to 1.5 times for pi0.
            error = 1.5 * np.sqrt(float(row[meson]) / events)
            assert abs(spectra.multiplicity(meson) - float(row[meson])) < 4.0 * error, (setting, meson)


def test_copper_makes_more_soft_and_fewer_hard_mesons_than_a_proton():
    proton, copper = meson_spectra(), meson_spectra("Angantyr:pCu")
    assert copper.multiplicity("pi0") / proton.multiplicity("pi0") == pytest.approx(1.55, abs=0.1)
    soft, hard = proton.density_ratio(copper, "pi0", np.array([3e3, 200e3]), np.array([300.0, 300.0]))
    assert soft > 1.4
    assert hard < 0.8


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("scale", "error"), [(100, 0.01), (1000, 0.02)])
def test_sums_over_drawn_mesons_are_those_over_the_generated_ones(setting, scale, error):
    spectra = meson_spectra(setting)
    within = np.sin(0.010)
    for meson, expected in zip(MESONS, spectra.provenance[f"sum_exp_{scale}_gev"], strict=True):
        p, pt, weight = spectra.draw(meson, 400_000, rng())
        found = (weight * np.exp(-scale * 1e3 / p))[pt < within * p].sum() / len(p)
        assert spectra.multiplicity(meson) * found == pytest.approx(expected, rel=error), meson


@pytest.mark.parametrize("meson", ["pi0", "phi"])
def test_drawn_mesons_fill_the_bins_as_the_table_says(meson):
    spectra = meson_spectra()
    counts = spectra.counts[MESONS.index(meson)]
    p, pt, weight = spectra.draw(meson, 300_000, rng())
    assert weight.mean() == pytest.approx(1.0, abs=1e-3)
    # Soft mesons are few and weigh much, so that pT fluctuates more than p, which is drawn evenly.
    for values, edges, axis, error in ((p, spectra.p_edges, 1, 1e-3), (pt, spectra.pt_edges, 0, 5e-3)):
        found, _ = np.histogram(values, edges, weights=weight / len(p))
        assert found == pytest.approx(counts.sum(axis=axis) / counts.sum(), abs=error)


def test_drawn_mesons_are_even_in_log_p():
    p, pt, _ = meson_spectra().draw("eta", 100_000, rng())
    found, _ = np.histogram(np.log(p), np.linspace(np.log(2e3), np.log(400e3), 21))
    assert found == pytest.approx(np.full(20, found.mean()), rel=0.01)
    assert found.sum() > 90_000
    assert (pt <= p).all()


def test_inside_the_bins_the_density_is_that_of_a_smooth_spectrum():
    # Mesons with p^-2: (1 / p_low - 1 / p_high) in a bin, and p^-1 per log p.
    spectra = meson_spectra()
    edges = spectra.p_edges
    counts = np.zeros_like(spectra.counts)
    counts[0] = (1.0 / edges[:-1] - 1.0 / edges[1:])[:, np.newaxis]
    p, _, weight = replace(spectra, counts=counts).draw("pi0", 100_000, rng())
    row = np.searchsorted(edges, p) - 1
    density = weight / np.diff(np.log(edges))[row] * p
    inner = (p > 3e3) & (p < 390e3)
    assert density[inner] == pytest.approx(np.full(inner.sum(), np.median(density)), rel=2e-3)


def test_a_bin_without_mesons_has_no_weight():
    spectra = only_at(meson_spectra(), "phi", 100e3, 1.0)
    p, _, weight = spectra.draw("phi", 10_000, rng())
    row = np.searchsorted(spectra.p_edges, 100e3) - 1
    inside = (p > spectra.p_edges[row]) & (p < spectra.p_edges[row + 1])
    assert weight.mean() == pytest.approx(1.0, rel=0.02)
    assert (weight[~inside] == 0.0).all()
    _, _, none = spectra.draw("eta", 100, rng())
    assert (none == 0.0).all()


def test_density_ratio_is_per_inelastic_interaction():
    # Elastic events hold no mesons: with or without them, the density is the same.
    inelastic, every = meson_spectra(), meson_spectra("SoftQCD:all")
    assert every.multiplicity("pi0") / inelastic.multiplicity("pi0") == pytest.approx(0.825, abs=0.01)
    p = np.geomspace(3e3, 100e3, 20)
    assert inelastic.density_ratio(every, "pi0", p, np.full(20, 300.0)) == pytest.approx(
        np.ones(20), abs=0.04
    )


def test_density_ratio_follows_the_counts_where_there_are_many():
    spectra = meson_spectra()
    slope = (spectra.p_edges[1:] / 50e3)[:, np.newaxis]
    other = replace(spectra, counts=spectra.counts * slope)
    p = np.array([5e3, 20e3, 100e3])
    found = spectra.density_ratio(other, "pi0", p, np.full(3, 300.0))
    assert found == pytest.approx(p / 50e3, rel=0.1)


def test_density_ratio_without_statistics_is_that_of_the_neighbourhood():
    spectra = meson_spectra()
    low = replace(spectra, counts=np.where(spectra.pt_edges[:-1] < 500.0, spectra.counts, 0.0))
    twice = replace(low, counts=2.0 * low.counts)
    found = low.density_ratio(twice, "pi0", np.array([30e3, 30e3, 395e3]), np.array([300.0, 1900.0, 300.0]))
    assert found == pytest.approx([2.0, 2.0, 2.0], rel=0.02)


def test_the_variation_is_the_envelope_of_the_other_settings():
    spectra = meson_spectra("SoftQCD:all")
    p, pt = np.geomspace(2e3, 390e3, 50), np.linspace(10.0, 1500.0, 50)
    each = [
        spectra.density_ratio(meson_spectra(name), "eta", p, pt) for name in SETTINGS if name != "SoftQCD:all"
    ]
    low, high = spectra.variation("eta", p, pt)
    np.testing.assert_array_equal(low, np.min(each, axis=0))
    np.testing.assert_array_equal(high, np.max(each, axis=0))


def test_the_headers_say_how_to_make_the_tables_again():
    for setting in SETTINGS:
        header = meson_spectra(setting).provenance
        assert header["program"].startswith("PYTHIA 8.")
        assert header["options"][:3] == ["Beams:frameType = 2", "Beams:idA = 2212", "Beams:eA = 400"]
        assert any(option.startswith("Random:seed = ") for option in header["options"])
        assert header["events"] >= 100_000


def test_the_script_makes_the_same_table_twice(tmp_path, monkeypatch):
    pytest.importorskip("pythia8mc")
    script = runpy.run_path(str(Path(__file__).parents[2] / "generators" / "meson_spectra.py"))
    written = []
    options = ["--setting", "SoftQCD:all", "--events", "1500", "--seed", "7", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["meson_spectra.py", *options])
    for _ in range(2):
        script["main"]()
        written.append((tmp_path / "SoftQCD_all_400GeV.txt").read_bytes())
    assert written[0] == written[1]
    monkeypatch.setattr(module, "_FOLDER", tmp_path)
    made = meson_spectra("SoftQCD:all")
    assert "Random:seed = 7" in made.provenance["options"]
    assert made.provenance["events"] == made.provenance["interactions"] == 1500
    assert 0.78 < made.provenance["inelastic_events"] / 1500 < 0.87
    assert made.multiplicity("pi0") == pytest.approx(4.18, rel=0.1)


# Errors


def test_an_unknown_setting_lists_those_there_are():
    with pytest.raises(
        ConfigError, match="SoftQCD:inelastic, SoftQCD:all, SoftQCD:nonDiffractive, Angantyr:pCu"
    ):
        meson_spectra("SoftQCD:nothing")


def test_another_beam_momentum_names_the_command_that_makes_a_table():
    with pytest.raises(ConfigError, match=r"120 GeV .*--setting SoftQCD:all --beam-momentum 120`"):
        meson_spectra("SoftQCD:all", beam_momentum=120e3)


@pytest.mark.parametrize(
    ("old", "new"), [("# p_edges_gev", "# edges"), ("# setting", "setting"), (" 0\n", "\n"), ("[", "[[")]
)
def test_a_damaged_table_is_refused(old, new, tmp_path, monkeypatch):
    text = spectra_file("SoftQCD:all", 400e3).read_text()
    monkeypatch.setattr(module, "_FOLDER", tmp_path)
    spectra_file("SoftQCD:all", 400e3).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=r"SoftQCD_all_400GeV\.txt: is not a table of meson spectra"):
        meson_spectra("SoftQCD:all")


def test_tables_with_other_bins_are_not_compared():
    spectra = meson_spectra()
    other = replace(spectra, p_edges=spectra.p_edges * 2.0)
    with pytest.raises(ConfigError, match="different bins"):
        spectra.density_ratio(other, "pi0", np.array([1e4]), np.array([1e2]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MesonDecay("kaon", 0.0, 1.0), "no spectra of a meson 'kaon'"),
        (lambda: MesonDecay("eta", -1.0, 1.0), "recoil mass -1"),
        (lambda: MesonDecay("eta", 0.0, float("nan")), "branching ratio nan"),
        (lambda: MesonDecays(0.0, (), meson_spectra()), "mass 0 MeV"),
        (lambda: MesonDecays(100.0, (), meson_spectra(), theta_max=-0.01), "theta_max -0.01"),
        (lambda: MesonMixing(-5.0, {}, meson_spectra()), "mass -5 MeV"),
        (lambda: MesonMixing(100.0, {"kaon": 1.0}, meson_spectra()), "no spectra of a meson 'kaon'"),
        (lambda: MesonMixing(100.0, {"rho0": -1.0}, meson_spectra()), "probability -1"),
        (
            lambda: MesonDecays(600.0, (MesonDecay("eta", 0.0, 1.0),), meson_spectra()).draw(5, rng()),
            "nothing to draw",
        ),
        (lambda: MesonMixing(600.0, {}, meson_spectra()).draw(5, rng()), "nothing to draw"),
        (lambda: meson_spectra().multiplicity("kaon"), "no spectra of a meson 'kaon'"),
    ],
)
def test_wrong_values_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# Decays


def test_yield_is_multiplicity_times_branching_ratio_of_what_is_open():
    spectra = meson_spectra()
    decays = (MesonDecay("eta", 0.0, 0.4), MesonDecay("omega", PI0, 0.08), MesonDecay("rho_pm", 139.57, 5e-4))
    number = {decay.meson: spectra.multiplicity(decay.meson) * decay.branching_ratio for decay in decays}
    assert MesonDecays(250.0, decays, spectra).per_proton == pytest.approx(sum(number.values()))
    # 600 MeV: above the eta, below 782 - 135 = 648 MeV and 775 - 140 = 636 MeV.
    assert MesonDecays(600.0, decays, spectra).per_proton == pytest.approx(number["omega"] + number["rho_pm"])
    assert MesonDecays(640.0, decays, spectra).per_proton == pytest.approx(number["omega"])
    assert MesonDecays(OMEGA - PI0, decays, spectra).per_proton == 0.0


@pytest.mark.parametrize(
    ("meson", "recoil", "mass"), [("omega", PI0, 400.0), ("pi0", 0.0, 80.0), ("phi", 547.862, 471.0)]
)
@pytest.mark.parametrize("meson_p", [100.0, 3e3, 300e3])
def test_energy_and_momentum_are_conserved(meson, recoil, mass, meson_p):
    decays = MesonDecays(mass, (MesonDecay(meson, recoil, 1.0),), Fixed(**{meson: meson_p}))
    made = decays.draw(20_000, rng())
    x, y, z = momentum(made)
    energy = np.hypot(meson_p, meson_mass(meson)) - np.hypot(made.p, mass)
    left = energy**2 - x**2 - y**2 - (meson_p - z) ** 2
    # The difference of squares loses digits.
    assert left == pytest.approx(np.full(20_000, recoil**2), abs=1e-13 * meson_p**2 + 1e-6)
    assert np.linalg.norm(made.direction, axis=0) == pytest.approx(np.ones(20_000), abs=1e-12)


@pytest.mark.parametrize("meson_p", [200.0, 100e3])
def test_decays_are_isotropic_in_the_rest_frame(meson_p):
    mass = 300.0
    made = MesonDecays(mass, (MesonDecay("omega", PI0, 1.0),), Fixed(omega=meson_p)).draw(50_000, rng())
    x, y, z = momentum(made)
    energy, gamma = np.hypot(made.p, mass), np.hypot(meson_p, OMEGA) / OMEGA
    along = gamma * z - meson_p / OMEGA * energy  # back in the rest frame
    at_rest = np.sqrt(x**2 + y**2 + along**2)
    expected = np.sqrt((OMEGA**2 - (mass + PI0) ** 2) * (OMEGA**2 - (mass - PI0) ** 2)) / (2.0 * OMEGA)
    assert at_rest == pytest.approx(np.full(50_000, expected), rel=1e-5)
    assert kstest(along / at_rest, "uniform", (-1.0, 2.0)).pvalue > 0.01
    assert kstest(np.arctan2(y, x), "uniform", (-np.pi, 2.0 * np.pi)).pvalue > 0.01


def test_the_energy_of_the_meson_is_from_the_square_of_its_mass():
    # A public program has m_omega * 2 + p^2 for m_omega^2 + p^2: 1.001 GeV instead of 1.27 GeV at 1 GeV. The mean energy of
    # the particle is the energy of the meson times its share at rest.
    mass, energy = 200.0, np.sqrt(OMEGA**2 + 1e3**2)
    made = MesonDecays(mass, (MesonDecay("omega", PI0, 1.0),), Fixed(omega=1e3)).draw(100_000, rng())
    share = (OMEGA**2 + mass**2 - PI0**2) / (2.0 * OMEGA**2)
    assert np.hypot(made.p, mass).mean() == pytest.approx(share * energy, rel=0.005)


def test_just_above_threshold_the_particle_flies_with_the_meson():
    mass = OMEGA - PI0 - 1e-7
    made = MesonDecays(mass, (MesonDecay("omega", PI0, 1.0),), Fixed(omega=50e3, pt=400.0)).draw(1000, rng())
    x, y, z = made.direction
    assert made.p == pytest.approx(np.full(1000, 50e3 * mass / OMEGA), rel=1e-4)
    assert np.hypot(x, y) == pytest.approx(np.full(1000, 400.0 / 50e3), rel=1e-2)
    assert (z > 0.0).all()


def test_the_direction_of_the_meson_is_kept_on_average():
    mass, p, pt = 200.0, 2e3, 1.2e3
    made = MesonDecays(mass, (MesonDecay("omega", PI0, 1.0),), Fixed(omega=p, pt=pt)).draw(100_000, rng())
    x, y, z = momentum(made)
    share = (OMEGA**2 + mass**2 - PI0**2) / (2.0 * OMEGA**2)
    at_rest = np.sqrt((OMEGA**2 - (mass + PI0) ** 2) * (OMEGA**2 - (mass - PI0) ** 2)) / (2.0 * OMEGA)
    # Energies are flat between their ends, whatever the direction.
    cosine = (OMEGA * np.hypot(made.p, mass) - np.hypot(p, OMEGA) * np.hypot(mass, at_rest)) / (p * at_rest)
    assert kstest(cosine, "uniform", (-1.0, 2.0)).pvalue > 0.01
    assert z.mean() == pytest.approx(share * np.sqrt(p**2 - pt**2), rel=0.01)
    assert x.mean() == pytest.approx(0.0, abs=0.01 * pt)
    assert y.mean() == pytest.approx(0.0, abs=0.01 * pt)
    # pT^2: (mean along)^2 sin^2 and the spread of the decay along and across, a third of at_rest^2 each.
    spread = (np.hypot(p, OMEGA) * at_rest / OMEGA) ** 2 / 3.0 + (share * p) ** 2
    expected = spread * (pt / p) ** 2 + at_rest**2 / 3.0 * (1.0 + 1.0 - (pt / p) ** 2)
    assert (x**2 + y**2).mean() == pytest.approx(expected, rel=0.01)


def test_particles_can_fly_backwards():
    # A massless particle from a pi0 of 100 MeV flies backwards when its cosine at rest is below -p/E.
    made = MesonDecays(1e-3, (MesonDecay("pi0", 0.0, 1.0),), Fixed(pi0=100.0)).draw(50_000, rng())
    backwards = (1.0 - 100.0 / np.hypot(100.0, PI0)) / 2.0
    assert (made.direction[2] < 0.0).mean() == pytest.approx(backwards, rel=0.03)
    assert made.weight.mean() == 1.0


def test_channels_get_their_shares_and_the_weights_stay_1():
    spectra = meson_spectra()
    decays = MesonDecays(250.0, (MesonDecay("eta", 0.0, 1.0), MesonDecay("phi", 547.862, 3.0)), spectra)
    both = decays.draw(200_000, rng())
    alone = [MesonDecays(250.0, (decay,), spectra) for decay in decays.decays]
    hard = [(one.draw(200_000, rng()), one.per_proton) for one in alone]
    expected = sum(number * (each.weight * np.exp(-1e5 / each.p)).mean() for each, number in hard)
    assert both.weight.mean() == pytest.approx(1.0, abs=2e-3)
    assert decays.per_proton * (both.weight * np.exp(-1e5 / both.p)).mean() == pytest.approx(
        expected, rel=0.01
    )


def test_a_rare_channel_is_drawn_as_often_as_it_happens():
    decays = (MesonDecay("eta", 0.0, 0.97), MesonDecay("omega", PI0, 0.03))
    production = MesonDecays(0.1, decays, Fixed(eta=1.0, omega=1e6))
    source = rng()
    rare = [(production.draw(10, source).p > 1e3).sum() for _ in range(3000)]
    assert np.sum(rare) == pytest.approx(900, abs=4 * 25)
    assert set(rare) == {0, 1}


def test_particles_come_in_random_order():
    drawn = MesonDecays(
        250.0, (MesonDecay("eta", 0.0, 1.0), MesonDecay("omega", PI0, 1.0)), meson_spectra()
    ).draw(40_000, rng())
    mesons, _, _ = meson_spectra().draw("eta", 40_000, rng())
    for p in (drawn.p, mesons):
        first, second = np.log(p[:20_000]).mean(), np.log(p[20_000:]).mean()
        assert first == pytest.approx(second, abs=0.06)


def test_larger_angles_weigh_nothing_and_the_yield_counts_them():
    spectra, decays = meson_spectra(), (MesonDecay("eta", 0.0, 1.0),)
    free = MesonDecays(250.0, decays, spectra).draw(50_000, rng())
    cut = MesonDecays(250.0, decays, spectra, theta_max=0.0115)
    drawn = cut.draw(50_000, rng())
    theta = np.arctan2(np.hypot(*drawn.direction[:2]), drawn.direction[2])
    np.testing.assert_array_equal(drawn.weight, np.where(theta <= 0.0115, free.weight, 0.0))
    assert 0.0 < drawn.weight.mean() < 0.5
    assert cut.per_proton == MesonDecays(250.0, decays, spectra).per_proton


def test_the_spread_of_spectra_is_that_of_the_mesons():
    drawn = MesonDecays(250.0, (MesonDecay("eta", 0.0, 1.0),), meson_spectra()).draw(50_000, rng())
    low, high = drawn.variations["meson_spectra"]
    assert low.shape == high.shape == (50_000,)
    assert (low <= high).all()
    # Copper alone makes more soft and fewer hard mesons.
    soft, hard = drawn.p < 2e3, drawn.p > 150e3
    assert np.average(high[soft], weights=drawn.weight[soft]) > 1.3
    assert np.average(low[hard], weights=drawn.weight[hard]) < 0.8


def test_the_same_seed_draws_the_same_particles():
    decays = MesonDecays(250.0, (MesonDecay("eta", 0.0, 1.0), MesonDecay("omega", PI0, 1.0)), meson_spectra())
    one, same, other = (decays.draw(1000, rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.p, same.p)
    np.testing.assert_array_equal(one.direction, same.direction)
    assert not np.array_equal(one.p, other.p)


def test_no_particles_can_be_drawn():
    decays = MesonDecays(250.0, (MesonDecay("eta", 0.0, 1.0),), meson_spectra())
    assert decays.draw(0, rng()).direction.shape == (3, 0)


# Mixing


def test_a_particle_that_mixes_takes_momentum_and_direction_of_the_meson():
    spectra = only_at(meson_spectra(), "rho0", 100e3, 310.0)
    mixing = MesonMixing(500.0, {"rho0": 0.2, "omega": 0.1}, spectra)
    assert mixing.per_proton == pytest.approx(0.2 * spectra.multiplicity("rho0"))
    drawn = mixing.draw(50_000, rng())
    kept = drawn.weight > 0.0
    pt = drawn.p[kept] * np.hypot(*drawn.direction[:2, kept])
    column = np.searchsorted(spectra.pt_edges, 310.0) - 1
    assert pt.min() >= spectra.pt_edges[column] * (1.0 - 1e-9)
    assert pt.max() <= spectra.pt_edges[column + 1] * (1.0 + 1e-9)
    assert drawn.p[kept] == pytest.approx(np.full(kept.sum(), 100e3), rel=0.07)
    assert drawn.weight.mean() == pytest.approx(1.0, rel=0.01)


def test_mixing_adds_mesons_by_their_probabilities_and_cuts_angles():
    spectra = meson_spectra()
    mixing = MesonMixing(700.0, {"rho0": 2.0, "omega": 0.5}, spectra, theta_max=0.010)
    expected = 2.0 * spectra.multiplicity("rho0") + 0.5 * spectra.multiplicity("omega")
    assert mixing.per_proton == pytest.approx(expected)
    drawn = mixing.draw(300_000, rng())
    sums = spectra.provenance["sum_exp_100_gev"]
    within = 2.0 * sums[MESONS.index("rho0")] + 0.5 * sums[MESONS.index("omega")]
    found = mixing.per_proton * (drawn.weight * np.exp(-1e5 / drawn.p)).mean()
    assert found == pytest.approx(within, rel=0.015)
    assert set(drawn.variations) == {"meson_spectra"}


@pytest.mark.parametrize(("one", "other"), [(300.0, 250.0), (3000.0, 0.0), (0.0, 3000.0), (3000.0, 100.0)])
def test_a_closed_decay_has_no_momentum_however_heavy_a_product_is(one, other):
    assert two_body_momentum(500.0, one, other) == 0.0
