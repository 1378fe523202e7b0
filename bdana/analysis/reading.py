"""Reading analysis.toml, with the values that the command line replaces."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bdana.analysis.config import AnalysisConfig
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["explain", "read_config"]


def read_config(path: Path, overrides: Sequence[str]) -> AnalysisConfig:
    """Read and check an analysis.toml after replacing values by `KEY=VALUE`.

    Raises
    ------
    ConfigError
        When it is no TOML, or something in it is wrong.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(f"{path}: {err}") from None
    for override in overrides:
        _replace(values, override)
    try:
        config = AnalysisConfig.model_validate(values)
        config.partition()
        config.beam_line.line()
        config.histogrammed()
        config.require_samples()
    except ValidationError as err:
        raise ConfigError(f"{path}: {explain(err)}") from None
    except (ConfigError, ValueError) as err:
        raise ConfigError(f"{path}: {err}") from None
    return config


def explain(err: ValidationError) -> str:
    """Say in one line what pydantic found wrong."""
    return "; ".join(
        ": ".join(filter(None, [".".join(str(part) for part in e["loc"]), e["msg"]])) for e in err.errors()
    )


def _replace(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"--set {override}: write KEY=VALUE, such as selection.dimuon.acceptance=false")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        raise ConfigError(
            f"--set {override}: '{text}' is not a TOML value (strings need quotes, true and false are small)"
        ) from None
    table = values
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {override}: {part} is a value, not a table")
    table[path[-1]] = value
