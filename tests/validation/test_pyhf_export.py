"""The exported pyhf workspace of several regions with common sources of error, against the limits of the same table."""

import warnings
from itertools import product

import numpy as np
import pytest
from scipy import optimize

from bdana.statistics import Systematic
from bdana.statistics.asymptotic import asymptotic_cls
from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.error_sources import ErrorSources
from bdana.statistics.exports import pyhf_workspace
from bdana.statistics.poisson import Background, log_pmf
from bdana.statistics.regions_csv import CountedRegion

pyhf = pytest.importorskip("pyhf")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning")]

NAMES, EXPECTED, SHARES = ("CR", "CR1", "SR"), np.array([12.0, 8.0, 3.0]), np.array([0.25, 0.05, 0.7])
SOURCES = ErrorSources.of(
    NAMES,
    EXPECTED,
    np.outer([1.0, 0.8, 0.3], [1.0, 0.8, 0.3]),
    [
        Systematic("halo", {"CR": 0.12, "CR1": 0.1, "SR": 0.15}, correlated=True, source="assumed"),
        Systematic("choice", {"CR": 0.05, "CR1": -0.06, "SR": 0.08}, correlated=True, source="assumed"),
    ],
)
EFFICIENCY = 0.1


def table(counts):
    """Return the regions with their counts."""
    errors = SOURCES.errors[0]
    return [
        CountedRegion(name, Background(b, error), n)
        for name, b, error, n in zip(NAMES, EXPECTED, errors, counts, strict=True)
    ]


def limits_of_one_signal(counts, method, level):
    """Return our limit on the events of all regions together."""
    channels = [
        CountedChannel(region.name, region.observed, region.background, share)
        for region, share in zip(table(counts), SHARES, strict=True)
    ]
    return combined_limit(channels, level, EFFICIENCY, method, SOURCES.covariance).high


def common_signal(workspace):
    """Give the regions one signal strength instead of one for each."""
    for channel, share in zip(workspace["channels"], SHARES, strict=True):
        (signal, _) = channel["samples"]
        signal["data"] = [float(share)]
        signal["modifiers"][0]["name"] = "mu"
    (measurement,) = workspace["measurements"]
    measurement["config"] = {
        "poi": "mu",
        "parameters": [{"name": "mu", "bounds": [[0.0, 80.0]], "inits": [1.0]}],
    }
    return workspace


def asymptotic_limit(workspace, level, near):
    read = pyhf.Workspace(workspace)
    model = read.model()
    data = read.data(model)

    def excess(mu):
        return float(pyhf.infer.hypotest(mu, data, model, test_stat="qtilde")) - (1 - level)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optimize.brentq(excess, near / 2, 2 * near, xtol=1e-6)


@pytest.mark.parametrize(("n", "level"), [(2, 0.9), (6, 0.95)])
def test_limit_of_one_region_is_ours_with_all_of_its_sources_in_quadrature(n, level):
    """Regions whose own free signal can take what is over their background tell nothing of the sources."""
    counts = (40, 30, n)
    workspace = pyhf_workspace(table(counts), EFFICIENCY, SOURCES)
    for name in ("mu_CR", "mu_CR1", "mu_SR"):
        workspace["measurements"][0]["config"]["parameters"].append(
            {"name": name, "bounds": [[0.0, 80.0]], "inits": [1.0]}
        )
    background = table(counts)[2].background
    with pytest.warns(UserWarning, match="from the exact limit"):
        ours = asymptotic_cls(n, background, level, EFFICIENCY).high
    assert asymptotic_limit(workspace, level, ours) == pytest.approx(ours, rel=2e-3)


@pytest.mark.parametrize(("counts", "level"), [((12, 8, 3), 0.9), ((7, 12, 1), 0.95), ((18, 9, 7), 0.9)])
def test_flat_prior_limit_of_the_exported_likelihood_is_ours(counts, level):
    """Expectations are those of pyhf for every value of the sources, which are integrated over here."""
    read = pyhf.Workspace(common_signal(pyhf_workspace(table(counts), EFFICIENCY, SOURCES)))
    model = read.model()
    nuisances = [name for name in model.config.par_order if name != "mu"]
    assert set(nuisances) == {*SOURCES.shifts, "signal_efficiency"}
    at, weights = np.polynomial.hermite_e.hermegauss(5)
    nodes = np.array(list(product(at, repeat=len(nuisances))))
    prior = np.prod(list(product(weights, repeat=len(nuisances))), axis=1)
    parameters = np.zeros((2, len(nodes), model.config.npars))
    for name, values in zip(nuisances, nodes.T, strict=True):
        parameters[:, :, model.config.par_slice(name)] = values[:, None]
    parameters[1, :, model.config.par_slice("mu")] = 1.0
    none, one = (
        np.array([model.expected_data(p, include_auxdata=False) for p in block]) for block in parameters
    )
    observed = np.array(read.data(model, include_auxdata=False))
    signals = np.linspace(0.0, 80.0, 801)
    at_least = 1e-9  # where sources that are three errors away add up to less than nothing
    none, one = np.maximum(none, at_least), np.maximum(one, at_least)
    likelihood = np.array(
        [prior @ np.exp(log_pmf(observed, none + s * (one - none)).sum(axis=1)) for s in signals]
    )
    summed = np.concatenate([[0.0], np.cumsum(0.5 * (likelihood[1:] + likelihood[:-1]))])
    theirs = float(np.interp(level, summed / summed[-1], signals))
    ours = limits_of_one_signal(counts, "bayes", level)
    assert ours == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize("counts", [(12, 8, 3), (18, 9, 7)])
def test_asymptotic_limit_of_the_export_is_the_exact_one_within_what_asymptotics_miss(counts):
    exact = limits_of_one_signal(counts, "cls", 0.9)
    theirs = asymptotic_limit(common_signal(pyhf_workspace(table(counts), EFFICIENCY, SOURCES)), 0.9, exact)
    assert theirs == pytest.approx(exact, rel=0.05)
