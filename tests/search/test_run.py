"""A search from simulated files to output/, and what must stop it."""

import itertools
import json
import re

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import bdana
from bdana.analysis import scaffold
from bdana.errors import ConfigError, InputError
from bdana.pairing import Combinatorial
from bdana.report import write_report
from bdana.report.export_tables import result_tables
from bdana.search.output import write_output
from bdana.search.run import run_search
from bdana.search.stored import read_output
from bdana.simulation import Beam, Signal, SimulationConfig, write_sample
from tests.searches import search_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "a"
    samples = {"signal": {"kind": "mc", "files": ["data/signal.root"], "weight": 0.5}}
    files = {"file": "data/halo*.root", "singles": "data/halo.root"}
    search_folder(folder, kind="pseudo", data="pseudo", samples=samples, **files)
    with (folder / "analysis.toml").open("a") as text:
        for name, function in (("separation", "straw1_distance"), ("trigger_dt", "trigger_dt")):
            unit, most = ("mm", 4000.0) if name == "separation" else ("ns", 20.0)
            text.write(
                f'[variables.{name}]\nfunction = "{function}"\nlabel = "{name}"\nunit = "{unit}"\nbins = 10\n'
                f"min = {-most}\nmax = {most}\n"
            )
    (folder / "data").mkdir()
    halo = SimulationConfig(pot=2e16, bursts=40, truth=False, beam=Beam(downscale=400.0))
    write_sample(folder / "data" / "halo.root", halo, 3)
    signal = SimulationConfig(pot=2e16, bursts=40, run=99002, signal=Signal(mass_mev=411.0, decays=500))
    write_sample(folder / "data" / "signal.root", signal, 3)
    return folder


@pytest.fixture(scope="module")
def estimates():
    """Options of every estimate of pairs that is made in these tests."""
    made, estimate = [], Combinatorial.estimate

    def counted(self, sample, pairs, par, systematics=(), options=None):
        made.append(options)
        return estimate(self, sample, pairs, par, systematics, options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Combinatorial, "estimate", counted)
        yield made


@pytest.fixture(scope="module")
def drawn():
    """Texts of every figure that is drawn in these tests."""
    texts, save = [], FigureCanvasAgg.print_png

    def kept(canvas, picture):
        texts.append([text.get_text() for text in canvas.figure.findobj(Text)])
        save(canvas, picture)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCanvasAgg, "print_png", kept)
        yield texts


@pytest.fixture(scope="module")
def runs(folder, estimates, drawn):
    analysis = bdana.load(folder)
    found = run_search(analysis)
    write_output(analysis, found)
    write_report(analysis)
    estimates.append("all that was made")
    return {run.name: run for run in found}


def test_table_checks_and_figures_share_one_estimate_of_either_sign(runs, estimates):
    made = estimates[: estimates.index("all that was made")]
    assert [options.like_sign for options in made] == [False, True]
    assert runs["pseudo"].checks.like_sign
    assert runs["pseudo"].table


def test_every_two_track_sample_is_run(runs):
    assert list(runs) == ["pseudo", "signal"]
    assert runs["pseudo"].exposure.pot == pytest.approx(2e16)
    assert (
        1000 < runs["pseudo"].cutflow.rows[0].events < 10_000
    )  # of the two-track trigger; there are far more in all
    assert runs["signal"].table is None


def test_closed_regions_are_absent_from_everything_of_pseudo_data(runs, folder):
    pseudo = runs["pseudo"]
    assert pseudo.selected.closed == ("SR", "CR", "CR1", "CR2", "CR3")
    assert [row.name for row in pseudo.selected.regions] == ["outside"]
    assert list(pseudo.hists["mass"].axes["region"]) == ["outside"]
    assert {row.name: row.observed.state for row in pseudo.table.rows} == {
        "outside": "open", "CR3": "closed", "CR2": "closed", "CR1": "closed", "CR": "closed", "SR": "closed",
    }  # fmt: skip
    table = json.loads((folder / "output" / "table.json").read_text())
    assert [row["name"] for row in table["regions"] if "observed" in row] == ["outside"]
    assert "joint" not in table
    histograms = json.loads((folder / "output" / "pseudo" / "histograms.json").read_text())
    assert histograms["mass"]["axes"][0]["categories"] == ["outside"]


def test_weight_of_a_sample_acts_on_every_sum(runs):
    rows = runs["signal"].cutflow.rows
    assert rows[0].sum_w == 0.5 * rows[0].events
    assert runs["signal"].hists["mass"].sum(flow=True).value == pytest.approx(0.5 * rows[-1].events)


def test_expected_numbers_have_statistical_and_systematic_error(runs):
    estimate, table = runs["pseudo"].estimate, runs["pseudo"].table
    outside = table.rows[0]
    assert outside.expected.value == pytest.approx(estimate.expected[-1])
    assert outside.expected.error > estimate.error[-1] > 0.0
    assert outside.expected.error > 0.02 * outside.expected.value
    assert outside.expected.error == pytest.approx(estimate.total_error[-1])


def test_functions_are_predicted_where_single_tracks_tell_them(runs):
    """Two entries a pair for a function of a track; none where the time of the event is asked for."""
    estimate = runs["pseudo"].estimate
    counts = {name: made.integrate("region").sum(flow=True).value for name, made in estimate.hists.items()}
    total = estimate.expected.sum()
    assert counts["e_over_p"] == pytest.approx(2.0 * total)
    assert counts["separation"] == pytest.approx(total)
    assert "trigger_dt" in runs["pseudo"].hists
    assert "trigger_dt" not in counts
    errors = {name: estimate.bin_covariance(name).sum() ** 0.5 / n for name, n in counts.items()}
    assert errors["e_over_p"] == pytest.approx(errors["separation"], rel=1e-6), "one sum of the same pairs"


