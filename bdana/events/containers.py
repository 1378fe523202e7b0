"""One interface to TTree and RNTuple; whatever differs between the two readers of uproot is here."""

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import uproot

from bdana.errors import InputError
from bdana.events.checksums import OBJECT_NAME, ColumnChecksums, damaged_page_list, damaged_pages
from bdana.events.lists import fit

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["Container", "open_root", "root_uuid"]


class Container(ABC):
    """Columns of equal length in a ROOT file.

    Attributes
    ----------
    name : str
        Name of the tree in its file.
    entries : int
        Number of entries.
    paths : frozenset of str
        Full paths of all branches.
    leaves : frozenset of str
        Paths of those that hold values themselves.
    checksums : ColumnChecksums
        Digests of what was written, where the file has them.
    """

    name: str
    entries: int
    paths: frozenset[str]
    leaves: frozenset[str]
    checksums: ColumnChecksums

    def arrays(self, paths: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        """Read the given branches of entries start to stop in one pass.

        Parameters
        ----------
        paths : collection of str
        start, stop : int

        Raises
        ------
        Exception
            Of many kinds, by uproot; ValueError when what it read is not what was written.
        """
        read = self._read(paths, start, stop)
        for path, values in read.items():
            if not fit(values, stop - start):
                raise ValueError(f"branch '{path}' has lists that do not fit its entries")
        changed = self.checksums.changed(read, start, stop)
        if changed is not None:
            raise ValueError(f"checksum of branch '{changed}' is wrong")
        return read

    @abstractmethod
    def _read(self, paths: Collection[str], start: int, stop: int) -> dict[str, ak.Array]: ...

    def stored_type(self, path: str) -> np.dtype[Any] | None:
        """Return the type of a branch's numbers; None where it is not known.

        Parameters
        ----------
        path : str
        """
        del path
        return None

    @abstractmethod
    def clusters(self, paths: Collection[str]) -> list[int]:
        """Return the entry numbers at which all given branches begin a new basket, first 0, last `entries`.

        Parameters
        ----------
        paths : collection of str
        """


class _TTree(Container):
    def __init__(self, tree: Any, checksums: ColumnChecksums) -> None:
        self.name, self.entries, self.checksums = tree.name, tree.num_entries, checksums
        self._tree = tree
        self._branches = dict(tree.iteritems(recursive=True, full_paths=True))
        self.paths = frozenset(self._branches)
        self.leaves = frozenset(path for path, branch in self._branches.items() if not branch.branches)

    def _read(self, paths: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        # Full paths as expressions: leaf names repeat (fCandidates.fTime of six detectors).
        read = self._tree.arrays(list(paths), entry_start=start, entry_stop=stop, how=dict)
        return {path: read[path] for path in paths}

    def stored_type(self, path: str) -> np.dtype[Any] | None:
        interpretation = self._branches[path].interpretation
        found = getattr(getattr(interpretation, "content", interpretation), "to_dtype", None)
        return found if isinstance(found, np.dtype) and found.shape == () else None

    def clusters(self, paths: Collection[str]) -> list[int]:
        common = {0, self.entries}
        offsets = [set(self._branches[path].entry_offsets) for path in paths]
        if offsets:
            common |= set.intersection(*offsets)
        return sorted(int(entry) for entry in common)


class _RNTuple(Container):
    def __init__(self, ntuple: Any, name: str, checksums: ColumnChecksums) -> None:
        self.name, self.entries, self.checksums = name, ntuple.num_entries, checksums
        self._ntuple = ntuple
        self.paths = self.leaves = frozenset(ntuple.keys(recursive=False))
        if damaged_page_list(ntuple):
            raise ValueError("checksum of the list of pages is wrong")

    def _read(self, paths: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        damaged = damaged_pages(self._ntuple, paths, start, stop)
        if damaged is not None:
            raise ValueError(f"checksum of a page of '{damaged}' is wrong")
        read = self._ntuple.arrays(filter_name=sorted(paths), entry_start=start, entry_stop=stop)
        return {path: self._signed(path, read[path]) for path in paths}

    def _signed(self, path: str, values: ak.Array) -> ak.Array:
        """Return C++ chars as signed numbers; uproot reads them as unsigned."""
        if self._ntuple[path].typename in {"char", "std::vector<char>"}:
            return ak.values_astype(values, np.int8)
        return values

    def clusters(self, paths: Collection[str]) -> list[int]:  # noqa: ARG002 - clusters span all columns
        starts = {int(summary.num_first_entry) for summary in self._ntuple.cluster_summaries}
        return sorted(starts | {0, self.entries})


class RootFile:
    """An open ROOT file and the trees and RNTuples in it."""

    def __init__(self, path: Path, directory: Any) -> None:
        self.path = path
        self._directory = directory
        self._classes: dict[str, str] = directory.classnames(cycle=False)
        self._containers: dict[str, Container] = {}

    @property
    def trees(self) -> list[str]:
        """Names of the trees and RNTuples."""
        return [name for name, kind in self._classes.items() if kind in {"TTree", "TNtuple", "ROOT::RNTuple"}]

    @property
    def provenance(self) -> dict[str, Any]:
        """How the file was made, as bdana recorded it; empty for files of other programs."""
        try:
            found = json.loads(str(self._directory["provenance"]))
        except Exception:  # noqa: BLE001 - somebody else's object of that name, of any class
            return {}
        return found if isinstance(found, dict) else {}

    def container(self, name: str) -> Container:
        """Open a tree or RNTuple.

        Parameters
        ----------
        name : str

        Raises
        ------
        InputError
            When the file has no such tree, or it cannot be read.
        """
        if name not in self._containers:
            self._containers[name] = self._read_container(name)
        return self._containers[name]

    def _read_container(self, name: str) -> Container:
        if name not in self.trees:
            there = ", ".join(self.trees) or "none"
            raise InputError(
                f"{self.path}: no tree '{name}' (trees in the file: {there}); is --schema right?"
            )
        try:
            found, checksums = self._directory[name], self._checksums().get(name, ColumnChecksums())
            if self._classes[name] == "ROOT::RNTuple":
                return _RNTuple(found, name, checksums)
            return _TTree(found, checksums)
        except Exception as err:  # uproot raises many kinds for damaged bytes
            raise InputError(
                f"{self.path}: tree '{name}' is damaged: {_first_line(err)}; copy the file again"
            ) from err

    def _checksums(self) -> dict[str, ColumnChecksums]:
        kept = self._directory[OBJECT_NAME] if OBJECT_NAME in self._classes else "{}"
        return ColumnChecksums.of_file(kept)


def open_root(path: Path) -> RootFile:
    """Open a ROOT file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When there is no such file, or it is not ROOT, or it is cut short.
    """
    try:
        # Each basket is read once, so uproot's caches would only hold memory.
        directory = uproot.open(path, array_cache=None, object_cache=None)
        opened, size = RootFile(path, directory), path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:  # guard: folder-is-no-file
        raise InputError(f"{path}: is a folder, not a ROOT file") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it") from None
    except ValueError as err:
        raise InputError(f"{path}: not a ROOT file ({_first_line(err)})") from err
    except Exception as err:  # uproot raises many kinds for damaged bytes
        raise InputError(f"{path}: damaged or cut short ({_first_line(err)}); copy the file again") from err
    if size < directory.file.fEND:
        raise InputError(
            f"{path}: cut short, {size} of {directory.file.fEND} bytes are there; copy the file again"
        )
    return opened


def root_uuid(path: Path) -> uuid.UUID | None:
    """Return the UUID in the header of a ROOT file; None for a file that is not ROOT.

    Parameters
    ----------
    path : Path
    """
    try:
        with uproot.open(path) as file:
            return uuid.UUID(str(file.file.uuid))
    except Exception:  # noqa: BLE001 - uproot raises many kinds for damaged bytes
        return None


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0]
