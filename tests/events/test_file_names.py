"""Names of files mean what they mean in a shell; lists and addresses; a file that is given twice."""

import os
from pathlib import Path

import pytest

import bdana
from bdana.errors import InputError
from bdana.events.file_names import expand
from bdana.events.writing import write_events
from tests.synthetic import dimuon_event, good_bursts, records


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def names(folder, *given, inside=True):
    found = expand(given, folder) if inside else expand([folder / name for name in given])
    return [Path(os.path.relpath(path, folder)).as_posix() for path in found]


@pytest.mark.parametrize(
    ("pattern", "right"),
    [
        ("*.root", ["a.root", "b[1].root"]),
        ("*", ["a.root", "b[1].root"]),
        ("**/*.root", ["a.root", "b[1].root", "sub/c.root"]),
        ("s*/*.root", ["sub/c.root"]),
        ("[!b]*.root", ["a.root"]),
        ("?.root", ["a.root"]),
        (".*.root", [".hidden.root"]),
        (".trash/*.root", [".trash/old.root"]),
        ("b[1].root", ["b[1].root"]),
        ("b[[]1].root", ["b[1].root"]),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_globs_match_what_they_match_in_a_shell(tmp_path, pattern, right, inside):
    touch(
        tmp_path,
        "a.root",
        "b[1].root",
        ".hidden.root",
        "._a.root",
        "sub/c.root",
        "sub/.d.root",
        ".trash/old.root",
    )
    assert names(tmp_path, pattern, inside=inside) == right


def test_a_pattern_that_only_hidden_files_would_match_says_so(tmp_path):
    touch(tmp_path, ".a.root", "._b.root")
    for pattern in ("*.root", "._*"):
        with pytest.raises(InputError, match=r"no file matches \(hidden files"):
            expand([pattern], tmp_path)


@pytest.mark.parametrize("name", ["ana[12]", "ana*", "ana?", "@ana"])
@pytest.mark.parametrize("pattern", ["mine.root", "m*.root", "@files.txt"])
def test_the_name_of_the_folder_is_no_pattern(tmp_path, name, pattern):
    touch(tmp_path, "ana1/mine.root", "ana1/main.root", f"{name}/mine.root")
    (tmp_path / name / "files.txt").write_text("m*e.root\n")
    assert expand([pattern], tmp_path / name) == [tmp_path / name / "mine.root"]


def test_lists_stand_in_lists_and_in_folders(tmp_path):
    touch(tmp_path, "a.root", "deep[1]/b.root", "deep[1]/c.root", "deep1/wrong.root")
    (tmp_path / "all.txt").write_bytes(b"\xef\xbb\xbf# mine\r\na.root\r\n\r\n@deep[1]/more.txt\r\n")
    (tmp_path / "deep[1]" / "more.txt").write_text(f"*.root\nroot://host//x[1]*.root\n{tmp_path}/a.root\n")
    assert expand(["@all.txt"], tmp_path) == [
        tmp_path / "a.root",
        tmp_path / "deep[1]" / "b.root",
        tmp_path / "deep[1]" / "c.root",
        "root://host//x[1]*.root",
        tmp_path / "a.root",
    ]


@pytest.mark.parametrize("second", ["@one.txt", "@two.txt", "@./one.txt", "@link.txt"])
def test_a_list_that_names_itself_is_refused(tmp_path, second, monkeypatch):
    (tmp_path / "one.txt").write_text("@two.txt\n")
    (tmp_path / "two.txt").write_text(f"{second}\n")
    (tmp_path / "link.txt").symlink_to("one.txt")
    monkeypatch.chdir(tmp_path)
    for base in (None, tmp_path):
        with pytest.raises(InputError, match="names itself"):
            expand(["@one.txt"], base)


@pytest.mark.parametrize(
    "address", ["root://host//eos/a.root", "https://host/a.root?token=*", "root://user@host:1094//a[1].root"]
)
def test_addresses_stay_as_they_are(tmp_path, address):
    assert expand([address], tmp_path) == [address]


def test_a_local_address_is_the_file(tmp_path):
    touch(tmp_path, "a b.root")
    uri = (tmp_path / "a b.root").as_uri()
    assert expand([uri, uri.replace("file://", "file://localhost")]) == [tmp_path / "a b.root"] * 2


@pytest.mark.parametrize("file", ["mine.root", "m*.root", "@list.txt"])
def test_files_of_samples_are_those_of_the_analysis_folder(tmp_path, file):
    folder, other = tmp_path / "ana[12]", tmp_path / "ana1"
    bdana.analysis.scaffold(folder)
    other.mkdir()
    for place, n in ((folder, 3), (other, 5)):
        write_events(place / "mine.root", [records([dimuon_event(i) for i in range(n)])], good_bursts())
    (folder / "list.txt").write_text("mine.root\n")
    for name in ("selections/._dimuon.py", "backgrounds/._prompt.py", ".mine.root", "._mine.root"):
        (folder / name).write_bytes(b"\x00\x05\x16\x07\xff")  # as macOS leaves beside every file
    with (folder / "analysis.toml").open("a") as config:
        config.write(f'\n[samples.mine]\nfiles = ["{file}"]\nkind = "mc"\n')
    analysis = bdana.load(folder)
    (dataset,) = analysis.sample("mine")
    assert dataset.files == (str(folder / "mine.root"),)
    assert analysis.select_from(dataset).cutflow.rows[0].events == 3


def test_a_file_under_two_names_is_given_twice(tmp_path):
    write_events(tmp_path / "a.root", [records([dimuon_event()])], good_bursts())
    (tmp_path / "b.root").symlink_to("a.root")
    analysis = bdana.load(bdana.analysis.template_folder())
    for name in ("b.root", "./a.root", (tmp_path / "a.root").as_uri()):
        with pytest.raises(InputError, match="given twice"):
            analysis.select([tmp_path / "a.root", name if "://" in name else tmp_path / name], kind="mc")
