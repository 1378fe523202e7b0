"""What a sample is, and which of its triggers are read."""

from typing import Literal

__all__ = ["Kind", "Trigger"]

Kind = Literal["data", "mc", "pseudo"]
Trigger = Literal["any", "H2", "Q1"]
"""H2: taken by the two-track trigger. Q1: taken by the downscaled one-track trigger and not by H2."""
