"""Reading analysis.toml with values replaced on the command line, and everything that is wrong in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bdana.analysis.config import AnalysisConfig
from bdana.errors import ConfigError
from bdana.mistakes import PlacedError, Written, sentences, validated
from bdana.signal.models import find_parameters
from bdana.strict import parse_override, read_toml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["check_config", "read_config"]


def read_config(path: Path, overrides: Sequence[str]) -> AnalysisConfig:
    """Read and check an analysis.toml, with values replaced by overrides.

    Parameters
    ----------
    path : Path
    overrides : sequence of str
        `KEY=VALUE` with a dotted key and a TOML value.

    Raises
    ------
    ConfigError
        When it is no TOML, or something in it is wrong.
    """
    written = Written(str(path), overrides=tuple(overrides))
    config = validated(AnalysisConfig, _values(path, overrides), written)
    if problems := _contradictions(config, written):
        raise ConfigError("\n".join(problems))
    return config


def check_config(path: Path, overrides: Sequence[str]) -> tuple[AnalysisConfig | None, list[str]]:
    """Read an analysis.toml as `read_config` does, and return everything that is wrong in it.

    Parameters
    ----------
    path, overrides
        As for `read_config`.

    Returns
    -------
    AnalysisConfig or None
        What is left without the wrong values; None when too little is.
    list of str
        What is wrong, with the file.

    Raises
    ------
    ConfigError
        When it is no TOML, or an override is not `KEY=VALUE`.
    """
    values, written = _values(path, overrides), Written(str(path), overrides=tuple(overrides))
    problems: list[str] = []
    taken: set[tuple[str, ...]] = set()
    for _ in range(len(str(values))):  # each round takes something out
        try:
            config = AnalysisConfig.model_validate(values)
        except ValidationError as err:
            places = [tuple(map(str, e["loc"])) for e in err.errors()]
            if not taken.issuperset(places):  # what was wrong, and is missing now
                problems.append(sentences(err, AnalysisConfig, written))
            taken |= set(places)
            if sum(_take_out(values, place) for place in places) == 0:
                return None, problems
        else:
            return config, [*problems, *_contradictions(config, written)]
    return None, problems


def _values(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    values = read_toml(path)
    for override in overrides:
        _replace(values, override)
    return values


def _contradictions(config: AnalysisConfig, written: Written) -> list[str]:
    """Return what is wrong in a configuration whose single values are right, with where it was written."""
    found = []
    for check in (
        config.partition,
        config.cluster_partition,
        config.beam_line.require_direction,
        config.histogrammed,
        config.require_samples,
        config.require_protons,
    ):
        try:
            check()
        except PlacedError as err:
            found.append(str(written.says(err)))
        except (ConfigError, ValueError) as err:
            found.append(f"{written.file}: {err}")
    if config.signal is not None:
        source = replace(written, table="signal.parameters")
        try:
            known = find_parameters(config.signal.model)
        except ConfigError as err:
            return [*found, str(written.says(PlacedError(("signal", "model"), str(err))))]
        try:
            validated(known, config.signal.parameters, source)
        except ConfigError as err:
            found.append(str(err))
    return found


def _take_out(values: dict[str, Any], place: tuple[str, ...]) -> bool:
    """Take a wrong value out of its table; of a table that lacks something, the table. False when there is nothing."""
    table, inside = values, None
    for depth, key in enumerate(place[:-1]):
        if not isinstance(table.get(key), dict):
            return depth > 0 and table.pop(key, None) is not None
        inside, table = (table, key), table[key]
    if place and place[-1] in table:
        del table[place[-1]]
        return True
    # It is missing, and so the table cannot be used.
    return inside is not None and inside[0].pop(inside[1], None) is not None


def _replace(values: dict[str, Any], override: str) -> None:
    path, value = parse_override(override, "selection.dimuon.acceptance=false")
    table = values
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {override}: {part} is a value, not a table")
    table[path[-1]] = value
