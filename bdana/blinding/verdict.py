"""The verdict of an opening: a test of the number of candidates against what was frozen for its step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bdana.observed import Predicted
from bdana.statistics.poisson import Background, p_values

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["frozen_numbers", "same_verdict", "verdict_of"]


def verdict_of(frozen: Mapping[str, Any], stage: str, observed: int) -> dict[str, Any]:
    """Judge the number of a stage's region on the prediction of what is open of it then, and not in a guard band.

    Parameters
    ----------
    frozen : mapping
        The freeze.
    stage : str
    observed : int
    """
    prediction = frozen["prediction"]
    expected = Predicted.of_dict(prediction["steps"][stage][stage])
    p = p_values(observed, Background.of(expected))
    verdict = expected.to_dict() | {"observed": observed, "p_n": p.p_n, "p_l": p.p_l}
    if stage == prediction["regions"][0]:
        return verdict  # the signal region is a result, not a test
    return verdict | {"agrees": bool(p.p_l >= frozen["agreement"][stage])}


def frozen_numbers(frozen: Mapping[str, Any]) -> dict[str, tuple[Predicted, Predicted | None]]:
    """Return by region what a freeze expects in all of it, and in what is open of it when its stage is opened.

    Parameters
    ----------
    frozen : mapping
        The freeze; without `error_down` its errors are symmetric.
    """
    prediction = frozen["prediction"]
    steps, nothing = prediction.get("steps", {}), [None] * len(prediction["regions"])
    columns = (prediction.get(key, nothing) for key in ("expected", "error", "upper_limit_90", "error_down"))
    return {
        name: (Predicted(*numbers), Predicted.of_dict(steps[name][name]) if name in steps else None)
        for name, *numbers in zip(prediction["regions"], *columns, strict=True)
    }


def same_verdict(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two verdicts judge the same number in the same way; p-values may differ in their last digits.

    Parameters
    ----------
    one, other : mapping
    """
    for name in ("observed", "agrees"):
        if one.get(name) != other.get(name):
            return False
    values = [(one.get(name), other.get(name)) for name in ("p_n", "p_l")]
    return all(
        isinstance(a, (int, float)) and isinstance(b, (int, float)) and math.isclose(a, b, rel_tol=1e-6)
        for a, b in values
    )
