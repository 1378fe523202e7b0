"""A search of two channels: what each writes, what they share, and where one has to be chosen."""

import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml

import bdana
from bdana.blinding.verdict import frozen_numbers
from bdana.engine import SerialExecutor
from bdana.errors import BlindingError, ConfigError, InputError
from bdana.observed import Predicted
from bdana.opening.freeze import counted_parts
from bdana.report import export_files, write_report
from bdana.report.export_files import write_results
from bdana.search.channels import by_channel, require_own_background
from bdana.search.output import write_output
from bdana.search.run import run_search
from bdana.search.stored import read_output
from bdana.sensitivity import bundle
from bdana.simulation import Beam, SimulationConfig, write_sample
from bdana.statistics.regions_csv import read_regions
from tests.searches import one_variable, search_folder

MUMU = '[channels.mumu]\nselection = "dimuon"\nbackground = "combinatorial"\n'
EE = '[channels.ee]\nselection = "dielectron"\nbackground = "combinatorial_ee"\n'
ONE = 'selection = "dimuon"\nbackground = "combinatorial"\nprompt = "prompt"\n'


def with_channels(*tables):
    """Give what puts [channels] in the place of the one channel of [search]."""

    def edit(text):
        assert ONE in text
        return one_variable(text.replace(ONE, "")) + "\n" + "\n".join(tables)

    return edit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("channels")
    edit = with_channels(MUMU, EE)
    search_folder(base / "two", "../halo.root", kind="pseudo", edit=edit)
    without_prompt = {"edit": lambda text: one_variable(text.replace('prompt = "prompt"\n', ""))}
    search_folder(base / "one", "../halo.root", kind="pseudo", **without_prompt)
    halo = SimulationConfig(pot=2e15, bursts=4, truth=False, beam=Beam(downscale=400.0))
    write_sample(base / "halo.root", halo, 3)
    return base / "two"


@pytest.fixture(scope="module")
def runs(folder):
    analysis = bdana.load(folder)
    found = run_search(analysis)
    write_output(analysis, found)
    return found


def test_every_sample_is_run_in_every_channel(runs):
    assert [(run.channel, run.name, run.title) for run in runs] == [
        ("mumu", "data", "mumu, data"),
        ("ee", "data", "ee, data"),
    ]
    assert [run.selected.selection for run in runs] == ["dimuon", "dielectron"]


def test_a_closed_event_is_closed_in_every_channel(runs, folder):
    closed = ("SR", "CR", "CR1", "CR2", "CR3")
    assert [run.selected.closed for run in runs] == [closed, closed]
    for path in ("table.json", "mumu/table.json", "ee/table.json"):
        table = json.loads((folder / "output" / path).read_text())
        assert [row["name"] for row in table["regions"] if "observed" in row] == ["outside"]
        assert "joint" not in table


def test_a_channel_has_the_numbers_of_a_search_of_its_own(runs, folder):
    alone = bdana.load(folder.parent / "one").run("data")
    assert alone.channel is None
    assert alone.table.to_dict() == runs[0].table.to_dict()
    assert alone.cutflow == runs[0].cutflow


def test_each_channel_has_a_folder_and_the_table_beside_them_is_of_all(runs, folder):
    analysis, out = bdana.load(folder), folder / "output"
    table = json.loads((out / "table.json").read_text())
    assert table["channels"] == ["mumu", "ee"]
    assert table["analysis_hash"] == analysis.hash
    for run in runs:
        own = json.loads((out / run.channel / "table.json").read_text())
        assert own["regions"] == run.table.to_dict()["regions"]
        assert (out / run.channel / "data" / "candidates.csv").is_file()
        assert own["analysis_hash"] == by_channel(analysis)[run.channel].hash
    assert not (out / "data").exists()
    stored = read_output(analysis)
    assert stored.table == table
    assert list(stored.channels) == ["mumu", "ee"]
    assert [sample.name for sample in stored.channels["ee"].samples] == ["data"]


def test_what_a_channel_had_before_does_not_stay(runs, folder):
    """Without single tracks there is no table: that of the run before must go."""
    analysis = bdana.load(folder, overrides=['search.data="data"'])
    bare = bdana.load(folder.parent / "two")
    runs_without = [type(run)(run.name, run.selected, None, None, channel=run.channel) for run in runs]
    write_output(bare, runs_without)
    assert read_output(bare).table is None
    assert read_output(bare).channels["mumu"].table is None
    write_output(analysis, runs)
    assert read_output(bare).channels["mumu"].table is not None


def test_the_report_has_sections_of_every_channel_and_of_all(runs, folder):
    page = write_report(bdana.load(folder)).read_text()
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[1] == "Expected and observed in all channels"
    for channel in ("mumu", "ee"):
        assert {f"{channel}: {what}" for what in ("Expected and observed", "Figures", "Validation")} <= set(
            titles
        )
        assert (folder / "output" / channel / "figures" / "plane_data.png").is_file()
    assert titles[-1] == "Provenance"
    figures = list((folder / "output").rglob("*.png"))
    assert page.count("data:image/png;base64,") == len(figures) > 10  # each once
    assert len(re.findall(r"<td>closed</td>", page)) >= 15  # five regions of three tables


def test_output_of_another_configuration_is_refused(runs, folder):
    with pytest.raises(InputError, match="run `bdana run` again"):
        read_output(bdana.load(folder, overrides=["selection.dielectron.max_cda_mm=10.0"]))


