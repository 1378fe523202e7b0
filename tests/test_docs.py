"""Commands, TOML and Python of README and docs are right: each block runs here, or says which test runs it, or why none does."""

import ast
import re
import shlex
import tomllib
from pathlib import Path

import nbformat
import pytest
import typer
from nbclient import NotebookClient

import bdana.cli
from bdana.analysis.config import AnalysisConfig
from bdana.report import search_report
from bdana.search import signal_result
from bdana.simulation import Signal, SimulationConfig, write_sample
from tests import commands
from tests.report.browser import CHROMIUM, browser

TOP = Path(__file__).parents[1]
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:^ *<!-- ((?:not run|run by)[^>]*?) -->\n)?^( *)```(sh|toml|python)\n(.*?)^ *```",
    re.MULTILINE | re.DOTALL,
)
HERE = ("README.md", "docs/tutorial.md", "docs/howto/ntuples.md")
"""Pages whose commands run here, in one folder for each."""


def name_of(page):
    return str(page.relative_to(TOP))


def blocks(page):
    """Return language, text, and mark of each block of a page."""
    found = BLOCK.findall(page.read_text())
    return [
        (kind, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE), mark)
        for mark, indent, kind, text in found
    ]


def command_lines(text):
    """Return the commands of a block, each as words, without comments."""
    joined = text.replace("\\\n", " ")
    words = (shlex.split(part, comments=True) for line in joined.splitlines() for part in line.split("&&"))
    return [line for line in words if line]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_runs_or_says_why_not(page):
    for kind, text, mark in blocks(page):
        if kind == "toml":
            continue
        if not mark:
            assert name_of(page) in HERE or (name_of(page), kind) == ("docs/statistics.md", "python"), text
            continue
        named = re.findall(r"[\w./]+\.py|\.ci/run", mark)
        assert named or mark.startswith("not run: "), mark
        assert all((TOP / path).is_file() for path in named), mark


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_options_that_are_named_exist(page):
    """In blocks, and in the running text between backticks."""
    text = page.read_text()
    lines = [line for kind, block, _ in blocks(page) if kind == "sh" for line in command_lines(block)]
    shown = re.findall(
        r"`(bdana [^`]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    )
    lines += [shlex.split(one) for one in shown if not re.search(r"[|{}…]|\.\.\.", one)]
    root = typer.main.get_command(bdana.cli.app.app)
    for words in lines:
        if words[0] != "bdana":
            continue
        command, rest = root, words[1:]
        while rest and rest[0] in getattr(command, "commands", {}):
            command, rest = command.commands[rest[0]], rest[1:]
        assert command is not root or not rest or rest[0].startswith("-"), words
        options = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {
            "--help",
            "--debug",
        }
        asked = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert asked <= options, words


def merged(old, new):
    return (
        old | {key: merged(old[key], value) if key in old else value for key, value in new.items()}
        if isinstance(old, dict) and isinstance(new, dict)
        else new
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_toml_is_taken(page):
    """What is of analysis.toml, in the packaged one; of the rest that it is TOML."""
    packaged = tomllib.loads((TOP / "analysis.toml").read_text())
    channels = {"search": {"joint": []}}  # what is of one channel leaves [search] when there are several
    for kind, text, _ in blocks(page):
        if kind != "toml":
            continue
        written = tomllib.loads(text)
        if set(written) <= {*AnalysisConfig.model_fields}:
            AnalysisConfig.model_validate(
                merged(packaged | (channels if "channels" in written else {}), written)
            )


@pytest.fixture
def quick(monkeypatch):
    """Leave out what takes the time of a run, the figures and the scan of the exclusion; tests/cli/test_demo.py has them."""
    monkeypatch.setattr(search_report, "save_figures", lambda _: [])
    monkeypatch.setattr(signal_result, "signal_result", lambda *_: None)


@pytest.mark.parametrize("page", HERE)
def test_commands_run_as_they_stand(page, tmp_path, quick):
    folder = tmp_path
    sample = SimulationConfig(pot=1e13, bursts=1, signal=Signal(411.0, decays=50))
    for place in (tmp_path, *([tmp_path / "my-search"] if page == "README.md" else [])):
        place.mkdir(exist_ok=True)
        write_sample(place / "FILE.root", sample, 1)
    if page == "docs/howto/ntuples.md":
        assert commands.bdana("init", "my-search", cwd=folder).returncode == 0
        folder = (tmp_path / "FILE.root").rename(tmp_path / "my-search" / "FILE.root").parent
    for kind, text, mark in blocks(TOP / page):
        if kind == "toml" and page == "docs/tutorial.md" and "samples" in text:
            config = folder / "analysis.toml"
            before, _, after = config.read_text().partition("[search]\n")
            config.write_text(f"{before}{text}\n[signal]{after.partition('[signal]')[2]}")
        for words in command_lines(text) if kind == "sh" and not mark else []:
            if words[0] == "cd":
                folder /= words[1]
            elif words[0] == "mkdir":
                (folder / words[1]).mkdir()
            else:
                assert words[0] == "bdana", words
                done = commands.bdana(*words[1:], cwd=folder)
                assert done.returncode == 0, f"{words}: {done.stderr}"
    assert folder.name == "my-search"


def test_the_python_of_statistics_runs():
    ((_, text, _),) = [block for block in blocks(TOP / "docs" / "statistics.md") if block[0] == "python"]
    names = {}
    exec(text.replace("np.arange(260, 1340, 30.0)", "(500.0, 900.0)"), names)
    assert len(names["limits"]) == len(names["models"]) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook's own packages
def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(TOP / "docs" / "first_search.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    shown = {
        cell.source.splitlines()[-1]: output.data
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "execute_result"
    }
    assert shown["run"]["text/plain"].startswith("SelectionRun(dimuon on mc: ")
    assert "SR closed" in shown["search.regions"]["text/plain"]
    assert "<td>two_good_tracks</td>" in shown["run.cutflow"]["text/html"]
    assert "<th>z_tax_m</th>" in shown["run.candidates"]["text/html"]
    closed = r"<tr><td>SR</td><td>[^<]*</td><td>closed</td><td></td><td></td></tr>"
    assert re.search(closed, shown["search.table"]["text/html"])
    written = [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert not written


def test_tests_that_the_page_of_mistakes_names_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (TOP / "docs" / "mistakes.md").read_text())
    assert len(named) > 15
    for path, name in named:
        tree = ast.parse((TOP / path).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (path, name)


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_search_of_the_site_needs_no_server(tmp_path):
    """From file:// browsers start no Worker; a page that has the script of the site does, and it loads other scripts."""
    shim = TOP / "docs" / "javascripts" / "iframe-worker.js"
    assert f"polyfills: [javascripts/{shim.name}]" in (TOP / "mkdocs.yml").read_text()
    (tmp_path / "factor.js").write_text("var factor = 21;")
    (tmp_path / "worker.js").write_text(
        "addEventListener('message', async (event) => {\n"
        "  await importScripts('factor.js'); postMessage(factor * event.data.number);\n});"
    )
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><title>-</title><body><script src='{shim.as_uri()}'></script><script>\n"
        "const worker = new Worker('worker.js');\n"
        "window.answer = new Promise((resolve) => { worker.onmessage = (event) => resolve(event.data); });\n"
        "worker.postMessage({ number: 2 });</script>"
    )
    with browser(tmp_path / "profile") as shown:
        shown.load(page)
        assert shown.find("window.answer") == 42


def test_every_page_and_picture_is_reached():
    """mkdocs complains of a page that is in no menu; here also pictures, and without mkdocs."""
    menu = (TOP / "mkdocs.yml").read_text()
    for page in (TOP / "docs").rglob("*.md"):
        assert f": {page.relative_to(TOP / 'docs')}\n" in menu
    texts = "".join(page.read_text() for page in PAGES)
    for picture in (TOP / "docs" / "pictures").iterdir():
        assert f"pictures/{picture.name}" in texts
