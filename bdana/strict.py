"""The base of everything that people write in TOML: unknown keys, NaN and infinities are mistakes, not values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["StrictModel", "explain"]


class StrictModel(BaseModel):
    """Fields that are checked when they are read and never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def explain(err: ValidationError) -> str:
    """Say in one line which keys are wrong, and why.

    Parameters
    ----------
    err : ValidationError
        What pydantic found.
    """
    return "; ".join(
        ": ".join(filter(None, [".".join(str(part) for part in e["loc"]), e["msg"]])) for e in err.errors()
    )
