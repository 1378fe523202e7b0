"""Branches of a tree or RNTuple by name and type: what they could be, without reading a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bdana.events.containers import Container

__all__ = ["Branch", "describe", "unit_in_title"]

_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float"}
_UNITS = ("mm", "cm", "m", "ns", "us", "ms", "s", "keV", "MeV", "GeV", "mrad", "rad")
_BRACKETED = re.compile(rf"[\[(]\s*({'|'.join(_UNITS)})(?:/c2?)?\s*[\])]")
_ENDING = re.compile(rf"(?<=[a-z0-9])(?:_({'|'.join(_UNITS)})_?)$", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Branch:
    """A branch that holds numbers, or a member of one that holds records.

    Attributes
    ----------
    path : str
        Full path in its tree.
    member : str or None
        Member of a class-valued branch, such as fX of a TVector3.
    jagged : bool
        Whether an event has a list of numbers, not one.
    kind : {"bool", "int", "float"}
    unit : str
        What its name or title says; empty where they say nothing.
    words : tuple of (str, int)
        Words of the path in small letters, each with the place where it begins in the path.
    member_words : tuple of str
        Words of the member.
    """

    path: str
    member: str | None
    jagged: bool
    kind: str
    unit: str
    words: tuple[tuple[str, int], ...]
    member_words: tuple[str, ...] = ()


def describe(container: Container) -> tuple[list[Branch], list[str]]:
    """Return the branches of a tree that hold numbers, and the paths of all others; no value is read.

    Parameters
    ----------
    container : Container
    """
    found: list[Branch] = []
    others: list[str] = []
    for path in sorted(container.leaves):
        try:
            layout = container.type_of(path)
        except Exception:  # noqa: BLE001 - uproot raises many kinds for classes that it cannot read
            others.append(path)
            continue
        branches = list(_branches(path, layout, container.title(path)))
        found += branches
        if not branches:
            others.append(path)
    return found, others


def _branches(path: str, layout: Any, title: str) -> Iterator[Branch]:
    layout = _without_option(layout)
    jagged = isinstance(layout, ak.types.ListType)
    inner = _without_option(layout.content) if jagged else layout
    if isinstance(inner, ak.types.NumpyType):
        members: dict[str | None, Any] = {None: inner}
    elif isinstance(inner, ak.types.RecordType) and not inner.is_tuple:
        members = {name: _without_option(inner.content(name)) for name in inner.fields}
    else:
        return
    for member, number in members.items():
        kind = _KINDS.get(_letter(number))
        if kind is not None:
            words, unit = _words(path)
            of_member, members_unit = _words(member or "")
            unit = members_unit or unit or unit_in_title(title)
            yield Branch(path, member, jagged, kind, unit, words, tuple(word for word, _ in of_member))


def _without_option(layout: Any) -> Any:
    return layout.content if isinstance(layout, ak.types.OptionType) else layout


def _letter(layout: Any) -> str:
    """Return the letter of NumPy for the kind of a number; empty for anything else."""
    if not isinstance(layout, ak.types.NumpyType):
        return ""
    name = layout.primitive
    return "b" if name == "bool" else name[0] if name[0] in "iuf" else ""


def _words(path: str) -> tuple[tuple[tuple[str, int], ...], str]:
    """Return the words of a path, and the unit that it ends with."""
    ending = _ENDING.search(path)
    unit = next(unit for unit in _UNITS if unit.lower() == ending[1].lower()) if ending else ""
    text = path[: ending.start()] if ending else path
    found = [(match[0], match.start()) for match in _WORD.finditer(text)]
    # f in front of a capital letter is how ROOT marks members: fMomentum.
    return tuple(
        (word.lower(), place)
        for word, place in found
        if not (
            word == "f" and path[place + 1 : place + 2].isupper() and not path[place - 1 : place].isalnum()
        )
    ), unit


def unit_in_title(title: str) -> str:
    """Return the unit that stands in brackets in the title of a branch; empty without one.

    Parameters
    ----------
    title : str

    Examples
    --------
    >>> from bdana.events.branches import unit_in_title
    >>> unit_in_title("track momentum [GeV/c]")
    'GeV'
    """
    match = _BRACKETED.search(title)
    return match[1] if match else ""
