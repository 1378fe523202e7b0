"""Options that several commands share."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from bdana.analysis import AnalysisFolder
    from bdana.api import Analysis
    from bdana.engine import Executor

__all__ = [
    "AllBursts",
    "AllowBadFiles",
    "ExecutorName",
    "Files",
    "GoodRuns",
    "Json",
    "Kind",
    "MemoryLimit",
    "Overrides",
    "Resume",
    "Scheduler",
    "Schema",
    "TwoWorkers",
    "Workers",
    "executor_from",
    "handled",
]

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="ROOT files of one layout.", show_default=False)
]
GoodRuns = Annotated[
    Path | None,
    typer.Option(metavar="LIST.csv", help="Use the bursts of this good-run list only.", show_default=False),
]
Schema = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH",
        help="Layout of the files; by default the one shipped schema that matches.",
        show_default=False,
    ),
]
Kind = Annotated[str, typer.Option(metavar="data|mc|pseudo", help="What the files hold; mc for simulation.")]
AllBursts = Annotated[bool, typer.Option("--all-bursts", help="Use all bursts, not only the good ones.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace a value of analysis.toml, such as selection.dimuon.acceptance=false; once per key.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "--jobs",
        min=1,
        metavar="N",
        help="Worker processes, by default one; the result is the same for any number.",
        show_default=False,
    ),
]
TwoWorkers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "--jobs",
        min=1,
        metavar="N",
        help="Worker processes, by default two; the result is the same for any number.",
        show_default=False,
    ),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="serial|processes|dask",
        help="Where the work is done; by default here, or in processes for several workers.",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="A dask scheduler that runs, such as tcp://host:8786.", show_default=False
    ),
]
AllowBadFiles = Annotated[
    bool,
    typer.Option(
        "--allow-bad-files", help="Leave files out that cannot be read, with the protons of their bursts."
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Keep finished chunks there, from which the same command goes on when it was interrupted.",
        show_default=False,
    ),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", help="Memory of a process, about, such as 2GB: smaller chunks.", show_default=False
    ),
]
Accounted = Annotated[
    bool,
    typer.Option(
        "--accounting",
        help="Say on stderr, and with --json in the document under `usage`, what was read and computed: files, bytes by branch, times, "
        "protons used of those asked for.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; all else goes to stderr.")
]
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def handled(
    analysis: Analysis, *, allow_bad_files: bool, memory_limit: str | None, resume: Path | None
) -> Analysis:
    """Return the analysis with what is to be done about bad files, memory and interruptions."""
    from bdana.analysis import Handling

    return replace(analysis, handling=Handling(allow_bad_files, _bytes(memory_limit), resume))


def _bytes(size: str | None) -> int | None:
    if size is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", size.strip().lower())
    limit = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if limit < 500 * 10**6:
        raise ConfigError(
            f"--memory-limit {size}: give at least 500MB, such as 2GB; Python and its libraries take 400MB"
        )
    return limit


def executor_from(
    analysis: AnalysisFolder | None,
    workers: int | None,
    name: str | None = None,
    scheduler: str | None = None,
    *,
    usual: int = 1,
    start: bool = True,
) -> Executor:
    """Return the executor that the options ask for; the server of worker processes starts at once if it is surely needed.

    Without --workers there are `usual` ones, and one with --executor serial.
    """
    from bdana.engine import BatchSystem, ProcessExecutor, executor_of

    cluster = analysis.config.cluster if analysis else None
    system = BatchSystem(**dict(cluster)) if cluster else None
    wanted = workers or (1 if name == "serial" else usual)
    executor = executor_of(wanted, name, scheduler, system)
    if start and isinstance(executor, ProcessExecutor):
        executor.start()
    return executor
