"""Folder for reinterpretation: valid for HEPData, whole or not there, and its program closes on the project's exclusion."""

import io
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import yaml

from bdana.api import load
from bdana.engine import SerialExecutor, executor_of
from bdana.errors import ConfigError, InputError
from bdana.sensitivity import hepdata_files
from bdana.sensitivity.bundle import Bins, default_energies, default_masses, measure_masses
from bdana.sensitivity.bundle_files import bundle_head, check_folder, write_bundle
from bdana.sensitivity.bundle_tables import SearchCounts, TableColumn
from bdana.sensitivity.exclusion import expected_events
from bdana.sensitivity.scan import Scan
from bdana.statistics.limits import cls
from bdana.statistics.poisson import Background
from bdana.statistics.regions_csv import CountedRegion
from tests.commands import bdana

pytestmark = [  # of hepdata-validator, which leaves files open
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:jsonschema:DeprecationWarning"),
]

SR = CountedRegion("SR", Background(0.016, 0.002), 1)
COUNTS = SearchCounts((SR,), 1.4e17)
BINS = Bins.spread((105.0, 180.0), energies=14, angles=8)
TINY = Bins((15.0, 20.0, 405.0), (0.0, 6.0, 7.0), (105.0, 180.0))
FILES = {"submission", "acceptance", "spectra", "particle", "experiment", "counts"}


@pytest.fixture(scope="module")
def analysis():
    return load(overrides=["signal.decays=40000", "signal.events=4000"])


