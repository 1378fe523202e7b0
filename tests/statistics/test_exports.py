"""Exported tables: nothing lost, nothing of closed regions, and the other programs accept them."""

import csv
import json
import re
import sys
import tarfile
from dataclasses import replace

import pyhf
import pytest
import yaml

from bdana.errors import ConfigError, InputError
from bdana.statistics.error_sources import ErrorSources
from bdana.statistics.exports import Sheet, SheetColumn, pyhf_workspace, write_sheet
from bdana.statistics.methods import limits
from bdana.statistics.poisson import Background
from bdana.statistics.regions_csv import CountedRegion, read_regions
from tests.commands import bdana
from tests.typeset import is_read

CSV = "name,expected,error,observed\nCR_3,1.5000000000000002,0.2,2\nSR,0.016,0.002,\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "regions.csv"
    path.write_text(CSV)
    return path


def export(table, out):
    done = bdana("count", "--regions", table, "--export", out, "--json")
    assert done.returncode == 0, done.stderr
    assert "SR closed" in done.stderr
    return out


def test_csv_comes_back_as_it_was(table, tmp_path):
    assert read_regions(export(table, tmp_path / "out.csv")) == read_regions(table)


def test_the_table_of_a_run_is_read(table, tmp_path):
    document = json.loads(bdana("count", "--regions", table, "--json").stdout)
    (tmp_path / "table.json").write_text(json.dumps(document))
    assert read_regions(tmp_path / "table.json") == read_regions(table)
    (tmp_path / "table.json").write_text("[]")
    with pytest.raises(InputError, match=r"table\.json: is not a table of bdana run"):
        read_regions(tmp_path / "table.json")


def test_latex_escapes_names_and_says_closed(table, tmp_path):
    text = export(table, tmp_path / "out.tex").read_text()
    assert r"CR\_3 & $1.50 \pm 0.20$ & $2$ & $0.44$ & $0.6676$ \\" in text
    assert r"SR & $0.0160 \pm 0.0020$ & closed & -- & -- \\" in text
    assert "% p: p_n = P(N >= n)" in text


def test_small_numbers_in_latex_are_powers_of_ten(tmp_path):
    sheet = Sheet("t", (SheetColumn("name", ("SR",)), SheetColumn("p", (1.25e-7,))))
    write_sheet(tmp_path / "t.tex", sheet)
    assert r"$1.25 \times 10^{-7}$" in (tmp_path / "t.tex").read_text()


def test_latex_reads_the_table_whatever_a_region_is_called(tmp_path):
    names = ("SR", "[a]_b", r"\\1^2", "50% & #~{", "中ε", "*")
    values = (1.25e-7, None, 0.0, 3.0, 1e9, 2.0)
    errors = ((1e-8, 2e-8), 0.0, 0.0, (0.3, 0.2), 1e8, 0.5)
    columns = SheetColumn("name", names), SheetColumn("p_n & {", values, errors, unit="10% $")
    write_sheet(tmp_path / "t.tex", Sheet("t", columns, {"p": "P(N >= n)"}, {"ε_total": 3.0}))
    is_read(tmp_path, (tmp_path / "t.tex").read_text())


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # hepdata-lib leaves a file open
def test_hepdata_submission_is_valid_and_whole(table, tmp_path):
    # hepdata-lib validates the archive with HEPData's own schema before it is ours.
    with tarfile.open(export(table, tmp_path / "out.tar.gz")) as archive:
        assert sorted(archive.getnames()) == ["counting_experiment.yaml", "submission.yaml"]
        found = yaml.safe_load(archive.extractfile("counting_experiment.yaml"))
    expected, observed = found["dependent_variables"][:2]
    assert expected["values"][1]["value"] == 0.016
    assert expected["values"][1]["errors"] == [{"label": "total", "symerror": 0.002}]
    assert [value["value"] for value in observed["values"]] == [2, "closed"]


