"""Whether output/ is what `bdana run` would write: everything the last run depended on, what it wrote and printed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdana.atomic import write_atomically
from bdana.engine.code_version import SEARCHING, code_version
from bdana.errors import BdanaError
from bdana.events.arrays import EventArrays
from bdana.events.file_names import expand
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bdana.analysis import AnalysisFolder
    from bdana.events import remote as remote_files
    from bdana.events.location import Location
else:
    remote_files = late_module("bdana.events.remote")

__all__ = ["Dependencies", "LastRun", "dependencies", "read_last_run", "write_last_run"]

_RECORD = "last_run.json"
_READ_WHOLE = 4_000_000
"""Bytes up to which a file is known by its content, a larger one by size, times and inode."""


@dataclass(frozen=True)
class Dependencies:
    """Everything that a run depends on, each thing with what changes when it does.

    Attributes
    ----------
    named : mapping of str to str
        Analysis, options, code, and files of which a new one counts too: samples, manifests, and all of blinding/.
    others : mapping of str to str
        Other files of the analysis folder, which its modules may read: a new one cannot have been read.
    """

    named: Mapping[str, str]
    others: Mapping[str, str]

    def changed_since(self, before: Dependencies) -> list[str]:
        """Return what is not as it was.

        Parameters
        ----------
        before : Dependencies
        """
        names = dict.fromkeys([*before.named, *self.named])
        found = [name for name in names if before.named.get(name) != self.named.get(name)]
        return found + [name for name, state in before.others.items() if self.others.get(name) != state]


@dataclass(frozen=True)
class LastRun:
    """What the last run left.

    Attributes
    ----------
    changed : tuple of str
        What has changed since, of dependencies and outputs; empty when it is up to date.
    printed : list
        What it printed: lines, and tables as mappings.
    document : mapping
        What it prints with `--json`.
    """

    changed: tuple[str, ...]
    printed: list[Any]
    document: Mapping[str, Any]


def dependencies(analysis: AnalysisFolder) -> Dependencies | None:
    """Return what a run of an analysis depends on now; None when a file is missing or a server does not answer.

    Parameters
    ----------
    analysis : AnalysisFolder
    """
    try:
        named = dict(_named(analysis))
    except (BdanaError, OSError):
        return None  # the run says what is wrong
    hidden = {"output", "__pycache__"}
    paths = (path for part in _visible(analysis.folder) if part.name not in hidden for path in _files(part))
    others = {str(path): _state(path) for path in paths}
    return Dependencies(named, {name: state for name, state in others.items() if name not in named})


def _named(analysis: AnalysisFolder) -> Iterator[tuple[str, str]]:
    handling = asdict(analysis.handling)
    handling.pop("checkpoints")
    # What is in no hash of an analysis, such as [plot], shows in the text of analysis.toml, or in overrides.
    yield "the configuration or its overrides", " ".join([analysis.hash, *analysis.overrides])
    yield "an option", json.dumps(handling, sort_keys=True)
    yield "the code of bdana or a library", code_version(SEARCHING)
    for path in _files(analysis.folder / "blinding"):
        yield str(path), _state(path)
    for sample in analysis.config.samples.values():
        layout = analysis.layout_of(sample)
        for text in (sample.good_runs, layout if layout and layout.endswith(".toml") else None):
            if text:
                yield str(analysis.folder / text), _state(analysis.folder / text)
        folders: set[Path] = set()
        for file in expand(sample.files, analysis.folder, analysis.config.remote):
            if not isinstance(file, EventArrays):
                yield str(file), _state_of_input(file, analysis)
                folders.update([file.parent] if isinstance(file, Path) else [])
        for folder in sorted(folders):
            for manifest in sorted(folder.glob("*.manifest.json*")):
                yield str(manifest), _state(manifest)


def _state_of_input(file: Location, analysis: AnalysisFolder) -> str:
    if isinstance(file, str):
        return json.dumps(remote_files.RemoteFile(file, analysis.config.remote).identity, default=str)
    return _looks(file)


def _state(path: Path) -> str:
    if path.stat().st_size > _READ_WHOLE:
        return _looks(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _looks(path: Path) -> str:
    state = path.stat()
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or the files in a folder; no hidden ones, such as locks."""
    if path.is_file():
        yield path
    elif path.is_dir() and path.name != "__pycache__":
        for part in _visible(path):
            yield from _files(part)


def _outputs(analysis: AnalysisFolder) -> dict[str, str]:
    paths = _files(analysis.folder / "output")
    return {str(path): _state(path) for path in paths if path.name not in {_RECORD, "bdana.log"}}


def write_last_run(
    analysis: AnalysisFolder, before: Dependencies, printed: list[Any], document: Mapping[str, Any]
) -> None:
    """Record a run that has written its outputs.

    Parameters
    ----------
    analysis : AnalysisFolder
    before : Dependencies
        As they were when it began.
    printed : list
        Lines and tables, plain values.
    document : mapping
        What `--json` prints.
    """
    record = asdict(before) | {"outputs": _outputs(analysis), "printed": printed, "document": document}
    with write_atomically(analysis.folder / "output" / _RECORD) as file:
        json.dump(record, file, indent=1, allow_nan=False)


def read_last_run(analysis: AnalysisFolder, now: Dependencies) -> LastRun | None:
    """Return what the last run left; None when there was none, or its record is damaged.

    Parameters
    ----------
    analysis : AnalysisFolder
    now : Dependencies
    """
    path = analysis.folder / "output" / _RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before = Dependencies(record["named"], record["others"])
        there = _outputs(analysis)
        gone = [name for name, state in record["outputs"].items() if there.get(name) != state]
        return LastRun((*now.changed_since(before), *gone), record["printed"], record["document"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
