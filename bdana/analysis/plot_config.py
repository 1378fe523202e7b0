"""Table [plot] of analysis.toml: how figures look. It changes no number, so it is in no hash and no freeze."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bdana.strict import StrictModel

__all__ = ["PlotConfig"]

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class PlotConfig(StrictModel):
    """Table [plot]: how figures look; no part of the analysis."""

    experiment: str = Field(
        default="", description="written on every figure, such as 'Experiment, preliminary'"
    )
    formats: list[Literal["pdf", "svg"]] = Field(
        default=["pdf"], description="written beside the PNG of each figure"
    )
    panel: Literal["pull", "ratio", "none"] = Field(
        default="pull", description="below a comparison of data and prediction"
    )
    bin_events: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=2.0,
        description="bins are merged until the middle event of the prediction is in a bin of so many, assumed; 0 never",
    )
    logarithmic: list[str] = Field(
        default=[], description="of [variables] and [n_minus_1], whose counts have a logarithmic axis"
    )
    font_size: Annotated[float, Field(ge=6, le=30)] = Field(default=16.0, description="in points")
    colours: dict[str, Colour] = Field(
        default={}, description="#rrggbb by name: combinatorial, signal, prediction"
    )
    labels: dict[str, str] = Field(
        default={}, description="text of legends by name: combinatorial, signal, data, prediction"
    )
