"""The fit of the in-time share: pulls, coverage of the limit, cases by hand."""

import numpy as np
import pytest

from bdana.errors import ConfigError
from bdana.upstream import fit_prompt_share


def sample(accidental, prompt, rng, window=8.0, width=0.57):
    return np.concatenate([rng.uniform(-window, window, accidental), width * rng.standard_normal(prompt)])


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_pulls_of_many_experiments(fraction):
    rng = np.random.default_rng(1)
    found, pulls, above = [], [], 0
    for _ in range(200):
        fit = fit_prompt_share(sample(rng.poisson(150), rng.poisson(150 * fraction), rng), 8.0, 0.57, 8.0)
        found.append(fit.fraction)
        pulls.append((fit.fraction - fraction) / fit.fraction_error)
        above += fit.upper_limit > fraction
    assert np.mean(found) == pytest.approx(fraction, abs=3.0 * np.std(found) / np.sqrt(200) + 0.01)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15)
    assert above / 200 > 0.85


def test_no_pair_leaves_the_prior():
    """Flat in both yields is flat in s: s < 0.9, so a fraction below 9."""
    fit = fit_prompt_share(np.empty(0), 8.0, 0.57, 8.0)
    assert fit.pairs == 0
    assert np.isnan(fit.fraction)
    assert fit.upper_limit == pytest.approx(9.0, rel=1e-3)


def test_pairs_away_from_the_peak_have_a_limit_by_hand():
    """N pairs where the peak has no density: L = (1 - s)^N, s < 1 - 0.1^(1/(N+1))."""
    fit = fit_prompt_share(np.array([-7.0, -6.0, 5.0, 6.5, 7.5]), 8.0, 0.57, 8.0)
    s = 1.0 - 0.1 ** (1 / 6)
    assert fit.upper_limit == pytest.approx(s / (1 - s), rel=1e-3)


def test_times_outside_the_window_and_nan_do_not_count():
    dt = np.array([0.1, 3.0, 9.0, np.nan, -20.0])
    assert fit_prompt_share(dt, 8.0, 0.57, 8.0) == fit_prompt_share(dt[:2], 8.0, 0.57, 8.0)


def test_a_peak_as_wide_as_the_window_is_refused():
    with pytest.raises(ConfigError, match="narrower than the window"):
        fit_prompt_share(np.zeros(3), 1.0, 1.0, 1.0)


def test_the_fraction_refers_to_the_window_of_the_selection():
    """In 4 ns of 8 there are half the accidentals and all of the peak."""
    dt = sample(500, 100, np.random.default_rng(2))
    wide, narrow = (fit_prompt_share(dt, 8.0, 0.57, within) for within in (8.0, 4.0))
    assert narrow.prompt == wide.prompt
    for name in ("fraction", "fraction_error", "upper_limit"):
        assert getattr(narrow, name) == pytest.approx(2.0 * getattr(wide, name), rel=1e-6)
