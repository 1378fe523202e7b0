"""`bdana schema check` adds up branches, which of one event are its values: not of data that are not sealed."""

import json

import pytest

from bdana.analysis import scaffold
from bdana.events.files import forget_files
from bdana.sealing.seal_file import seal
from tests.attacks.interference import run
from tests.attacks.raw import CANARY, canary, like_sign, raw_file

TRUTH = {"truth": {"process": 1, "mass": 500.0, "p": 80e3, "z_decay": 140e3}}


@pytest.fixture
def folder(analysis, sealing, tmp_path):
    """The folder of an analysis whose policy has people, and data outside it: raw, sealed, and simulation."""
    forget_files()
    seal(raw_file(tmp_path / "run.root", [like_sign(1), canary(1)]), tmp_path, sealing)
    raw_file(tmp_path / "elsewhere.root", [canary(1)])
    (tmp_path / "mc").mkdir()
    raw_file(tmp_path / "mc" / "signal.root", [canary(1) | TRUTH])
    raw_file(tmp_path / "mc" / "halo.root", [canary(1) | {"run": 99001}])
    return tmp_path


def check(analysis, *arguments):
    return run(analysis.folder, ["schema", "check", *map(str, arguments)])


@pytest.mark.parametrize("name", ["run.root", "elsewhere.root"])
@pytest.mark.parametrize("kind", [None, "data", "mc", "pseudo"])
def test_no_entries_and_sums_of_raw_data(analysis, folder, name, kind):
    options = ["--kind", kind] if kind else []
    for form in ([], ["--json"]):
        status, out, err = check(analysis, folder / name, "--sums", *form, *options)
        assert (status, out) == (2 if kind == "pseudo" else 3, "")
        assert f"{CANARY:.3f}" not in err
        if kind in {None, "data"}:
            assert f"{name} is not sealed: data are read from NAME.open.root files" in err
    if kind != "pseudo":
        status, out, err = check(analysis, folder / name, "--json", *options)
        document = json.loads(out)
        assert (status, document["entries"], "sums" in document) == (0, None, False)
        assert len(document["columns"]) > 30  # names are no values
        assert "entries are not shown: refused" in err
        status, out, _ = check(analysis, folder / name, *options)
        assert (status, " entries, schema" in out) == (0, False)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("run.open.root", []),
        ("mc/signal.root", []),
        ("mc/signal.root", ["--kind", "mc"]),
        ("mc/halo.root", ["--kind", "mc"]),
    ],
)
def test_open_files_and_simulation_are_counted(analysis, folder, name, options):
    status, out, err = check(analysis, folder / name, "--sums", "--json", *options)
    assert status == 0, err
    document = json.loads(out)
    assert document["entries"] == document["sums"]["run"]["values"] == 1


def test_before_the_policy_has_people_data_are_known_by_kind_and_runs(tmp_path):
    scaffold(tmp_path / "search")
    raw = raw_file(tmp_path / "run.root", [canary(1)])
    policy = tmp_path / "search" / "blinding" / "policy.toml"

    def checked(*options):
        forget_files()
        return run(tmp_path / "search", ["schema", "check", str(raw), "--sums", *options])

    for options in ([], ["--kind", "data"]):
        status, _, err = checked(*options)
        assert (status, "is data that are not sealed, so closed events would be counted" in err) == (3, True)
    assert checked("--kind", "mc")[0] == 0
    policy.write_text(policy.read_text() + "\n[periods.2021]\ndata_runs = [[11000, 12000]]\n")
    status, out, err = checked("--kind", "mc")
    assert (status, out) == (3, "")
    assert "has runs of the data and no truth columns" in err


def test_where_no_policy_is_data_are_not_counted(tmp_path):
    """`select` leaves closed events out there, and a sum would have them."""
    raw = raw_file(tmp_path / "run.root", [canary(1)])
    for options, status in (([], 3), (["--kind", "data"], 3), (["--kind", "mc"], 0)):
        forget_files()
        assert run(tmp_path, ["schema", "check", str(raw), "--sums", *options])[0] == status