def test_one_channel_is_chosen_with_search_channel(runs, folder):
    chosen = bdana.load(folder, overrides=['search.channel="ee"'])
    assert by_channel(chosen) == {}
    assert chosen.config.search.selection == "dielectron"
    part = by_channel(bdana.load(folder))["ee"]
    assert part.hash == chosen.hash != bdana.load(folder).hash
    assert type(part) is type(chosen)
    assert pickle.loads(pickle.dumps(part)).config == part.config
    assert chosen.run("data").table.to_dict() == runs[1].table.to_dict()


def test_what_is_done_for_one_channel_asks_which(folder):
    analysis = bdana.load(folder)
    for done in (lambda: analysis.run("data"), lambda: counted_parts(analysis)):
        with pytest.raises(
            ConfigError, match=r'channels mumu, ee, .* one at a time: set channel = "mumu" in'
        ):
            done()


def test_a_channel_is_frozen_with_its_own_prediction(folder, runs):
    part = by_channel(bdana.load(folder))["mumu"]
    assert counted_parts(part)["table"] == runs[0].table.to_dict()


def test_upward_and_downward_errors_are_frozen_and_read_again(folder):
    """As long as no source is one-sided a freeze is what it was; approvers read what the table has."""
    source = '{effect = 0.5, correlated = true, source = "made up", one_sided = true}'
    parts = bdana.load(folder, overrides=['search.channel="mumu"', f"systematics.raised={source}"])
    found = counted_parts(parts)
    read = frozen_numbers(found)
    assert "error_down" in found["prediction"]
    for row in found["table"]["regions"]:
        if row["name"] != "outside":
            assert read[row["name"]][0] == Predicted.of_dict(row)
    before = {
        "prediction": {k: v for k, v in found["prediction"].items() if k not in {"error_down", "steps"}}
    }
    for name, (whole, then) in frozen_numbers(before).items():
        assert (whole, then) == (replace(read[name][0], error_down=None), None)


def test_a_single_table_of_channels_is_a_search_of_one(folder, tmp_path):
    search_folder(tmp_path / "a", folder.parent / "halo.root", kind="pseudo", edit=with_channels(EE))
    analysis = bdana.load(tmp_path / "a")
    assert by_channel(analysis) == {}
    assert analysis.config.search.background == "combinatorial_ee"
    assert analysis.config.search.prompt is None


def test_a_closed_number_is_no_number_in_any_channel(runs):
    for run in runs:
        with pytest.raises(BlindingError):
            _ = {row.name: row.observed for row in run.table.rows}["SR"].value


def test_single_tracks_predict_pairs_of_their_own_selection_only(tmp_path):
    """Muon pairs are no background of electron pairs, and none of photon pairs."""
    made = search_folder(tmp_path / "analysis", "nothing.root", kind="mc", edit=one_variable)
    for selection in ("dielectron", "diphoton"):
        analysis = bdana.load(made, overrides=[f'search.selection="{selection}"'])
        with pytest.raises(
            ConfigError,
            match=f"predicts pairs of the selection dimuon, and {selection} is searched: name its own background",
        ):
            require_own_background(analysis)
    require_own_background(bdana.load(made))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:jsonschema:DeprecationWarning")  # of HEPData's
def test_each_mode_of_an_exported_bundle_has_the_counts_of_its_channel(runs, folder, monkeypatch):
    """Two modes, each with a program that finds the tables of its own; another mode is refused before the work."""
    signal = SimpleNamespace(channels={name: SimpleNamespace(mode=name) for name in ("mumu", "ee")})
    monkeypatch.setattr(export_files, "read_signal", lambda _: signal)
    monkeypatch.setattr(export_files, "result_histograms", lambda *_: {})
    monkeypatch.setattr(export_files, "result_tables", lambda *_: [])
    monkeypatch.setattr(export_files, "default_masses", lambda *_: [300.0])
    monkeypatch.setattr(
        export_files,
        "measure_masses",
        lambda a, mode, masses, bins, _, *more: bundle.measure_masses(a, mode, masses, bins, 4, *more),
    )
    monkeypatch.setattr(bundle, "SPECTRUM", 500)

    def export(*modes):
        overrides = ['export.formats=["hepdata"]', f"export.bundle={json.dumps(modes)}"]
        return write_results(bdana.load(folder, overrides=overrides), SerialExecutor()) / "hepdata"

    made = export("mumu", "ee")
    documents = [yaml.safe_load(text) for text in (made / "submission.yaml").read_text().split("---\n")[1:]]
    assert [each["location"] for each in documents[0]["additional_resources"]] == [
        "example_mumu.py",
        "example_ee.py",
    ]
    assert {"Counts, mumu", "Counts, ee"} <= {document.get("name") for document in documents}
    for mode in ("mumu", "ee"):
        stated = yaml.safe_load((made / f"{mode}_counts.yaml").read_text())["dependent_variables"][1]
        found = sorted(row["value"] for row in stated["values"])
        own, other, both = (
            sorted(row.background.expected for row in read_regions(folder / "output" / path / "table.json"))
            for path in (mode, "ee" if mode == "mumu" else "mumu", "")
        )
        assert found == pytest.approx(own, rel=1e-6)
        assert found != pytest.approx(other, rel=1e-6)
        assert found != pytest.approx(both, rel=1e-6)
        program = [sys.executable, made / f"example_{mode}.py"]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("300 ")
    with pytest.raises(ConfigError, match="'pipi', but in mumu, ee"):
        export("mumu", "pipi")
    assert (made / "example_ee.py").is_file()
