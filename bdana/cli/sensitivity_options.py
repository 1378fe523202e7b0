"""Options of `bdana sensitivity`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "BackgroundError",
    "Channels",
    "CouplingValues",
    "DecayVolume",
    "ExpectedBackground",
    "Grid",
    "Levels",
    "ListCouplings",
    "Masses",
    "MinEnergy",
    "ModelName",
    "NoFormFactor",
    "NoTransitionFormFactor",
    "Observed",
    "Overlays",
    "Plot",
    "Protons",
    "PtMax",
    "PythiaSetting",
    "Show",
    "Shown",
    "ThetaMax",
    "UseCache",
    "Widths",
    "ZRange",
]

Show = Literal["exclusion", "production", "channel", "lifetime"]
MODEL = "Signal model"
SCAN = "Exclusion"
Channels = Annotated[
    list[str] | None,
    typer.Option(
        metavar="mumu|ee|...",
        help="Decay mode that is searched for; several are combined.",
        show_default="the first that is open",
    ),
]
Masses = Annotated[
    list[float] | None,
    typer.Option(metavar="MEV", help="Mass of a point; several, with --coupling.", show_default=False),
]
CouplingValues = Annotated[
    list[float] | None,
    typer.Option(
        "--coupling",
        "--epsilon",
        metavar="C",
        help="Coupling of a point, such as epsilon; several make all combinations.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Signal model, by default that of analysis.toml; --couplings lists them.",
        show_default=False,
    ),
]
ListCouplings = Annotated[
    bool,
    typer.Option(
        "--couplings", help="List the signal models with their couplings, decay modes and production."
    ),
]
Protons = Annotated[
    float | None,
    typer.Option(
        metavar="N", help="Protons on target; by default those of analysis.toml.", show_default=False
    ),
]
DecayVolume = Annotated[
    str | None,
    typer.Option(metavar="Z1,Z2", help="Ends of the decay volume in m.", show_default=False),
]
MinEnergy = Annotated[
    float | None,
    typer.Option(metavar="GEV", help="Smallest energy of an accepted track or photon.", show_default=False),
]
ZRange = Annotated[
    str | None,
    typer.Option(
        metavar="Z1,Z2",
        help="Momentum fractions of bremsstrahlung.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
PtMax = Annotated[
    str | None,
    typer.Option(
        metavar="GEV|none",
        help="Largest pT of bremsstrahlung.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
ThetaMax = Annotated[
    str | None,
    typer.Option(
        metavar="RAD|none",
        help="Largest angle of the particle to the beam.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
NoFormFactor = Annotated[
    bool,
    typer.Option(
        "--no-form-factor", help="Bremsstrahlung of a proton without form factor.", rich_help_panel=MODEL
    ),
]
NoTransitionFormFactor = Annotated[
    bool,
    typer.Option(
        "--no-transition-form-factor", help="Meson decays without form factors.", rich_help_panel=MODEL
    ),
]
PythiaSetting = Annotated[
    str | None,
    typer.Option(
        metavar="SETTING",
        help="Meson spectra, such as SoftQCD:all.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Widths = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[MODE=]FILE",
        help="Your own partial widths: one table, or one for each decay mode.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Observed = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Observed events, of each channel; without it only the expected exclusion.",
        show_default=False,
        rich_help_panel=SCAN,
    ),
]
ExpectedBackground = Annotated[
    float,
    typer.Option(min=0.0, metavar="B", help="Expected background, of each channel.", rich_help_panel=SCAN),
]
BackgroundError = Annotated[
    float, typer.Option(min=0.0, metavar="DB", help="Its error.", rich_help_panel=SCAN)
]
Levels = Annotated[
    list[float] | None,
    typer.Option(metavar="CL", help="Confidence level; several.", show_default="0.9", rich_help_panel=SCAN),
]
Grid = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.csv",
        help="Write the two branches, such as mass_mev,epsilon_low,epsilon_high; one file a level.",
        show_default=False,
        rich_help_panel=SCAN,
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="OUT.png", help="Draw the exclusion.", show_default=False, rich_help_panel=SCAN),
]
Shown = Annotated[
    Show,
    typer.Option(
        help="What the figure shows: the exclusion, each production process or channel, or limits on lifetimes.",
        rich_help_panel=SCAN,
    ),
]
Overlays = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="A published contour to draw: two columns, or darkcast .lmt; several.",
        show_default=False,
        rich_help_panel=SCAN,
    ),
]
UseCache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Keep yields between runs.", rich_help_panel=SCAN)
]
