"""The fit of the in-time share: pulls, coverage of the limit, cases by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from bdana.errors import ConfigError
from bdana.upstream import fit_prompt_share


def sample(accidental, prompt, rng, window=8.0, width=0.57):
    return np.concatenate([rng.uniform(-window, window, accidental), width * rng.standard_normal(prompt)])


@pytest.mark.parametrize("accidental", [10, 30, 150])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_intervals_and_limits_cover_as_often_as_they_say(accidental, fraction):
    """The 68% interval covers in 68%, at a fraction of zero in 84% (half of the fits end there); the limit in 90%.

    The true width is not that of the fit, but drawn from its constraint.
    """
    rng = np.random.default_rng(1)
    n = 200 if accidental < 100 else 120
    fits = []
    for _ in range(n):
        dt = sample(
            rng.poisson(accidental), rng.poisson(accidental * fraction), rng, width=rng.normal(0.57, 0.06)
        )
        fits.append(fit_prompt_share(dt, 8.0, 0.57, 8.0, 0.06))
    covered = np.mean([fit.low <= fraction <= fit.high for fit in fits])
    assert covered == pytest.approx(0.84 if fraction == 0.0 else 0.68, abs=0.11)
    assert np.mean([fit.upper_limit > fraction for fit in fits]) > 0.84
    assert np.median([fit.fraction for fit in fits]) == pytest.approx(fraction, abs=0.1)
    assert all(fit.low <= fit.fraction <= fit.high for fit in fits)


def test_the_interval_is_where_the_likelihood_ratio_is_one():
    """By hand, with two yields: -2 ln L(A, P) minimised over A and P, or over A alone at P = f A."""
    dt = sample(40, 12, np.random.default_rng(4))
    fit = fit_prompt_share(dt, 8.0, 0.57, 8.0)
    peak = norm.pdf(dt, 0.0, 0.57) / (norm.cdf(8.0, 0.0, 0.57) - norm.cdf(-8.0, 0.0, 0.57))

    def minus_2_log_l(accidental, fraction):
        density = accidental * (1.0 / 16.0 + fraction * peak)
        return 2.0 * (accidental * (1.0 + fraction) - np.sum(np.log(density)))

    def profile(fraction):
        found = minimize_scalar(minus_2_log_l, args=(fraction,), bounds=(1.0, 200.0), method="bounded")
        return found.fun

    best = minimize_scalar(profile, bounds=(0.0, 2.0), method="bounded")
    assert fit.fraction == pytest.approx(best.x, abs=2e-3)
    assert profile(fit.low) - best.fun == pytest.approx(1.0, abs=0.02)
    assert profile(fit.high) - best.fun == pytest.approx(1.0, abs=0.02)
    assert fit.high - fit.fraction > fit.fraction - fit.low > 0.05


def test_an_uncertain_width_widens_interval_and_limit():
    dt = sample(300, 300, np.random.default_rng(3), width=0.75)
    known, floated = (fit_prompt_share(dt, 8.0, 0.57, 8.0, error) for error in (0.0, 0.06))
    assert known.fraction < 0.9  # the peak is wider than the fit is told
    assert known.fraction < floated.fraction < 1.05
    assert floated.high - floated.low > known.high - known.low
    assert floated.upper_limit > known.upper_limit


def test_only_pairs_in_the_peak():
    """No pair need be accidental: the interval is open above."""
    fit = fit_prompt_share(np.array([0.1, -0.2, 0.0]), 8.0, 0.57, 8.0, 0.06)
    assert fit.fraction == fit.high == np.inf
    assert 0.5 < fit.low < 10.0
    assert fit.upper_limit > 9.0
    assert fit.to_dict()["fraction"] is fit.to_dict()["high"] is None
    assert fit.text.startswith("all of 3 pairs in time, more than ")
    assert fit_prompt_share(np.empty(0), 8.0, 0.57, 8.0).text == "no pairs"


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
    with pytest.raises(ConfigError, match="narrower than the window"):
        fit_prompt_share(np.zeros(3), 8.0, 0.57, 8.0, -0.1)


def test_the_fraction_refers_to_the_window_of_the_selection():
    """In 4 ns of 8 there are half the accidentals and all of the peak."""
    dt = sample(500, 100, np.random.default_rng(2))
    wide, narrow = (fit_prompt_share(dt, 8.0, 0.57, within) for within in (8.0, 4.0))
    assert narrow.prompt == wide.prompt
    for name in ("fraction", "low", "high", "upper_limit"):
        assert getattr(narrow, name) == pytest.approx(2.0 * getattr(wide, name), rel=1e-6)


def test_the_number_of_prompt_pairs_has_the_interval_of_the_likelihood_of_both_yields():
    """By hand: -2 ln L(A, P) minimised over A alone; its rise by one ends the interval."""
    dt = sample(40, 12, np.random.default_rng(4))
    fit = fit_prompt_share(dt, 8.0, 0.57, 8.0)
    peak = norm.pdf(dt, 0.0, 0.57) / (norm.cdf(8.0, 0.0, 0.57) - norm.cdf(-8.0, 0.0, 0.57))

    def profile(prompt):
        def minus_2_log_l(accidental):
            return 2.0 * (accidental + prompt - np.sum(np.log(accidental / 16.0 + prompt * peak)))

        return minimize_scalar(minus_2_log_l, bounds=(1.0, 200.0), method="bounded").fun

    lowest = profile(fit.prompt)
    assert profile(fit.prompt_low) - lowest == pytest.approx(1.0, abs=0.02)
    assert profile(fit.prompt_high) - lowest == pytest.approx(1.0, abs=0.02)


def test_quantiles_of_prompt_pairs_of_no_or_one_certain_pair():
    """Without a pair the density of P is exp(-P); of pairs far from the peak P is zero but for that."""
    levels = (np.arange(200) + 0.5) / 200
    none = fit_prompt_share(np.zeros(0), 8.0, 0.57, 5.0)
    assert none.prompt_quantiles == pytest.approx(-np.log1p(-levels), abs=0.01)
    assert (none.prompt_low, none.prompt_high) == pytest.approx((0.0, 0.5), abs=0.01)
    away = fit_prompt_share(np.full(20, 7.0), 8.0, 0.57, 5.0)
    assert away.prompt_quantiles == pytest.approx(-np.log1p(-levels), abs=0.02)
    assert (away.prompt, away.prompt_low) == (0.0, 0.0)
