"""Writing the results of a search into output/; `bdana/search/stored.py` reads them back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bdana._version import __version__
from bdana.atomic import check_output
from bdana.errors import InputError
from bdana.events.bad_files import incomplete
from bdana.search.channels import by_channel
from bdana.search.combined import combined_table
from bdana.search.mass_scan import mass_scan
from bdana.search.opened import reported_looks
from bdana.search.stored import write_histograms, write_json
from bdana.selection import plane_histogram

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bdana.analysis import AnalysisFolder
    from bdana.search.run import SampleRun

__all__ = ["check_output_folder", "write_output"]


def check_output_folder(analysis: AnalysisFolder) -> None:
    """Raise, before long work, what would keep results from being written into output/ and the folders in it.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    InputError
        Naming the folder that cannot be made or written.
    """
    out = analysis.folder / "output"
    try:
        out.mkdir(exist_ok=True)
    except OSError as err:
        raise InputError(f"{out}: cannot be made ({err.strerror}); results are written there") from None
    for folder in (
        out,
        *(path for path in out.rglob("*") if path.is_dir() and not path.name.startswith(".")),
    ):
        check_output(folder / "results")


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
        regions, _ = analysis.plane_of(run.selected.selection)
        write_histograms(
            folder / "histograms.json",
            dict(run.hists) | {"plane": plane_histogram(run.candidates, regions, analysis.dump_name)},
            lacking,
        )
        if run.table and run.estimate:
            record = {region.name: region.provenance for region in run.opened}
            write_json(
                out / "table.json",
                run.table.to_dict()
                | {"opened": record, "seen": reported_looks(analysis)}
                | {"protons_on_target": run.exposure.pot if run.exposure else None}
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
