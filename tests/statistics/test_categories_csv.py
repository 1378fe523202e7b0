"""Backgrounds and categories as people write them, and what is said where they are wrong."""

import pytest

from bdana.errors import InputError
from bdana.statistics.background import Background
from bdana.statistics.categories_csv import parse_category, parse_errors, read_categories, read_toys


@pytest.mark.parametrize(
    ("text", "errors"), [("0.9", (0.9, 0.9)), ("+1.05,-0.82", (1.05, 0.82)), ("-0.82, +1.05", (1.05, 0.82))]
)
def test_errors_have_one_side_or_two(text, errors):
    assert parse_errors(text) == errors


@pytest.mark.parametrize("text", ["", "-1", "nan", "one", "1,2", "+1,-2,+3", "-1,-2"])
def test_other_errors_are_refused(text):
    with pytest.raises(InputError, match="give one number that is not negative"):
        parse_errors(text)


def test_a_category_is_the_same_from_text_and_from_csv(tmp_path):
    path = tmp_path / "years.csv"
    path.write_text(
        'name,observed,background,error,ses,ses_error\n2017,2,1.46,"+0.3,-0.2",0.389e-10,0.02e-10\n2018,17,5.42,,0.11e-10,\n'
    )
    first, second = read_categories(path)
    assert first == parse_category("2017:2:1.46:+0.3,-0.2:0.389e-10:0.02e-10")
    assert first.background == Background.asymmetric(1.46, 0.3, 0.2)
    assert first.sensitivity_error == pytest.approx(0.02 / 0.389)
    assert second.background == Background(5.42)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a,1,1,0,0,", "line 2: category a: the single-event sensitivity is 0"),
        ("a,1,1,0,1,30", "line 2: category a: the efficiency error is 30"),
        ("a,1.5,1,0,1,", "line 2: the observed count is 1.5"),
        ("a,1,x,0,1,", "line 2: could not convert"),
        ("a,1,1,-1,1,", "line 2: the background error is -1"),
    ],
)
def test_wrong_categories_name_the_file_and_the_line(tmp_path, line, reason):
    path = tmp_path / "years.csv"
    path.write_text(f"name,observed,background,error,ses,ses_error\n{line}\n")
    with pytest.raises(InputError, match=reason) as caught:
        read_categories(path)
    assert str(path) in str(caught.value)


def test_empty_and_unknown_tables_are_refused(tmp_path):
    path = tmp_path / "years.csv"
    with pytest.raises(InputError, match="cannot be read"):
        read_categories(path)
    path.write_text("name,observed,background,error,ses\n")
    with pytest.raises(InputError, match="no category"):
        read_categories(path)
    path.write_text("name,observed\n")
    with pytest.raises(InputError, match="no column 'background'"):
        read_categories(path)
    with pytest.raises(InputError, match="write NAME:OBSERVED"):
        parse_category("2017:2:1.46")


def test_toys_are_read_from_a_list(tmp_path):
    path = tmp_path / "toys.txt"
    path.write_text("# background toys\n1.0 2.0\n3.0 # the last\n")
    assert read_toys(path) == Background.of_toys([1.0, 2.0, 3.0])
    path.write_text("1.0 x\n")
    with pytest.raises(InputError, match=r"toys\.txt: could not convert"):
        read_toys(path)
    path.write_text("1.0\n")
    with pytest.raises(InputError, match=r"toys\.txt: toys of the background: give two or more"):
        read_toys(path)
