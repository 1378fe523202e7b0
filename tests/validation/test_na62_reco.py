"""The selection against the reference results of a file that ROOT wrote and a C++ program selected."""

import csv
import json
import math

import pytest

from tests.cli.test_select import REFERENCE
from tests.commands import bdana


@pytest.fixture(scope="module")
def truth(shared):
    return json.loads((shared / "data" / "open" / "truth.json").read_text())


@pytest.fixture(scope="module")
def results(shared, tmp_path_factory):
    out = {}
    for name, options in {"all": ["--all-bursts"], "good": []}.items():
        path = tmp_path_factory.mktemp("candidates") / "c.csv"
        done = bdana(
            "select", shared / "data" / "open" / "na62_reco.root", "--schema", "na62-reco", "--kind", "mc",
            "--json", "--candidates", path, *options, *REFERENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with path.open() as file:
            out[name] = json.loads(done.stdout), list(csv.DictReader(file))
    return out


def test_cutflow_is_the_reference_number_for_number(truth, results):
    own = [(row["cut"], row["events"]) for row in results["all"][0]["cutflow"]]
    assert own == [tuple(row) for row in truth["cut_flow_mumu"]]


def test_candidates_are_the_reference_values(truth, results):
    reference = truth["selected_mumu"]
    rows = results["all"][1]
    assert [(int(r["run"]), int(r["burst"]), int(r["event"])) for r in rows] == [
        (r["run"], r["burst"], r["event"]) for r in reference
    ]
    for own, ref in zip(rows, reference, strict=True):
        for column, (key, factor) in {
            "z_vertex_m": ("z_vertex_m", 1), "z_tax_m": ("z_TAX_m", 1), "mass_mev": ("m_mumu_GeV", 1e3),
            "dt_ns": ("dT_ns", 1), "p_plus_gev": ("p_plus_GeV", 1), "p_minus_gev": ("p_minus_GeV", 1),
        }.items():  # fmt: skip
            assert math.isclose(float(own[column]), ref[key] * factor, rel_tol=1e-6), column
        for column, key in {"cda_fv_mm": "CDA_FV_mm", "cda_tax_mm": "CDA_TAX_mm"}.items():
            assert math.isclose(float(own[column]), ref[key], rel_tol=0, abs_tol=1e-6), column


def test_regions_are_the_reference_counts(truth, results):
    document, rows = results["all"]
    own = {row["name"]: row["observed"] for row in document["regions"]}
    wide = sum(own[name] for name in ("outside", "CR1", "CR2", "CR3"))
    assert {"SR": own["SR"], "CR": own["CR"], "outside": wide} == truth["regions_mumu"]
    assert own == {name: sum(row["region"] == name for row in rows) for name in own}


def test_good_bursts_have_the_regions_of_the_reference(truth, results):
    document, rows = results["good"]
    own = {row["name"]: row["observed"] for row in document["regions"]}
    assert {"final": len(rows), "SR": own["SR"], "CR": own["CR"]} == truth["regions_mumu_good_bursts"]


def test_exposure_counts_the_bursts_used(truth, results):
    for name, suffix in {"all": "all", "good": "good"}.items():
        exposure = results[name][0]["exposure"]
        assert exposure["pot"] == truth["bursts"][f"pot_{suffix}"]
        assert exposure["live_time_s"] == pytest.approx(truth["bursts"][f"live_s_{suffix}"], rel=1e-12)
    assert results["all"][0]["exposure"]["bursts"] == truth["bursts"]["n"]
    assert results["good"][0]["exposure"]["bursts"] == truth["bursts"]["n_good"]


def test_electrons_have_the_cutflow_of_the_reference(shared, truth, tmp_path):
    path = tmp_path / "c.csv"
    switches = [option.replace("dimuon", "dielectron") for option in REFERENCE]
    done = bdana(
        "select", shared / "data" / "open" / "na62_reco.root", "--schema", "na62-reco", "--kind", "mc", "--json",
        "--all-bursts", "--selection", "dielectron", "--candidates", path, *switches,
    )  # fmt: skip
    assert [(row["cut"], row["events"]) for row in json.loads(done.stdout)["cutflow"]] == [
        tuple(row) for row in truth["cut_flow_ee"]
    ]
    with path.open() as file:
        rows = list(csv.DictReader(file))
    reference = truth["selected_ee"]
    assert [int(row["event"]) for row in rows] == [row["event"] for row in reference]
    assert [float(row["mass_mev"]) for row in rows] == pytest.approx(
        [1e3 * r["m_ee_GeV"] for r in reference], rel=1e-6
    )
