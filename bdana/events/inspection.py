"""Inspection of a file: which columns of a schema it has, and the number and sum of the values of its branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import InputError
from bdana.events.containers import open_root
from bdana.events.remote_config import DEFAULTS, RemoteConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from bdana.events.location import Location
    from bdana.events.schema import Schema, Source

__all__ = ["BranchSum", "FoundColumn", "branch_sums", "found_columns"]

STEP = 100_000


@dataclass(frozen=True)
class FoundColumn:
    """Whether a file has a canonical column, and in which branches.

    Attributes
    ----------
    column : str
        Canonical name; `bursts.` in front of those of the burst table.
    branches : tuple of str
        Branches it is read from, with members of records; those that are looked for when none is there. Empty for a constant.
    unit : str
        Unit of the file's numbers.
    required : bool
        Whether the schema says that every file of its layout has it.
    present : bool
        Whether this file has it.
    """

    column: str
    branches: tuple[str, ...]
    unit: str
    required: bool
    present: bool


@dataclass(frozen=True)
class BranchSum:
    """Number and sum of the values of a branch.

    Attributes
    ----------
    values : int
        Number of values in all entries.
    sum : float
        Sum of those that are not NaN, in the file's units.
    nan : int
        Number of NaN.
    """

    values: int
    sum: float
    nan: int


def found_columns(path: Location, schema: Schema, remote: RemoteConfig = DEFAULTS) -> list[FoundColumn]:
    """Look for every column of a schema in a file.

    Parameters
    ----------
    path : Path or str
    schema : Schema
    remote : RemoteConfig, optional
        How long the server of a remote file is waited for.

    Raises
    ------
    InputError
        When the file cannot be read or lacks a tree of the schema.
    """
    root = open_root(path, remote)
    found = list(_found(schema.columns, root.container(schema.events.tree).paths, ""))
    if schema.bursts:
        found += _found(schema.burst_columns, root.container(schema.bursts.tree).paths, "bursts.")
    return found


def _found(sources: Mapping[str, Source], paths: frozenset[str], prefix: str) -> Iterator[FoundColumn]:
    for name, source in sources.items():
        there = next((names for names in source.candidates if paths.issuperset(names)), None)
        shown = there or (source.candidates[0] if source.candidates else ())
        present = there is not None or not source.candidates
        spelled = source.map.spelled(shown)
        yield FoundColumn(f"{prefix}{name}", spelled, source.map.unit, source.map.required, present)


def branch_sums(path: Location, tree: str, remote: RemoteConfig = DEFAULTS) -> dict[str, BranchSum]:
    """Count and add up the values of every numeric branch of a tree, members of classes one by one.

    Parameters
    ----------
    path : Path or str
    tree : str
        Name of a TTree or RNTuple.
    remote : RemoteConfig, optional
        How long the server of a remote file is waited for.

    Returns
    -------
    dict of str to BranchSum
        By the last part of the branch's path, or by the whole path where that is not unique.

    Raises
    ------
    InputError
        When a branch is damaged.
    """
    container = open_root(path, remote).container(tree)
    leaves = sorted(container.leaves)
    short = [leaf.rpartition("/")[2] for leaf in leaves]
    sums: dict[str, BranchSum] = {}
    for leaf, name in zip(leaves, short, strict=True):
        key = name if short.count(name) == 1 else leaf
        for start in range(0, max(container.entries, 1), STEP):
            try:
                array = container.arrays([leaf], start, min(start + STEP, container.entries))[leaf]
            except Exception as err:  # uproot raises many kinds for damaged bytes
                raise InputError(f"{path}: branch '{leaf}' of tree '{tree}' cannot be read ({err})") from err
            for member, values in _numbers(array, key):
                sums[member] = _add(sums.get(member, BranchSum(0, 0.0, 0)), values)
    return sums


def _numbers(array: ak.Array, name: str) -> Iterator[tuple[str, NDArray[Any]]]:
    if ak.fields(array):
        for field in ak.fields(array):
            yield from _numbers(array[field], f"{name}.{field}")
        return
    try:
        values = ak.to_numpy(ak.flatten(array, axis=None))
    except (TypeError, ValueError):
        return  # nothing that has a sum
    if values.dtype.kind in "biuf":
        yield name, values


def _add(so_far: BranchSum, values: NDArray[Any]) -> BranchSum:
    numbers = values.astype(np.float64)
    nan = np.isnan(numbers)
    return BranchSum(
        so_far.values + len(numbers), so_far.sum + float(numbers[~nan].sum()), so_far.nan + int(nan.sum())
    )
