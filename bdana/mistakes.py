"""What is wrong in values that people write, in sentences: the file and table or `--set`, the key, and the nearest name."""

from __future__ import annotations

import types
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

__all__ = ["OfOption", "PlacedError", "Written", "did_you_mean", "nearest", "sentences", "validated"]

Model = TypeVar("Model", bound=BaseModel)

_KINDS = {
    "float": "a number",
    "int": "a whole number, without a decimal point",
    "bool": "true or false",
    "string": "a text in quotes",
    "list": "a list in square brackets",
    "tuple": "a list in square brackets",
    "dict": "a table",
    "model": "a table",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "above {}"),
    "less_than_equal": ("le", "{} or less"),
    "less_than": ("lt", "below {}"),
}


class PlacedError(ValueError):
    """Raised when the value at a place of a file is wrong, for what reads the file to say where it was written.

    Parameters
    ----------
    place : sequence of str
        Keys that lead to it, such as `("search", "data")`; with an empty one behind, a table.
    text : str
        What is wrong.
    """

    def __init__(self, place: Sequence[str], text: str) -> None:
        super().__init__(f"{'.'.join(place)}: {text}")
        self.place = tuple(place)
        self.text = text


class OfOption(str):
    """`KEY=VALUE` that an option of a command stands for, which errors name in place of `--set`.

    Parameters
    ----------
    override : str
        `KEY=VALUE`, as `--set` takes it.
    option : str
        The option and its value as people write them, such as `--theta-max 0.05`.
    """

    __slots__ = ("option",)
    option: str

    def __new__(cls, override: str, option: str) -> Self:
        """Return the override with the option that it stands for."""
        made = super().__new__(cls, override)
        made.option = option
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (str(self), self.option)


@dataclass(frozen=True)
class Written:
    """Where values were written: a file, a table of it, and what the command line put in their place.

    Attributes
    ----------
    file : str
        Name of the file, or what the values are.
    table : str
        Dotted name of the table in it; empty for the whole file.
    overrides : tuple of str
        `KEY=VALUE` of the command line, with keys of the whole file.
    """

    file: str
    table: str = ""
    overrides: tuple[str, ...] = ()

    def origin(self, place: Sequence[str | int]) -> str:
        """Return where the value at a place comes from: the option that replaces it, or the file, and options inside it.

        Parameters
        ----------
        place : sequence of str or int
            Keys below the table.
        """
        whole, inside = self.options(place)
        return " ".join([whole or self.file, *(f"with {option}" for option in inside)])

    def options(self, place: Sequence[str | int]) -> tuple[str, list[str]]:
        """Return the option that replaces the value at a place, empty without one, and those that replace parts of it.

        Parameters
        ----------
        place : sequence of str or int
            Keys below the table.
        """
        own = [*self.table.split(".")] if self.table else []
        asked = [*own, *(str(part) for part in place if part != "")]
        whole = ""
        inside: list[str] = []
        for override in self.overrides:
            option = override.option if isinstance(override, OfOption) else f"--set {override}"
            keys = override.partition("=")[0].strip().split(".")
            if asked[: len(keys)] == keys:
                whole, inside = option, []
            elif asked and keys[: len(asked)] == asked:
                inside.append(option)
        return whole, inside

    def says(self, err: PlacedError) -> ConfigError:
        """Return the error that names where the value was written.

        Parameters
        ----------
        err : PlacedError
        """
        return ConfigError(f"{self.origin(err.place)}: {self.name(err.place).strip()}: {err.text}")

    def name(self, place: Sequence[str | int]) -> str:
        """Return the table and key of a place as TOML writes them, such as `[regions.SR] z_tax_min_m`.

        Parameters
        ----------
        place : sequence of str or int
        """
        keys = [*self.table.split(".")] if self.table else []
        if not place:
            return f"[{self.table}]" if self.table else ""
        items = "".join(f"[{part}]" for part in place if isinstance(part, int))
        *table, key = [*keys, *(part for part in place if isinstance(part, str))]
        return (f"[{'.'.join(table)}] " if table else "") + key + items


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest of the names that there are, or all of them.

    Parameters
    ----------
    name : str
        What was written.
    known : iterable of str

    Examples
    --------
    >>> from bdana.mistakes import did_you_mean
    >>> did_you_mean("max_cda", ["max_cda_mm", "max_dt_ns"])
    "did you mean 'max_cda_mm'?"
    >>> did_you_mean("x", ["SR", "CR"])
    'there are SR, CR'
    """
    names = list(known)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"there are {', '.join(names)}" if names else "there are none"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of the names that is most like another; None where none is like it.

    Parameters
    ----------
    name : str
    known : iterable of str
    """
    folded = {text.casefold(): text for text in known}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def validated(model: type[Model], values: object, written: Written) -> Model:
    """Return the table that values make, or say in sentences what is wrong with them.

    Parameters
    ----------
    model : type
        A `StrictModel`.
    values : object
        As TOML gives them.
    written : Written
        Where they come from.

    Raises
    ------
    ConfigError
        With a sentence for each mistake: where it was written, table, key, value and what it must be.

    Examples
    --------
    >>> from bdana.mistakes import Written, validated
    >>> from bdana.regions import BoxTable
    >>> box = {"z_tax_min_m": 6.0, "z_max_m": 40.0, "cda_tax_max_mm": 20.0}
    >>> validated(BoxTable, box, Written("analysis.toml", "regions.SR"))
    Traceback (most recent call last):
    ...
    bdana.errors.ConfigError: analysis.toml: [regions.SR] z_tax_max_m: is missing; [regions.SR] has no key 'z_max_m': \
did you mean 'z_tax_max_m'?
    """
    try:
        return model.model_validate(values)
    except ValidationError as err:
        raise ConfigError(sentences(err, model, written)) from None


