"""Shape limits: counting where the shape says nothing, stronger where it does, and right on average."""

import re
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from bdana.errors import InputError
from bdana.statistics.densities import Peak, Product, Template, Uniform
from bdana.statistics.limits import cls
from bdana.statistics.poisson import Background, p_values
from bdana.statistics.shape import ShapeModel, shape_limit, shape_p_value, shape_scan

FLAT = Uniform(200.0, 1400.0)


def peak(mass=500.0, background=2.6, error=0.3):
    return ShapeModel(Peak(200.0, 1400.0, mass, 3.0), FLAT, Background(background, error))


@pytest.mark.parametrize(
    ("n", "b", "error", "efficiency"), [(0, 0.016, 0.002, 0), (1, 0.016, 0.002, 0.2), (3, 2.6, 0.3, 0.2), (5, 2.6, 0, 0)]
)  # fmt: skip
def test_equal_shapes_give_the_counting_limit(n, b, error, efficiency):
    model = ShapeModel(FLAT, FLAT, Background(b, error))
    found = shape_limit(model, np.linspace(300, 900, n), efficiency_error=efficiency)
    exact = cls(n, Background(b, error), 0.9, efficiency).high
    assert abs(found.high - exact) < 4 * found.error
    assert found.error < 0.02 * exact


def test_equal_shapes_give_the_counting_p_value_of_an_excess():
    found = shape_p_value(ShapeModel(FLAT, FLAT, Background(2.6, 0.3)), np.linspace(300, 900, 6))
    assert abs(found.p_local - p_values(6, Background(2.6, 0.3)).p_n) < 4 * found.error
    assert found.p_global == found.p_local
    assert found.signal == pytest.approx(3.4)


def test_events_far_from_the_peak_weaken_no_limit_and_events_on_it_do():
    none, far, near = (shape_limit(peak(), events).high for events in ([], [700.0, 800.0], [500.0, 501.0]))
    assert far == pytest.approx(none, rel=0.03)
    assert near > 1.5 * none


def test_limits_cover_the_injected_signal():
    rng, covered = np.random.default_rng(4), 0
    for seed in range(60):
        events = np.concatenate(
            [FLAT.sample(rng, rng.poisson(2.6)), peak().signal.sample(rng, rng.poisson(3.0))]
        )
        covered += shape_limit(peak(), events, toys=2000, seed=seed).high >= 3.0
    assert covered >= 49  # 90% of 60, less two standard deviations


def test_an_injected_peak_is_found_where_it_is():
    models = [peak(mass) for mass in np.arange(260, 1340, 60.0)]
    found = shape_scan(models, [499.0, 500.0, 502.5, 900.0], toys=4000)
    assert models[found.where].signal.mass == 500
    assert found.signal == pytest.approx(3, abs=0.1)
    assert found.p_local <= found.p_global < 0.02
    quiet = shape_scan(models, [230.0, 900.0], toys=4000)
    assert quiet.p_global > 0.1


def test_global_p_values_are_uniform_or_larger():
    models, rng = [peak(mass, 2.6, 0) for mass in np.arange(260, 1340, 30.0)], np.random.default_rng(2)
    p = [
        shape_scan(models, FLAT.sample(rng, rng.poisson(2.6)), toys=500, seed=i).p_global for i in range(120)
    ]
    for level in (0.1, 0.3):
        assert np.mean(np.array(p) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 120)


def test_two_variables_are_used_together():
    """A signal at small z_TAX and CDA_TAX: the same counts, but events inside its corner raise the limit."""
    edges = [0.0, 20.0, 40.0], [0.0, 10.0, 20.0]
    signal, flat = Template([[8, 1], [1, 0]], *edges), Template(np.ones((2, 2)), *edges)
    model = ShapeModel(signal, flat, Background(1.0))
    inside = shape_limit(model, [[5.0, 5.0], [8.0, 2.0]], toys=5000).high
    outside = shape_limit(model, [[35.0, 15.0], [25.0, 12.0]], toys=5000).high
    assert inside > 1.5 * outside
    both = ShapeModel(Product(peak().signal, 1, signal), Product(FLAT, 1, flat), Background(1.0))
    x = np.array([[500.0, 5.0, 5.0]])
    assert both.weights(x) == pytest.approx(peak(background=1.0).weights([500.0]) * model.weights(x[:, 1:]))


