"""One interface to TTree and RNTuple; whatever differs between the two readers of uproot is here."""

from __future__ import annotations

import json
import re
import stat
import uuid
from abc import ABC, abstractmethod
from collections import defaultdict
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import BadFileError, InputError
from bdana.events.baskets import is_plain, read_plain
from bdana.events.checksums import OBJECT_NAME, ColumnChecksums, damaged_page_list, damaged_pages
from bdana.events.lists import fit
from bdana.events.pages import plain_fields, read_plain_fields
from bdana.events.remote_config import DEFAULTS, RemoteConfig
from bdana.events.tree_layouts import known_layout, remember_layout
from bdana.events.usage import count_bytes, is_metered
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import uproot
    from numpy.typing import NDArray

    from bdana.events import remote as remote_files
    from bdana.events.location import Location
    from bdana.events.pages import PlainField
    from bdana.events.remote import Identity
    from bdana.events.tree_layouts import LikeBranch, TreeLayout
else:
    uproot, remote_files = late_module("uproot"), late_module("bdana.events.remote")

__all__ = ["Container", "open_root", "root_uuid"]

_CHAR = 0x02
"""Type of the column of a char (RNTuple Reference Specifications 1.0, "Column Types")."""
_CHAR_NAME = re.compile(r"(?<!unsigned )\bchar\b")
_ELEMENT = "_0"
"""Name of the one field inside a collection."""
_TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")


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
        if is_metered():
            count_bytes(self.stored_bytes(paths, start, stop))
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

    @abstractmethod
    def stored_bytes(self, paths: Collection[str], start: int, stop: int) -> dict[str, int]:
        """Return the compressed bytes of what holds entries start to stop of the given branches.

        Parameters
        ----------
        paths : collection of str
        start, stop : int
        """

    def stored_type(self, path: str) -> np.dtype[Any] | None:
        """Return the type of a branch's numbers; None where it is not known.

        Parameters
        ----------
        path : str
        """
        del path
        return None

    @abstractmethod
    def type_of(self, path: str) -> ak.types.Type:
        """Return the type of one entry of a branch, of which no value is read.

        Parameters
        ----------
        path : str

        Raises
        ------
        Exception
            Of many kinds, by uproot, for a class that it cannot read.
        """

    @abstractmethod
    def title(self, path: str) -> str:
        """Return what the file says of a branch in words; empty when it says nothing.

        Parameters
        ----------
        path : str
        """

    @abstractmethod
    def clusters(self, paths: Collection[str]) -> list[int]:
        """Return the entry numbers at which all given branches begin a new basket, first 0, last `entries`.

        Parameters
        ----------
        paths : collection of str
        """


