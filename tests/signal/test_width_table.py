"""Tables of partial widths: interpolation, closed modes, and an error for each way a table can be wrong."""

import numpy as np
import pytest

from bdana.errors import ConfigError, InputError
from bdana.signal.constants import ELECTRON_MASS, MUON_MASS
from bdana.signal.models.dark_photon import lepton_width
from bdana.signal.width_table import ModeTables, read_mode_widths, read_widths

GOOD = "mass_mev,ee_mev,mumu_mev\n200,0.5,0\n210,0.51,0\n220,0.53,0.22\n240,0.58,0.4\n"


@pytest.fixture
def written(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "widths.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_a_table_gives_its_own_numbers_back(written):
    table = read_widths(written(GOOD))
    assert table.modes == ("ee", "mumu")
    assert table.mass_range == (200.0, 240.0)
    assert table.width("ee", table.masses) == pytest.approx([0.5, 0.51, 0.53, 0.58], rel=1e-14)
    assert table.width("mumu", 220.0) == 0.22


def test_between_masses_widths_are_smooth(written):
    """Leptonic widths on a grid of 5 MeV come back within 1e-4 away from threshold."""
    masses = np.arange(200.0, 501.0, 5.0)
    rows = [f"{m},{lepton_width(m, 1, ELECTRON_MASS)},{lepton_width(m, 1, MUON_MASS)}" for m in masses]
    table = read_widths(written("\n".join(["mass_mev,ee_mev,mumu_mev", *rows])))
    asked = np.linspace(230.0, 500.0, 997)
    for mode, mass in (("ee", ELECTRON_MASS), ("mumu", MUON_MASS)):
        assert table.width(mode, asked) == pytest.approx(lepton_width(asked, 1.0, mass), rel=1e-4)


def test_a_mode_stays_closed_between_zeros(written):
    table = read_widths(written(GOOD))
    assert (table.width("mumu", np.linspace(200.0, 210.0, 101)) == 0.0).all()
    assert table.width("mumu", 212.0) > 0.0


def test_interpolation_makes_no_bump(written):
    """A resonance of three rows rises to its peak and falls again, and is never negative."""
    text = "mass_mev,hadrons_mev\n700,1\n775,1\n780,90\n785,2\n800,0\n900,0\n"
    width = read_widths(written(text)).width("hadrons", np.linspace(700.0, 900.0, 4001))
    assert width.min() == 0.0
    assert width.max() == 90.0
    assert np.count_nonzero(np.diff(np.sign(np.diff(width[width > 0.0])))) <= 2


def test_no_width_is_negative_by_rounding(written):
    text = "mass_mev,hadrons_mev\n214,0\n229,823\n251,0\n279,0\n"
    assert read_widths(written(text)).width("hadrons", np.nextafter(251.0, 0.0)) == 0.0


@pytest.mark.parametrize("mass", [199.9, 240.1, float("nan"), [210.0, 300.0]])
def test_no_width_outside_of_the_table(written, mass):
    with pytest.raises(ConfigError, match=r"widths\.csv has widths from 200 to 240 MeV"):
        read_widths(written(GOOD)).width("ee", mass)


def test_an_unknown_mode_names_those_there_are(written):
    with pytest.raises(ConfigError, match="no decay mode 'tautau': the table has ee, mumu"):
        read_widths(written(GOOD)).width("tautau", 210.0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_of_spreadsheets_are_read(written, encoding, end):
    text = GOOD.replace("\n", end).replace(",", " , ") + end + end
    assert read_widths(written(text, encoding)).width("mumu", 240.0) == 0.4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"widths\.csv: is empty"),
        ("\n\n", r"widths\.csv: is empty"),
        (
            "200,0.5,0\n210,0.51,0\n",
            r"line 1: the first column is '200': give a header that begins with mass_mev",
        ),
        (GOOD.replace("mass_mev", "mass_gev"), r"line 1: the first column is 'mass_gev'"),
        (
            GOOD.replace("mumu_mev", "mumu_gev"),
            r"line 1: column 'mumu_gev': name it after its decay mode and unit",
        ),
        (GOOD.replace("mumu_mev", "mumu"), r"line 1: column 'mumu': name it"),
        (GOOD.replace("mumu_mev", "_mev"), r"line 1: column '_mev': name it"),
        (GOOD.replace("mumu_mev", "ee_mev"), r"line 1: column 'ee_mev' twice"),
        ("mass_mev\n200\n210\n", r"line 1: no decay mode"),
        (GOOD.replace(",", ";"), r"line 1: separate the columns by commas"),
        ("mass_mev,ee_mev\n200,0.5\n", r"widths\.csv: 1 lines below the header: give two masses or more"),
        ("mass_mev,ee_mev\n", r"widths\.csv: 0 lines below the header"),
        (GOOD.replace("210,0.51,0", "200,0.51,0"), r"line 3: mass 200 MeV after 200 MeV: sort"),
        (GOOD.replace("220,0.53", "205,0.53"), r"line 4: mass 205 MeV after 210 MeV: sort"),
        (GOOD.replace("0.51", "-0.51"), r"line 3, ee_mev: -0\.51 is not a finite number"),
        (GOOD.replace("0.51", "nan"), r"line 3, ee_mev: nan is not a finite number"),
        (GOOD.replace("0.51", "inf"), r"line 3, ee_mev: inf is not a finite number"),
        (GOOD.replace("0.51", ""), r"line 3, ee_mev: '' is no number"),
        (GOOD.replace("0.51", "0.5 MeV"), r"line 3, ee_mev: '0\.5 MeV' is no number"),
        (GOOD.replace("0.51", '"0,51"'), r"line 3, ee_mev: '0,51' is no number: write it like"),
        (GOOD.replace("0.51", "0,51"), r"line 3: 4 fields, but the header has 3: .* with a decimal point"),
        (GOOD.replace("210,0.51,0", "210,0.51"), r"line 3: 2 fields, but the header has 3"),
        (GOOD.replace("\n210", "\n\n210").replace("0.51", "x"), r"line 4, ee_mev: 'x'"),
        (
            GOOD.replace("mumu_mev", "total_mev"),
            "line 1: column 'total_mev': it would count every mode twice",
        ),
        (GOOD.replace("\n200", "\n0"), r"line 2: mass 0: begin above 0"),
    ],
)
def test_a_bad_table_is_told_with_its_line(written, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_widths(written(text))
    assert "widths.csv" in str(caught.value)


def test_a_file_that_is_no_text_is_told(tmp_path):
    path = tmp_path / "widths.csv"
    with pytest.raises(InputError, match=r"widths\.csv: cannot be read"):
        read_widths(path)
    path.write_bytes(b"mass_mev,ee_mev\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"widths\.csv: cannot be read"):
        read_widths(path)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("mass_mev,width_mev\n100,1e-6\n200,3e-6\n", ""),
        ("# of a paper\n\nmass_gev width_ev\n0.1 1\n0.2 3\n", ""),
        ("0.1\t1e-3\n0.2\t3e-3\n", ":GeV:keV"),
        ("100000,0.000000001\n200000,0.000000003\n", ":keV:GeV"),
    ],
)
def test_one_mode_in_any_units(written, text, units):
    table = read_mode_widths("gammagamma", f"{written(text)}{units}")
    assert table.modes == ("gammagamma",)
    assert table.masses == pytest.approx([100.0, 200.0])
    assert table.widths[0] == pytest.approx([1e-6, 3e-6])


