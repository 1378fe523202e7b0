"""Values that an analysis uses, each with its origin: the command line, analysis.toml, or a default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from bdana.strict import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bdana.analysis.folder import AnalysisFolder

__all__ = ["Setting", "settings_with_origin"]


@dataclass(frozen=True)
class Setting:
    """A value of the configuration with its origin.

    Attributes
    ----------
    key : str
        Dotted key, as `--set` takes it.
    value : object
        A plain TOML value.
    origin : str
        `--set`, `analysis.toml`, the geometry of the detector, or the default of `bdana` or of the selection's module.
    meaning : str
        One line for people; empty where there is none.
    """

    key: str
    value: Any
    origin: str
    meaning: str


def settings_with_origin(analysis: AnalysisFolder) -> list[Setting]:
    """List every value that the analysis uses, those of its selections and backgrounds included.

    Parameters
    ----------
    analysis : AnalysisFolder

    Examples
    --------
    >>> import bdana
    >>> from bdana.analysis import settings_with_origin
    >>> settings = settings_with_origin(bdana.load(overrides=["selection.dimuon.max_cda_mm=30.0"]))
    >>> [(s.value, s.origin) for s in settings if s.key in ("analysis.detector", "selection.dimuon.max_cda_mm")]
    [('na62', 'analysis.toml'), (30.0, '--set')]
    """
    written = set(_keys(read_toml(analysis.folder / "analysis.toml")))
    replaced = {override.partition("=")[0].strip() for override in analysis.overrides}
    found = [
        Setting(key, value, _origin(key, replaced, written) or "default of bdana", meaning)
        for key, value, meaning in _leaves(analysis.config, "")
        if key.partition(".")[0] not in ("selection", "background")
    ]
    found = [_of_geometry(analysis, setting) if setting.value is None else setting for setting in found]
    for table, parameters in analysis.parameters().items():
        folder, _, name = table.partition(".")
        like = analysis.like(name) if folder == "selection" else None
        for key, value, meaning in _leaves(parameters, f"{table}."):
            origin = _origin(key, replaced, written)
            if not origin and like:
                other = _origin(f"selection.{like}.{key.removeprefix(f'{table}.')}", replaced, written)
                origin = f"{other}, [selection.{like}]" if other else ""
            found.append(Setting(key, value, origin or f"default of {folder}s/{name}.py", meaning))
    return found


def _of_geometry(analysis: AnalysisFolder, setting: Setting) -> Setting:
    """Return a setting that is left to the detector with the value of its geometry."""
    table, _, name = setting.key.partition(".")
    value = None
    if setting.key == "beam_line.point_mm":
        value = list(analysis.beam_point_mm)
    elif table == "signal":
        value = analysis.signal.model_dump(mode="json").get(name)
    if value is None:
        return setting
    return replace(setting, value=value, origin=f"geometry {analysis.detector.name}")


def _origin(key: str, replaced: set[str], written: set[str]) -> str:
    """Return where a value was set; empty for a default."""
    if any(key == name or key.startswith(f"{name}.") for name in replaced):
        return "--set"
    return "analysis.toml" if key in written else ""


def _leaves(value: BaseModel, prefix: str) -> Iterator[tuple[str, Any, str]]:
    for attribute, field in type(value).model_fields.items():
        item, name = getattr(value, attribute), field.alias or attribute
        if isinstance(item, BaseModel):
            yield from _leaves(item, f"{prefix}{name}.")
        elif isinstance(item, dict) and all(isinstance(v, BaseModel) for v in item.values()):
            for key, model in item.items():
                yield from _leaves(model, f"{prefix}{name}.{key}.")
        else:
            plain = value.model_dump(mode="json", include={attribute}).get(attribute, item)
            yield f"{prefix}{name}", plain, field.description or ""


def _keys(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, item in values.items():
        if isinstance(item, dict):
            yield from _keys(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
