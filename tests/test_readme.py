"""The README's Python runs as it stands, in a file and in a notebook."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from bdana.simulation import Signal, SimulationConfig, write_sample
from tests.searches import one_variable, search_folder

README = Path(__file__).parents[1] / "README.md"
CODE = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An analysis with what the README names: FILE.root, and data-2021 with its single tracks, which are pseudo-data."""
    made = tmp_path_factory.mktemp("readme") / "my-search"
    search_folder(made, "pseudo.root", "pseudo", data="data-2021", edit=one_variable)
    (made / "analysis.toml").write_text(
        (made / "analysis.toml").read_text().replace('prompt = "prompt"\n', "")
    )
    write_sample(
        made / "FILE.root", SimulationConfig(pot=1e13, bursts=1, signal=Signal(411.0, decays=200)), 1
    )
    write_sample(made / "pseudo.root", SimulationConfig(pot=1e14, bursts=2), 2)
    return made


def test_it_runs(folder, monkeypatch):
    (code,) = CODE
    monkeypatch.chdir(folder)
    names = {}
    exec(code, names)
    run, search = names["run"], names["search"]
    assert run.cutflow["all"].events == 200
    assert len(run.candidates) > 50
    assert run.masks.all_but().sum() == len(run.candidates)
    assert search.table["SR"].observed.state == "closed"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook's own packages
def test_it_runs_in_a_notebook(folder):
    """Every paragraph is a cell, followed by cells that show what a notebook shows of the results."""
    (code,) = CODE
    shown = ["run", "run.cutflow", "run.candidates", "search.table", "search.regions"]
    cells = [nbformat.v4.new_code_cell(text) for text in (*code.strip().split("\n\n"), *shown)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    results = [[o for o in cell.outputs if o.output_type == "execute_result"] for cell in notebook.cells]
    data = dict(zip(shown, (found[0].data for found in results[-len(shown) :]), strict=True))
    assert all(results[1:])
    assert data["run"]["text/plain"].startswith("SelectionRun(dimuon on mc: ")
    assert "<td>two_good_tracks</td>" in data["run.cutflow"]["text/html"]
    assert "<th>z_tax_m</th>" in data["run.candidates"]["text/html"]
    assert re.search(
        r"<tr><td>SR</td><td>[^<]*</td><td>closed</td><td></td><td></td></tr>",
        data["search.table"]["text/html"],
    )
    assert "SR closed" in data["search.regions"]["text/plain"]
    errors = [
        o for cell in notebook.cells for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"
    ]
    assert not errors
