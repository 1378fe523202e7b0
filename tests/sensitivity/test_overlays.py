"""Published contours: layouts of tables, units, darkcast limit files, and what is said of a bad line."""

import numpy as np
import pytest

from bdana.errors import ConfigError, InputError
from bdana.sensitivity.contour import Island, write_grid
from bdana.sensitivity.overlays import compare_levels, read_overlay


@pytest.fixture
def written(tmp_path):
    def write(text, name="limit.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    "text",
    [
        "mass_MeV,epsilon\n250,1e-6\n300,2e-6\n",
        "250, 1e-6\r\n300, 2e-6\r\n",
        "\ufeff250,1e-6\n300,2e-6\n",
        "mass\tepsilon\n250\t1e-6\n300\t2e-6\n",
        "  250   1e-6\n\n  300   2e-6  # the last\n",
        "250;1e-6;\n300;2e-6;\n",
        "\ufeffmass_GeV,epsilon\n0.25,1e-6\n0.3,2e-6\n",
        "mass [GeV]  epsilon\n0.25 1e-6\n0.3 2e-6\n",
        "# m_{A'} (GeV) epsilon\n0.25 1e-6\n0.3 2e-6\n",
        "m [keV],epsilon\n250e3,1e-6\n300e3,2e-6\n",
        "epsilon,mass_MeV\n1e-6,250\n2e-6,300\n",
        "mass_MeV,epsilon^2\n250,1e-12\n300,4e-12\n",
        "mass_MeV,epsilon2\n250,1e-12\n300,4e-12\n",
        "# m (GeV) U^2\n0.25 1e-12\n0.3 4e-12\n",
    ],
)
def test_tables_of_any_layout_are_the_same_contour(written, text):
    overlay = read_overlay(written(text))
    np.testing.assert_allclose(overlay.mass, [250, 300])
    np.testing.assert_allclose(overlay.coupling, [1e-6, 2e-6])
    assert (overlay.name, overlay.source, overlay.level) == ("limit", "limit.csv", None)


def test_a_remark_on_the_beam_energy_is_no_unit_of_the_mass(written):
    overlay = read_overlay(written("# 400 GeV protons\n# source: beam of 400 GeV\n250,1e-6\n300,2e-6\n"))
    assert overlay.mass.tolist() == [250, 300]


def test_a_unit_that_is_given_goes_before_the_header(written):
    path = written("# m4 (GeV) Umu4^2\n200 4e-14\n", "wrong.dat")
    assert read_overlay(path, "MeV").mass.tolist() == [200]
    assert read_overlay(path).mass.tolist() == [200e3]
    with pytest.raises(ConfigError, match="'stone'"):
        read_overlay(path, "stone")


@pytest.mark.parametrize(
    ("comment", "level"),
    [
        ("# cl: 0.95", 0.95),
        ("#CL = 95%", 0.95),
        ("# cl: 95", 0.95),
        ("# limits at 90 % C.L. from figure 3", 0.9),
        ("# 90% CL where 95% CL is not given", None),
        ("# 50% of the data", None),
    ],
)
def test_the_confidence_level_is_the_comments(written, comment, level):
    assert read_overlay(written(f"{comment}\n250,1e-6\n")).level == level


@pytest.mark.parametrize("comment", ["often", "0", "150%", "nan"])
def test_a_level_that_is_none_is_refused(written, comment):
    with pytest.raises(InputError, match="is no confidence level"):
        read_overlay(written(f"# cl: {comment}\n250,1e-6\n"))


def test_name_and_source_are_the_comments(written):
    overlay = read_overlay(
        written("# name: CHARM (recast)\n# source: PLB 157 (1985) 458\nmass_MeV,epsilon\n250,1e-6\n")
    )
    assert (overlay.name, overlay.source) == ("CHARM (recast)", "PLB 157 (1985) 458")


PAPER = '''import darkcast
notes = """
Figure 4 of the paper, at 90% CL.
"""
bibtex = """
@article{Someone:2020abc,
 author         = "Someone, A. and Other, B.",
 title          = "{Search at 13 TeV}",
 eprint         = "2001.01234",
}
"""
model = darkcast.Model("dark_photon")
'''


def test_a_darkcast_limit_with_both_ends_goes_round_what_is_excluded(written):
    written(PAPER, "EXP_Someone2020abc.py")
    rows = "#    mass      lower      upper\n 2.5e-01 1e-7 4e-6\n 3.0e-01 2e-7 2e-6\n 3.5e-01 1e5 1e5\n 4.0e-01 3e-7 1e-6\n"
    overlay = read_overlay(written(rows, "EXP_Someone2020abc_displaced.lmt"))
    np.testing.assert_allclose(overlay.mass, [250, 300, 300, 250, 250, np.nan, 400, 400, 400])
    np.testing.assert_allclose(overlay.coupling, [1e-7, 2e-7, 2e-6, 4e-6, 1e-7, np.nan, 3e-7, 1e-6, 3e-7])
    assert (overlay.source, overlay.level) == ("Someone, arXiv:2001.01234", 0.9)


