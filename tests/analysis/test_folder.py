"""Loading an analysis: where from, with which replacements, and under which identity."""

import pickle
import shutil
import sys
from pathlib import Path

import pytest

import bdana
from bdana.analysis import find_analysis, template_folder
from bdana.analysis.modules import AnalysisModules
from bdana.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    for name in ("selections", "backgrounds", "blinding"):
        shutil.copytree(template_folder() / name, tmp_path / name)
    shutil.copy(template_folder() / "analysis.toml", tmp_path)
    return tmp_path


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_folder_of_modules_that_may_not_be_read_is_named(folder, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path.name != "selections")
    with pytest.raises(ConfigError, match="selections: no permission to read this folder"):
        bdana.load(folder)


def test_a_folder_may_have_any_name_that_the_disk_takes():
    assert AnalysisModules(Path("\udcff"), {}).package != AnalysisModules(Path("\udcfe"), {}).package


def test_the_nearest_folder_upwards_is_taken(folder, monkeypatch):
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    assert find_analysis(inner) == folder.resolve()
    monkeypatch.chdir(inner)
    assert bdana.load().folder == folder.resolve()


def test_without_one_the_packaged_analysis_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_analysis() is None
    assert bdana.load().folder == template_folder().resolve()


def test_a_folder_without_analysis_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"no analysis\.toml there"):
        bdana.load(tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("selection.dimuon.acceptance", "write KEY=VALUE"),
        ("selection..acceptance=true", "write KEY=VALUE"),
        ("selection.dimuon.acceptance=False", "not a TOML value"),
        ("analysis.name.first='x'", "name is a value"),
        ("regions.SR.z_tax_max_m='forty'", r"regions\.SR\.z_tax_max_m"),
        ("regions.SR.z_tax_max_m=60.0", "SR is not inside CR"),
        ("regions.SR.cda_tax_max_mm=nan", r"cda_tax_max_mm"),
        ("beam_line.direction=[0.0,0.0,0.0]", "must not be zero"),
        ("selection.diboson.x=1", r"no selections/diboson\.py"),
        ("colour='blue'", "colour"),
    ],
)
def test_wrong_replacements_are_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        bdana.load(template_folder(), overrides=[override])


def test_unknown_or_wrong_parameters_of_a_selection_are_refused():
    for override in ("selection.dimuon.max_chi=1.0", "selection.dimuon.max_chi2='low'"):
        with pytest.raises(ConfigError, match=r"selection\.dimuon\.max_chi"):
            bdana.load(template_folder(), overrides=[override]).selection("dimuon")


def test_replacements_act_on_the_parameters():
    analysis = bdana.load(template_folder(), overrides=["selection.dimuon.max_cda_mm=10.0"])
    assert analysis.selection("dimuon")[1].max_cda_mm == 10.0


def test_toml_that_is_none_names_the_file(folder):
    (folder / "analysis.toml").write_text("[analysis\n")
    with pytest.raises(ConfigError, match=r"analysis\.toml"):
        bdana.load(folder)


def test_hash_follows_configuration_and_code(folder):
    hashes = [
        bdana.load(folder).hash,
        bdana.load(folder, overrides=["selection.dimuon.max_cda_mm=10.0"]).hash,
    ]
    replace(folder / "selections" / "dimuon.py", "pair.cda < par", "pair.cda <= par")
    hashes.append(bdana.load(folder).hash)
    replace(folder / "analysis.toml", "acceptance = true", "acceptance = false")
    hashes.append(bdana.load(folder).hash)
    assert len(set(hashes)) == 4
    replace(folder / "analysis.toml", "acceptance = false", "acceptance = true  # a comment changes nothing")
    assert bdana.load(folder).hash == hashes[2]


def test_an_edited_cut_acts_in_the_same_process(folder):
    first = bdana.load(folder).selection("dimuon")[0]
    replace(folder / "selections" / "dimuon.py", "    acceptance,\n)", ")")
    second = bdana.load(folder).selection("dimuon")[0]
    assert {c.name for c in first.cuts} - {c.name for c in second.cuts} == {"acceptance"}


def test_modules_import_their_neighbours_and_stay_off_the_path(folder):
    (folder / "selections" / "_numbers.py").write_text("LIMIT = 7.0\n")
    (folder / "selections" / "tight.py").write_text(
        "from ._numbers import LIMIT\nfrom .dimuon import selection\nassert LIMIT == 7.0\n"
    )
    before = list(sys.path)
    analysis = bdana.load(folder)
    assert analysis.selection("tight")[0] == analysis.selection("dimuon")[0]
    assert "_numbers" not in analysis.modules.names("selections")
    assert sys.path == before
    assert "selections" not in sys.modules


def test_a_module_that_fails_is_named(folder):
    (folder / "selections" / "broken.py").write_text("1 / 0\n")
    (folder / "selections" / "empty.py").write_text("")
    analysis = bdana.load(folder)
    with pytest.raises(ConfigError, match=r"broken\.py cannot be imported: ZeroDivisionError"):
        analysis.selection("broken")
    with pytest.raises(ConfigError, match=r"empty\.py must define `selection"):
        analysis.selection("empty")
    with pytest.raises(ConfigError, match="there are: broken, dielectron, dimuon"):
        analysis.selection("dielectron_")


def test_a_worker_refuses_an_analysis_that_changed_meanwhile(folder):
    sent = pickle.dumps(bdana.load(folder))
    assert pickle.loads(sent).hash == bdana.load(folder).hash
    sent = pickle.dumps(bdana.load(folder, overrides=["selection.dimuon.max_chi2=19.0"]))
    replace(folder / "selections" / "dimuon.py", "pair.cda < par", "pair.cda <= par")
    with pytest.raises(ConfigError, match="changed while it was running"):
        pickle.loads(sent)


def test_what_is_histogrammed_is_that_of_the_selection():
    analysis = bdana.load(bdana.analysis.template_folder())
    shown = analysis.distributions("dimuon", ["CR3"])
    assert shown.without["cda"].borders == ("max_cda_mm",)
    assert shown.functions == {"lkr_e_over_p", "trigger_dt", "lav_dt", "straw1_distance", "muv3_radius"}
    assert shown.regions == ("CR3",)
    off = bdana.load(analysis.folder, ["selection.dimuon.acceptance=false"])
    assert "acceptance" not in off.distributions("dimuon", []).without
    other = analysis.distributions("dipion", [])  # has no functions
    assert not other.functions
    assert "cda" in other.without


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('n_minus_1.cda.cut="cdb"', r"\[n_minus_1\.cda\]: no cut 'cdb' in selections/.*'cda'"),
        ('n_minus_1.lav_veto.function="lav_dtt"', r"no function 'lav_dtt' in selections/.*'lav_dt'"),
        ('variables.e_over_p.function="e_p"', r"\[variables\.e_over_p\]: no function 'e_p'"),
        ('n_minus_1.cda.borders=["max_cda"]', r"no number 'max_cda' in selections/.*'max_cda_mm'"),
        ('n_minus_1.cda.borders=["max_dt_ns"]', "max_dt_ns is in ns, and the axis in mm"),
    ],
)
def test_a_distribution_of_what_is_not_there(setting, said):
    with pytest.raises(ConfigError, match=said):
        bdana.load(bdana.analysis.template_folder(), [setting]).distributions("dimuon", [])
