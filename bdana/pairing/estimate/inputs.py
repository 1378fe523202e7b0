"""Numbers that go into the estimate: which of them are measured, which assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bdana.display import short_repr

__all__ = ["Input"]


@dataclass(frozen=True)
class Input:
    """A number that goes into the estimate.

    Attributes
    ----------
    name : str
    value, error : float
        With its standard deviation.
    kind : {"measured", "assumed"}
    source : str
        What it was measured with, or why it is assumed.
    """

    name: str
    value: float
    error: float
    kind: Literal["measured", "assumed"]
    source: str

    __repr__ = short_repr
