"""`bdana sensitivity` as a user types it: points, the exclusion, its files, and what is refused."""

import csv
import json
import re

import numpy as np
import pytest

from bdana.cli.sensitivity import _load
from tests.commands import bdana

SMALL = ("--set", "signal.decays=2000", "--set", "signal.events=200")
SCAN = (
    *SMALL, "--set", "signal.mass_points=4", "--set", "signal.masses_mev=[250.0, 640.0]",
    "--observed", 0, "--background", 0.016, "--background-error", 0.002, "--jobs", 1,
)  # fmt: skip
POINT = ("--mass", 250, "--epsilon", 1e-6)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of yields."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bdana" / "signal"


def document(*arguments):
    done = bdana("sensitivity", *SMALL, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def branches(path):
    with path.open() as file:
        rows = csv.DictReader(file)
        assert rows.fieldnames == ["mass_mev", "epsilon_low", "epsilon_high"]
        return np.array([[float(value) for value in row.values()] for row in rows])


def test_a_point_has_what_each_process_gives():
    found = document("--channel", "mumu", *POINT, "--pot", 1.4e17)
    (point,) = found["points"]
    assert (point["mass_mev"], point["epsilon"]) == (250.0, 1e-6)
    assert set(point["production"]) == {"bremsstrahlung", "mesons", "mixing"}
    for part in point["production"].values():
        assert part["n_decays_fv"] > part["n_accepted"] > part["n_selected"] > 0
    # 63.84 without form factor, of which 1.37 remain, in a slightly longer volume.
    assert 63.84 < point["production"]["bremsstrahlung"]["n_decays_fv"] < 1.37 * 63.84


def test_points_are_all_combinations_of_masses_and_couplings():
    found = document("--mass", 250, "--mass", 300, "--epsilon", 1e-6, "--epsilon", 2e-6)
    points = [(point["mass_mev"], point["epsilon"]) for point in found["points"]]
    assert points == [(250, 1e-6), (250, 2e-6), (300, 1e-6), (300, 2e-6)]


def test_the_dielectron_channel_is_open_below_two_muon_masses():
    for mass in (50, 250):
        (point,) = document("--channel", "ee", "--mass", mass, "--epsilon", 5e-7)["points"]
        part = point["production"]["mesons"]
        assert part["n_decays_fv"] > part["n_accepted"] > part["n_selected"] > 0


def test_options_of_the_model_reach_it():
    def mesons_and_bremsstrahlung(*options):
        (point,) = document(*POINT, *options)["points"]
        return [point["production"][name]["n_decays_fv"] for name in ("mesons", "bremsstrahlung")]

    mesons, bremsstrahlung = mesons_and_bremsstrahlung()
    assert mesons_and_bremsstrahlung("--no-form-factor") == pytest.approx(
        [mesons, bremsstrahlung / 1.37], rel=3e-3
    )
    bare = mesons_and_bremsstrahlung("--no-transition-form-factor")
    assert bare == pytest.approx([mesons / 1.3, bremsstrahlung], rel=0.03)
    narrow = mesons_and_bremsstrahlung("--z-range", "0.3,0.6", "--pt-max", "0.5")
    assert (narrow[0], narrow[1] < 0.7 * bremsstrahlung) == (mesons, True)
    wide = mesons_and_bremsstrahlung("--pt-max", "none", "--theta-max", "0.05")
    assert (wide[0] > mesons, wide[1] > 1.05 * bremsstrahlung) == (True, True)
    everything = mesons_and_bremsstrahlung("--pythia-setting", "SoftQCD:all")
    assert everything == pytest.approx([0.825 * mesons, bremsstrahlung], rel=0.08)
    shorter = mesons_and_bremsstrahlung("--fv", "105,140")
    assert all(0.3 < one / other < 0.8 for one, other in zip(shorter, (mesons, bremsstrahlung), strict=True))


def test_min_energy_changes_acceptance_only():
    (one,), (other,) = (document(*POINT, *options)["points"] for options in ((), ("--min-energy", 40)))
    for name, part in one["production"].items():
        assert other["production"][name]["n_decays_fv"] == part["n_decays_fv"]
        assert other["production"][name]["n_accepted"] < 0.7 * part["n_accepted"]


def test_own_widths_replace_those_of_hadrons(tmp_path):
    table = tmp_path / "widths.csv"
    table.write_text("mass_mev,hadrons_mev\n200,1.0\n400,1.0\n")
    (point,), (plain,) = (document("--mass", 300, "--epsilon", 1e-7, *more)["points"]
                          for more in (("--widths", table), ()))  # fmt: skip
    one, other = (each["production"]["mesons"]["n_decays_fv"] for each in (point, plain))
    assert one != pytest.approx(other, rel=1e-3)


def test_the_table_shows_the_same_numbers():
    (point,) = document(*POINT)["points"]
    done = bdana("sensitivity", *SMALL, *POINT)
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[:1] == ["250"]]
    assert [row[2] for row in rows] == list(point["production"])
    for row, part in zip(rows, point["production"].values(), strict=True):
        shown = [float(cell) for cell in row[3:]]
        assert shown == pytest.approx([part["n_decays_fv"], part["n_accepted"], part["n_selected"]], rel=1e-3)


