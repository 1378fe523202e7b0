"""Skims: files of the selected events with all their columns, in bdana's own layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana.errors import InputError
from bdana.events import EVENT_COLUMNS, write_events
from bdana.sealing.manifest import open_uuid
from bdana.sealing.skim_manifest import check_skim_name, write_skim_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import awkward as ak

    from bdana.analysis import AnalysisFolder
    from bdana.engine import SelectionRun
    from bdana.events.writing import ContainerKind

__all__ = ["provenance", "write_skim"]


_COUNTS = {"accounting", "accounting_note", "cutflow", "regions"}


def provenance(run: SelectionRun) -> dict[str, Any]:
    """Return the origin of what a selection writes (inputs, exposure, code and configuration), as plain values.

    Parameters
    ----------
    run : SelectionRun
    """
    kept = run.to_dict()
    simulated = {"simulated": True} if run.label != "data" else {}
    return {name: value for name, value in kept.items() if name not in _COUNTS} | simulated


def write_skim(
    analysis: AnalysisFolder, run: SelectionRun, path: Path, container: ContainerKind = "ttree"
) -> int:
    """Write the events of a run's candidates, with all columns their files have.

    The skim holds every burst that was used, those without events included, so its exposure is the run's. That of sealed
    data gets a manifest, and is read as data like the files that it was made from.

    Parameters
    ----------
    analysis : AnalysisFolder
        The analysis that made the run.
    run : SelectionRun
        What is skimmed; its files are read once more.
    path : Path
        The file; it appears when it is complete.
    container : {"ttree", "rntuple"}
        How ROOT stores it.

    Returns
    -------
    int
        Number of events written.

    Raises
    ------
    InputError
        When the files have no burst table, or cannot be written, or the name is not that of a skim of sealed data.
    """
    if len(run.datasets) > 1:
        raise InputError(f"{path}: a skim is made of one sample at a time")
    (dataset,) = run.datasets
    policy = analysis.policy if dataset.sealed else None
    if policy is not None:
        check_skim_name(path)
    if dataset.used_bursts is None:
        raise InputError(
            f"{path}: a skim needs a burst table, and {dataset.files[0]} has none; give a good-run list"
        )
    selection, par = analysis.selection(run.selection)
    setup = analysis.selection_task(dataset, run.selection).setup
    columns = {"weight", *filter(dataset.has, EVENT_COLUMNS)}

    def selected() -> Iterator[ak.Array]:
        for chunk in dataset.chunks(columns):
            events = dataset.read(chunk, columns)
            yield events[selection.passing(events, par, setup, dataset.gate)]

    written = write_events(
        path,
        selected(),
        dataset.used_bursts,
        container=container,
        provenance=provenance(run),
        identity=None if policy is None else lambda checksums: open_uuid(policy, checksums),  # guard: skim-id
    )
    if policy is not None:
        write_skim_manifest(  # guard: skim-has-a-manifest
            path, [source.file for source in dataset.sources if source.file], run.selection, run.analysis_hash
        )
    return written
