"""Files that ROOT wrote in other layouts, and damaged ones: the same answer, or one clear refusal."""

import csv
import json
import math

import numpy as np
import pytest
import uproot

from bdana.errors import InputError
from bdana.events import open_events
from tests.cli.test_select import REFERENCE
from tests.commands import bdana

# Absolute tolerances of the float32 files, as their README states them.
TOLERANCES = {
    "z_vertex_m": 2e-4, "cda_fv_mm": 1e-3, "z_tax_m": 2e-3, "cda_tax_mm": 1e-3, "mass_mev": 1e-2, "dt_ns": 1e-5,
}  # fmt: skip


@pytest.fixture(scope="module")
def files(shared):
    return shared / "data" / "open"


@pytest.fixture(scope="module")
def truth(files):
    return json.loads((files / "truth.json").read_text())


def selected(path, schema, out, *options):
    done = bdana("select", path, "--schema", schema, "--kind", "mc", "--json", "--candidates", out, *options)
    assert done.returncode == 0, done.stderr
    with out.open() as file:
        return json.loads(done.stdout), list(csv.DictReader(file))


@pytest.fixture(scope="module")
def reco(files, tmp_path_factory):
    return selected(
        files / "na62_reco.root", "na62-reco", tmp_path_factory.mktemp("reco") / "c.csv", *REFERENCE
    )


@pytest.mark.parametrize("name", ["flat", "flat_rntuple"])
def test_flat_files_give_the_same_candidates(files, reco, tmp_path, name):
    document, rows = selected(files / f"{name}.root", "flat", tmp_path / "c.csv", *REFERENCE)
    assert document["cutflow"] == reco[0]["cutflow"]
    assert document["regions"] == reco[0]["regions"]
    assert document["exposure"]["pot"] == pytest.approx(reco[0]["exposure"]["pot"], rel=1e-6)
    for own, ref in zip(rows, reco[1], strict=True):
        assert [own[key] for key in ("run", "burst", "event", "region")] == [
            ref[key] for key in ("run", "burst", "event", "region")
        ]
        for column, tolerance in TOLERANCES.items():
            assert math.isclose(float(own[column]), float(ref[column]), rel_tol=0, abs_tol=tolerance), column


def test_pairs_without_times_or_beam_line(files, truth, tmp_path):
    document, rows = selected(
        files / "spinquest_like.root", "spinquest", tmp_path / "c.csv", "--selection", "vertex_only"
    )
    reference = truth["spinquest_opposite_sign_pairs"]["pairs"]
    assert document["exposure"] is None
    for own, ref in zip(rows, reference, strict=True):
        assert (int(own["run"]), int(own["burst"]), int(own["event"])) == (
            ref["run"],
            ref["spill"],
            ref["event"],
        )
        assert float(own["z_vertex_m"]) == pytest.approx(ref["z_vertex_cm"] / 100, rel=1e-6, abs=1e-9)
        assert float(own["cda_fv_mm"]) == pytest.approx(ref["CDA_cm"] * 10, abs=1e-6)
        assert float(own["mass_mev"]) == pytest.approx(1e3 * ref["m_mumu_GeV"], rel=1e-6)
        assert float(own["p_plus_gev"]) == pytest.approx(ref["p_plus_GeV"], rel=1e-9)
        assert own["z_tax_m"] == own["cda_tax_mm"] == own["dt_ns"] == ""
        assert own["region"] == "undefined"
    assert document["regions"][-1] == {"name": "undefined", "observed": len(reference)}


@pytest.mark.parametrize("name", ["spinquest_like.root", "hps_like.root", "flat.root"])
def test_values_and_sums_of_branches(files, truth, name):
    kind = ["--kind", "mc"] if name == "flat.root" else []  # as data of NA62 they are not sealed
    done = bdana("schema", "check", files / name, "--sums", "--json", *kind)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    expected = {key: value for key, value in truth["other_files"][name].items() if isinstance(value, dict)}
    assert document["entries"] == truth["other_files"][name]["entries"]
    for branch, sums in expected.items():
        assert document["sums"][branch]["values"] == sums["values"], branch
        assert document["sums"][branch]["sum"] == pytest.approx(sums["sum"], rel=1e-9), branch


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("spinquest_like.root", ["tracks.time", "trigger_time", "lav.time"]),
        ("hps_like.root", ["trigger_time", "muv3.x", "lkr.energy"]),
    ],
)
def test_the_dimuon_selection_names_what_a_layout_lacks(files, name, missing):
    done = bdana("select", files / name, "--kind", "mc")
    assert done.returncode == 2
    for column in missing:
        assert column in done.stderr
    check = json.loads(bdana("schema", "check", files / name, "--json").stdout)
    assert not check["selections"]["dimuon"]["can_run"]
    assert set(missing) <= set(check["selections"]["dimuon"]["missing"])
    assert check["selections"]["vertex_only"]["can_run"]


@pytest.mark.parametrize(
    ("name", "schema", "message"),
    [
        ("na62_reco_split0.root", "na62-reco", "not split"),
        ("na62_reco_split0_silent.root", "na62-reco", "Bursts"),
        ("truncated.root", "na62-reco", "damaged or cut short"),
        ("missing_branch.root", "na62-reco", "LAV/TRecoVEvent/fCandidates/fCandidates.fTime"),
        ("missing_branch_flat.root", "flat", "trk_p"),
        ("wrong_type.root", "flat", "'tracks.p' must be float"),
        ("corrupt_basket.root", "na62-reco", "fCandidates.fMomentum"),
        ("corrupt_values.root", "na62-reco", "fCandidates.fMomentum"),
        ("not_root.root", "na62-reco", "not a ROOT file"),
    ],
)
def test_damaged_files_are_refused_by_name(files, name, schema, message):
    for options in ([], ["--schema", schema]):
        done = bdana("select", files / name, "--kind", "mc", "--json", *options)
        assert done.returncode == 2
        assert done.stderr.count("bdana: ") == 1
        assert name in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert message in done.stderr


def test_an_empty_tree_is_an_empty_result_with_exposure(files, truth):
    document = json.loads(
        bdana("select", files / "empty_tree.root", "--kind", "mc", "--json", "--all-bursts").stdout
    )
    assert {row["events"] for row in document["cutflow"]} == {0}
    assert document["exposure"]["pot"] == truth["bursts"]["pot_all"]
    assert document["exposure"]["bursts"] == truth["bursts"]["n"]


def test_a_changed_byte_in_a_page_of_root_is_found(files, tmp_path):
    """ROOT keeps a checksum of every page of an RNTuple."""
    raw = (files / "flat_rntuple.root").read_bytes()
    with uproot.open(files / "flat_rntuple.root") as file:
        pages = [p for cluster in file["events"].page_link_list for column in cluster for p in column.pages]
    rng = np.random.default_rng(5)
    for i, at in enumerate(rng.integers(len(pages), size=8)):
        page = pages[at].locator
        damaged, place = bytearray(raw), page.offset + rng.integers(page.num_bytes)
        damaged[place] ^= 1 << rng.integers(8)
        path = tmp_path / f"{i}.root"
        path.write_bytes(damaged)
        file = open_events(path, "flat")
        with pytest.raises(InputError, match=f"{path}: branch .* is damaged .*checksum"):
            file.read(file.columns(), 0, file.entries)
