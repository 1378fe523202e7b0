"""Windows of mass in the report: words and tables from mass_windows.json."""

import numpy as np
import pytest

from bdana.report.mass_sections import mass_blocks, mass_figure, mass_lines
from bdana.statistics.mass_channels import MassChannel, scan_channels
from bdana.statistics.mass_limits import scan_masses
from bdana.statistics.mass_spectrum import MassSpectrum, Resolution
from bdana.statistics.mass_windows import MassSearch
from bdana.statistics.poisson import Background

SPECTRUM = MassSpectrum.flat(200.0, 720.0, Background(0.016, 0.002))
MASSES = [300.0, 410.0, 411.0, 500.0, 700.0]


def search(masses):
    return MassSearch(Resolution(((411.0, 2.0),)), 2.0, SPECTRUM, masses)


def test_an_open_region_has_p_values_and_the_rarest_windows_first(tmp_path):
    scan = scan_masses(search(np.array([411.0])), MASSES, methods=("cls", "feldman_cousins")).to_dict()
    (found,) = (line for line in mass_lines(scan) if "global p" in line)
    assert "at 410.0 MeV" in found
    *_, table = mass_blocks(scan)
    assert table.headers[-3:] == ["CLs", "Feldman-Cousins", "median expected"]
    assert [row[0] for row in table.rows[:2]] == ["410.0", "411.0"]
    assert table.rows[0][2] == "1"
    assert float(table.rows[0][4].split()[-1]) == pytest.approx(3.89, abs=0.01)
    figure = mass_figure(scan, tmp_path)
    assert figure.path.is_file()
    assert "local p-values" in figure.caption


def test_a_closed_region_has_expected_limits_and_no_table(tmp_path):
    scan = scan_masses(search(None), MASSES).to_dict()
    assert "signal region closed" in mass_lines(scan)[0]
    assert len(mass_blocks(scan)) == 2
    assert mass_figure(scan, tmp_path).caption.startswith("Expected upper limits")


def test_several_channels_are_shown_as_one(tmp_path):
    channels = [MassChannel(name, search(np.array([411.0])), lambda _: 1.0) for name in ("mumu", "ee")]
    scan = scan_channels(channels, MASSES).to_dict()
    *_, table = mass_blocks(scan)
    assert table.headers[4:] == ["CLs", "Bayes", "median expected"]
    assert table.rows[0][2] == "2"
    assert mass_figure(scan, tmp_path, "mumu and ee").path.is_file()
