"""Base class of everything that is read from TOML: unknown keys, NaN and infinities are errors."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["StrictModel", "explain", "parse_override"]


class StrictModel(BaseModel):
    """Base class of TOML tables: fields are checked when they are read, and never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)  # guard: strict-fields


def explain(err: ValidationError) -> str:
    """Say in one line which keys are wrong, and why.

    Parameters
    ----------
    err : ValidationError
        What pydantic found.
    """
    return "; ".join(
        ": ".join(filter(None, [".".join(str(part) for part in e["loc"]), e["msg"]])) for e in err.errors()
    )


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
