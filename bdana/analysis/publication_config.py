"""Tables of analysis.toml on how results are told: no part of the analysis, in no hash and in no freeze."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bdana.strict import StrictModel

__all__ = ["ExportConfig", "ExportFormat", "ReportConfig"]

ExportFormat = Literal["hepdata", "latex", "root", "uhi"]


class ReportConfig(StrictModel):
    """Table [report]: what stands in the head of the report."""

    question: str | None = Field(
        default=None, description="what the search asks, in one sentence; by default made of [signal]"
    )
    people: list[str] = Field(
        default=[], description="who made the analysis; by default the people of the policy"
    )


class ExportConfig(StrictModel):
    """Table [export]: what `bdana export results` writes into output/export/."""

    formats: Annotated[list[ExportFormat], Field(min_length=1)] = Field(
        default=["hepdata", "latex", "root", "uhi"], description="which of hepdata, latex, root and uhi"
    )
    title: str | None = Field(default=None, description="of the HEPData record; by default [analysis] name")
    abstract: str = Field(default="", description="of the HEPData record")
    inspire_id: int | None = Field(default=None, description="of the paper, for the HEPData record")
    cm_energy_gev: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="centre-of-mass energy of beam and nucleon, a keyword of HEPData"
    )
    keywords: list[str] = Field(
        default=[], description="reactions such as P NUCLEUS --> GAMMA* X, for HEPData"
    )
    bundle: str | list[str] = Field(
        default=[],
        description="decay mode, or modes, whose tables for reinterpretation join the HEPData record; they take minutes",
    )
