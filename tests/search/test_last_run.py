"""A run is kept only where nothing has changed that it depends on, and nothing that it wrote."""

import os
from dataclasses import replace

import pytest

import bdana
from bdana.analysis import Handling
from bdana.engine import code_version as versions
from bdana.search import last_run
from bdana.search.last_run import dependencies, read_last_run, write_last_run
from tests.searches import analysis_folder

PRINTED = ["a line", {"headers": ["cut"], "rows": [["read"]], "numbers": True}]


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """Analysis with a sample, its list of good runs, a layout of its own, a table that a module reads, and an output."""
    folder = tmp_path_factory.mktemp("last_run") / "search"
    samples = {
        "data": {"kind": "data", "files": ["data/*.root"], "good_runs": "good.csv", "schema": "own.toml"}
    }
    analysis_folder(folder, samples)
    for name in ("data/1.open.root", "data/1.manifest.json", "good.csv", "own.toml", "tables/efficiency.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("first")
    (folder / "output" / "figures").mkdir(parents=True, exist_ok=True)
    (folder / "output" / "table.json").write_text("{}")
    (folder / "output" / "figures" / "mass.png").write_text("")
    analysis = bdana.load(folder)
    write_last_run(analysis, dependencies(analysis), PRINTED, {"regions": []})
    return folder


def changed(folder, **handling):
    analysis = replace(bdana.load(folder), handling=Handling(**handling))
    return read_last_run(analysis, dependencies(analysis)).changed


def test_it_is_up_to_date_where_nothing_has_changed_and_printed_as_before(search):
    analysis = bdana.load(search)
    last = read_last_run(analysis, dependencies(analysis))
    assert (last.changed, last.printed, last.document) == ((), PRINTED, {"regions": []})


NEEDED = ["analysis.toml", "selections/dimuon.py", "backgrounds/combinatorial.py"]
READ = [
    "blinding/policy.toml",
    "data/1.open.root",
    "data/1.manifest.json",
    "good.csv",
    "own.toml",
    "tables/efficiency.csv",
    "output/table.json",
    "output/figures/mass.png",
]


@pytest.mark.parametrize(
    ("name", "content"), [(name, b"# more\n") for name in NEEDED + READ] + [(name, None) for name in READ]
)
def test_a_file_that_is_edited_or_deleted_counts(search, name, content):
    path = search / name
    before = path.read_bytes()
    try:
        path.unlink() if content is None else path.write_bytes(before + content * (name != "analysis.toml"))
        if name == "analysis.toml":
            path.write_bytes(before + b"# a remark, which the report prints\n")
        analysis = bdana.load(search)
        now = dependencies(analysis)
        # A missing sample is for the run to report.
        assert now is None or str(path) in read_last_run(analysis, now).changed
    finally:
        path.write_bytes(before)
        analysis = bdana.load(search)
        write_last_run(analysis, dependencies(analysis), PRINTED, {"regions": []})


@pytest.mark.parametrize(
    "name", ["blinding/ledger/0001-x.json", "data/2.open.root", "data/2.manifest.json", "selections/new.py"]
)
def test_a_new_row_of_the_ledger_file_of_a_sample_manifest_or_module_counts(search, name):
    path = search / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    found = changed(search)
    path.unlink()
    assert {str(path), "the configuration or its overrides"} & {*found}
    assert changed(search) == ()


@pytest.mark.parametrize("name", ["notes.txt", "output/new.png", ".git/index", "data/__pycache__/x.pyc"])
def test_a_new_file_that_nothing_has_read_does_not_count(search, name):
    path = search / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    assert changed(search) == ()
    path.unlink()


def test_a_changed_file_of_the_same_size_and_time_counts(search):
    path = search / "data" / "1.open.root"
    times = path.stat()
    path.write_text("other")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert changed(search) == (str(path),)
    analysis = bdana.load(search)
    write_last_run(analysis, dependencies(analysis), PRINTED, {"regions": []})


def test_options_overrides_and_code_count(search, monkeypatch):
    assert changed(search, allow_bad_files=True) == ("an option",)
    assert changed(search, memory_limit=10**9) == ("an option",)
    assert changed(search, checkpoints=search / "elsewhere") == ()
    for override in ("selection.dimuon.max_cda_mm=7", 'report.question="Is it there?"'):
        analysis = bdana.load(search, overrides=[override])
        found = read_last_run(analysis, dependencies(analysis)).changed
        assert found == ("the configuration or its overrides",)
    monkeypatch.setattr(last_run, "code_version", lambda libraries: versions.code_version(libraries) + "x")
    assert changed(search) == ("the code of bdana or a library",)


def test_a_library_of_another_version_is_other_code(monkeypatch):
    before = versions.code_version.__wrapped__(versions.SEARCHING)
    monkeypatch.setattr(versions, "version", lambda name: "0" if name == "scipy" else "1")
    one = versions.code_version.__wrapped__(versions.SEARCHING)
    monkeypatch.setattr(versions, "version", lambda name: "1")
    assert len({before, one, versions.code_version.__wrapped__(versions.SEARCHING)}) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"named": 3, "others": {}}'])
def test_a_damaged_record_is_none(search, text):
    path = search / "output" / "last_run.json"
    before = path.read_bytes()
    path.write_text(text)
    analysis = bdana.load(search)
    assert read_last_run(analysis, dependencies(analysis)) is None
    path.write_bytes(before)


def test_remote_samples_are_known_by_what_their_server_says(tmp_path, monkeypatch):
    said = ["etag 1", "etag 1", "etag 2"]

    class Remote:
        def __init__(self, address, settings):
            assert address == "https://host/1.root"
            self.identity = ("", said.pop(0))

    monkeypatch.setattr(last_run, "remote_files", type("module", (), {"RemoteFile": Remote}))
    analysis = bdana.load(
        analysis_folder(tmp_path / "a", {"mc": {"kind": "mc", "files": ["https://host/1.root"]}})
    )
    first, same, other = (dependencies(analysis) for _ in range(3))
    assert same.changed_since(first) == []
    assert other.changed_since(first) == ["https://host/1.root"]
