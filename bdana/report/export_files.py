"""Results of the last run for other people and programs: HEPData submission, LaTeX, and histograms as ROOT and UHI JSON."""

from __future__ import annotations

import re
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import uproot

from bdana._version import __version__
from bdana.atomic import whole_folder
from bdana.errors import ConfigError
from bdana.report.export_latex import latex_tables
from bdana.report.export_tables import result_tables
from bdana.search.signal_result import read_signal
from bdana.search.stored import read_output, write_json
from bdana.sensitivity.bundle import Bins, default_energies, default_masses, measure_masses
from bdana.sensitivity.bundle_files import bundle_head, example_program
from bdana.sensitivity.bundle_tables import SearchCounts, bundle_tables
from bdana.sensitivity.hepdata_files import require_hepdata, write_submission, write_text
from bdana.statistics.regions_csv import read_protons, read_regions

if TYPE_CHECKING:
    from pathlib import Path

    from bdana.api import Analysis
    from bdana.engine import Executor, Progress
    from bdana.search.signal_result import SignalResult
    from bdana.search.stored import StoredRun
    from bdana.selection import Histogram
    from bdana.sensitivity.bundle_tables import BundleTable

__all__ = ["result_histograms", "write_results"]


def write_results(analysis: Analysis, executor: Executor, progress: Progress | None = None) -> Path:
    """Write what [export] of analysis.toml asks for into output/export/, which appears whole or not at all.

    Parameters
    ----------
    analysis : Analysis
    executor : Executor
        Where the bundle for reinterpretation is measured, with `export.bundle`.
    progress : callable, optional
        Called with (masses done, masses in all) of the bundle.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        When there is no complete run of this analysis in output/, or HEPData would not take a table.
    ConfigError
        When the libraries of HEPData are asked for and not installed, or `export.bundle` names a decay mode that was not
        searched for.
    """
    run, signal = read_output(analysis), read_signal(analysis)
    formats = analysis.config.export.formats
    if "hepdata" in formats:
        require_hepdata()
    path = analysis.folder / "output" / "export"
    histograms = result_histograms(run, signal)
    with whole_folder(path) as folder:
        if "latex" in formats:
            (folder / "latex").mkdir()
            for name, text in latex_tables(run, signal).items():
                write_text(folder / "latex" / f"{name}.tex", text)
        if "root" in formats:
            _write_root(folder / "histograms.root", histograms)
        if "uhi" in formats:
            write_json(folder / "histograms.json", histograms)
        if "hepdata" in formats:
            _write_hepdata(analysis, run, signal, folder, path, executor, progress)
    return path


def result_histograms(run: StoredRun, signal: SignalResult | None) -> dict[str, Histogram]:
    """Return every histogram of a run by `[CHANNEL/]SAMPLE/[REGION/]NAME`; those of the prediction and the signal too.

    Parameters
    ----------
    run : StoredRun
    signal : SignalResult or None
        Its histograms are those of expected events, at the point of [signal].
    """
    found: dict[str, Histogram] = {}
    for channel, part in {"": run, **run.channels}.items():
        start = f"{channel}/" if channel else ""
        groups = {sample.name: sample.hists for sample in part.samples} | {"prediction": part.predicted}
        for name, hists in groups.items():
            found |= _by_region(f"{start}{name}", dict(hists))
    for channel, expected in signal.channels.items() if signal else ():
        found |= _by_region(f"expected_signal/{channel}", dict(expected.hists))
    return found


def _by_region(start: str, hists: dict[str, Histogram]) -> dict[str, Histogram]:
    found = {}
    for name, histogram in hists.items():
        if "region" not in histogram.axes.name:
            found[f"{start}/{name}"] = histogram
            continue
        for region in histogram.axes["region"]:
            found[f"{start}/{region}/{name}"] = histogram.integrate("region", [region])
    return found


def _write_root(path: Path, histograms: dict[str, Histogram]) -> None:
    with uproot.recreate(path) as file:
        for name, histogram in histograms.items():
            file[name] = histogram


def _write_hepdata(
    analysis: Analysis,
    run: StoredRun,
    signal: SignalResult | None,
    folder: Path,
    path: Path,
    executor: Executor,
    progress: Progress | None,
) -> None:
    config = analysis.config.export
    keywords: dict[str, list[Any]] = {"phrases": ["beam dump"]}
    if config.keywords:
        keywords["reactions"] = config.keywords
    if config.cm_energy_gev:
        keywords["cmenergies"] = [config.cm_energy_gev]
    tables = result_tables(analysis, run, signal, keywords)
    title = config.title or analysis.config.analysis.name
    comment = f"{title}. {config.abstract}".strip() + (
        f" Made with bdana {__version__}; SHA-256 of configuration and selections: {analysis.hash}."
    )
    head: dict[str, Any] = {"comment": comment}
    if run.label != "data":
        head["comment"] = f"These are {run.label}: nothing here was measured. {comment}"
    if config.inspire_id:
        head["record_ids"] = [{"id": config.inspire_id, "type": "inspire"}]
    made = folder / "hepdata"
    made.mkdir()
    modes = [config.bundle] if isinstance(config.bundle, str) else config.bundle
    counted = {mode: _counts(analysis, run, signal, mode) for mode in modes}
    for mode, counts in counted.items():
        bundle, about = _bundle(analysis, mode, counts, executor, progress)
        begin, program = "", "example.py"
        if len(counted) > 1:
            begin = re.sub(r"\W+", "_", mode) + "_"
            program = f"example_{begin[:-1]}.py"
            bundle = [
                replace(table, name=begin + table.name, title=f"{table.title}, {mode}") for table in bundle
            ]
        write_text(made / program, example_program(begin))
        head["comment"] += f" Tables for reinterpretation: {about['comment']}"
        (resource,) = about["additional_resources"]
        head.setdefault("additional_resources", []).append(resource | {"location": program})
        tables += bundle
    write_submission(made, path / "hepdata", head, tables)
    with tarfile.open(folder / "submission.tar.gz", "w:gz") as archive:
        for file in sorted(made.iterdir()):
            archive.add(file, file.name)


def _counts(analysis: Analysis, run: StoredRun, signal: SignalResult | None, mode: str) -> SearchCounts:
    """Return what the run counted in the search for a decay mode."""
    searched = {part.mode: channel for channel, part in signal.channels.items()} if signal else {}
    if mode not in searched:
        raise ConfigError(
            f"[export] bundle: the last run did not search for the signal in the decay mode '{mode}', but in "
            f"{', '.join(searched) or 'none'}: name those, or add a channel and run `bdana run`"
        )
    out = analysis.folder / "output"
    path = (out / searched[mode] if run.channels else out) / "table.json"
    inner = analysis.regions.names[0]
    counted = sorted(read_regions(path), key=lambda region: region.name != inner)
    return SearchCounts.of_protons(tuple(counted), read_protons(path), analysis.signal.pot)


def _bundle(
    analysis: Analysis, mode: str, counts: SearchCounts, executor: Executor, progress: Progress | None
) -> tuple[list[BundleTable], dict[str, Any]]:
    """Measure acceptance and spectra at masses of the scan, with the counts of the run."""
    masses = default_masses(analysis, mode)
    bins = Bins.spread(analysis.signal.decay_volume_m, default_energies(analysis, mode))
    measured = measure_masses(analysis, mode, masses, bins, 100, executor, progress)
    tables = bundle_tables(analysis, mode, bins, measured, counts)
    return list(tables), bundle_head(analysis, mode, measured, counts)
