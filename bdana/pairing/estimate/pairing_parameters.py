"""Parameters of the pairing, to which a background adds its own."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from bdana.parameters import ParameterTable

__all__ = ["PairingParameters"]


class PairingParameters(ParameterTable):
    """Base of the `Parameters` of a combinatorial background."""

    downscale: float | None = Field(
        None, ge=1, description="of the single-track trigger, for bursts whose table does not have it"
    )
    q1_efficiency: float = Field(
        1.0, gt=0, le=1, description="of the single-track trigger for a track that passes the cuts, assumed"
    )
    q1_efficiency_error: float = Field(0.01, ge=0, description="its absolute error, assumed")
    h2_efficiency: float = Field(
        1.0,
        gt=0,
        le=1,
        description="of the two-track trigger for pairs in the window, averaged over DT, assumed where events with both "
        "triggers do not measure it better",
    )
    h2_efficiency_error: float = Field(0.02, ge=0, description="its absolute error, assumed")
    h2_live_time: float = Field(
        1.0,
        gt=0,
        description="live time of the two-track trigger over that of the single-track trigger, assumed, for bursts whose "
        "table has only one",
    )
    h2_live_time_error: float = Field(0.0, ge=0, le=1, description="its absolute error, assumed")
    slice_ms: float | None = Field(
        None,
        gt=0,
        description="time between tracks below which they are paired and structure inside the burst is measured; none: "
        "chosen from the data for each region",
    )
    unmeasured_duty_factor: float = Field(
        0.71,
        gt=0,
        le=1,
        description="smallest <R>^2/<R^2> inside the bursts that is thought possible where the files do not tell, assumed: "
        "a ripple of 90%",
    )
    spill_start_s: float | None = Field(
        None,
        ge=0,
        description="timestamp at which the bursts begin; none: 0, if the first tracks agree with it",
    )
    spill_s: float | None = Field(
        None, gt=0, description="length of a burst; none: its live time, or to its last track"
    )
    mix_bursts: int = Field(
        1, ge=1, description="bursts whose tracks are mixed: biased, for studies of small samples only"
    )
    sideband_ns: tuple[float, float] = Field(
        (10.0, 18.0),
        description="|DT| of pairs out of time: beyond closed pairs, inside H2's window, assumed",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.sideband_ns
        if not 0 <= low < high:
            raise ValueError(f"sideband_ns = [{low:g}, {high:g}]: give 0 <= lower end < upper end")
        return self
