"""`bdana demo` from an empty folder, the commands it points to, and where it must not work."""

import json
import re
import tarfile
import tomllib

import pytest
import uhi.schema
import uproot
import yaml

from bdana import load, simulation
from bdana.atomic import temporary_beside
from bdana.cli.demo import MARKER
from bdana.plotting import figures
from bdana.report import Figure, export_files, search_report
from bdana.report.export_latex import latex_tables
from bdana.search.signal_result import read_signal
from bdana.search.stored import read_histograms, read_output
from bdana.sensitivity.bundle import measure_masses
from bdana.simulation import Beam
from tests.commands import bdana
from tests.report.browser import CHROMIUM, browser
from tests.report.numbers import Sections, not_stored, stored_numbers
from tests.typeset import is_read


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A demo that records a tenth of its single tracks, in the place of an older one."""
    folder = tmp_path_factory.mktemp("empty")
    old = folder / "bdana-demo"
    old.mkdir()
    (old / MARKER).write_text("")
    (old / "left-over").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "Beam", lambda downscale: Beam(downscale=10.0 * downscale))
        return old, bdana("demo", cwd=folder)


def test_it_prints_the_table_and_where_the_report_is(made):
    folder, done = made
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("closed") >= 5
    for word in ("outside", "SR", "report.html", "bdana run"):
        assert word in done.stdout
    assert (folder / "output" / "report.html").stat().st_size > 100_000


def test_expectation_is_the_published_one_within_its_errors(made):
    table = json.loads((made[0] / "output" / "table.json").read_text())
    published = {
        "outside": (26.3, 3.4),
        "CR3": (1.70, 0.22),
        "CR2": (0.58, 0.07),
        "CR1": (0.29, 0.04),
        "CR": (0.17, 0.02),
        "SR": (0.016, 0.002),
    }
    for row in table["regions"]:
        expected, error = published[row["name"]]
        assert abs(row["expected"] - expected) < 2 * (error**2 + row["error"] ** 2) ** 0.5, row


def test_the_error_of_the_normalisation_is_the_one_the_demo_measured(made):
    folder = made[0]
    declared = tomllib.loads((folder / "analysis.toml").read_text())["systematics"]
    assert "halo_normalisation" not in declared
    measured = json.loads((folder / "output" / "checks.json").read_text())["normalisation"]
    assert declared["normalisation"]["effect"] == pytest.approx(measured["effect"], abs=6e-4)
    assert declared["normalisation"]["source"] == measured["source"]
    prediction = json.loads((folder / "output" / "prediction.json").read_text())
    effects = {row["name"]: row["effect"]["SR"] for row in prediction["systematics"]}
    assert effects["normalisation"] == declared["normalisation"]["effect"]
    assert "What is measured, what is assumed" in (folder / "output" / "report.html").read_text()


def test_numbers_of_the_report_are_those_of_the_files(made):
    out = made[0] / "output"
    page = Sections((out / "report.html").read_text())
    table, prediction, checks, signal = (
        json.loads((out / f"{name}.json").read_text()) for name in ("table", "prediction", "checks", "signal")
    )
    cutflow = json.loads((out / "pseudo-data" / "cutflow.json").read_text())
    for row, cells in zip(table["regions"], page.tables["expected-and-observed"][0][1:], strict=False):
        assert cells[0] == row["name"]
        assert not not_stored(cells[1:], stored_numbers(row))
        assert (cells[2] == "closed") == (row["state"] == "closed")
    for row, cells in zip(
        prediction["regions"], page.tables["background-accidental-pairs"][0][1:], strict=True
    ):
        assert not not_stored([cells[i] for i in (1, 2, 4, 5)], stored_numbers(row))
    for step, cells in zip(cutflow["accounting"], page.tables["selection"][0][1:], strict=True):
        assert cells[0] == step["step"]
        assert not not_stored(cells[1:4], stored_numbers(step))
    stored = stored_numbers(table, prediction, checks, cutflow)
    for section in ("background-accidental-pairs", "systematic-uncertainties", "expected-and-observed"):
        texts = [text for text in page.texts[section] if not (text[:1].isdigit() and " " not in text)]
        assert not not_stored(texts, stored), section
    (expected,) = (found for found in page.tables["signal-and-exclusion"] if found[0][0] == "region")
    production = signal["points"]["mumu"]["production"]
    assert expected[0][1:-2] == list(production)
    for cells in expected[1:]:
        for process, cell in zip(production, cells[1:-2], strict=False):
            selected = production[process]["regions"].get(cells[0])  # no row of the file: not in SR
            assert not (selected and not_stored([cell], stored_numbers(selected))), (cells[0], process)
    exclusion = signal["exclusion"]
    (summary,) = (text for text in page.texts["head"] if text.startswith("Candidates observed"))
    seen, closed, excluded = re.split(r"(?<=[.)]) (?=The |At )", summary)
    (island,) = exclusion["expected"][2]
    low, high = (island[f"epsilon_{end}"] for end in ("low", "high"))
    ends = [island["mass_mev"][0], island["mass_mev"][-1], min(low), max(high)]
    assert not not_stored([excluded], stored_numbers(ends, exclusion["confidence_level"]))
    assert not not_stored([seen], stored_numbers(table["regions"][0]))
    assert not not_stored([closed], stored_numbers(table["regions"][-1]))


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: `apt-get install chromium`")
def test_a_browser_shows_the_report_without_complaint(made, tmp_path):
    """By screen and paper, by day and night, on a phone, by keyboard; one start of the browser for all of them."""
    report = made[0] / "output" / "report.html"
    with browser(tmp_path) as page:
        page.load(report)
        assert not page.complaints
        assert page.find("[...document.images].every(i => i.complete && i.naturalWidth > 500)")
        assert page.find("document.images.length") >= 10
        assert page.find("[...document.images].every(i => i.alt.length > 20)")
        headings = page.find("[...document.querySelectorAll('main h2')].map(h => h.textContent)")
        assert headings[0] == "Exposure"
        assert headings[-1] == "Provenance"
        goes = page.find(
            "[...document.querySelectorAll('nav a')].map(a => document.querySelector(a.hash)?.querySelector('h2').textContent)"
        )
        assert goes == headings
        # A phone scrolls tables, never the page; nothing in a cell of numbers is broken into lines.
        lines = "[...document.querySelectorAll('td:not(.words)')].every(c => { const r = document.createRange(); r.selectNodeContents(c); return r.getClientRects().length < 2; })"
        for width in (1280, 390):
            page.resize(width)
            assert page.find("document.documentElement.scrollWidth") <= width
            assert page.find(lines)
        ground = "getComputedStyle(document.body).backgroundColor"
        day = page.find(ground)
        page.resize(1280, dark=True)
        assert page.find(ground) != day
        # Tab finds a figure, enter shows it large, escape goes back to it.
        page.find("document.querySelector('.zoom').focus()")
        page.press("Enter")
        assert page.find("document.querySelector('figure:target img').getBoundingClientRect().width") > 700
        page.press("Escape")
        assert page.find("document.querySelector('figure:target')") is None
        assert page.find("document.activeElement.className") == "zoom"
        page.press("Tab")
        assert page.find("document.activeElement !== document.querySelector('.zoom')")
        # A column is sorted by number, what has none comes last.
        column = "[...document.querySelectorAll('#expected-and-observed tbody tr')].map(r => r.cells[1].textContent)"
        written = page.find(column)
        sort = "document.querySelectorAll('#expected-and-observed th button')[1].click()"
        page.find(sort)
        ascending = [float(text.split("\u00a0")[0]) for text in page.find(column) if text]
        assert ascending == sorted(ascending)
        page.find(sort)
        assert page.find(column)[0] == written[0]
        page.find(sort)
        assert page.find(column) == written
        page.resize(794, dark=True, paper=True)
        assert page.find(ground) == day
        assert page.find("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert page.find("document.documentElement.scrollWidth") <= 794
        # Without JavaScript all of it is there, and only sorting is not.
        page.without_scripts(report)
        assert page.find("[...document.images].every(i => i.complete && i.naturalWidth > 500)")
        assert page.find("document.querySelectorAll('th button').length") == 0
        assert page.find("[...document.querySelectorAll('main h2')].every(h => h.offsetHeight > 0)")
        printed = page.pdf()
        assert 5 < printed.count(b"/Type /Page\n") < 40
        assert not page.complaints


def test_approvers_get_what_they_need_before_the_report(made, monkeypatch):
    folder = made[0]
    monkeypatch.setattr(search_report, "save_figures", lambda _: [])
    assert bdana("report", "--review", cwd=folder).returncode == 0
    page = Sections((folder / "output" / "review.html").read_text())
    assert list(page.texts)[:3] == ["head", "what-is-signed", "exposure"]
    (said,) = page.texts["what-is-signed"]
    assert "names no people" in said


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:jsonschema:DeprecationWarning")  # of HEPData's
def test_results_are_exported_for_other_programs(made, monkeypatch):
    """HEPData's own validator has taken the submission; ROOT, UHI, LaTeX and HEPData have the numbers of output/."""
    folder, out = made[0], made[0] / "output"
    monkeypatch.setattr(export_files, "default_masses", lambda *_: [300.0])
    monkeypatch.setattr(
        export_files,
        "measure_masses",
        lambda a, mode, masses, bins, _, *more: measure_masses(a, mode, masses, bins, 4, *more),
    )
    settings = "--set", 'export.bundle="mumu"', "--set", "export.inspire_id=2642344"
    done = bdana("export", "results", "--workers", 1, *settings, cwd=folder)
    assert done.returncode == 0, done.stderr
    export = out / "export"
    table = json.loads((out / "table.json").read_text())
    head, *entries = yaml.safe_load_all((export / "hepdata" / "submission.yaml").read_text())
    assert "nothing here was measured" in head["comment"]
    assert head["record_ids"] == [{"id": 2642344, "type": "inspire"}]
    files = {entry["data_file"] for entry in entries}
    assert {"regions.yaml", "variable_mass.yaml", "expected_exclusion.yaml", "acceptance.yaml"} <= files
    assert "observed_exclusion.yaml" not in files
    with tarfile.open(export / "submission.tar.gz") as archive:
        assert set(archive.getnames()) == files | {"submission.yaml", "example.py"}
    experiment = yaml.safe_load((export / "hepdata" / "experiment.yaml").read_text())
    protons = experiment["dependent_variables"][0]["values"][0]["value"]
    signal = json.loads((out / "signal.json").read_text())
    assert protons == table["protons_on_target"] == signal["exclusion"]["pot"]
    expected, observed, *_ = yaml.safe_load((export / "hepdata" / "regions.yaml").read_text())[
        "dependent_variables"
    ]
    assert [row["value"] for row in expected["values"]] == [row["expected"] for row in table["regions"]]
    assert [row["errors"][0]["symerror"] for row in expected["values"]] == [
        row["error"] for row in table["regions"]
    ]
    assert [row["value"] for row in observed["values"]] == [
        row["observed"] if row["state"] == "open" else "-" for row in table["regions"]
    ]
    mass = yaml.safe_load((export / "hepdata" / "variable_mass.yaml").read_text())["dependent_variables"]
    assert sum(row["value"] for row in mass[0]["values"]) <= table["regions"][0]["observed"]
    stored = read_histograms(out / "signal" / "histograms.json")
    written = json.loads((export / "histograms.json").read_text())
    uhi.schema.validate(written)
    read_again = read_histograms(export / "histograms.json")
    with uproot.open(export / "histograms.root") as file:
        for region in stored["mass"].axes["region"]:
            own = stored["mass"].integrate("region", [region])
            assert read_again[f"signal/{region}/mass"] == own
            root = file[f"signal/{region}/mass"]
            assert root.values(flow=True).tolist() == own.values(flow=True).tolist()
            assert root.variances(flow=True).tolist() == own.variances(flow=True).tolist()
            assert root.axis().edges() == pytest.approx(own.axes[0].edges, rel=1e-12)
        assert file["pseudo-data/plane"].values().sum() == stored_sum(out, "pseudo-data", "plane")
    latex = (export / "latex" / "regions.tex").read_text()
    assert f"outside & ${table['regions'][0]['expected']:.1f}" in latex
    assert latex.count("closed") == 5