def test_hepdata_needs_its_library(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "hepdata_lib", None)
    with pytest.raises(ConfigError, match=r"pip install 'bdana\[export\]'"):
        write_sheet(tmp_path / "a.tar.gz", Sheet("t", ()))


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")  # of pyhf's own check
def test_pyhf_workspace_has_the_same_model(tmp_path):
    done = bdana(
        "count", "--observed", 12, "--background", 9.5, "--background-error", 1.5, "--efficiency-error", 0.1,
        "--export", tmp_path / "ws.json", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    workspace = pyhf.Workspace(json.loads((tmp_path / "ws.json").read_text()))  # validates the schema
    model = workspace.model()
    assert workspace.data(model)[0] == 12
    nominal = dict(zip(model.config.par_names, model.config.suggested_init(), strict=True))
    assert model.expected_data([nominal[name] for name in model.config.par_names])[0] == pytest.approx(10.5)
    nominal["background"] = 1.0
    assert model.expected_data([nominal[name] for name in model.config.par_names])[0] == pytest.approx(12.0)
    nominal["signal_efficiency"] = 1.0
    assert model.expected_data([nominal[name] for name in model.config.par_names])[0] == pytest.approx(12.1)


def test_pyhf_workspace_leaves_closed_regions_out_and_refuses_none():
    opened, closed = CountedRegion("CR", Background(1.0, 2.0), 1), CountedRegion("SR", Background(0.1), None)
    workspace = pyhf_workspace([opened, closed])
    assert [channel["name"] for channel in workspace["channels"]] == ["CR"]
    assert workspace["measurements"][0]["config"]["poi"] == "mu_CR"
    background = workspace["channels"][0]["samples"][1]["modifiers"][0]["data"]
    assert background == {"hi_data": [3.0], "lo_data": [0.0]}
    with pytest.raises(InputError, match="no region is open"):
        pyhf_workspace([closed])


def test_limits_are_exported(tmp_path):
    done = bdana("limit", "--observed", 1, "--background", 2.6, "--export", tmp_path / "l.csv", "--json")
    assert done.returncode == 0, done.stderr
    header, row, *others = (tmp_path / "l.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in others] == ["bayes", "feldman_cousins"]
    assert header.startswith("method,low,high,minus_2_sigma")
    assert float(row.split(",")[2]) == limits(1, Background(2.6), 0.9, 0.0, ("cls",))["cls"].high


@pytest.mark.parametrize("name", ["a.xls", "a.json"])
def test_unknown_endings_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="the ending says the format"):
        write_sheet(tmp_path / name, Sheet("t", ()))
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")  # of pyhf's own check
def test_each_source_of_error_is_a_parameter_of_the_workspace():
    """Background of two regions moved by a common source and by one of each; the errors are those of the sources."""
    regions = [CountedRegion("CR", Background(9.0, 3.0), 7), CountedRegion("SR", Background(1.0, 0.5), 1)]
    errors = ErrorSources(
        ("SR", "CR"), {"halo": (0.3, 2.0), "single tracks, CR": (0.0, 5.0**0.5), "SR own": (0.4, 0.0)}
    )
    workspace = pyhf_workspace(regions, errors=errors)
    modifiers = {
        channel["name"]: {x["name"]: x["data"] for x in channel["samples"][1]["modifiers"]}
        for channel in workspace["channels"]
    }
    assert modifiers["CR"].keys() == {"halo", "single tracks, CR"}
    assert modifiers["SR"].keys() == {"halo", "SR own"}
    assert modifiers["SR"]["halo"] == {"hi_data": [1.3], "lo_data": [0.7]}
    assert modifiers["CR"]["halo"] == {"hi_data": [11.0], "lo_data": [7.0]}
    up = replace(errors, one_sided=frozenset({"halo"}))
    moved = pyhf_workspace(regions, errors=up)["channels"][0]["samples"][1]["modifiers"]
    assert next(x["data"] for x in moved if x["name"] == "halo")["lo_data"] != [7.0]
    model = pyhf.Workspace(pyhf_workspace(regions, errors=up)).model()
    values = dict(zip(model.config.par_names, model.config.suggested_init(), strict=True))
    nominal = model.expected_actualdata(list(values.values()))
    lower = model.expected_actualdata(list((values | {"halo": -1.0}).values()))
    assert lower == pytest.approx(nominal)
    higher = model.expected_actualdata(list((values | {"halo": 1.0}).values()))
    assert sorted(higher - nominal) == pytest.approx([0.3, 2.0])
    pyhf.Workspace(workspace).model()


SINGLE = ("--observed", 3, "--background", 1, "--background-error", "+0.3,-0.2", "--ses", 1e-11)


def leaves(document):
    """Every computed number of a document; conventions are text."""
    for key, value in document.items():
        if key in {"convention", "conventions", "name", "state", "regions"} and not isinstance(
            value, dict | list
        ):
            continue
        for one in (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        ):
            if isinstance(one, dict):
                yield from leaves(one)
            elif isinstance(one, int | float):
                yield one


def computed(document):
    rows = [*document.get("regions", []), document] if "regions" in document else [document]
    return [
        x
        for row in rows
        for x in leaves({k: v for k, v in row.items() if k not in {"regions", "conventions"}})
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        SINGLE,
        pytest.param(("--observed", 2000, "--background", 1), marks=pytest.mark.exhaustive),
        "regions",
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # hepdata-lib leaves a file open
def test_everything_that_is_computed_is_exported(table, tmp_path, arguments):
    if arguments == "regions":
        table.write_text(CSV.replace("0.002,", "0.002,1"))
        arguments = ("--regions", table)
    done = bdana("count", *arguments, "--json", "--export", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    exported = {float(text) for row in rows for text in row.values() if re.fullmatch(r"[-+.\de]+", text)}
    found = json.loads(done.stdout)
    assert set(computed(found)) <= exported
    texts = {text for row in rows for text in row.values()}
    assert set(found["conventions"].values()) <= texts
    for name in ("out.tex", "out.tar.gz"):
        assert bdana("count", *arguments, "--export", tmp_path / name).returncode == 0
    latex = (tmp_path / "out.tex").read_text()
    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        kept = yaml.safe_load(archive.extractfile("counting_experiment.yaml"))
    names = {
        column["header"]["name"] for column in (*kept["independent_variables"], *kept["dependent_variables"])
    }
    for name in rows[0].keys() - {"name", "error"}:
        if not name.startswith("convention_"):
            assert name in names
            stem = re.sub(r"_(value|(total_)?(up|down))$", "", name) if "error" not in name else name
            assert stem.replace("_", r"\_") in latex


def test_two_errors_are_exported_and_come_back(tmp_path):
    assert bdana("count", *SINGLE, "--export", tmp_path / "out.csv").returncode == 0
    (read,) = read_regions(tmp_path / "out.csv")
    assert read.background.errors == (0.3, 0.2)
    assert bdana("count", *SINGLE, "--export", tmp_path / "out.tex").returncode == 0
    latex = (tmp_path / "out.tex").read_text()
    assert r"expected [events] & $1.00^{+0.30}_{-0.20}$ \\" in latex
    assert r"branching\_ratio, statistical & $(2.0^{+2.1}_{-1.4}) \times 10^{-11}$ \\" in latex


def test_what_is_too_rare_for_a_number_is_a_bound(tmp_path):
    done = bdana("count", "--observed", 5000, "--background", 1, "--method", "bayes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("< 1e-300") == 2
    assert "> 37.04" in done.stdout
    assert "infinite" not in done.stdout