def sentences(err: ValidationError, model: type[BaseModel], written: Written) -> str:
    """Say in sentences what pydantic found: where it was written, table, key, value and what it must be.

    Parameters
    ----------
    err : ValidationError
    model : type
        What was validated.
    written : Written
        Where the values come from.
    """
    said: dict[str, dict[str, list[str]]] = {}
    for error in err.errors(include_url=False):
        place, known, description = _place(model, error["loc"])
        told = error.get("ctx", {}).get("error")
        if isinstance(told, PlacedError):
            place = [*place, *told.place]
        of_table = error["type"] == "missing"
        origin = written.origin(place[:-1] if of_table else place)
        if error["type"] == "extra_forbidden":
            whole, inside = written.options(place)
            origin = whole or " with ".join(inside) or origin
        name, sentence = _sentence(error, written, place, known, description)
        if origin.startswith("--set") and origin.partition("=")[0] == f"--set {_dotted(written, place)}":
            name = ""  # the option says it
        listed = said.setdefault(origin, {}).setdefault(name, [])
        if sentence not in listed:
            listed.append(sentence)
    return "\n".join(
        f"{origin}: "
        + "; ".join(
            ": ".join(filter(None, [name, " or ".join(said_of)])) for name, said_of in of_origin.items()
        )
        for origin, of_origin in said.items()
    )


def _dotted(written: Written, place: Sequence[str | int]) -> str:
    return ".".join(filter(None, [written.table, *(str(part) for part in place)]))