def test_tables_of_modes_are_linear_and_open_where_they_begin_with_0(written, tmp_path):
    (tmp_path / "3pi.dat").write_text("mass_mev width_mev\n415 0\n600 2\n")
    photons = read_mode_widths("gammagamma", str(written("mass_mev width_mev\n100 1\n300 3\n1000 4\n")))
    tables = ModeTables((photons, read_mode_widths("3pi", str(tmp_path / "3pi.dat"))))
    assert tables.mass_range == (100.0, 600.0)
    assert [tables.width("gammagamma", mass) for mass in (100.0, 150.0, 300.0)] == pytest.approx(
        [1.0, 1.5, 3.0]
    )
    assert [tables.width("3pi", mass) for mass in (50.0, 507.5)] == pytest.approx([0.0, 1.0])
    for mode, mass, error in (
        ("gammagamma", 99.0, "from 100 to 1000"),
        ("3pi", 601.0, "from 415 to 600"),
        ("4pi", 500.0, "4pi"),
    ):
        with pytest.raises(ConfigError, match=error):
            tables.width(mode, mass)


@pytest.mark.parametrize(
    ("text", "units", "error"),
    [
        ("0.1 1\n0.2 3\n", "", r"line 1: the columns are '0.1 1': give a header with units.*:GeV:eV"),
        ("mass_mev,ee_mev\n100,1\n200,3\n", "", "line 1: the columns are"),
        ("mass_mev,width_parsec\n100,1\n200,3\n", "", "unit 'parsec' of the width"),
        ("0.1 1\n0.2 3\n", ":TeV:eV", "unit 'TeV' of the mass"),
        ("0.1 1\n", ":GeV:eV", "1 lines with numbers"),
        ("", "", "0 lines with numbers"),
        ("0.1 1\n0.1 3\n", ":GeV:eV", "line 2: mass 100 MeV after 100 MeV"),
        ("0.1 1\n0.2 -3\n", ":GeV:eV", "line 2, width: -3 is not a finite number"),
        ("0.1 1\n0.2 3 4\n", ":GeV:eV", "line 2: 3 fields"),
        ("0.1 1\n0.2 x\n", ":GeV:eV", "line 2, width: 'x' is no number"),
    ],
)
def test_wrong_tables_of_one_mode(written, text, units, error):
    with pytest.raises(InputError, match=error):
        read_mode_widths("gammagamma", f"{written(text)}{units}")