def test_exported_tables_say_entries_where_each_track_has_one(runs, folder):
    analysis = bdana.load(folder)
    tables = {table.name: table for table in result_tables(analysis, read_output(analysis), None, {})}
    units = {
        name: {column.unit for column in tables[f"variable_{name}"].dependent}
        for name in ("e_over_p", "separation", "mass")
    }
    assert units == {"e_over_p": {"entries"}, "separation": {"events"}, "mass": {"events"}}
    assert "each of its two tracks" in tables["variable_e_over_p"].description


def test_the_python_interface_gives_the_same_and_counts_chunks_behind_the_gate_not_events(runs, folder):
    seen, analysis = [], bdana.load(folder)
    again = analysis.run("pseudo", progress=lambda done, total: seen.append((done, total)))
    (dataset,) = analysis.sample("pseudo")
    assert {total for _, total in seen} == {len(dataset.chunks(("run",)))}
    assert again.table.to_dict() == runs["pseudo"].table.to_dict()
    assert again.hists["mass"] == runs["pseudo"].hists["mass"]


@pytest.fixture
def page(runs, folder):
    """The report, which was made of what lies in output/."""
    return (folder / "output" / "report.html").read_text()


def test_the_report_holds_every_figure_and_needs_no_other_file(page, folder):
    analysis = bdana.load(folder)
    assert analysis.hash in page
    figures = {path.stem for path in (folder / "output" / "figures").glob("*.png")}
    assert {"plane_pseudo", "plane_signal", "plane_prediction", "stability", "mass", "dt"} <= figures
    assert page.count("data:image/png;base64,") == len(figures) > 2 + len(analysis.variables)
    assert len(re.findall(r"<td>closed</td>", page)) >= 5
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)


def test_pseudo_data_and_simulation_say_so_everywhere(page, drawn, folder):
    assert re.search(r"<title>NA62 [^<]* \(pseudo-data\)</title>", page)
    assert "observed (pseudo-data)" in page
    assert "signal (simulation): candidates by region" in page
    assert len(drawn) > 8
    for texts in drawn:
        assert any("pseudo-data" in text or "simulation" in text or "simulated" in text for text in texts), (
            texts
        )
        assert "data" not in texts  # the legend of what was observed
    out = folder / "output"
    labels = {
        path: json.loads((out / path).read_text())["label"]
        for path in (
            "table.json",
            "prediction.json",
            "checks.json",
            "pseudo/cutflow.json",
            "signal/cutflow.json",
        )
    }
    assert labels.pop("signal/cutflow.json") == "simulation"
    assert set(labels.values()) == {"pseudo-data"}


def test_one_chain_of_numbers_leads_from_the_files_to_the_candidates(runs, folder, page):
    stored = json.loads((folder / "output" / "pseudo" / "cutflow.json").read_text())
    chain = stored["accounting"]
    steps = [step["step"] for step in chain]
    assert steps[:5] == ["read", "good_bursts", "trigger", "open", "two_good_tracks"]
    assert steps[-1] == "candidates"
    assert steps[5:-1] == [row["cut"] for row in stored["cutflow"][2:]]
    events = [step["events"] for step in chain]
    assert events == sorted(events, reverse=True)
    assert events[0] > events[2] == events[3] == stored["cutflow"][0]["events"]  # H2 of all triggers
    assert events[-1] == len(runs["pseudo"].candidates)
    for before, step in itertools.pairwise(chain):
        assert step["total_efficiency"] == pytest.approx(step["sum_w"] / chain[0]["sum_w"])
        if before["sum_w"]:
            assert step["efficiency"] == pytest.approx(step["sum_w"] / before["sum_w"])
    for name in steps:
        assert f"<td>{name}</td>" in page
    assert "Closed events are counted in no row" in page
    weighted = runs["signal"].selected.accounting
    assert weighted[0].sum_w == 0.5 * weighted[0].events


def test_output_of_another_configuration_is_refused(runs, folder):
    with pytest.raises(InputError, match="run `bdana run` again"):
        read_output(bdana.load(folder, overrides=["selection.dimuon.max_cda_mm=10.0"]))


def test_output_that_is_not_there_or_damaged_is_named(runs, folder):
    index = folder / "output" / "run.json"
    text = index.read_text()
    index.write_text(text[:10])
    with pytest.raises(InputError, match=r"run\.json: is damaged"):
        read_output(bdana.load(folder))
    index.unlink()
    with pytest.raises(InputError, match="`bdana run` writes it"):
        read_output(bdana.load(folder))
    index.write_text(text)


def test_single_tracks_of_other_bursts_are_refused(folder):
    analysis = bdana.load(folder, overrides=['samples.singles.files=["data/signal.root"]'])
    with pytest.raises(ConfigError, match="must be of the same bursts"):
        analysis.run("pseudo")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('search.data="other"', "no sample 'other'"),
        ('search.data="singles"', "must be another sample"),
        ('search.joint=["CR9"]', "no region 'CR9'"),
        ('samples.pseudo.kind="date"', "kind"),
        ("samples.pseudo.weight=0.0", "weight"),
        ("samples.pseudo.files=[]", "files"),
    ],
)
def test_wrong_samples_are_refused(folder, override, message):
    with pytest.raises(ConfigError, match=message):
        bdana.load(folder, overrides=[override])


def test_unknown_sample_and_no_sample_are_named(folder, tmp_path):
    with pytest.raises(ConfigError, match="no sample 'other'"):
        bdana.load(folder).run("other")
    scaffold(tmp_path / "new")
    with pytest.raises(ConfigError, match="names no sample to select"):
        run_search(bdana.load(tmp_path / "new"))