class _TTree(Container):
    def __init__(self, tree: Any, checksums: ColumnChecksums, file: Path | None) -> None:
        self.name, self.entries, self.checksums = tree.name, tree.num_entries, checksums
        self._file = file
        self._description: Callable[[], Any] = lambda: tree
        self.paths = frozenset(self._branches)
        self.leaves = frozenset(path for path, branch in self._branches.items() if not branch.branches)

    @cached_property
    def _tree(self) -> Any:
        return self._description()

    @cached_property
    def _branches(self) -> dict[str, Any]:
        return dict(self._tree.iteritems(recursive=True, full_paths=True))

    @cached_property
    def _plain(self) -> frozenset[str]:
        """Branches whose baskets are read one by one: of remote files many are asked for at once."""
        return frozenset(path for path, branch in self._branches.items() if self._file and is_plain(branch))

    def _branch(self, path: str) -> Any:
        return self._branches[path]

    def _read(self, paths: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        # Full paths as expressions: leaf names repeat (fCandidates.fTime of six detectors).
        plain = {path: self._branch(path) for path in paths if path in self._plain}
        read = read_plain(self._file, plain, start, stop) if self._file and plain else {}
        others = [path for path in paths if path not in read]
        if others:
            read |= self._tree.arrays(others, entry_start=start, entry_stop=stop, how=dict)
        return {path: read[path] for path in paths}

    def stored_bytes(self, paths: Collection[str], start: int, stop: int) -> dict[str, int]:
        found = {}
        for path in paths:
            branch = self._branch(path)
            ends = np.asarray(branch.entry_offsets)
            sizes = np.asarray(branch.member("fBasketBytes"))[: len(ends) - 1]
            inside = (ends[: len(sizes)] < stop) & (ends[1 : len(sizes) + 1] > start)
            found[path] = int(sizes[inside].sum())
        return found

    def stored_type(self, path: str) -> np.dtype[Any] | None:
        interpretation = self._branch(path).interpretation
        found = getattr(getattr(interpretation, "content", interpretation), "to_dtype", None)
        return found if isinstance(found, np.dtype) and found.shape == () else None

    def type_of(self, path: str) -> ak.types.Type:
        branch = self._branches[path]
        return branch.interpretation.awkward_form(branch.file).type

    def title(self, path: str) -> str:
        return str(self._branches[path].title)

    def clusters(self, paths: Collection[str]) -> list[int]:
        common = {0, self.entries}
        offsets = [set(self._branch(path).entry_offsets) for path in paths]
        if offsets:
            common |= set.intersection(*offsets)
        return sorted(int(entry) for entry in common)


class _LikeTTree(_TTree):
    """A tree of a layout that is known: uproot reads its description only where more is asked for than plain numbers."""

    def __init__(
        self,
        layout: TreeLayout,
        data: NDArray[np.uint8],
        read: Callable[[], Any],
        checksums: ColumnChecksums,
        file: Path,
    ) -> None:
        self.name, self.entries, self.checksums = layout.name, layout.entries(data), checksums
        self.paths, self.leaves = layout.paths, layout.leaves
        self._layout, self._data, self._file = layout, data, file
        self._known: dict[str, LikeBranch] = {}
        self._description = read

    @cached_property
    def _plain(self) -> frozenset[str]:
        return frozenset(self._layout.places)

    def _branch(self, path: str) -> Any:
        if path not in self._known:
            found = self._layout.branch(self._data, path)
            if found is None:
                return self._branches[path]
            self._known[path] = found
        return self._known[path]


class _RNTuple(Container):
    def __init__(self, ntuple: Any, checksums: ColumnChecksums, file: Path | None) -> None:
        self.name, self.entries, self.checksums = ntuple.name, ntuple.num_entries, checksums
        self._ntuple, self._file = ntuple, file
        self.paths = self.leaves = frozenset(ntuple.keys(recursive=False))
        self._fields = ntuple.field_records
        self._columns: dict[int, list[int]] = defaultdict(list)
        for column in ntuple.column_records:
            self._columns[column.field_id].append(column.type)
        self._members: dict[int | None, list[int]] = defaultdict(list)
        for place, record in enumerate(self._fields):
            parent = record.parent_field_id
            self._members[None if parent == place else parent].append(place)
        if damaged_page_list(ntuple):
            raise ValueError("checksum of the list of pages is wrong")

    @cached_property
    def _plain(self) -> dict[str, PlainField]:
        """Fields whose pages are read one by one: of remote files many are asked for at once."""
        tops = self._tops
        found = {} if self._file is None else plain_fields(self._ntuple)
        return {name: field for name, field in found.items() if not self._has_chars(tops[name])}

    @cached_property
    def _tops(self) -> dict[str, int]:
        return {self._fields[place].field_name: place for place in self._members[None]}

    def _read(self, paths: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        plain = {path: self._plain[path] for path in paths if path in self._plain}
        read = read_plain_fields(self._ntuple, self._file, plain, start, stop) if self._file and plain else {}
        others = sorted(set(paths) - read.keys())
        if others:
            damaged = damaged_pages(self._ntuple, others, start, stop)
            if damaged is not None:
                raise ValueError(f"checksum of a page of '{damaged}' is wrong")
            found = self._ntuple.arrays(filter_name=others, entry_start=start, entry_stop=stop)
            read |= {path: self._signed(self._tops[path], found[path]) for path in others}
        return {path: read[path] for path in paths}

    def _has_chars(self, field: int) -> bool:
        return self._is_char(field) or any(self._has_chars(member) for member in self._members[field])

    def stored_bytes(self, paths: Collection[str], start: int, stop: int) -> dict[str, int]:
        columns: dict[str, list[int]] = {path: [] for path in paths}
        for column in self._ntuple.column_records:
            top = column.field_id
            while self._fields[top].parent_field_id != top:
                top = self._fields[top].parent_field_id
            if self._fields[top].field_name in columns:
                columns[self._fields[top].field_name].append(column.idx)
        found = dict.fromkeys(columns, 0)
        for summary, cluster in zip(self._ntuple.cluster_summaries, self._ntuple.page_link_list, strict=True):
            if summary.num_first_entry < stop and summary.num_first_entry + summary.num_entries > start:
                for path, own in columns.items():
                    pages = (
                        page for column in own if column < len(cluster) for page in cluster[column].pages
                    )
                    found[path] += sum(int(page.locator.num_bytes) for page in pages)
        return found

    def _signed(self, field: int, values: ak.Array) -> ak.Array:
        """Return C++ chars, in whatever collection, as signed numbers; uproot reads them as unsigned."""
        members = self._members[field]
        while len(members) == 1 and self._fields[members[0]].field_name == _ELEMENT:
            field, members = members[0], self._members[members[0]]
        for member in members:
            name = self._fields[member].field_name
            if name in ak.fields(values):
                values = ak.with_field(values, self._signed(member, values[name]), name)
        return ak.values_astype(values, np.int8) if self._is_char(field) else values

    def _is_char(self, field: int) -> bool:
        """Tell whether a field holds chars, which ROOT may store in columns of other types; a string has two columns."""
        name = self._ntuple.all_fields[field].typename
        columns = self._columns[field]
        return columns == [_CHAR] or (len(columns) == 1 and _CHAR_NAME.search(name) is not None)

    def type_of(self, path: str) -> ak.types.Type:
        form, _ = self._ntuple.to_akform(filter_name=[path])
        return form.content(path).type

    def title(self, path: str) -> str:
        places = (place for place in self._members[None] if self._fields[place].field_name == path)
        return next((str(self._fields[place].field_desc) for place in places), "")

    def clusters(self, paths: Collection[str]) -> list[int]:  # noqa: ARG002 - clusters span all columns
        starts = {int(summary.num_first_entry) for summary in self._ntuple.cluster_summaries}
        return sorted(starts | {0, self.entries})


class RootFile:
    """An open ROOT file and the trees and RNTuples in it."""

    def __init__(self, path: Location, directory: Any, remote: RemoteConfig = DEFAULTS) -> None:
        self.path = path
        self.remote = remote
        self._directory = directory
        self._classes: dict[str, str] = directory.classnames(cycle=False)
        self._containers: dict[str, Container] = {}

    @property
    def identity(self) -> Identity | None:
        """What the server says that the file is; None for local files."""
        source = self._directory.file.source
        return source.file.identity if isinstance(source, remote_files.RemoteSource) else None

    @property
    def trees(self) -> list[str]:
        """Names of the trees and RNTuples."""
        return [name for name, kind in self._classes.items() if kind in _TREES]

    @property
    def uuid(self) -> str:
        """UUID in the header of the file, which every writing of a file changes."""
        return str(self._directory.file.uuid)

    @property
    def provenance(self) -> dict[str, Any]:
        """How the file was made, as bdana recorded it; empty for files of other programs."""
        try:
            found = json.loads(str(self._directory["provenance"]))
        except InputError:  # of a server
            raise
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
            checksums = self._checksums().get(name, ColumnChecksums())
            if self._classes[name] == "TTree" and isinstance(self.path, Path):
                return self._read_tree(name, checksums, self.path)
            found = self._directory[name]
            file = None if isinstance(self.path, str) else self.path
            kind = _RNTuple if self._classes[name] == "ROOT::RNTuple" else _TTree
            return kind(found, checksums, file)
        except InputError:  # of a server
            raise
        except Exception as err:  # uproot raises many kinds for damaged bytes
            raise BadFileError(
                f"{self.path}: tree '{name}' is damaged: {_first_line(err)}; copy the file again"
            ) from err

    def _read_tree(self, name: str, checksums: ColumnChecksums, path: Path) -> Container:
        key = self._directory.key(name)
        chunk, _ = key.get_uncompressed_chunk_cursor()
        data = np.asarray(chunk.raw_data)
        layout = known_layout(name, data)
        if layout is not None:
            return _LikeTTree(layout, data, key.get, checksums, path)
        tree = key.get()
        remember_layout(tree, data)
        return _TTree(tree, checksums, path)

    def _checksums(self) -> dict[str, ColumnChecksums]:
        kept = self._directory[OBJECT_NAME] if OBJECT_NAME in self._classes else "{}"
        return ColumnChecksums.of_file(kept)


def open_root(path: Location, remote: RemoteConfig = DEFAULTS) -> RootFile:
    """Open a ROOT file.

    Parameters
    ----------
    path : Path or str
        Text is the address of a remote file.
    remote : RemoteConfig, optional
        How long its server is waited for.

    Raises
    ------
    InputError
        When there is no such file, or it is not ROOT, or it is cut short; or what reads such an address is not installed.
    """
    _refuse_pipe(path)
    try:
        # Each basket is read once, so uproot's caches would only hold memory. A colon in a name is no tree.
        options = {"array_cache": None, "object_cache": None}
        if isinstance(path, str):
            directory = remote_files.open_address(path, remote, **options)
        else:
            directory = uproot.open({path: None}, **options)
        opened = RootFile(path, directory, remote)
        size = directory.file.source.num_bytes if isinstance(path, str) else path.stat().st_size
    except InputError:  # of a server
        raise
    except FileNotFoundError:
        raise BadFileError(f"{path}: no such file") from None
    except IsADirectoryError:  # guard: folder-is-no-file
        raise InputError(f"{path}: is a folder, not a ROOT file") from None
    except PermissionError:
        raise BadFileError(f"{path}: no permission to read it") from None
    except Exception as err:  # uproot raises many kinds for damaged bytes
        if isinstance(err, OSError) and err.strerror:
            raise BadFileError(f"{path}: cannot be read ({err.strerror})") from err
        if isinstance(err, ValueError):
            raise BadFileError(f"{path}: not a ROOT file ({_first_line(err)})") from err
        if isinstance(path, Path) and (begin := _first_bytes(path)) != b"root":
            what = (
                "not a ROOT file: it does not begin with `root`" if begin else "is empty; copy the file again"
            )
            raise BadFileError(f"{path}: {what}") from err
        raise BadFileError(f"{path}: damaged or cut short ({_first_line(err)}); copy the file again") from err
    if size is not None and size < directory.file.fEND:
        raise BadFileError(
            f"{path}: cut short, {size} of {directory.file.fEND} bytes are there; copy the file again"
        )
    return opened


def _refuse_pipe(path: Location) -> None:
    """Raise an error for what is there and neither file nor folder: opening it could wait for ever."""
    if isinstance(path, str):
        return
    with suppress(OSError):  # what cannot be looked at is said when it is opened
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise InputError(f"{path}: is a pipe or a device; write what it gives into a file and read that")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


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
