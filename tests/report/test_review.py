"""What approvers see of two freezes: every value that differs, and changed code line by line."""

from bdana.report.document import Code, Table, Text
from bdana.report.review import change_blocks


def test_values_and_code_that_differ_are_shown_before_and_after():
    old = {"cuts": {"selection.dimuon": {"max_cda_mm": 20.0}}, "code": {"selections/dimuon.py": "a\nb\nc\n"}}
    new = {"cuts": {"selection.dimuon": {"max_cda_mm": 10.0}}, "code": {"selections/dimuon.py": "a\nB\nc\n"}}
    said, table, code = change_blocks(old | {"seeds": ["1"]}, new | {"seeds": ["1"]}, "Now against then.")
    assert said == Text("Now against then.")
    assert isinstance(table, Table)
    assert table.rows == [["cuts.selection.dimuon.max_cda_mm", "20.0", "10.0"]]
    assert isinstance(code, Code)
    assert "-b\n+B" in code.text


def test_what_is_new_or_gone_has_one_side_only():
    old, new = {"inputs": {"a.root": "1"}, "code": {}}, {"inputs": {"b.root": "2"}, "code": {"x.py": "new\n"}}
    _, table, code = change_blocks(old, new, "")
    assert table.rows == [["inputs.a.root", "1", ""], ["inputs.b.root", "", "2"]]
    assert "+new" in code.text


def test_equal_freezes_have_no_table():
    (said,) = change_blocks({"code": {"x.py": "a"}}, {"code": {"x.py": "a"}}, "Two freezes.")
    assert said.text == "Two freezes. Nothing differs."
