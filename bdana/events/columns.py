"""Reading of event-model columns from the branches of a file, with checks, in canonical types and units."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from bdana.errors import BadFileError, InputError
from bdana.events.lists import counts_and_flat
from bdana.events.model import CANONICAL
from bdana.events.ranges import OutOfRange
from bdana.events.schema import unit_factor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from bdana.events.containers import Container
    from bdana.events.location import Location
    from bdana.events.model import Column
    from bdana.events.schema import BranchMap, Source

__all__ = ["find_branches", "read_columns", "why_no_branch"]

_KINDS = {"int": "iuf", "float": "fiu", "bool": "biuf"}
"""Kinds of NumPy types that a column can be stored in; floating-point numbers that are whole stand for integers."""


def find_branches(container: Container, source: Source) -> tuple[str, ...] | None:
    """Return the first group of branches of a source that the container has; None without any.

    Parameters
    ----------
    container : Container
    source : Source
    """
    return _first_there(container.paths, source.candidates)


@lru_cache(maxsize=4096)  # files of a sample mostly have the same branches
def _first_there(paths: frozenset[str], candidates: tuple[tuple[str, ...], ...]) -> tuple[str, ...] | None:
    return next((names for names in candidates if paths.issuperset(names)), None)


def why_no_branch(container: Container, source: Source) -> str:
    """Say in words which branch of a source the container does not have, or why it cannot be read.

    Parameters
    ----------
    container : Container
    source : Source
    """
    branch = next(name for name in source.candidates[0] if name not in container.paths)
    parent = branch.partition("/")[0]
    unsplit = (
        "/" in branch
        and parent in container.paths
        and not any(p.startswith(f"{parent}/") for p in container.paths)
    )
    if unsplit:
        return (
            f"branch '{parent}' of tree '{container.name}' is not split into its members, "
            "which cannot be read reliably; write the tree with split level 99"
        )
    return f"tree '{container.name}' has no branch '{branch}'"


def read_columns(
    path: Location,
    container: Container,
    sources: Mapping[str, Source],
    model: Mapping[str, Column],
    start: int,
    stop: int,
    unchecked: Iterable[str] = (),
) -> tuple[dict[str, tuple[NDArray[Any] | None, NDArray[Any]]], list[OutOfRange]]:
    """Read columns in canonical units, and report the values that are out of range.

    Parameters
    ----------
    path : Path or str
        The file, for messages.
    container : Container
    sources : mapping of str to Source
        Columns to read.
    model : mapping of str to Column
    start, stop : int
        Range of entries.
    unchecked : iterable of str
        Columns whose values out of range are kept and not reported.

    Returns
    -------
    dict of str to (ndarray of int or None, ndarray)
        Entries of each event, None for one an event, and the values, NaN where out of range.
    list of OutOfRange
    """
    branches = {
        name: found for name, source in sources.items() if (found := find_branches(container, source))
    }
    raw = _read_branches(
        path, container, sorted({b for names in branches.values() for b in names}), start, stop
    )
    values: dict[str, tuple[NDArray[Any] | None, NDArray[Any]]] = {}
    out_of_range: list[OutOfRange] = []
    for name, source in sources.items():
        column, factor = model[name], unit_factor(model[name], source.map)
        if name not in branches:
            constant = np.asarray(source.map.value) * factor
            values[name] = (None, constant.astype(CANONICAL[column.kind]))
            continue
        parts = []
        found = branches[name]
        for branch, member in zip(found, source.map.members(len(found)), strict=True):
            where = f"{path}: branch '{branch}' of tree '{container.name}'"
            array = raw[branch] if member is None else _member(raw[branch], member, where)
            counts, flat = _flatten(array, jagged=column.collection not in (None, "truth"), where=where)
            _check_type(flat, column, where)
            bad = _out_of_range(flat, source.map, column, checked=name not in unchecked)
            typed = _typed(flat, source.map, column, bad)
            if bad is not None:
                out_of_range.append(OutOfRange(where, _asked(source.map, column), bad, counts))
            parts.append((counts, typed))
        values[name] = _combined(
            parts,
            source.map,
            f"{path}: column '{name}' of tree '{container.name}'",
            factor,
            CANONICAL[column.kind],
        )
    return values, out_of_range


def _combined(
    parts: list[tuple[NDArray[Any] | None, NDArray[Any]]],
    source: BranchMap,
    where: str,
    factor: float,
    canonical: type[np.generic],
) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    counts, values = parts[0]
    for other, _ in parts[1:]:
        if counts is not None and other is not None and not np.array_equal(counts, other):
            raise BadFileError(
                f"{where}: its branches have different numbers of entries in one event: the file is damaged"
            )
    if source.norm:
        values = np.sqrt(sum(component**2 for _, component in parts))
    if source.ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient = values / parts[1][1]
        values = np.where(np.isfinite(quotient), quotient, np.nan)  # a track without direction
    return counts, values if factor == 1.0 else (values * factor).astype(canonical, copy=False)


def _read_branches(
    path: Location, container: Container, branches: list[str], start: int, stop: int
) -> dict[str, ak.Array]:
    try:
        return container.arrays(branches, start, stop)
    except InputError:  # of a server
        raise
    except Exception as err:  # uproot raises many kinds for damaged bytes
        for branch in branches:
            try:
                container.arrays([branch], start, stop)
            except Exception as one:
                raise BadFileError(
                    f"{path}: branch '{branch}' of tree '{container.name}' is damaged between entries {start} and {stop} "
                    f"({type(one).__name__}: {one}); copy the file again or leave it out"
                ) from one
        raise BadFileError(f"{path}: tree '{container.name}' is damaged ({err})") from err


def _member(array: ak.Array, member: str, where: str) -> ak.Array:
    if member not in ak.fields(array):
        raise InputError(
            f"{where} has no member '{member}' but {', '.join(ak.fields(array)) or 'plain numbers'}"
        )
    return array[member]


def _flatten(array: ak.Array, where: str, *, jagged: bool) -> tuple[NDArray[Any] | None, NDArray[Any]]:
    layout = array.layout
    numbers = layout.content if jagged and isinstance(layout, ak.contents.ListOffsetArray) else layout
    if (
        isinstance(numbers, ak.contents.NumpyArray)
        and (numbers is layout) != jagged
        and numbers.data.ndim == 1
    ):
        return counts_and_flat(array) if jagged else (None, numbers.data)
    expected = 2 if jagged else 1
    if array.ndim != expected or ak.fields(array):
        raise InputError(
            f"{where} is {array.type.content}, not {'a list of numbers' if jagged else 'one number'} an event"
        )
    if "?" in str(array.type):  # std::optional and pointers
        array = ak.fill_none(array, np.nan, axis=-1)
        if jagged and ak.any(ak.is_none(array, axis=0)):
            raise InputError(f"{where} has no list in some events: write an empty list there")
        array = ak.drop_none(array, axis=-1)
    if not jagged:
        return None, ak.to_numpy(array)
    return counts_and_flat(array)


def _check_type(flat: NDArray[Any], column: Column, where: str) -> None:
    if flat.dtype.kind not in _KINDS[column.kind]:
        raise InputError(f"{where} holds {flat.dtype} values, but '{column.name}' must be {column.kind}")


def _typed(
    flat: NDArray[Any], source: BranchMap, column: Column, bad: NDArray[np.bool_] | None
) -> NDArray[Any]:
    """Convert to the canonical type; what is out of range becomes NaN, or 0 where there is no NaN."""
    if bad is not None:
        nothing = np.nan if column.kind == "float" else np.zeros(1, flat.dtype)
        flat = np.where(bad, nothing, flat)  # guard: no-number
    if source.equals is not None:
        return flat == source.equals
    return flat.astype(CANONICAL[column.kind])


def _out_of_range(
    values: NDArray[Any], source: BranchMap, column: Column, *, checked: bool
) -> NDArray[np.bool_] | None:
    """Say which values, in file units, are not in the range of the layout or of no value of the column; None where all are."""
    low, high = _range(source, column) if checked else (-np.inf, np.inf)
    bad = None if checked and _all_inside(values, low, high) else (values < low) | (values > high)
    if column.kind == "float":
        if bad is not None and checked:
            bad |= np.isinf(values) if source.nan else ~np.isfinite(values)
    elif values.dtype.kind == "f":
        # Beyond the digits of the type, neighbours have become one number.
        exact = np.abs(values) < 2.0 ** (np.finfo(values.dtype).nmant + 1)
        bad = ~(exact & (values == np.rint(values))) | (False if bad is None else bad)
    elif values.dtype.kind == "u":
        too_large = values > np.iinfo(np.int64).max
        bad = too_large | (False if bad is None else bad) if too_large.any() else bad
    return bad if bad is not None and bad.any() else None


def _all_inside(values: NDArray[Any], low: float, high: float) -> bool:
    # NaN and infinities make this false.
    if not len(values):
        return False
    smallest, largest = float(values.min()), float(values.max())
    return low <= smallest and largest <= high and math.isfinite(smallest) and math.isfinite(largest)


def _range(source: BranchMap, column: Column) -> tuple[float, float]:
    if source.range is not None:
        return source.range
    return (0.0, 1.0) if column.kind == "bool" and source.equals is None else (-np.inf, np.inf)


def _asked(source: BranchMap, column: Column) -> str:
    low, high = _range(source, column)
    allowed = f"numbers between {low:g} and {high:g}" if np.isfinite([low, high]).any() else "finite"
    if column.kind != "float":
        allowed = allowed.replace("finite", "whole numbers").replace("numbers b", "whole numbers b")
    return f"{allowed}, as schema column '{column.name}' asks: the file is damaged, or the schema's unit or range is wrong"
