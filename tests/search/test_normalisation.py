"""The normalisation measured with control pairs: by hand, and what it does not look at."""

from types import SimpleNamespace

import numpy as np
import pytest

from bdana.search.normalisation import measure_normalisation


def estimate(outside, error, inner=1.0):
    return SimpleNamespace(
        regions=("SR", "outside"), expected=np.array([inner, outside]), error=np.array([0.5, error])
    )


def test_the_ratio_and_its_error_by_hand():
    """100 + 60 seen, 80 + 1.6 * 50 = 160 expected with errors of 8 + 1.6 * 5 = 16 that move together."""
    found = measure_normalisation(estimate(80.0, 8.0), estimate(50.0, 5.0), 1.6, (100, 60))
    assert (found.observed, found.expected, found.ratio) == (160, pytest.approx(160.0), pytest.approx(1.0))
    assert found.error == pytest.approx(np.hypot(1 / np.sqrt(160), 0.1))
    assert found.effect == found.error
    assert found.source == (
        "measured: 160 like-sign and out-of-time pairs outside of all control regions, 160 expected"
    )


@pytest.mark.parametrize(("seen", "effect"), [((200, 120), 1.0), ((50, 30), 0.5)])
def test_a_ratio_away_from_one_is_the_uncertainty(seen, effect):
    found = measure_normalisation(estimate(80.0, 0.0), estimate(50.0, 0.0), 1.6, seen)
    assert found.effect == pytest.approx(effect)


def test_other_regions_do_not_matter():
    one, other = (
        measure_normalisation(estimate(80.0, 8.0, inner), estimate(50.0, 5.0, inner), 1.6, (100, 60))
        for inner in (0.0, 1e6)
    )
    assert one == other


def test_without_pairs_there_is_no_number():
    assert measure_normalisation(estimate(80.0, 8.0), estimate(50.0, 5.0), 1.6, (0, 0)) is None
    assert measure_normalisation(estimate(0.0, 0.0), estimate(0.0, 0.0), 1.6, (1, 0)) is None