def test_latex_reads_the_tables_of_the_demo(made, tmp_path):
    analysis = load(made[0])
    is_read(tmp_path, *latex_tables(read_output(analysis), read_signal(analysis)).values())


def stored_sum(out, sample, name):
    return read_histograms(out / sample / "histograms.json")[name].values().sum()


def test_figures_and_report_are_made_again(made, monkeypatch):
    folder = made[0]
    before = (folder / "output" / "report.html").read_bytes()
    mass = folder / "output" / "figures" / "mass.png"
    mass.unlink()
    draw, paths = figures._picture, []

    def beside(path):
        paths.append(path)
        return temporary_beside(path)

    def picture(made, ending, *, laid_out):
        """Take pictures that are there as they are: drawing them again takes ten seconds."""
        old = paths[-1].with_suffix(ending)
        return old.read_bytes() if old.is_file() else draw(made, ending, laid_out=laid_out)

    monkeypatch.setattr(figures, "temporary_beside", beside)
    monkeypatch.setattr(figures, "_picture", picture)
    assert bdana("report", cwd=folder / "data").returncode == 0
    assert (folder / "output" / "report.html").read_bytes() == before
    assert mass.is_file()
    monkeypatch.setattr("bdana.report.save_figures", lambda *_: [Figure(mass, "the mass")])
    assert f"{mass}: the mass" in bdana("plot", cwd=folder).stdout.replace("\n", "")


