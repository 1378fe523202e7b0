"""Writing the results of a search into output/, and reading them back for plots and the report."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import hist
import uhi.io.json

from bdana._version import __version__
from bdana.atomic import write_atomically
from bdana.errors import InputError
from bdana.events.bad_files import BadFile, incomplete
from bdana.search.channels import by_channel
from bdana.search.combined import combined_table
from bdana.search.mass_scan import mass_scan
from bdana.search.opened import reported_looks
from bdana.selection import plane_histogram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bdana.analysis import AnalysisFolder
    from bdana.search.run import SampleRun
    from bdana.selection import Histogram

__all__ = [
    "StoredRun",
    "StoredSample",
    "read_histograms",
    "read_json",
    "read_output",
    "write_histograms",
    "write_json",
    "write_output",
]


@dataclass(frozen=True)
class StoredSample:
    """Results of one sample, as stored in output/.

    Attributes
    ----------
    name : str
    summary : dict
        cutflow.json: cutflow, regions, closed regions, exposure, inputs.
    hists : mapping of str to hist.Hist
        The variables by region, and `plane`.
    """

    name: str
    summary: dict[str, Any]
    hists: Mapping[str, Histogram]

    @property
    def label(self) -> str:
        """What its events are: data, simulation or pseudo-data."""
        return str(self.summary["label"])

    @property
    def title(self) -> str:
        """Its name, with what its events are unless that is the name."""
        return self.name if self.name == self.label else f"{self.name} ({self.label})"


@dataclass(frozen=True)
class StoredRun:
    """Results of one run, as stored in output/.

    Attributes
    ----------
    samples : tuple of StoredSample
        In the order of analysis.toml.
    table : dict or None
        table.json, with the name of its sample.
    prediction : dict or None
        prediction.json.
    predicted : mapping of str to hist.Hist
        Its histograms, and `plane` of all regions; empty when there is no prediction.
    checks : dict or None
        checks.json.
    masses : dict or None
        mass_windows.json; with [search.mass_windows]. Of several channels that of all together.
    channels : mapping of str to StoredRun
        Of an analysis that searches several channels: the run of each. The table is then the combined one, or None, and
        nothing else is stored beside it.
    made : mapping of str to str
        run.json: its time in UTC and the version of bdana.
    """

    samples: tuple[StoredSample, ...]
    table: dict[str, Any] | None
    prediction: dict[str, Any] | None
    predicted: Mapping[str, Histogram]
    checks: dict[str, Any] | None
    masses: dict[str, Any] | None = None
    channels: Mapping[str, StoredRun] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)

    @property
    def incomplete(self) -> str:
        """What the result lacks since files were left out; empty when it lacks nothing."""
        parts = [self, *self.channels.values()]
        found = [
            bad for part in parts for sample in part.samples for bad in sample.summary.get("bad_files", ())
        ]
        return incomplete([BadFile(**bad) for bad in found])

    @property
    def label(self) -> str:
        """What the result is of: the sample that the search counts in, or all samples; joined by `+`."""
        if self.table:
            return str(self.table["label"])
        parts = self.channels.values() or self.samples
        return " + ".join(dict.fromkeys(part.label for part in parts)) or "data"


def write_output(analysis: AnalysisFolder, runs: Sequence[SampleRun]) -> Path:
    """Write cutflows, candidates, histograms, prediction and table into output/; each file whole or not at all.

    Each of several channels has these in output/CHANNEL/, and output/table.json is the combined table.

    Parameters
    ----------
    analysis : AnalysisFolder
    runs : sequence of SampleRun

    Returns
    -------
    Path
        The folder output/ of the analysis.
    """
    out, parts = analysis.folder / "output", by_channel(analysis)
    if not parts:
        _write_run(analysis, runs, out)
        return out
    _clear(out)
    for name, part in parts.items():
        _write_run(part, [run for run in runs if run.channel == name], out / name)
    if combined := combined_table(runs, analysis.config.search.joint):
        write_json(
            out / "table.json", combined.to_dict() | {"channels": list(parts)} | _stamp(analysis, runs)
        )
    write_json(out / "run.json", {"channels": list(parts)} | _made(analysis))
    return out


def _clear(out: Path) -> None:
    """Make a folder of results, or remove what would not belong to the new run."""
    out.mkdir(exist_ok=True)
    for name in (
        "run",
        "table",
        "prediction",
        "prediction_histograms",
        "checks",
        "mass_windows",
        "signal",
        "signal_histograms",
    ):
        (out / f"{name}.json").unlink(missing_ok=True)


def _stamp(analysis: AnalysisFolder, runs: Sequence[SampleRun]) -> dict[str, Any]:
    bad = {one.file: one.to_dict() for run in runs for one in run.selected.bad_files}
    return ({"bad_files": list(bad.values())} if bad else {}) | {
        "sample": analysis.config.search.data,
        "analysis_hash": analysis.hash,
        "bdana_version": __version__,
        "ledger_head": analysis.ledger.head,
    }


def _made(analysis: AnalysisFolder) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"analysis_hash": analysis.hash, "time": now, "bdana_version": __version__}


def _write_run(analysis: AnalysisFolder, runs: Sequence[SampleRun], out: Path) -> None:
    """Write the runs of one channel; last comes the index that makes them readable."""
    _clear(out)
    for run in runs:
        folder = out / run.name
        folder.mkdir(exist_ok=True)
        lacking = incomplete(run.selected.bad_files)
        write_json(
            folder / "cutflow.json",
            run.selected.to_dict() | {"sample": run.name, "closed": list(run.selected.closed)},
        )
        run.candidates.write_csv(folder / "candidates.csv", lacking)
        write_histograms(
            folder / "histograms.json",
            dict(run.hists)
            | {"plane": plane_histogram(run.candidates, analysis.regions, analysis.dump_name)},
            lacking,
        )
        if run.table and run.estimate:
            record = {region.name: region.provenance for region in run.opened}
            write_json(
                out / "table.json",
                run.table.to_dict()
                | {"opened": record, "seen": reported_looks(analysis)}
                | _stamp(analysis, [run]),
            )
            label = {"label": run.selected.label}
            write_json(
                out / "prediction.json", run.estimate.to_dict(bins=True) | label | _stamp(analysis, [run])
            )
            plane = {"plane": run.estimate.plane} if run.estimate.plane is not None else {}
            write_histograms(out / "prediction_histograms.json", dict(run.estimate.hists) | plane, lacking)
        if run.masses:
            write_json(
                out / "mass_windows.json",
                mass_scan(analysis, run.masses).to_dict()
                | {"label": run.selected.label}
                | _stamp(analysis, [run]),
            )
        if run.checks:
            write_json(
                out / "checks.json", run.checks.to_dict() | _stamp(analysis, [run]) | {"sample": run.name}
            )
    write_json(out / "run.json", {"samples": [run.name for run in runs]} | _made(analysis))


def read_output(analysis: AnalysisFolder) -> StoredRun:
    """Read the results of the last run from output/.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    InputError
        When there is no complete run, or it was made with another configuration or other code.
    """
    out = analysis.folder / "output"
    parts = by_channel(analysis)
    if not parts:
        return _read_run(analysis, out)
    made = _read_index(analysis, out)
    table = read_json(out / "table.json") if (out / "table.json").is_file() else None
    channels = {name: _read_run(part, out / name) for name, part in parts.items()}
    return StoredRun((), table, None, {}, None, _read_masses(out), channels, made)


def _read_masses(out: Path) -> dict[str, Any] | None:
    path = out / "mass_windows.json"
    return read_json(path) if path.is_file() else None


def _read_index(analysis: AnalysisFolder, out: Path) -> dict[str, Any]:
    index: dict[str, Any] = read_json(out / "run.json")
    if index["analysis_hash"] != analysis.hash:
        raise InputError(
            f"{out}: was written with another configuration or other cuts than the analysis has now; run `bdana run` again"
        )
    return index


def _read_run(analysis: AnalysisFolder, out: Path) -> StoredRun:
    made = _read_index(analysis, out)
    samples = tuple(
        StoredSample(
            name,
            read_json(out / name / "cutflow.json"),
            read_histograms(out / name / "histograms.json"),
        )
        for name in made["samples"]
    )
    if not (out / "table.json").is_file():
        return StoredRun(samples, None, None, {}, None, made=made)
    predicted = read_histograms(out / "prediction_histograms.json")
    table, prediction, checks = (
        read_json(out / f"{name}.json") for name in ("table", "prediction", "checks")
    )
    return StoredRun(samples, table, prediction, predicted, checks, _read_masses(out), made=made)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document of plain values and histograms, whole or not at all.

    Parameters
    ----------
    path : Path
    document : mapping
    """
    with write_atomically(path) as file:
        json.dump(document, file, indent=1, allow_nan=False, default=uhi.io.json.default)


def write_histograms(path: Path, hists: Mapping[str, Histogram], lacking: str = "") -> None:
    """Write histograms in the form of UHI, whole or not at all.

    Parameters
    ----------
    path : Path
    hists : mapping of str to hist.Hist
    lacking : str
        What they lack since files were left out, kept in the metadata of each; empty when they lack nothing.
    """
    plain = {name: uhi.io.json.default(made) for name, made in hists.items()}
    if lacking:
        plain = {
            name: made | {"metadata": made.get("metadata", {}) | {"incomplete": lacking}}
            for name, made in plain.items()
        }
    write_json(path, plain)


def read_json(path: Path) -> Any:
    """Read a document of plain values.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When it is not there, or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not there; `bdana run` writes it") from None
    except json.JSONDecodeError as err:
        raise InputError(f"{path}: is damaged ({err}); run `bdana run` again") from None


def read_histograms(path: Path) -> dict[str, Histogram]:
    """Read histograms by name.

    Parameters
    ----------
    path : Path
    """
    with path.open(encoding="utf-8") as file:
        raw = json.load(file, object_hook=uhi.io.json.object_hook)
    return {name: hist.Hist(value) for name, value in raw.items()}
