"""Widths of the dark photon: closed forms, thresholds, other programs' tables, and users' tables."""

import csv
import math

import numpy as np
import pytest

from bdana.errors import ConfigError, InputError
from bdana.signal import branching_ratio, check_mass, total_width
from bdana.signal.constants import ALPHA, ELECTRON_MASS, MUON_MASS
from bdana.signal.hadronic_ratio import hadronic_ratio, hadronic_ratios, relative_error
from bdana.signal.models.dark_photon import DarkPhoton, Parameters, lepton_width


def test_a_heavy_dark_photon_sees_leptons_as_massless():
    assert lepton_width(1e6, 2e-6, ELECTRON_MASS) == pytest.approx(4e-12 * ALPHA * 1e6 / 3, rel=1e-9)


def test_muons_by_hand_at_400_mev():
    r = (MUON_MASS / 400.0) ** 2
    expected = ALPHA * 400.0 / 3.0 * math.sqrt(1 - 4 * r) * (1 + 2 * r)
    assert lepton_width(400.0, 1.0, MUON_MASS) == pytest.approx(expected, rel=1e-14)
    assert DarkPhoton(400.0).modes["mumu"].width == pytest.approx(expected, rel=1e-14)


def test_nothing_below_threshold():
    masses = np.array([1.0, 100.0, 2 * MUON_MASS])
    assert (lepton_width(masses, 1.0, MUON_MASS) == 0.0).all()
    assert lepton_width(2 * MUON_MASS + 1e-3, 1.0, MUON_MASS) > 0.0
    modes = DarkPhoton(279.0).modes
    assert [name for name, mode in modes.items() if mode.width > 0.0] == ["ee", "mumu"]


def test_hadronic_widths_are_r_times_the_massless_lepton():
    modes, unit = DarkPhoton(700.0).modes, ALPHA * 700.0 / 3.0
    for name, ratio in hadronic_ratios(700.0).items():
        assert modes[name].width == pytest.approx(float(ratio) * unit, rel=1e-12)
        assert modes[name].error == relative_error(700.0)
    assert total_width(DarkPhoton(700.0)) == pytest.approx(
        modes["ee"].width + modes["mumu"].width + float(hadronic_ratio(700.0)) * unit, rel=1e-12
    )


def test_leptons_have_no_error():
    modes = DarkPhoton(700.0).modes
    assert [modes[name].error for name in ("ee", "mumu", "tautau")] == [0.0, 0.0, 0.0]


def test_modes_that_are_told_apart_have_their_products():
    modes = DarkPhoton(900.0).modes
    assert list(modes) == ["ee", "mumu", "tautau", "pipi", "pipipi", "kk", "hadrons"]
    assert {name: mode.products for name, mode in modes.items() if mode.products} == {
        "ee": (-11, 11), "mumu": (-13, 13), "tautau": (-15, 15), "pipi": (211, -211),
        "pipipi": (211, -211, 111),
    }  # fmt: skip


def test_branching_ratio_does_not_depend_on_epsilon():
    width = lepton_width(500.0, 1e-4, MUON_MASS) / total_width(DarkPhoton(500.0), 1e-4)
    assert branching_ratio(DarkPhoton(500.0), "mumu") == pytest.approx(width, rel=1e-12)


@pytest.mark.parametrize("mass", [1.0, 2000.5])
def test_masses_outside_the_range_are_refused(mass):
    with pytest.raises(ConfigError, match=r"known from 1\.022 to 2000 MeV"):
        check_mass(DarkPhoton(mass))


def test_total_width_and_branching_ratio_against_darkcast(shared):
    with (shared / "reference" / "width_br_comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    compared = 0
    for row in rows:
        mass = 1e3 * float(row["m_GeV"])
        if mass > 1500.0 or mass == 215.0:  # its table begins late at the dimuon threshold
            continue
        allowed = next(
            error for top, error in ((701, 0.01), (850, 0.05), (1021, 0.1), (1501, 0.2)) if mass < top
        )
        model = DarkPhoton(mass)
        assert total_width(model) == pytest.approx(1e3 * float(row["G_darkcast"]), rel=allowed), mass
        assert branching_ratio(model, "mumu") == pytest.approx(float(row["BRmumu_darkcast"]), rel=allowed), (
            mass
        )
        compared += 1
    assert compared > 15


def with_table(tmp_path, mass, text):
    path = tmp_path / "widths.csv"
    path.write_text(text)
    return DarkPhoton(mass, Parameters(widths=str(path)))


def test_columns_of_a_table_replace_modes_and_add_others(tmp_path):
    model = with_table(tmp_path, 600.0, "mass_mev,pipi_mev,invisible_mev\n500,1,2\n600,3,4\n700,5,6\n")
    plain = DarkPhoton(600.0).modes
    assert model.modes["pipi"].width == pytest.approx(3.0)
    assert model.modes["pipi"].products == (211, -211)
    assert model.modes["invisible"].width == pytest.approx(4.0)
    for name in ("ee", "mumu", "pipipi", "kk", "hadrons"):
        assert model.modes[name] == plain[name]


def test_all_hadrons_of_a_table_replace_all_modes_of_hadrons(tmp_path):
    model = with_table(tmp_path, 600.0, "mass_mev,hadrons_mev\n500,1\n600,3\n700,5\n")
    assert list(model.modes) == ["ee", "mumu", "tautau", "hadrons"]
    leptons = lepton_width(600.0, 1.0, ELECTRON_MASS) + lepton_width(600.0, 1.0, MUON_MASS)
    assert total_width(model) == pytest.approx(leptons + 3.0, rel=1e-9)


def test_leptons_stay_exact_with_a_table(tmp_path):
    model = with_table(tmp_path, 600.0, "mass_mev,mumu_mev,hadrons_mev\n500,1,1\n600,9,3\n700,5,5\n")
    assert model.modes["mumu"] == DarkPhoton(600.0).modes["mumu"]


def test_a_table_is_refused_outside_its_masses(tmp_path):
    model = with_table(tmp_path, 450.0, "mass_mev,hadrons_mev\n500,1\n600,3\n")
    with pytest.raises(ConfigError, match="known from 500 to 600 MeV"):
        check_mass(model)
    with pytest.raises(ConfigError, match=r"mass 450 MeV: .*widths\.csv has widths from 500 to 600 MeV"):
        branching_ratio(model, "mumu")


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv"):
        _ = DarkPhoton(600.0, Parameters(widths=str(tmp_path / "absent.csv"))).modes
