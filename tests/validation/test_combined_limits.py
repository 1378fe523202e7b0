"""Combined limits against the likelihood of pyhf, summed over all pairs of counts, and against toys."""

import numpy as np
import pytest

from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.poisson import Background

pyhf = pytest.importorskip("pyhf")
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def model_of(channels):
    """One signal event of all channels together, divided by their shares, on known backgrounds."""
    total = sum(x.share for x in channels)
    return pyhf.Model(
        {
            "channels": [
                {
                    "name": x.name,
                    "samples": [
                        {
                            "name": "signal",
                            "data": [x.share / total],
                            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                        },
                        {"name": "background", "data": [x.background.expected], "modifiers": []},
                    ],
                }
                for x in channels
            ],
            "parameters": [{"name": "mu", "bounds": [[0, 60]], "inits": [1.0]}],
        },
        poi_name="mu",
    )


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(
    ("counts", "backgrounds", "shares"),
    [
        ((1, 0), (0.016, 0.2), (0.45, 0.1)),
        ((0, 2), (0.016, 0.2), (0.45, 0.1)),
        ((3, 2), (2.6, 1.1), (1.0, 2.0)),
    ],
)
def test_cls_summed_over_the_likelihoods_of_pyhf_is_one_minus_the_level(counts, backgrounds, shares, level):
    channels = [
        CountedChannel(name, n, Background(b), share)
        for name, n, b, share in zip(("mumu", "zee"), counts, backgrounds, shares, strict=True)
    ]
    limit = combined_limit(channels, level).high
    model = model_of(channels)  # its channels are in alphabetical order, as these are
    pairs = [(float(i), float(j)) for i in range(26) for j in range(26)]
    log_p = {mu: np.array([float(model.logpdf([mu], x)[0]) for x in pairs]) for mu in (0.0, limit)}
    log_q = log_p[limit] - log_p[0.0]
    accepted = log_q <= log_q[pairs.index(counts)] + 1e-9
    found = np.exp(log_p[limit][accepted]).sum() / np.exp(log_p[0.0][accepted]).sum()
    assert found == pytest.approx(1 - level, rel=1e-6)


def test_cls_with_errors_agrees_with_toys():
    """Backgrounds drawn with one common Gaussian, the efficiency log-normal, ordered by the averaged likelihoods."""
    channels = [
        CountedChannel("mumu", 1, Background(0.6, 0.2), 0.45),
        CountedChannel("ee", 2, Background(1.2, 0.3), 0.15),
    ]
    limit = combined_limit(channels, 0.9, efficiency_error=0.2).high
    rng, toys = np.random.default_rng(5), 400_000
    z = rng.standard_normal(toys)
    z = z[(0.6 + 0.2 * z > 0) & (1.2 + 0.3 * z > 0)]
    e = np.exp(np.log(1.2) * rng.standard_normal(z.size))
    b = np.stack([0.6 + 0.2 * z, 1.2 + 0.3 * z])
    shares = np.array([[0.75], [0.25]])
    tables = []
    for s in (0.0, limit):
        found, _, _ = np.histogram2d(*rng.poisson(s * e * shares + b), bins=[np.arange(-0.5, 40)] * 2)
        tables.append(found / found.sum())
    # The order is of the exact likelihoods: toys alone would order rare counts at random.
    i = np.arange(tables[0].shape[0])
    log_q = []
    for s in (0.0, limit):
        mean = (s * e * shares + b)[:, :2000]
        p = [np.exp(i[:, None] * np.log(m) - m - np.cumsum(np.log(np.maximum(i, 1)))[:, None]) for m in mean]
        log_q.append(p[0] @ p[1].T)
    ratio = log_q[1] / np.maximum(log_q[0], 1e-300)
    accepted = ratio <= ratio[1, 2] * (1 + 1e-9)
    assert tables[1][accepted].sum() / tables[0][accepted].sum() == pytest.approx(0.1, rel=0.02)
