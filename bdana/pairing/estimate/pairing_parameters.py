"""Parameters of the pairing, to which a background adds its own."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from bdana.strict import StrictModel

__all__ = ["PairingParameters"]

Positive = Annotated[float, Field(gt=0)]


class PairingParameters(StrictModel):
    """Base of the `Parameters` of a combinatorial background."""

    downscale: float | None = Field(
        None, ge=1, description="of the single-track trigger, for bursts whose table does not have it"
    )
    slice_ms: float | None = Field(
        None, gt=0, description="length of time slices inside the burst; none: the whole"
    )
    duty_slices_ms: tuple[Positive, ...] = Field(
        (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
        min_length=1,
        description="slices in which the duty factor is tried to be measured when slice_ms is none",
    )
    spill_start_s: float | None = Field(
        None,
        ge=0,
        description="timestamp at which the bursts begin; none: 0, if the first tracks agree with it",
    )
    spill_s: float | None = Field(
        None, gt=0, description="length of a burst for the slices; none: its live time, or to its last track"
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
        if self.mix_bursts > 1 and self.slice_ms is not None:
            raise ValueError("bursts cannot both be mixed (mix_bursts) and sliced (slice_ms)")
        return self
