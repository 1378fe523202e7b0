"""Significances: p-values and counts as numbers of standard deviations, each with its convention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bdana.errors import InputError
from bdana.rounding import bounded_p
from bdana.statistics.poisson import Background, whole
from bdana.statistics.profile import log_likelihood

__all__ = ["Significance", "one_sided", "two_sided", "z_bi", "z_profile_likelihood"]


@dataclass(frozen=True, slots=True)
class Significance:
    """A number of standard deviations, and how it is defined."""

    z: float
    convention: str


def one_sided(p: float) -> Significance:
    """Return Z with P(x > Z) = p of a normal variable; zero, not negative infinity, at p = 1.

    Parameters
    ----------
    p : float

    Examples
    --------
    >>> from bdana.statistics.significance import one_sided, two_sided
    >>> round(one_sided(0.01587).z, 2), round(two_sided(0.01587).z, 2)
    (2.15, 2.41)
    """
    return Significance(
        -float(special.ndtri(p)) if p < 1 else 0.0, "one-sided: p = 1 - Phi(Z); p = 1 gives 0"
    )


def two_sided(p: float) -> Significance:
    """Return Z with P(|x| > Z) = p of a normal variable.

    Parameters
    ----------
    p : float
    """
    return Significance(abs(float(special.ndtri(p / 2))), "two-sided: p = 2 (1 - Phi(Z))")


def z_bi(observed: int, background: float, error: float) -> Significance:
    """Return the binomial significance of a count against an auxiliary Poisson measurement of its background.

    Cousins, Linnemann and Tucker, NIM A 595 (2008) 480, equations 5 to 8: n_off = (b/db)^2, tau = b/db^2.

    Parameters
    ----------
    observed : int
    background, error : float
        Expected events and their error, above zero.

    Examples
    --------
    >>> from bdana.statistics.significance import z_bi
    >>> round(z_bi(140, background=100.0, error=10.0).z, 2)
    2.52
    """
    n = whole(observed)
    if not (background > 0 and error > 0 and np.isfinite(background + error)):
        raise InputError(
            "Z_Bi needs a background and an error above zero: use p_values for a known background"
        )
    tau = background / error**2
    p = float(special.betainc(n, tau * background + 1, 1 / (1 + tau))) if n else 1.0
    return Significance(
        one_sided(bounded_p(p)).z, "Z_Bi, one-sided; background error as an auxiliary Poisson count"
    )


def z_profile_likelihood(observed: int, background: Background) -> Significance:
    """Return the profile-likelihood significance sqrt(2 ln(L(best s) / L(0))); 0 for a deficit.

    Cousins, Linnemann and Tucker, NIM A 595 (2008) 480, section 4, with a Gaussian background error.

    Parameters
    ----------
    observed : int
    background : Background
    """
    n = whole(observed)
    best = max(0.0, n - background.expected)
    gain = log_likelihood(best, n, background, 0.0) - log_likelihood(0.0, n, background, 0.0)
    return Significance(
        float(np.sqrt(2 * max(0.0, gain))),
        "profile likelihood, one-sided, asymptotic; Gaussian background error",
    )