def test_the_best_signal_is_where_a_scan_of_the_likelihood_has_it():
    narrow, wide = Peak(200.0, 1400.0, 500.0, 20.0), Peak(200.0, 1400.0, 560.0, 200.0)
    models = [ShapeModel(density, FLAT, Background(5.0)) for density in (narrow, wide)]
    grid, rng, larger_signal_is_less_likely = np.linspace(0, 20, 20_001), np.random.default_rng(3), 0
    for _ in range(40):
        drawn = (rng.normal(500.0, 20.0, rng.poisson(1.5)), rng.normal(560.0, 150.0, rng.poisson(4)))
        events = np.clip(np.concatenate([*drawn, FLAT.sample(rng, 3)[:, 0]]), 200.0, 1400.0)
        scans = [np.log1p(grid[:, None] * model.weights(events)).sum(axis=1) - grid for model in models]
        best, log_q = [grid[scan.argmax()] for scan in scans], [scan.max() for scan in scans]
        found = shape_scan(models, events, toys=1)
        assert log_q[found.where] == pytest.approx(max(log_q), abs=1e-5)
        assert found.signal == pytest.approx(best[found.where], abs=2e-3)
        larger_signal_is_less_likely += best[found.where] < max(best)
    assert larger_signal_is_less_likely > 5


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(
    st.lists(st.floats(200, 1400), min_size=1, max_size=6), st.floats(0.1, 10), st.randoms(use_true_random=False)
)  # fmt: skip
def test_order_and_units_do_not_matter(events, unit, random):
    shuffled = list(events)
    random.shuffle(shuffled)
    in_units = ShapeModel(
        Peak(200 * unit, 1400 * unit, 500 * unit, 3 * unit),
        Uniform(200 * unit, 1400 * unit),
        Background(2.6, 0.3),
    )
    inside = np.clip(np.array(shuffled) * unit, 200 * unit, 1400 * unit)
    one, other = shape_limit(peak(), events, toys=300), shape_limit(in_units, inside, toys=300)
    assert one.high == pytest.approx(other.high, rel=1e-3)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda: shape_limit(peak(), [100.0]), "outside the window of both densities"),
        (lambda: shape_limit(peak(), [np.nan]), "not finite"),
        (lambda: shape_limit(peak(), [500.0], level=1.0), "confidence level"),
        (lambda: shape_limit(peak(), [500.0], toys=0), "number of toys"),
        (lambda: shape_limit(peak(), [], toys=5), "5 toys are too few for a limit at 90% CL"),
        (lambda: shape_limit(peak(), [], level=0.999, toys=500), "give 5000 or more"),
        (lambda: shape_scan([], [500.0]), "at least one hypothesis"),
        (lambda: shape_scan([peak(), peak(background=3.0)], [500.0]), "share one background"),
        (lambda: Uniform(2.0, 1.0), "window from 2.0 to 1.0 is empty"),
        (lambda: Peak(0.0, 1.0, 2.0, 0.1), "a mass in the window"),
        (lambda: Template([1.0, -1.0], [0.0, 1.0, 2.0]), "not negative"),
        (lambda: Template([1.0], [0.0, 1.0, 2.0]), "edges of as many bins"),
    ],
)
def test_what_makes_no_sense_is_refused(act, why):
    with pytest.raises(InputError, match=why):
        act()


def test_the_example_of_the_docs_runs():
    text = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text()
    (code,) = re.findall(r"```python\n(.*?shape.*?)```", text, re.DOTALL)
    found = {}
    exec(code, found)
    assert len(found["limits"]) == len(found["models"])
    assert found["scan"].where == 8


def test_a_p_value_from_toys_is_never_zero():
    """An excess that no toy comes near: the data are one more experiment, so p = 1 / (toys + 1)."""
    model = ShapeModel(Peak(200.0, 1400.0, 500.0, 3.0), Uniform(200.0, 1400.0), Background(0.1))
    found = shape_p_value(model, [499.0, 500.0, 501.0, 502.0, 500.5], toys=99)
    assert found.p_local == found.p_global == pytest.approx(1 / 100)


EDGES = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
BINS = Template([1.0, 1.0, 1.0, 1.0], EDGES)


def with_shape(covariance, error):
    return ShapeModel(Template([0.0, 1.0, 0.0, 0.0], EDGES), BINS, Background(8.0, error), covariance)


def test_an_uncertain_normalisation_is_the_same_as_bins_that_move_together():
    events = [0.5, 1.2, 1.4, 1.5, 1.6, 1.8, 2.5]
    together = shape_p_value(with_shape(np.full((4, 4), 0.25), 2.0), events)
    scale = shape_p_value(with_shape(None, 2.0), events)
    assert together.p_local == pytest.approx(scale.p_local, abs=4 * np.hypot(together.error, scale.error))


def test_an_uncertain_shape_makes_a_peak_less_significant():
    """Signal in one bin of four: p against Poisson tails of that bin alone, by experiments of other code."""
    events = [0.5, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 2.5]
    known = shape_p_value(with_shape(None, 0.0), events)
    unsure = shape_p_value(with_shape(np.diag([1.0] * 4), 2.0), events)
    assert unsure.p_local > 1.3 * known.p_local
    means = np.maximum(np.random.default_rng(1).normal(2.0, 1.0, 200_000), 0.0)
    rng = np.random.default_rng(2)
    # With signal and background flat within the bins, Q rises with the number in that bin only.
    assert unsure.p_local == pytest.approx(np.mean(rng.poisson(means) >= 7), abs=5 * unsure.error + 0.002)


@pytest.mark.parametrize(
    "make",
    [
        lambda: with_shape(np.eye(3), 1.0),
        lambda: with_shape(np.full((4, 4), np.nan), 1.0),
        lambda: ShapeModel(Uniform(0.0, 4.0), Uniform(0.0, 4.0), Background(1.0), np.eye(4)),
    ],
)
def test_an_uncertain_shape_needs_bins_and_their_covariance(make):
    with pytest.raises(InputError, match="needs a Template as background"):
        make()
