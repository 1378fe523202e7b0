"""Parameters of a prompt background that the framework reads."""

from __future__ import annotations

from pydantic import Field

from bdana.parameters import ParameterTable

__all__ = ["PromptParameters"]


class PromptParameters(ParameterTable):
    """Base class of the parameters of a prompt background; an analysis adds what its own functions read.

    [background.NAME] of analysis.toml and `--set background.NAME.FIELD=VALUE` replace the defaults; `assumed` marks
    working values without a public source.
    """

    pairs_per_muon: float = Field(
        1e-6, gt=0.0, description="pairs of muons made by a muon on its way, assumed"
    )
    relative_error: float = Field(
        1.0, ge=0.0, description="of the number of pairs where no pair of the data constrains it, assumed"
    )
    transfer_error: float = Field(
        0.5,
        ge=0.0,
        description="relative, of ratios of regions: matter, angles and energies of pairs, assumed",
    )
    min_energy_gev: float = Field(
        10.0, gt=0.0, lt=400.0, description="lower end of the unfolded spectrum, assumed"
    )
    pairs_drawn: int = Field(
        20, ge=1, description="simulated pairs of each muon, each with its part of the weight"
    )
    spectrum_bins: int = Field(12, ge=2, description="bins of the unfolded spectrum, equal in ln E")
    iterations: int | None = Field(
        None, ge=1, description="of the unfolding; by default the fewest that close on simulated muons"
    )
    window_ns: float = Field(
        8.0, gt=0.0, description="half width of the fit of DT: inside the H2 coincidence, assumed"
    )
    dt_width_ns: float = Field(0.57, gt=0.0, description="width of the in-time peak: 0.4 ns a track, assumed")
    dt_width_error_ns: float = Field(0.06, ge=0.0, description="Gaussian error of that width, assumed")
