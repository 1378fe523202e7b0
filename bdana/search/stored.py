"""The results of the last run in output/, read back for plots, report and export."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import hist
import uhi.io.json

from bdana.atomic import write_atomically
from bdana.errors import InputError
from bdana.events.bad_files import BadFile, incomplete
from bdana.observed import open_part_of
from bdana.search.channels import by_channel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bdana.analysis import AnalysisFolder
    from bdana.selection import Histogram

__all__ = [
    "ChannelSignal",
    "StoredRun",
    "StoredSample",
    "read_channels",
    "read_histograms",
    "read_json",
    "read_output",
    "write_histograms",
    "write_json",
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


@dataclass(frozen=True)
class ChannelSignal:
    """What is expected in one channel at the point of [signal].

    Attributes
    ----------
    mode : str
        Its decay mode.
    point : dict
        Expected events by production process and region, as `signal_point` gives them, of what is counted of each region of
        the data; `closed_guard_bands` has the stages whose guard bands are left out of it.
    hists : mapping of str to hist.Hist
        The variables of analysis.toml by region, of expected signal events.
    """

    mode: str
    point: dict[str, Any]
    hists: Mapping[str, Histogram]

    @property
    def label(self) -> str:
        """What the signal is, for legends."""
        return f"signal ({self.point['mass_mev']:g} MeV, {self.point[self.point['coupling']]:.2g})"

    @property
    def notes(self) -> list[str]:
        """Which regions are not counted as a whole."""
        return [
            f"{region}: {open_part_of(stages, 'expected signal')}"
            for region, stages in self.point.get("closed_guard_bands", {}).items()
        ]


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


def read_channels(analysis: AnalysisFolder) -> dict[str, ChannelSignal]:
    """Read the expected signal of each channel; empty where the last run made none.

    Parameters
    ----------
    analysis : AnalysisFolder
    """
    out = analysis.folder / "output"
    if not (out / "signal.json").is_file():
        return {}
    stored, hists = read_json(out / "signal.json"), read_histograms(out / "signal_histograms.json")
    return {
        channel: ChannelSignal(
            mode,
            stored["points"][channel],
            {
                name.partition("/")[2]: made
                for name, made in hists.items()
                if name.partition("/")[0] == channel
            },
        )
        for channel, mode in stored["modes"].items()
    }
