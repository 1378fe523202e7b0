"""Asymptotic limits against pyhf with the same model, and what its asymptotics miss at a few events."""

import warnings

import numpy as np
import pytest
from scipy import optimize

from bdana.statistics.asymptotic import asymptotic_cls
from bdana.statistics.limits import cls
from bdana.statistics.poisson import Background
from bdana.statistics.significance import z_profile_likelihood

pyhf = pytest.importorskip("pyhf")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def workspace(background, error, efficiency_error):
    """One channel: a signal of one event with a log-normal efficiency, a background with a Gaussian error."""
    kappa = 1 + efficiency_error
    signal = [{"name": "mu", "type": "normfactor", "data": None}]
    if efficiency_error:
        # pyhf's default is exponential only outside one standard deviation: a polynomial of sixth order within.
        signal.append({"name": "efficiency", "type": "normsys", "data": {"hi": kappa, "lo": 1 / kappa}})
    beside = [{"name": "error", "type": "staterror", "data": [error]}] if error else []
    return pyhf.Model(
        {
            "channels": [
                {
                    "name": "region",
                    "samples": [
                        {"name": "signal", "data": [1.0], "modifiers": signal},
                        {"name": "background", "data": [background], "modifiers": beside},
                    ],
                }
            ],
            "parameters": [{"name": "mu", "bounds": [[0, 60]], "inits": [1.0]}],
        },
        poi_name="mu",
    )


def pyhf_limit(n, model, level, near):
    data = [float(n), *model.config.auxdata]

    def excess(mu):
        return float(pyhf.infer.hypotest(mu, data, model, test_stat="qtilde")) - (1 - level)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optimize.brentq(excess, near / 2, 2 * near, xtol=1e-7)


@pytest.mark.parametrize(
    ("n", "b", "error", "efficiency_error", "level"),
    [
        (0, 0.016, 0.0, 0.0, 0.9),
        (1, 0.016, 0.002, 0.0, 0.9),
        (3, 0.6, 0.2, 0.0, 0.95),
        (4, 2.57, 0.33, 0.0, 0.9),
        (1, 2.57, 0.33, 0.2, 0.9),
        (12, 6.0, 1.5, 0.2, 0.95),
        (50, 40.0, 5.0, 0.0, 0.683),
    ],
)
def test_asymptotic_limits_are_those_of_pyhf(n, b, error, efficiency_error, level):
    with pytest.warns(UserWarning, match="from the exact limit"):
        ours = asymptotic_cls(n, Background(b, error), level, efficiency_error).high
    theirs = pyhf_limit(n, workspace(b, error, efficiency_error), level, ours)
    assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize(("n", "missing"), [(0, 0.40), (1, 0.22)])
def test_asymptotics_are_too_strong_at_zero_and_one_event(n, missing):
    exact = cls(n, Background(0.016)).high
    theirs = pyhf_limit(n, workspace(0.016, 0.0, 0.0), 0.9, exact)
    assert theirs == pytest.approx((1 - missing) * exact, rel=0.01)


def test_the_profile_likelihood_significance_is_that_of_pyhf():
    model = workspace(2.57, 0.33, 0.0)
    q0 = pyhf.infer.test_statistics.q0(
        0.0, [9.0, *model.config.auxdata], model, model.config.suggested_init(),
        model.config.suggested_bounds(), model.config.suggested_fixed(),
    )  # fmt: skip
    assert z_profile_likelihood(9, Background(2.57, 0.33)).z == pytest.approx(np.sqrt(float(q0)), rel=1e-4)
