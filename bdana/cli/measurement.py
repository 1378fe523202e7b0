"""Fitted signals and branching ratios of `bdana count`, as documents and lines to print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bdana.errors import InputError
from bdana.rounding import plus_minus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.statistics.signal_fit import Category, SignalFit

__all__ = ["check_options", "fit_lines", "measured", "single_measurement"]


def check_options(ses: float | None, ses_error: float, efficiency_error: float) -> float:
    """Return the relative error of the efficiency, which is that of the single-event sensitivity where there is one.

    Parameters
    ----------
    ses : float or None
    ses_error : float
        In the unit of `ses`.
    efficiency_error : float
        Relative.
    """
    if ses is None:
        if ses_error:
            raise InputError("--ses-error belongs to --ses, in the same unit")
        return efficiency_error
    if not (math.isfinite(ses) and ses > 0):
        raise InputError(
            f"--ses {ses:g}: the branching ratio that gives one expected event is a finite number above zero"
        )
    if ses_error and efficiency_error:
        raise InputError("--ses-error is the error of the efficiency: leave out --efficiency-error")
    if not 0 <= ses_error <= ses:
        raise InputError(
            f"--ses-error {ses_error:g}: give a number from 0 to the value of --ses, in its unit"
        )
    return ses_error / ses if ses_error else efficiency_error


def single_measurement(category: Category, level: float) -> dict[str, Any]:
    """Return the fitted signal events of one count, and its branching ratio where there is a sensitivity.

    Parameters
    ----------
    category : Category
    level : float
        Of the intervals.
    """
    from bdana.statistics.signal_fit import fit_signal

    fit, ses = fit_signal([category], level), category.sensitivity
    events = _plain(fit, 1.0 / ses)
    return {"signal": events} if ses == 1.0 else {"signal": events, "branching_ratio": _plain(fit)}


def measured(
    categories: Sequence[Category], cl: float, level: float, names: tuple[str, ...], independent: bool
) -> dict[str, Any]:
    """Return p-values, fitted branching ratio and limits of several categories.

    Parameters
    ----------
    categories : sequence of Category
    cl : float
        Confidence level of the limits.
    level : float
        Of the intervals.
    names : tuple of str
        Of limit methods.
    independent : bool
        Whether background errors of the categories do not move together.
    """
    from bdana.statistics.combination import COMBINED_METHODS, CountedChannel, combined_limit
    from bdana.statistics.correlated import diagonal
    from bdana.statistics.joint import joint_p_values
    from bdana.statistics.poisson import p_values
    from bdana.statistics.signal_fit import fit_signal
    from bdana.statistics.significance import one_sided

    backgrounds = [x.background for x in categories]
    covariance = diagonal(backgrounds) if independent else None
    joint = joint_p_values([x.observed for x in categories], backgrounds, covariance)
    fit = fit_signal(categories, level, independent=independent)
    shares = [1.0 / x.sensitivity for x in categories]
    ses = 1.0 / sum(shares)
    error = sum(x.sensitivity_error * share for x, share in zip(categories, shares, strict=True)) * ses
    channels = [
        CountedChannel(x.name, x.observed, x.background, share)
        for x, share in zip(categories, shares, strict=True)
    ]
    limits = {
        name: combined_limit(channels, cl, error, name, covariance) for name in names or COMBINED_METHODS
    }
    rows = []
    for x in categories:
        p = p_values(x.observed, x.background)
        rows.append({"name": x.name, "observed": x.observed, "p_n": p.p_n, "p_l": p.p_l})
    return {
        "categories": rows,
        "joint": {"p_n": joint.p_n, "p_l": joint.p_l, "computed": joint.computed},
        "z_one_sided": finite(one_sided(joint.p_n).z),
        "ses": ses,
        "branching_ratio": _plain(fit),
        "branching_ratio_limits": {name: [x.low * ses, x.high * ses] for name, x in limits.items()},
        "conventions": {
            "joint": joint.convention,
            "z_one_sided": one_sided(joint.p_n).convention,
            "branching_ratio": fit.convention,
            "confidence_level": f"{cl:g}",
            **{name: x.convention for name, x in limits.items()},
        },
    }


def fit_lines(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Return names and texts of the fitted numbers and the limits on a branching ratio.

    Parameters
    ----------
    document : dict
        Of `single_measurement` or `measured`.
    """
    rows: list[tuple[str, str]] = []
    for name in ("signal", "branching_ratio"):
        if name in document:
            fit = document[name]
            rows.append(
                (
                    name,
                    (
                        f"{plus_minus(fit['value'], fit['up'], fit['down'])} (statistical), "
                        f"{plus_minus(fit['value'], fit['total_up'], fit['total_down'])} (total)"
                    ),
                )
            )
    rows += [
        (f"{name}, branching ratio", f"{low:.4g} to {high:.4g}")
        for name, (low, high) in document.get("branching_ratio_limits", {}).items()
    ]
    return rows


def finite(value: float) -> float | None:
    """Return a number for JSON, None where it is infinite.

    Parameters
    ----------
    value : float
    """
    return value if math.isfinite(value) else None


def _plain(fit: SignalFit, factor: float = 1.0) -> dict[str, Any]:
    numbers = {
        name: factor * getattr(fit, name) for name in ("value", "up", "down", "total_up", "total_down")
    }
    return numbers | {"z_profile_likelihood": finite(fit.z), "level": fit.level, "convention": fit.convention}
