"""Acceptance and spectra in bins: they add up to the yields, to all particles, and their errors are those of counting."""

import numpy as np
import pytest

from bdana.api import load
from bdana.engine import SerialExecutor
from bdana.errors import ConfigError
from bdana.sensitivity.bundle import Bins, default_masses, measure, measure_masses
from bdana.sensitivity.yields import mass_yields
from bdana.signal import branching_ratio, total_width

MASS = 320.0
COARSE = Bins.spread((105.0, 180.0), energies=12, angles=7)


@pytest.fixture(scope="module")
def analysis():
    return load(overrides=["signal.decays=40000", "signal.events=4000"])


@pytest.fixture(scope="module")
def tables(analysis):
    return measure(analysis, "mumu", MASS, COARSE, 20)


def cells(bins):
    return np.outer(np.diff(np.log(bins.energy_gev)), np.diff(bins.angle_mrad))


def selected(tables, bins, coupling, z_of_production):
    """Expected selected decays of one proton, from the tables alone; lengths in m."""
    momentum = np.sqrt((1e3 * tables.mean_energy) ** 2 - tables.mass**2)
    length = momentum / tables.mass * 197.3269804e-15 / (tables.width * coupling**2)
    left = np.exp(-(np.array(bins.z_m) - z_of_production) / length[..., None])
    decays = tables.acceptance * -np.diff(left, axis=2)
    return (
        coupling**2 * tables.ratio * ((sum(tables.spectra.values()) * cells(bins))[..., None] * decays).sum()
    )


# Long-lived, as at the lower branch of the island; in between; and short-lived, as at and beyond the upper branch.
@pytest.mark.parametrize("coupling", [1e-7, 1e-6, 2.5e-6, 4e-6])
def test_the_bins_add_up_to_the_yields(analysis, tables, coupling):
    yields = mass_yields(analysis, "mumu", MASS)
    expected = sum(
        next(iter(part.selected.values())).expected(coupling, 1.0) for part in yields.production.values()
    )
    assert selected(tables, COARSE, coupling, 23.07 + 0.153) == pytest.approx(expected, rel=0.15)


def test_widths_are_those_of_the_model(analysis, tables):
    model = analysis.signal.particle(MASS)
    assert tables.width == total_width(model)
    assert tables.ratio == branching_ratio(model, "mumu")


def test_all_bremsstrahlung_is_in_bins_that_reach_its_ends(analysis):
    # Momenta from a tenth of the beam's, pT below 1 GeV: angles below 25 mrad.
    bins = Bins.spread((105.0, 180.0), max_angle_mrad=25.0, energies=6, angles=9)
    found = measure(analysis, "mumu", MASS, bins, 1)
    process = analysis.signal.particle(MASS).production["bremsstrahlung"]
    number = (found.spectra["bremsstrahlung"] * cells(bins)).sum()
    assert number == pytest.approx(process.per_proton, rel=0.01)
    error = np.hypot.reduce((found.spectra_errors["bremsstrahlung"] * cells(bins)).ravel())
    assert abs(number - process.per_proton) < 4.0 * error < 0.03 * process.per_proton


def test_mean_energies_lie_in_their_bins(tables):
    low, high = np.array(COARSE.energy_gev)[:-1, None], np.array(COARSE.energy_gev)[1:, None]
    assert ((low < tables.mean_energy) & (tables.mean_energy < high)).all()
    # Bremsstrahlung, the hardest process, ends at 0.9 of the beam's momentum, inside the last bin.
    middle = np.sqrt(low * high)
    assert (tables.mean_energy[-1, :4] < 0.97 * middle[-1]).all()


def test_statistical_errors_are_the_spread_between_samples(analysis, tables):
    other = measure(load(overrides=["signal.seed=2"]), "mumu", MASS, COARSE, 20)
    usual = (tables.acceptance > 0.15) & (tables.acceptance < 0.85)
    pull = (tables.acceptance - other.acceptance) / np.hypot(tables.acceptance_error, other.acceptance_error)
    assert np.mean(pull[usual] ** 2) == pytest.approx(1.0, abs=0.25)
    assert (tables.acceptance_error > 0.0).all()  # also where no decay was selected
    spectrum, again = tables.spectra["mesons"], other.spectra["mesons"]
    known = spectrum > 0.0
    error = np.hypot(tables.spectra_errors["mesons"], other.spectra_errors["mesons"])
    assert 0.6 < np.mean(((spectrum - again)[known] / error[known]) ** 2) < 1.3


def test_only_the_innermost_region_counts(analysis, tables):
    small = load(overrides=["regions.SR.cda_tax_max_mm=2.0"])
    assert measure(small, "mumu", MASS, COARSE, 20).acceptance.mean() < 0.5 * tables.acceptance.mean()


def test_each_mass_is_the_same_alone_and_among_others(analysis, tables):
    done = []
    found = measure_masses(
        analysis, "mumu", [250.0, MASS], COARSE, 20, SerialExecutor(), lambda *at: done.append(at)
    )
    np.testing.assert_array_equal(found[1].acceptance, tables.acceptance)
    np.testing.assert_array_equal(found[1].spectra["mixing"], tables.spectra["mixing"])
    assert done == [(1, 2), (2, 2)]


def test_default_masses_are_some_of_the_scan(analysis):
    low, high = analysis.signal.masses_mev
    masses = default_masses(analysis, "mumu")
    assert (masses[0], masses[-1], len(masses)) == (low, high, 12)
    scan = np.array(analysis.signal.masses("mumu"))
    assert all(np.abs(scan / mass - 1.0).min() < 1e-5 for mass in masses)
    np.testing.assert_allclose(np.diff(np.log(masses)), np.log(high / low) / 11, rtol=1e-4)
    assert len(default_masses(analysis, "mumu", 1000)) == len(scan)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"volume_m": (105.0, 180.0), "energy_gev": (100.0, 20.0)}, "ascend from above 0"),
        ({"volume_m": (105.0, 180.0), "max_angle_mrad": 0.0}, "a small angle above 0"),
        ({"volume_m": (105.0, 180.0), "angles": 0}, "at least 1 of each"),
    ],
)
def test_bins_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        Bins.spread(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tautau", MASS, COARSE, 20), "no channel 'tautau' in .* there are mumu, ee"),
        (("mumu", 200.0, COARSE, 20), "mumu opens at 211"),
        (("mumu", 3000.0, COARSE, 20), "widths of this particle are known"),
        (("mumu", MASS, COARSE, 0), "give at least 1"),
        (("mumu", MASS, Bins.spread((105.0, 180.0), (0.2, 405.0)), 1), "the first must be above the mass"),
        (("mumu", MASS, Bins.spread((105.0, 180.0), (60.0, 405.0)), 5), "still selected at 60 GeV"),
        (("mumu", MASS, Bins.spread((105.0, 180.0), max_angle_mrad=4.0), 5), "still selected at 4 mrad"),
        (
            ("mumu", MASS, Bins.spread((105.0, 180.0), (15.0, 300.0)), 1),
            "makes particles of 360 GeV, and the bins end at 300",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(analysis, arguments, words):
    with pytest.raises(ConfigError, match=words):
        measure(analysis, *arguments)


def test_an_unknown_channel_is_refused_before_the_work(analysis):
    with pytest.raises(ConfigError, match="no channel 'tautau'"):
        default_masses(analysis, "tautau")
    with pytest.raises(ConfigError, match="no channel 'tautau'"):
        measure_masses(analysis, "tautau", [], COARSE, 20, SerialExecutor())
