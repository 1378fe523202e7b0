"""Tables as people write them: read as they are meant, or refused with file and line."""

import pytest

from bdana.csv_rows import read_csv
from bdana.errors import InputError

GOOD = "run,burst,pot\n8001,1,6.5e12\n8001,2,6.4E+12\n"


def numbers(path):
    return [(row.whole("run", 2**31), row.number("pot")) for row in read_csv(path, ["run", "pot"])[1]]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
        "\n" + GOOD.replace("\n", "\n\n") + "  \n\t\n",
        GOOD.replace(",", " , "),
        GOOD.replace("8001,", '"8001",').replace("8001", "8001.0"),
    ],
)
def test_what_means_the_same_is_read_the_same(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert numbers(tmp_path / "t.csv") == [(8001, 6.5e12), (8001, 6.4e12)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("6.5e12", "6,5e12", r"t\.csv, line 2: 4 fields, more than the 3"),
        ("8001,1,6.5e12", "8001,1,6.5e12,", r"line 2: 4 fields"),
        ("8001,2,6.4E+12", "8001,2", r"line 3: 2 fields, fewer"),
        ("8001,2,6.4E+12", ",,", r"line 3, run: '' is no finite number"),
        ("6.5e12", '"6,5e12"', r"line 2, pot: '6,5e12' .* as a point"),
        ("6.5e12", "nan", r"line 2, pot: 'nan'"),
        ("6.5e12", "-inf", r"line 2, pot: '-inf'"),
        ("6.5e12", "1e999", r"line 2, pot: '1e999'"),
        ("6.5e12", "6_5", r"line 2, pot: '6_5'"),
        ("6.5e12", "", r"line 2, pot: ''"),
        ("8001,1", "8001.5,1", r"line 2, run: '8001\.5' is no whole number"),
        ("8001,1", "-8001,1", r"line 2, run: '-8001' is no whole number"),
        ("run,burst,pot", "run;burst;pot", r"line 1: no column 'run': separate the columns by commas"),
        ("run,burst,pot", "run,burst,run,pot", r"line 1: column 'run' twice"),
        ("run,burst,pot", "RUN,burst,pot", r"line 1: no column 'run'"),
        ("8001,1", '"8001,1', r"line \d: is no CSV"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, old, new, said):
    assert old in GOOD
    (tmp_path / "t.csv").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        numbers(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n\n", "is empty"),
        (b"run,pot\n\xe9,1\n", "UTF-8"),
        (GOOD.encode("utf-16"), "UTF-8"),
    ],
)
def test_files_that_are_no_table_are_refused(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        numbers(tmp_path / "t.csv")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.csv: cannot be read"):
        numbers(tmp_path / "no.csv")