def test_a_darkcast_limit_with_one_end_has_gaps_where_nothing_is_excluded(written):
    overlay = read_overlay(
        written("# mass lower\n0.25 1e-4\n0.26 2e-4\n0.3 1e+05\n0.4 3e-4\n", "EXP_Someone2020abc.lmt")
    )
    np.testing.assert_allclose(overlay.mass, [250, 260, np.nan, 400])
    np.testing.assert_allclose(overlay.coupling, [1e-4, 2e-4, np.nan, 3e-4])
    assert (overlay.source, overlay.level) == ("EXP_Someone2020abc.lmt", None)


def test_a_header_inside_a_darkcast_limit_is_read_as_well(written):
    text = PAPER + "bounds = 1\n# mass lower\n0.25 1e-4\n"
    overlay = read_overlay(written(text, "EXP.lmt"))
    assert overlay.mass.tolist() == [250]
    assert (overlay.source, overlay.level) == ("Someone, arXiv:2001.01234", 0.9)


def test_what_stands_beside_a_darkcast_limit_is_not_run(written, tmp_path):
    written(f"open({str(tmp_path / 'ran')!r}, 'w')\n{PAPER}", "EXP_a.py")
    assert read_overlay(written("# mass lower\n0.25 1e-4\n", "EXP_a.lmt")).level == 0.9
    assert not (tmp_path / "ran").exists()
    written("print 'Python 2'\n", "EXP_a.py")
    assert read_overlay(tmp_path / "EXP_a.lmt").level is None


def test_a_grid_of_our_own_is_an_overlay(tmp_path):
    island = Island(np.array([250.0, 300.0]), np.array([1e-7, 2e-7]), np.array([4e-6, 2e-6]))
    write_grid(tmp_path / "grid.csv", [island])
    overlay = read_overlay(tmp_path / "grid.csv")
    for read, drawn in zip((overlay.mass, overlay.coupling), island.outline(), strict=True):
        np.testing.assert_allclose(read, drawn)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no points"),
        ("# only: a comment\n", "no points"),
        ("mass,epsilon\n", "no points"),
        ("mass,epsilon\n250,1e-6\n300,x\n", "line 3: '300,x' is not a line of numbers"),
        ("250,1e-6x\n300,1e-6\n", "line 1: '250,1e-6x' is not a line of numbers"),
        ("a contour\nmass,epsilon\n250,1e-6\n", "line 2: 'mass,epsilon' is not"),
        ("250\n300\n", "line 1: one column"),
        ("250,1e-6\n300,1e-6,2e-6\n", "line 2: 3 columns, and 2"),
        ("250,1e-6,0.1\n", "3 columns; give mass and coupling"),
        ("250,1e-6,1,1\n", "4 columns; give mass and coupling"),
        ("250,-1e-6\n", "line 1: masses and couplings are positive"),
        ("inf,1e-6\n", "line 1: masses and couplings are positive"),
        ("250,nan\n", "line 1: masses and couplings are positive"),
        ("mass,low,high\n250,2e-6,1e-6\n", "excludes nothing"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(written, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_overlay(written(text))
    assert "limit.csv" in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\x89PNG\xff\x00")
    for name in ("a.csv", "absent.csv", "."):
        with pytest.raises(InputError, match="cannot be read as text"):
            read_overlay(tmp_path / name)


def test_rich_text_is_refused(written):
    text = "{\\rtf1\\ansi\n\\f0 250 1e-6\\\n300 2e-6}\n"
    with pytest.raises(InputError, match=r"rich text \(RTF\).*save it as plain text"):
        read_overlay(written(text))


def test_published_contours_are_read(shared):
    paths = sorted((shared / "reference" / "past_exclusions").glob("*.csv"))
    if not paths:
        pytest.skip("no published contours in the reference folder")
    for path in paths:
        overlay = read_overlay(path)
        assert len(overlay.mass) == len(path.read_text().split()) - 1
        assert overlay.mass[0] == float(path.read_text().split()[1].partition(",")[0])


@pytest.mark.parametrize(
    ("levels", "warning"),
    [
        ([], ""),
        ([("a", 0.9), ("b", 0.9)], ""),
        ([("a", 0.9), ("b", 0.95)], "confidence levels differ: 90% CL of a, 95% CL of b"),
        ([("a", 0.9), ("b", None), ("c", None)], "confidence levels differ: 90% CL of a, unknown CL of b, c"),
    ],
)
def test_levels_that_do_not_compare_are_named(levels, warning):
    assert compare_levels(levels) == warning