def _sentence(
    error: ErrorDetails, written: Written, place: list[str | int], known: list[str], description: str
) -> tuple[str, str]:
    """Return what is wrong, and what is said of it."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        table = written.name([*place[:-1], ""]).strip()
        start = f"{table} has no" if table else "no"
        return "", f"{start} key '{place[-1]}': {did_you_mean(str(place[-1]), known)}"
    name = written.name(place)
    if kind == "missing":
        if place and isinstance(place[-1], int):
            return written.name(place[:-1]), f"needs {place[-1] + 1} or more values"
        return name, "is missing" + (f": {description}" if description else "")
    if kind in {"value_error", "assertion_error"}:
        return _told(context.get("error", error["msg"]), name, given, written.name([*place, ""]).strip())
    return f"{name} = {_shown(given)}" if name else "", f"must {_wanted(kind, given, context)}"


def _told(text: object, name: str, given: object, table: str) -> tuple[str, str]:
    """Return what a check of a model itself says is wrong, and its sentence."""
    if isinstance(text, PlacedError):
        return name.strip(), text.text
    if isinstance(given, dict):
        return table or name, str(text)
    return (f"{name} = {_shown(given)}" if str(text).startswith("must") else name), str(text)


def _wanted(kind: str, given: object, context: Mapping[str, Any]) -> str:
    """Return what a value must be or hold."""
    if kind in _BOUNDS:
        key, text = _BOUNDS[kind]
        return f"be {text.format(format(context[key], 'g'))}"
    if kind in {"literal_error", "union_tag_invalid"}:
        return "be " + _one_of(
            str(context.get("expected") or context["expected_tags"]), context.get("tag", given)
        )
    if kind in {"too_short", "too_long"}:
        few = kind == "too_short"
        number = context["min_length" if few else "max_length"]
        return f"hold {'at least' if few else 'at most'} {number} value{'s' * (number != 1)}, not {context['actual_length']}"
    others = {
        "finite_number": "a finite number",
        "union_tag_not_found": f"a table with the key {context.get('discriminator')}",
        "string_too_short": "a text that is not empty",
        "string_pattern_mismatch": "a name of letters, digits, _ and -",
    }
    wanted = others.get(kind) or _KINDS.get(kind.partition("_")[0], "something else")
    number = kind.startswith(("float", "int")) and isinstance(given, str) and _is_number(given)
    return f"be {wanted}" + (", without quotes" if number else "")


def _one_of(expected: str, given: object) -> str:
    """Return the names that a value may have, `'a', 'b' or 'c'`, with the nearest."""
    near = (
        nearest(given, expected.replace(" or ", ", ").replace("'", "").split(", "))
        if isinstance(given, str)
        else None
    )
    return expected + (f": did you mean '{near}'?" if near else "")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        return f'"{value}"'
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _place(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[list[str | int], list[str], str]:
    """Return the keys that lead to an error, the keys that its table may have, and what the key means.

    pydantic puts names of types into its own place where a value may be of several.
    """
    place: list[str | int] = []
    known: list[str] = []
    description, rest = "", list(loc)
    kind: Any = model
    while rest:
        kind, tags = _plain(kind)
        part = rest.pop(0)
        if tags:
            kind = tags.get(str(part), object)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {field.alias or name: field for name, field in kind.model_fields.items()}
            place.append(part)
            known = list(fields)
            if part not in fields:
                break
            kind, description = fields[str(part)].annotation, fields[str(part)].description or ""
        elif get_origin(kind) is dict:
            place.append(part)
            kind, description = get_args(kind)[1], ""
        elif get_origin(kind) in {list, tuple} and isinstance(part, int):
            place.append(part)
            items = [item for item in get_args(kind) if item is not ...]
            kind = items[min(part, len(items) - 1)]
        else:
            break
    return place, known, description


def _plain(kind: Any) -> tuple[Any, dict[str, Any]]:
    """Return a type without annotations and without None; of a choice of tables, each by its tag."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in {Union, types.UnionType}:
        return kind, {}
    members = [_plain(member)[0] for member in get_args(kind) if member is not type(None)]
    if len(members) == 1:
        return members[0], {}
    tags = {
        tag: member
        for member in members
        if isinstance(member, type) and issubclass(member, BaseModel)
        for field in member.model_fields.values()
        if get_origin(field.annotation) is Literal
        for tag in get_args(field.annotation)
    }
    return kind, tags
