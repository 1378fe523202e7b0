"""The HTML page holds everything it shows, and shows text as text."""

import base64
import re

import matplotlib.image
import numpy as np
import pytest

from bdana.report import Code, Document, Figure, Section, Table, Text
from tests.report.browser import CHROMIUM, browser

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(50))


@pytest.fixture
def page(tmp_path):
    picture = tmp_path / "plane.png"
    picture.write_bytes(PNG)
    (tmp_path / "plane.json").write_text('{"n": 3}')
    blocks = [
        Text("a < b & c"),
        Text("`bdana verify <x>` checks; a lone ` stays"),
        Text("`open <x>` and `b`"),
        Table(["region", "expected"], [["SR", "0.016"], ["<CR>", "0.17"]], "counts"),
        Table(["source", "of it", "from"], [["window", "1%", "the talk"]], words=["from"]),
        Figure(picture, "the plane"),
        Code("cd <folder>"),
    ]
    sections = [Section("Results", blocks), Section("More", []), Section("more!", [])]
    document = Document("A' search", "one line", sections, {"Date": "today"})
    document.write(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def test_text_is_escaped(page):
    assert "a &lt; b &amp; c" in page
    assert "<CR>" not in page
    assert "<code>open &lt;x&gt;</code> and <code>b</code>" in page
    assert "`bdana verify &lt;x&gt;` checks; a lone ` stays" in page


def test_tables_and_sections_are_there(page):
    assert re.findall(r"<td>(.*?)</td>", page) == ["SR", "0.016", "&lt;CR&gt;", "0.17", "window", "1%"]
    assert re.findall(r'<t[dh][^>]* class="words">(.*?)</t[dh]>', page) == ["from", "the talk"]
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Contents", "Results", "More", "more!"]
    assert re.findall(r'<li><a href="#(.*?)">', page) == ["results", "more", "more-2"]
    assert re.findall(r'<section id="(.*?)">', page) == ["results", "more", "more-2"]
    assert '<p class="caption" id="table-1">counts</p>' in page
    assert "<dt>Date</dt><dd>today</dd>" in page
    assert ">cd &lt;folder&gt;</pre>" in page


def test_nothing_is_loaded_from_elsewhere(page):
    assert base64.b64encode(PNG).decode() in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert not re.search(r"url\(|@import|fetch\(|import\(", page)


def test_a_figure_grows_without_a_script_and_has_its_numbers(page):
    without = page.partition("<script>")[0]
    (name,) = re.findall(r'<figure id="(.*?)">', without)
    assert f'href="#{name}"' in without
    assert "figure:target" in without
    numbers = base64.b64encode(b'{"n": 3}').decode()
    assert f'href="data:application/json;base64,{numbers}" download="plane.json"' in without
    assert re.findall(r'alt="(.*?)"', without) == ["the plane"]


def test_a_number_stays_with_its_error_and_unit():
    text = Text("0.016 ± 0.002 events, p = 0.7 at 411 MeV, 2.5 +0.3 -0.2")
    html = Document("", "", [Section("x", [text])]).html()
    assert (
        "0.016\u00a0±\u00a00.002\u00a0events, p =\u00a00.7 at 411\u00a0MeV, 2.5\u00a0+0.3\u00a0-0.2" in html
    )


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_on_paper_a_row_of_figures_takes_the_place_that_is_left_on_a_page(tmp_path):
    """A page holds two rows of square figures; the first of three fits below a text of half a page."""
    picture = tmp_path / "square.png"
    matplotlib.image.imsave(picture, np.zeros((60, 60)))
    blocks = [Code("\n" * 12), *(Figure(picture, "a figure") for _ in range(6))]
    Document("A' search", "one line", [Section("Results", blocks)]).write(tmp_path / "report.html")
    with browser(tmp_path / "profile") as page:
        page.load(tmp_path / "report.html")
        assert len(re.findall(rb"/Type /Page\b", page.pdf())) == 2