def test_a_changed_cut_moves_the_cutflow_and_asks_for_a_new_run(made):
    folder = made[0]
    cut = ("select", "data/signal.root", "--kind", "mc", "--json")
    before = json.loads(bdana(*cut, cwd=folder).stdout)
    module = folder / "selections" / "dimuon.py"
    text = module.read_text()
    module.write_text(
        text.replace('    20.0, ge=0, description="closest', '    5.0, ge=0, description="closest')
    )
    assert module.read_text() != text
    after = json.loads(bdana(*cut, cwd=folder).stdout)
    assert after["cutflow"][-1]["events"] < before["cutflow"][-1]["events"]
    refused = bdana("report", cwd=folder)
    assert refused.returncode == 2
    assert "run `bdana run` again" in refused.stderr
    module.write_text(text)


def test_an_older_demo_is_replaced(made):
    folder = made[0]
    assert (folder / MARKER).is_file()
    assert not (folder / "left-over").exists()


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("important")
    done = bdana("demo", "thesis", cwd=tmp_path)
    assert done.returncode == 2
    assert "was not made by a demo" in done.stderr
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "important"


def test_commands_of_an_analysis_need_one(tmp_path):
    for command in ("run", "plot", "report"):
        done = bdana(command, cwd=tmp_path)
        assert done.returncode == 2
        assert "bdana init makes one" in done.stderr


@pytest.mark.exhaustive
def test_made_up_people_open_everything(tmp_path, capfd):
    done = bdana("demo", "--unblind", "--seed", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("$ bdana blinding") == 6 + 1 + 9 + 1
    assert done.stdout.count("prediction frozen before this region was seen: yes, freeze 1 of 1") == 5
    assert "all signed" in capfd.readouterr().out  # a process of its own says so
    table = json.loads((tmp_path / "bdana-demo" / "output" / "table.json").read_text())
    assert {row["state"] for row in table["regions"]} == {"open"}
    assert table["joint"]["regions"] == ["CR1", "CR2", "CR3"]