def test_the_exclusion_is_written_for_each_level_and_drawn(tmp_path):
    overlay = tmp_path / "published.csv"
    overlay.write_text("# confidence level: 90%\nmass_MeV,epsilon\n250,5e-7\n300,5e-7\n300,2e-6\n250,3e-6\n")
    done = bdana(
        "sensitivity", *SCAN, "--cl", 0.9, "--cl", 0.95, "--grid", tmp_path / "grid.csv", "--plot", tmp_path / "a.png",
        "--overlay", overlay, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["exclusion"]
    assert [one["confidence_level"] for one in found] == [0.9, 0.95]
    ninety, ninety_five = (branches(tmp_path / f"grid_cl{level}.csv") for level in (90, 95))
    for one, rows in zip(found, (ninety, ninety_five), strict=True):
        (island,) = one["observed"]
        assert rows[:, 0] == pytest.approx(island["mass_mev"])
        assert rows[:, 1] == pytest.approx(island["epsilon_low"], rel=1e-5)
        assert rows[:, 2] == pytest.approx(island["epsilon_high"], rel=1e-5)
    assert ninety[0, 1] < ninety_five[0, 1] < ninety_five[0, 2] < ninety[0, 2]
    assert set(found[0]["systematics"]) == {
        "meson_spectra",
        "proton_form_factor",
        "transition_form_factor",
        "widths",
    }
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_yields_are_kept_unless_told_otherwise(cache):
    first = bdana("sensitivity", *SCAN, "--no-cache")
    assert not cache.exists()
    second = bdana("sensitivity", *SCAN)
    kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    third = bdana("sensitivity", *SCAN)
    assert first.stdout == second.stdout == third.stdout
    assert "excluded" in first.stdout
    assert len(kept) >= 4
    assert kept == {path: path.stat().st_mtime_ns for path in cache.iterdir()}


def test_each_coupling_of_a_model_has_its_name_and_scan():
    alp = ("--model", "alp", "--channel", "gammagamma", "--mass", 300, "--coupling", 1e-3)
    (photon,) = document(*alp)["points"]
    (boson,) = document(*alp, "--set", 'signal.parameters.coupling="w"')["points"]
    assert (photon["coupling"], boson["coupling"]) == ("g_agammagamma_per_gev", "g_aw_per_gev")
    assert (set(photon["production"]), set(boson["production"])) == ({"primakoff"}, {"primakoff", "beauty"})
    listed = bdana("sensitivity", "--couplings").stdout
    for name in ("photon", "w", "gluon"):
        assert f"(coupling = {name})" in listed
    signals = [_load("alp", [f'signal.parameters.coupling="{name}"']).signal for name in ("photon", "w")]
    assert signals[0].masses_mev == (20.0, 1000.0)
    assert signals[1].masses_mev == (20.0, 2000.0)
    assert signals[1].coupling.name == "g_aw_per_gev"


def test_one_model_is_listed_with_its_parameters():
    """Decay modes are those that are open at any mass."""
    every = bdana("sensitivity", "--couplings").stdout
    own = bdana(
        "sensitivity", "--couplings", "--model", "hnl", "--set", 'signal.parameters.flavour="mu"'
    ).stdout
    assert "epsilon" in every
    assert "epsilon" not in own
    assert re.findall(r"\bU\b", every)
    assert ("rhoe" in every, "rhomu" in every, "tautau" in every) == (True, False, False)
    assert ("rhoe" in own, "rhomu" in own, "pimu" in own) == (False, True, True)
    ghost = bdana("sensitivity", "--couplings", "--model", "ghost")
    assert ghost.returncode == 2
    assert "no signal model 'ghost'" in ghost.stderr


def test_each_mode_may_have_a_table_of_widths(tmp_path):
    (tmp_path / "2g.dat").write_text("0.1 0.01\n0.5 3\n1.6 1\n")
    (tmp_path / "3pi.csv").write_text("mass_mev,width_kev\n200,0\n600,0.004\n1600,0.004\n")
    alp = ("--model", "alp", "--channel", "gammagamma", "--mass", 400, "--coupling", 1e-3)
    gluons = (*alp, "--set", 'signal.parameters.coupling="gluon"')
    both = (*gluons, "--widths", f"gammagamma={tmp_path / '2g.dat'}:GeV:eV")
    (alone,) = document(*both)["points"]
    (shared,) = document(*both, "--widths", f"pipipi={tmp_path / '3pi.csv'}")["points"]
    assert alone["coupling"] == "c_gg_per_tev"
    volumes = [point["production"]["mixing"]["n_decays_fv"] for point in (alone, shared)]
    # A second mode makes it decay faster, and so less often in the volume.
    assert 0 < volumes[1] < volumes[0]
    refused = (
        (gluons, "no widths of its own"),
        ((*both, *both[-2:]), "given twice"),
        ((*both, "--widths", tmp_path / "3pi.csv"), "not both"),
        ((*gluons, "--widths", f"gammagamma={tmp_path / '2g.dat'}"), "give a header with units"),
        ((*gluons, "--widths", "gammagamma=absent.dat"), "cannot be read"),
        (("--widths", "mumu=absent.dat"), "--widths mumu=absent.dat: dark_photon takes one table"),
        (("--model", "hnl", "--widths", "mumu=absent.dat"), "give --widths FILE, without the mode"),
    )
    for arguments, error in refused:
        done = bdana("sensitivity", *SMALL, *arguments)
        assert done.returncode == 2
        assert error in " ".join(done.stderr.split())


@pytest.mark.parametrize("show", ["production", "channel", "lifetime"])
def test_other_figures(tmp_path, show):
    done = bdana("sensitivity", *SCAN, "--plot", tmp_path / "a.png", "--show", show)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("model", "modes"),
    [("alp", {"gammagamma": "diphoton"}), ("dark_scalar", {"mumu": "dimuon", "ee": "dielectron"})],
)
def test_the_channels_of_another_model_are_its_own(tmp_path, model, modes):
    """Those of the analysis are of its own particle."""
    assert _load(model, []).signal.channels == modes
    assert _load(model, ['signal.channels.kk="dipion"']).signal.channels == {**modes, "kk": "dipion"}
    if model == "alp":
        few = [word for word in SMALL if word != "--json"]
        done = bdana("sensitivity", "--model", model, *few, "--plot", tmp_path / "a.png", "--show", "channel")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mass", 200, "--epsilon", 1e-6], "mass 200 MeV: the mode mumu opens at 211.3168 MeV"),
        (["--mass", 0, "--epsilon", 1e-6], "mass 0 MeV: the widths of this particle are known from"),
        (["--mass", -250, "--epsilon", 1e-6], "the widths of this particle are known from"),
        (["--mass", "nan", "--epsilon", 1e-6], "the widths of this particle are known from"),
        (["--mass", 2500, "--epsilon", 1e-6], "the widths of this particle are known from"),
        (["--mass", 1, "--epsilon", 1e-6, "--channel", "ee"], "the widths of this particle are known from"),
        (["--mass", 250, "--epsilon", 0], "epsilon 0: give a coupling above 0 and at most 1"),
        (["--mass", 250, "--epsilon", -1e-6], "epsilon -1e-06: give a coupling above 0 and at most 1"),
        (["--mass", 250, "--epsilon", 1.5], "epsilon 1.5: give a coupling above 0 and at most 1"),
        (["--mass", 250, "--epsilon", 1e-6, "--epsilon", "nan"], "epsilon nan: give a coupling"),
        ([*POINT, "--grid", "a.csv"], "--mass and --coupling ask for points"),
        ([*POINT, "--observed", 0], "--mass and --coupling ask for points"),
        (["--mass", 250], "points need both --mass and --coupling"),
        (["--epsilon", 1e-6], "points need both --mass and --coupling"),
        ([*POINT, "--channel", "gg"], "no channel 'gg' in [signal] channels: there are mumu, ee"),
        ([*POINT, "--channel", "tautau"], "no channel 'tautau'"),
        (["--channel", "gg"], "no channel 'gg'"),
        (["--overlay", "missing.csv"], "missing.csv: cannot be read"),
        ([*POINT, "--fv", "180,105"], "--fv 180,105: [signal] decay_volume_m: must ascend, not [180, 105]"),
        ([*POINT, "--fv", "105"], "--fv 105: give two numbers with a comma between"),
        ([*POINT, "--fv", "105,1O0"], "--fv 105,1O0: not a number"),
        ([*POINT, "--fv", "20,180"], "it must lie between the dump"),
        ([*POINT, "--fv", "105,190"], "the first element that tracks cross, at 183.5 m"),
        ([*POINT, "--fv", "105,inf"], "--fv 105,inf: not a finite number"),
        ([*POINT, "--z-range", "0.9,0.1"], "--z-range 0.9,0.1: [signal.parameters] z_range = [0.9, 0.1]: must ascend"),
        ([*POINT, "--z-range", "0,1"], "must ascend and lie between 0 and 1"),
        ([*POINT, "--z-range", "0.1,0.5,0.9"], "--z-range 0.1,0.5,0.9: give two numbers"),
        ([*POINT, "--pt-max", "-1"], "--pt-max -1: [signal.parameters] pt_max_gev = -1: must be above 0"),
        ([*POINT, "--pt-max", "all"], "--pt-max all: not a number"),
        ([*POINT, "--pt-max", "1,2"], "--pt-max 1,2: give one number, or none"),
        ([*POINT, "--pt-max", "none", "--theta-max", "none"], "bremsstrahlung diverges"),
        ([*POINT, "--theta-max", "2"], "theta_max_rad"),
        (["--model", "hnl", "--theta-max", "-1"], "bdana: --theta-max -1: [signal.parameters] theta_max_rad"),
        (["--model", "hnl", "--no-form-factor"], "bdana: --no-form-factor: [signal.parameters] has no key 'form_factor'"),
        (["--model", "hnl", "--widths", "ee=a.csv"], "bdana: --widths ee=a.csv: hnl takes one table of all its decay modes"),
        (["--model", "hln"], "bdana: --model hln: [signal] model: no signal model 'hln': did you mean 'hnl'?"),
        ([*POINT, "--min-energy", "-5"], "--min-energy -5: [signal] min_energy_gev = -5: must be 0 or more"),
        ([*POINT, "--pot", 0], "--pot 0: give a positive number of protons on target"),
        ([*POINT, "--pot", "nan"], "--pot nan: give a positive number of protons on target"),
        ([*POINT, "--pythia-setting", "HardQCD:all"], "no meson spectra 'HardQCD:all'"),
        ([*POINT, "--widths", "missing.csv"], "missing.csv: cannot be read"),
        (["--cl", 90], "the confidence level is 90.0: give a number between 0 and 1"),
        (["--cl", 0.9, "--cl", 1], "the confidence level is 1.0"),
        (["--observed", -1], "--observed"),
        (["--background", -0.5], "--background"),
        (["--show", "everything"], "--show"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(arguments, message):
    done = bdana("sensitivity", *SMALL, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_overlay_that_is_no_table_is_refused(tmp_path):
    overlay = tmp_path / "overlay.csv"
    overlay.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\xff")
    done = bdana("sensitivity", *SMALL, "--overlay", overlay)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(overlay) in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plot", "a.txt"], "end the name of a picture in"),
        (["--grid", "none/a.csv"], "none/a.csv: cannot write there"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_the_work(cache, tmp_path, arguments, message):
    done = bdana("sensitivity", *SCAN, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not cache.exists(), "yields were computed first"


def test_several_channels_are_counted_apart_and_excluded_together(tmp_path):
    points = document("--channel", "mumu", "--channel", "pipi", "--mass", 400, "--epsilon", 1e-6)["channels"]
    assert [of_mode["channel"] for of_mode in points] == ["mumu", "pipi"]
    alone = document("--channel", "pipi", "--mass", 400, "--epsilon", 1e-6)
    assert points[1] == alone

    def highest(*channels):
        found = document(*(word for name in channels for word in ("--channel", name)), *SCAN)
        assert found["channel"] == " + ".join(channels)
        (island,) = found["exclusion"][0]["expected"][0]
        return max(island["epsilon_high"])

    assert highest("mumu", "ee") > max(highest("mumu"), highest("ee"))


def test_a_scan_goes_on_where_a_mode_or_every_production_is_closed():
    """N -> pi mu opens at 245 MeV, Ds -> mu N closes at 1863 MeV; the second time yields are read again."""
    arguments = (
        "--model", "hnl", "--channel", "pimu", "--set", 'signal.parameters.flavour="mu"', "--set", "signal.mass_points=5",
        "--set", "signal.masses_mev=[100.0, 1900.0]", "--pot", 1e19, "--jobs", 1,
    )  # fmt: skip
    found = document(*arguments)
    (island,) = found["exclusion"][0]["expected"][0]
    assert min(island["mass_mev"]) > 245.0
    assert max(island["mass_mev"]) < 1863.0
    assert document(*arguments) == found
    refused = bdana("sensitivity", "--model", "hnl", "--channel", "mumu", *SMALL)
    assert refused.returncode == 2
    assert "no decay mode 'mumu'" in refused.stderr
    assert "choose one of these" in " ".join(refused.stderr.split())


@pytest.mark.parametrize(("mode", "flavour"), [("numumu", "mu"), ("rhoe", "e")])
def test_the_parent_of_three_products_points_past_the_dump(mode, flavour):
    """A third product carries momentum away, so less of what is accepted is near the beam than of pi l."""
    point = ("--model", "hnl", "--set", f'signal.parameters.flavour="{flavour}"', "--set", "signal.decays=5000", "--set", "signal.events=1000",
             "--mass", 1000, "--coupling", 3e-4, "--pot", 1e18)  # fmt: skip

    def kept(channel):
        (found,) = document("--channel", channel, *point)["points"]
        leptonic = found["production"]["leptonic"]
        assert leptonic["n_accepted"] > 0.0
        return leptonic["n_selected"] / leptonic["n_accepted"]

    assert 0.0 < kept(mode) < 0.1
    assert kept(f"pi{flavour}") > 0.3
