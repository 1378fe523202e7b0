"""Numbers behind a search's result, each with its error: what is measured, what is assumed, what was chosen."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from bdana.simulation import Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

    from bdana.analysis import AnalysisFolder

__all__ = ["Kind", "StatedInput", "search_inputs"]

Kind = Literal["measured", "assumed", "chosen"]


@dataclass(frozen=True)
class StatedInput:
    """One number that goes into the result.

    Attributes
    ----------
    part : str
        What it is used for: exposure, a background, or the signal.
    name : str
    value : float, str or None
        None for a relative uncertainty alone.
    error : float or None
        Standard deviation; of an uncertainty without value the relative effect. None where none is given.
    kind : str
        `measured` with the data of the search; `assumed` without a public source; `chosen`, such as a window.
    source : str
        What it was measured with, or what it is.
    """

    part: str
    name: str
    value: float | str | None
    error: float | None
    kind: Kind
    source: str


def search_inputs(
    analysis: AnalysisFolder,
    exposure: Mapping[str, Any] | None,
    prediction: Mapping[str, Any],
    checks: Mapping[str, Any] | None,
) -> tuple[StatedInput, ...]:
    """Collect the numbers of exposure, backgrounds and signal efficiency; measured ones first.

    Parameters
    ----------
    analysis : AnalysisFolder
        Of one channel.
    exposure : mapping or None
        Of the data, as in cutflow.json.
    prediction : mapping
        prediction.json.
    checks : mapping or None
        checks.json.
    """
    search = analysis.config.search
    rows = [
        *_exposure(analysis, exposure),
        *_estimate(search.background, prediction),
        *_checks(search.background, str(search.prompt), checks or {}),
    ]
    models = analysis.parameters()
    for part, table in (
        (search.background, f"background.{search.background}"),
        (str(search.prompt), f"background.{search.prompt}"),
        (search.selection, f"selection.{search.selection}"),
    ):
        if table in models:
            told = {row.name for row in rows if row.part == part}
            found = (row for row in _parameters(part, models[table]) if row.name not in told)
            rows += [row for row in found if part != search.selection or row.kind == "assumed"]
    if analysis.config.signal:
        assumed = (row for row in _parameters("signal", analysis.signal) if row.kind == "assumed")
        rows += [*assumed, *_response()]
    order = ("measured", "assumed", "chosen")
    return tuple(sorted(rows, key=lambda row: order.index(row.kind)))


def _exposure(analysis: AnalysisFolder, exposure: Mapping[str, Any] | None) -> Iterator[StatedInput]:
    if not exposure:
        return
    table = "burst table of the data"
    yield StatedInput("exposure", "protons on target", exposure["pot"], None, "measured", table)
    said = "relative, [signal] pot_error: no burst table has an error"
    yield StatedInput(
        "exposure", "uncertainty protons on target", None, analysis.signal.pot_error, "assumed", said
    )
    yield StatedInput("exposure", "live_time_s", exposure["live_time_s"], None, "measured", table)
    yield StatedInput("exposure", "bursts", exposure["bursts"], None, "measured", table)
    if unusual := analysis.config.exposure.unusual:
        said = "[exposure] unusual of analysis.toml: limits of plausibility are off for these numbers of the burst table"
        yield StatedInput("exposure", "unusual", ", ".join(unusual), None, "chosen", said)


def _estimate(part: str, prediction: Mapping[str, Any]) -> Iterator[StatedInput]:
    """List what the estimate says of itself: its inputs, then every source of uncertainty."""
    effects = {
        row["name"]: abs(max(row["effect"].values(), key=abs, default=0.0))
        for row in prediction["systematics"]
    }
    stated = [
        StatedInput(part, row["name"], row["value"], row["error"], row["kind"], row["source"])
        for row in prediction.get("inputs", [])
    ] or list(_measured(part, prediction, effects))
    yield from stated
    kinds = {row.name: row.kind for row in stated}  # the error of an assumed number is assumed too
    for row in prediction["systematics"]:
        told: Kind = "measured" if row["source"].startswith("measured") else "assumed"
        kind = kinds.get(row["name"], told)
        yield StatedInput(part, f"uncertainty {row['name']}", None, effects[row["name"]], kind, row["source"])


def _measured(
    part: str, prediction: Mapping[str, Any], effects: Mapping[str, float]
) -> Iterator[StatedInput]:
    """List what is measured with the single tracks, where the estimate does not list its inputs."""
    survival, duty = prediction["accidental_survival"], prediction["duty_factor"]
    error = effects.get("accidental_survival")
    said = "displaced windows of the single tracks"
    known = None if error is None else error * survival
    yield StatedInput(part, "accidental_survival", survival, known, "measured", said)
    if duty:
        error = duty["value"] * duty["error"]
        yield StatedInput(
            part, "duty_factor", duty["value"], error, "measured", "single tracks in time slices"
        )


def _checks(part: str, prompt: str, checks: Mapping[str, Any]) -> Iterator[StatedInput]:
    if found := checks.get("normalisation"):
        yield StatedInput(
            part,
            "normalisation",
            found["ratio"],
            found["error"],
            "measured",
            found["source"].removeprefix("measured: "),
        )
    if not checks.get("prompt"):
        return
    share = checks["prompt"]["share"]
    yield StatedInput(
        prompt,
        "in-time pairs of open regions",
        share["prompt"],
        (share["prompt_high"] - share["prompt_low"]) / 2.0,
        "measured",
        f"fit of {share['pairs']} time differences; half of the 68% interval",
    )


def _parameters(part: str, model: BaseModel) -> Iterator[StatedInput]:
    """List the numbers of a table; a field `NAME_error_UNIT` is the error of `NAME_UNIT`."""
    described = {name: field.description or "" for name, field in type(model).model_fields.items()}
    errors = {name.replace("_error", ""): name for name in described if "_error" in name}
    for name, description in described.items():
        value, of = getattr(model, name), name.replace("_error", "")
        is_number = not (isinstance(value, bool | str | dict) or value is None)
        if not is_number or (of != name and of in described):  # shown with what it is the error of
            continue
        error = getattr(model, errors[name]) if name in errors else None
        said = description + (f"; error: {described[errors[name]]}" if name in errors else "")
        kind: Kind = "assumed" if "assumed" in said else "chosen"
        yield StatedInput(part, name, _plain(value), error, kind, description)


def _response() -> Iterator[StatedInput]:
    response = Response()
    for field in fields(response):
        value = _plain(getattr(response, field.name))
        yield StatedInput("signal", field.name, value, None, "assumed", "response of the simulated detector")


def _plain(value: Any) -> float | str:
    return float(value) if isinstance(value, int | float) else str(value)
