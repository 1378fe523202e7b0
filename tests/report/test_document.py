"""The HTML page holds everything it shows, and shows text as text."""

import base64
import re

import pytest

from bdana.report import Document, Figure, Section, Table, Text

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(50))


@pytest.fixture
def page(tmp_path):
    picture = tmp_path / "plane.png"
    picture.write_bytes(PNG)
    blocks = [
        Text("a < b & c"),
        Table(["region", "expected"], [["SR", "0.016"], ["<CR>", "0.17"]], "counts"),
        Table(["source", "of it", "from"], [["window", "1%", "the talk"]], words=["from"]),
        Figure(picture, "the plane"),
    ]
    document = Document("A' search", "one line", [Section("Results", blocks), Section("More", [])])
    document.write(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def test_text_is_escaped(page):
    assert "a &lt; b &amp; c" in page
    assert "<CR>" not in page


def test_tables_and_sections_are_there(page):
    assert re.findall(r"<td>(.*?)</td>", page) == ["SR", "0.016", "&lt;CR&gt;", "0.17", "window", "1%"]
    assert re.findall(r'<t[dh][^>]* class="words">(.*?)</t[dh]>', page) == ["from", "the talk"]
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Results", "More"]
    assert 'href="#s2"' in page
    assert "<caption>counts</caption>" in page


def test_nothing_is_loaded_from_elsewhere(page):
    assert base64.b64encode(PNG).decode() in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