@pytest.fixture(scope="module")
def folder(analysis, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "out"
    masses = measure_masses(analysis, "mumu", [260.0, 500.0], BINS, 16, SerialExecutor())
    write_bundle(path, analysis, "mumu", BINS, masses, COUNTS)
    return path


@pytest.fixture(scope="module")
def tiny(analysis):
    return measure_masses(analysis, "mumu", [300.0], TINY, 50, SerialExecutor())


def contour(folder):
    """What example.py prints, run as a program of its own."""
    command = [sys.executable, "-W", "error", str(folder / "example.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.loadtxt(io.StringIO(done.stdout), ndmin=2)


def branches(scan, mass, limit, protons):
    """Ends of the couplings at which the yields of the scan are above the limit."""
    couplings = np.geomspace(1e-8, 1e-4, 20_001)
    excluded = couplings[expected_events(scan(mass), protons)(couplings) > limit]
    return excluded.min(), excluded.max()


def table(folder, name):
    return yaml.safe_load((folder / f"{name}.yaml").read_text())


def values(folder):
    columns = table(folder, "experiment")
    names, numbers = (columns[kind][0]["values"] for kind in ("independent_variables", "dependent_variables"))
    return {name["value"]: number["value"] for name, number in zip(names, numbers, strict=True)}


def test_the_program_closes_on_the_exclusion(analysis, folder, tmp_path):
    scan = Scan(analysis, "mumu", None)
    limit = cls(1, SR.background, 0.9, analysis.signal.pot_error).high
    shutil.copytree(folder, tmp_path / "copy")
    rows = contour(tmp_path / "copy")
    assert rows[:, 0].tolist() == [260.0, 500.0]
    for mass, low, high in rows:
        assert (low, high) == pytest.approx(branches(scan, mass, limit, 1.4e17), rel=0.05)


@pytest.mark.exhaustive
def test_the_program_closes_on_the_exclusion_at_full_statistics(tmp_path):
    counts = "--observed", 1, "--background", 0.016, "--background-error", 0.002
    done = bdana("export", "reinterpretation", "out", *counts, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    analysis = load(overrides=["signal.decays=400000", "signal.events=60000"])
    scan = Scan(analysis, "mumu", None)
    scan.compute(default_masses(analysis, "mumu"), executor_of(2))
    limit = cls(1, SR.background, 0.9, analysis.signal.pot_error).high
    rows = contour(tmp_path / "out")
    assert len(rows) == 12
    for mass, low, high in rows:
        assert (low, high) == pytest.approx(branches(scan, mass, limit, 1.4e17), rel=0.02)


def test_the_tables_of_two_photons_close_too(tmp_path):
    """Bins of energy begin below what the selection asks of two photons together."""
    searched = load(
        overrides=['signal.model="alp"', "signal.parameters={}", "signal.decays=40000", "signal.events=8000"]
    )
    bins = Bins.spread((105.0, 180.0), default_energies(searched, "gammagamma"))
    assert (bins.energy_gev[0], default_energies(searched, "mumu")) == (2.2, (15.0, 405.0))
    counts = SearchCounts((SR,), 1e18)
    masses = measure_masses(searched, "gammagamma", [150.0], bins, 16, SerialExecutor())
    write_bundle(tmp_path / "out", searched, "gammagamma", bins, masses, counts)
    ((mass, low, high),) = contour(tmp_path / "out")
    limit = cls(1, SR.background, 0.9, searched.signal.pot_error).high
    assert mass == 150.0
    assert (low, high) == pytest.approx(
        branches(Scan(searched, "gammagamma", None), 150.0, limit, 1e18), rel=0.05
    )


def test_hepdata_takes_the_folder(folder):
    validator = import_module("hepdata_validator.full_submission_validator").FullSubmissionValidator()
    assert validator.validate(directory=str(folder)), validator.get_messages()
    assert {path.name for path in folder.iterdir()} == {f"{name}.yaml" for name in FILES} | {"example.py"}
    comment = next(yaml.safe_load_all((folder / "submission.yaml").read_text()))["comment"]
    for part in ("SHA-256", "1.4e+17", "Decay volume: 105 to 180 m", "within 20 mm"):
        assert part in comment


@pytest.mark.parametrize(
    ("model", "mode", "words", "never"),
    [
        ("dark_photon", "mumu", ["dark photon to mumu", "two tracks' summed momentum", "from 6 to 40 m"], "photons,"),
        ("alp", "gammagamma", ["two photons, if they begin", "from 10 to 1400 MeV", "within 900 mm of"], "tracks"),
        ("hnl", "pie", ["heavy neutral lepton to pie", "pion_electron", "summed momentum"], "dark photon"),
    ],
)  # fmt: skip
def test_the_region_and_the_particle_are_those_of_the_channel(model, mode, words, never):
    searched = load(overrides=[f'signal.model="{model}"', "signal.parameters={}"])
    comment = bundle_head(searched, mode, [], COUNTS)["comment"]
    for part in words:
        assert part in comment
    assert never not in comment


def test_tables_hold_every_bin_once_with_errors(folder):
    found = table(folder, "acceptance")
    columns = found["independent_variables"]
    assert [column["header"]["name"] for column in columns] == ["mass", "energy", "angle", "z"]
    rows = list(
        zip(*([tuple(value.values()) for value in column["values"]] for column in columns), strict=True)
    )
    assert len(set(rows)) == len(rows) == 2 * 14 * 8 * 6
    (efficiency,) = found["dependent_variables"]
    assert all(0.0 <= each["value"] <= 1.0 for each in efficiency["values"])
    assert all(each["errors"][0]["symerror"] > 0.0 for each in efficiency["values"])


def test_the_bundle_is_small(folder):
    # Of two masses in smaller bins; the default has six times as many and 1.8 times as many bins.
    assert sum(path.stat().st_size for path in folder.iterdir()) < 0.5e6


@pytest.mark.parametrize(
    ("background", "observed", "count"),
    [
        (Background(0.016, 0.002), 1, 1),
        (Background(3.0, 1.2), 2, 2),
        (Background(2.5), 4, 4),
        (Background.asymmetric(4.0, 3.0, 0.5), 3, 3),
        (Background.asymmetric(2.0, 0.2, 1.9), 3, 3),
        (Background(0.0), 0, 0),
        (Background(1.2, 0.3), None, 1),  # the median
        (Background.unseen(0.9), 1, 1),
    ],
)
def test_the_program_makes_the_limit_that_the_tables_state(
    analysis, tiny, tmp_path, background, observed, count
):
    region = CountedRegion("SR", background, observed)
    write_bundle(tmp_path / "out", analysis, "mumu", TINY, tiny, SearchCounts((region,), 1e17, 0.95))
    stated = values(tmp_path / "out")
    expected = cls(count, background, 0.95, analysis.signal.pot_error).high
    assert (stated["count"], stated["limit"]) == (count, pytest.approx(expected, rel=1e-4))
    assert runpy.run_path(str(tmp_path / "out" / "example.py"))["limit"] == pytest.approx(expected, rel=2e-3)


def test_a_mass_where_nothing_is_excluded_is_printed_without_couplings(analysis, tiny, tmp_path):
    write_bundle(tmp_path / "out", analysis, "mumu", TINY, tiny, replace(COUNTS, protons=1.0))
    np.testing.assert_array_equal(contour(tmp_path / "out"), [[300.0, np.nan, np.nan]])


def test_counts_of_regions_and_their_covariance_are_tables(analysis, tiny, tmp_path):
    regions = (SR, CountedRegion("CR", Background(0.17, 0.02), None))
    covariance = np.array([[4e-6, 3e-5], [3e-5, 4e-4]])
    write_bundle(
        tmp_path / "out", analysis, "mumu", TINY, tiny, SearchCounts(regions, 1e17, covariance=covariance)
    )
    observed = table(tmp_path / "out", "counts")["dependent_variables"][0]["values"]
    assert [each["value"] for each in observed] == [1, "closed"]
    found = table(tmp_path / "out", "covariance")["dependent_variables"][0]["values"]
    assert [each["value"] for each in found] == covariance.ravel().tolist()


def test_a_process_that_is_closed_at_some_mass_is_zero_there(analysis, tiny, tmp_path):
    other = replace(tiny[0], mass=301.0, spectra={"mesons": tiny[0].spectra["mesons"]})
    write_bundle(tmp_path / "out", analysis, "mumu", TINY, [*tiny, other], COUNTS)
    columns = table(tmp_path / "out", "spectra")["dependent_variables"]
    by_name = {column["header"]["name"]: column["values"] for column in columns}
    assert [each["value"] for each in by_name["d2N/dlog(E)dangle, mixing"][4:]] == [0.0] * 4
    assert by_name["d2N/dlog(E)dangle, mesons"][4:] == by_name["d2N/dlog(E)dangle, mesons"][:4]


def test_a_bundle_of_before_is_replaced_and_another_folder_never(analysis, tiny, tmp_path):
    out = tmp_path / "out"
    out.mkdir()  # an empty folder is taken
    for protons in (1e17, 2e17):
        write_bundle(out, analysis, "mumu", TINY, tiny, replace(COUNTS, protons=protons))
        assert values(out)["protons on target"] == protons
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        write_bundle(out, analysis, "mumu", TINY, tiny, COUNTS)
    assert (out / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_somebody_elses_submission_is_not_replaced(tmp_path):
    (tmp_path / "submission.yaml").write_text("---\ncomment: of another program\n")
    with pytest.raises(InputError, match="holds other files"):
        check_folder(tmp_path)


def test_a_bundle_that_fails_leaves_what_was_there(analysis, tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_bundle(out, analysis, "mumu", TINY, tiny, COUNTS)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    limit = "hepdata_validator.full_submission_validator.INDIVIDUAL_FILE_SIZE_LIMIT"
    monkeypatch.setattr(limit, 1000)
    with pytest.raises(InputError, match=r"HEPData does not take these tables: .* is bigger than the limit"):
        write_bundle(out, analysis, "mumu", TINY, tiny, replace(COUNTS, protons=2e17))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    with pytest.raises(InputError, match="HEPData does not take"):
        write_bundle(tmp_path / "new", analysis, "mumu", TINY, tiny, COUNTS)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_said_and_the_bundle_of_before_stays(analysis, tiny, tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_bundle(out, analysis, "mumu", TINY, tiny, COUNTS)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hepdata_files.os, "fsync", full)
    with pytest.raises(InputError, match=r"out: cannot be written \(No space left"):
        write_bundle(out, analysis, "mumu", TINY, tiny, COUNTS)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(list(out.iterdir())) == 7


def test_places_where_no_folder_can_be_made_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        check_folder(tmp_path / "file")
    with pytest.raises(InputError, match="there is no folder"):
        check_folder(tmp_path / "not" / "there")


@pytest.mark.parametrize("library", ["yaml", "hepdata_validator.full_submission_validator"])
def test_the_libraries_of_hepdata_are_needed(monkeypatch, tmp_path, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"pip install 'bdana\[export\]'"):
        check_folder(tmp_path / "out")


def test_the_program_needs_nothing_from_elsewhere(folder):
    text = (folder / "example.py").read_text()
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"pathlib", "numpy", "scipy", "yaml"}


def test_where_a_formula_leaves_its_range_is_said(analysis, tiny, tmp_path):
    write_bundle(tmp_path / "out", analysis, "mumu", TINY, [replace(tiny[0], mass=700.0)], COUNTS)
    comment = next(yaml.safe_load_all((tmp_path / "out" / "submission.yaml").read_text()))["comment"]
    assert "Caution: bremsstrahlung above 650 MeV" in comment


def test_upper_and_lower_errors_are_written_as_hepdata_has_them():
    rows = TableColumn("expected", [2.0, 3.0, 0.0], errors=[0.5, (0.75, 0.25), 0.0], label="total").plain()[
        "values"
    ]
    assert rows == [
        {"value": 2.0, "errors": [{"symerror": 0.5, "label": "total"}]},
        {"value": 3.0, "errors": [{"asymerror": {"plus": 0.75, "minus": -0.25}, "label": "total"}]},
        {"value": 0.0},
    ]
