"""Base class of everything that is read from TOML: unknown keys, wrong types, NaN and infinities are errors."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from bdana.display import short_repr
from bdana.errors import ConfigError
from bdana.text_files import open_text

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["StrictModel", "parse_override", "parse_toml", "read_text", "read_toml"]


def _make_strict(part: object) -> None:
    if isinstance(part, dict):
        if part.get("type") in {"int", "float", "bool", "str"}:
            part.setdefault("strict", True)  # guard: strict-types
        for name, inner in part.items():
            if name not in {"default", "metadata"}:
                _make_strict(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            _make_strict(inner)


class StrictModel(BaseModel):
    """Base class of TOML tables: fields are checked when they are read, and never change afterwards."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True
    )  # guard: strict-fields

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Make numbers, texts and yes/no values of every field strict: "12" and true are no numbers."""
        made = handler(source)
        _make_strict(made)
        return made

    __repr__ = short_repr  # in full: print(...)


def read_text(path: Path) -> str:
    """Read a text file that people write, in UTF-8 with or without a byte order mark.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ConfigError
        When it cannot be read, or is not UTF-8.
    """
    try:
        with open_text(path) as stream:
            return stream.read()
    except UnicodeDecodeError as err:
        raise ConfigError(f"{path}: is not text in UTF-8 (byte {err.start}); save it as UTF-8") from None
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read ({err.strerror})") from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Return the keys and values of TOML.

    Parameters
    ----------
    text : str
    where : str
        The file, for the message.

    Raises
    ------
    ConfigError
        When it is not TOML, with the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:  # guard: toml-is-toml
        raise ConfigError(f"{where}: not TOML: {err}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the keys and values of a TOML file, which may begin with a byte order mark.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ConfigError
        When it cannot be read, or is not TOML.
    """
    return parse_toml(read_text(path), str(path))


def parse_override(override: str, example: str) -> tuple[list[str], Any]:
    """Split an override `KEY=VALUE` into the parts of its dotted key and its TOML value.

    Parameters
    ----------
    override : str
    example : str
        A correct override, for the error message.

    Raises
    ------
    ConfigError
        When it is not of this form.

    Examples
    --------
    >>> parse_override("selection.dimuon.max_cda_mm=30.0", "search.data='data-2021'")
    (['selection', 'dimuon', 'max_cda_mm'], 30.0)
    """
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"--set {override}: write KEY=VALUE, such as {example}")
    try:
        return path, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise ConfigError(
            f"--set {override}: '{text}' is not a TOML value (strings need quotes, true and false are small)"
        ) from None
