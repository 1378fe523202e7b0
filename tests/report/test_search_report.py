"""Figures of a search: the band of the prediction holds all of its errors."""

import hist
import numpy as np
import pytest

from bdana.report.run_figures import with_both_errors
from bdana.report.search_report import with_all_errors


def test_the_band_holds_statistical_and_systematic_errors():
    """Two regions with 10 and 5 events in a bin: a common source adds up, one of each region adds in quadrature."""
    axes = hist.axis.StrCategory(["CR", "CR1"], name="region"), hist.axis.Regular(2, 0.0, 2.0, name="mass")
    predicted = hist.Hist(*axes, storage=hist.storage.Weight())
    view = predicted.view(flow=False)
    view["value"], view["variance"] = [[10.0, 0.0], [5.0, 1.0]], [[4.0, 0.0], [2.0, 1.0]]
    effect = {"CR": 0.1, "CR1": 0.2}
    common, own = ({"effect": effect, "correlated": together} for together in (True, False))
    total = with_all_errors(predicted, ["CR", "CR1"], {"systematics": [common, own]}, "mass")
    assert total.values() == pytest.approx([15.0, 1.0])
    assert total.variances() == pytest.approx([6.0 + 2.0**2 + 1.0 + 1.0, 1.0 + 0.04 + 0.04])
    bare = with_all_errors(predicted, ["CR", "CR1"], {}, "mass")
    assert np.array_equal(bare.variances(), [6.0, 1.0])
    # A track in pairs of both regions: the statistical errors of one bin are not independent.
    shared = np.zeros((3, 3, 2))
    shared[:, :, 0] = [[9.0, 9.0, 9.0], [9.0, 4.0, 1.5], [9.0, 1.5, 2.0]]
    rows = [{"name": name} for name in ("SR", "CR", "CR1")]
    document = {"regions": rows, "covariance_in_bins": {"mass": shared.tolist()}}
    total = with_all_errors(predicted, ["CR", "CR1"], document, "mass")
    assert total.variances() == pytest.approx([6.0 + 2 * 1.5, 1.0])


def test_a_source_that_only_raises_the_prediction_is_in_the_upper_edge_of_the_band_alone():
    axes = hist.axis.StrCategory(["CR", "CR1"], name="region"), hist.axis.Regular(2, 0.0, 2.0, name="mass")
    predicted = hist.Hist(*axes, storage=hist.storage.Weight())
    view = predicted.view(flow=False)
    view["value"], view["variance"] = [[10.0, 0.0], [5.0, 1.0]], [[4.0, 0.0], [2.0, 1.0]]
    both = {"effect": {"CR": 0.1, "CR1": 0.2}, "correlated": True}
    raised = {"effect": {"CR": 0.3, "CR1": 0.0}, "correlated": True, "one_sided": True}
    lowered = {"effect": {"CR": 0.0, "CR1": -0.4}, "correlated": False, "one_sided": True}
    sources = {"systematics": [both, raised, lowered]}
    total, down = with_both_errors(predicted, ["CR", "CR1"], sources, "mass")
    assert total.variances() == pytest.approx([6.0 + 2.0**2 + 3.0**2, 1.0 + 0.2**2])
    assert down[[0, -1]] == pytest.approx(0.0)
    assert down[1:-1] ** 2 == pytest.approx([6.0 + 2.0**2 + 2.0**2, 1.0 + 0.2**2 + 0.4**2])
    total, down = with_both_errors(predicted, ["CR", "CR1"], {"systematics": [both]}, "mass")
    assert down is None
