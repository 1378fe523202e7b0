"""Exposures that no accelerator has are refused, unless a switch says that they are meant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bdana
from bdana.errors import ConfigError, InputError
from bdana.events import EventArrays
from bdana.events.exposure import POSSIBLE, BurstTable, check_protons
from bdana.simulation import SimulationConfig, simulate

PLAIN = {"pot": 2e12, "live_time_s": 3.0, "downscale": 20.0}


def table(**values):
    columns = {name: np.array([PLAIN[name], values.get(name, PLAIN[name])]) for name in PLAIN}
    return BurstTable(
        run=np.array([9000, 9000]), burst=np.array([1, 2]), good=np.array([True, True]), **columns
    )


OUTSIDE = [
    *((name, value) for name, (low, _) in POSSIBLE.items() for value in (0.1 * low,) if name != "downscale"),
    *((name, 10.0 * high) for name, (_, high) in POSSIBLE.items()),
    ("live_time_s", 1e-9),
    ("downscale", 8e8),
]


@pytest.mark.parametrize(("name", "value"), OUTSIDE)
def test_a_number_that_no_burst_has_is_refused_until_it_is_meant(name, value):
    bursts = table(**{name: value})
    with pytest.raises(
        InputError,
        match=rf"run 9000 burst 2: {name} = .*unusual = \[\"{name}\"\] into the table \[exposure\]",
    ):
        _ = bursts.exposure
    assert bursts.plausible().tolist() == [True, False]
    assert bursts.total([name]).bursts == 2
    others = [other for other in POSSIBLE if other != name]
    with pytest.raises(InputError, match=f"{name} = "):
        bursts.total(others)


@pytest.mark.parametrize(
    ("name", "value"), [("pot", -1.0), ("live_time_s", -4.0), ("pot", np.inf), ("downscale", np.inf)]
)
def test_what_is_no_exposure_at_all_is_never_meant(name, value):
    with pytest.raises(InputError, match="burst 2: ") as raised:
        table(**{name: value}).total(list(POSSIBLE))
    assert "if it is meant" not in str(raised.value)


def test_numbers_that_bursts_have_pass():
    for low, high in ((POSSIBLE[name][0], POSSIBLE[name][1]) for name in ("pot", "live_time_s")):
        assert np.isfinite([low, high]).all()
    for name, (low, high) in POSSIBLE.items():
        assert table(**{name: low}).exposure.bursts == table(**{name: high}).exposure.bursts == 2
    assert table(downscale=np.nan).exposure.bursts == 2


@pytest.fixture
def events():
    made, bursts = simulate(SimulationConfig(pot=7e13, bursts=2), seed=3)
    return made, bursts


def test_the_switch_of_an_analysis_is_handed_on_and_stated(events):
    made, bursts = events
    bursts = type(bursts)(**{**vars(bursts), "live_time_s": np.full(2, 1e-9)})
    with pytest.raises(InputError, match="live_time_s = 1e-09"):
        bdana.load().select([EventArrays(made, bursts)], kind="mc")
    meant = bdana.load(overrides=['exposure.unusual=["live_time_s"]'])
    run = meant.select([EventArrays(made, bursts)], kind="mc")
    assert run.exposure.live_time_s == pytest.approx(2e-9)
    assert run.datasets[0].unusual == ("live_time_s",)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("exposure.unusual=['live_time']", "did you mean 'live_time_s'?"),
        ("background.combinatorial.downscale=8e8", "downscale = 8e\\+08 is that of no burst"),
        ("signal.pot=1.4e-17", r"\[signal\] pot: .*no search has so few or many"),
        ("signal.pot=1.4e170", r"\[signal\] pot"),
    ],
)
def test_an_analysis_does_not_say_what_is_not_plausible(override, text):
    with pytest.raises(ConfigError, match=text):
        bdana.load(overrides=[override]).parameters()


def test_a_downscale_of_the_background_may_be_meant():
    overrides = ["background.combinatorial.downscale=8e8", "exposure.unusual=['downscale']"]
    assert bdana.load(overrides=overrides).combinatorial("combinatorial")[1].downscale == 8e8


@pytest.mark.parametrize("protons", [0.0, -1.0, np.nan, np.inf])
def test_protons_are_above_zero_whatever_is_meant(protons):
    with pytest.raises(ConfigError, match="a positive number of protons"):
        check_protons(protons, "--pot", ["pot"])


@given(
    places=st.lists(st.integers(0, 4), max_size=40),
    repeats=st.integers(1, 5),
)
def test_events_find_their_burst_in_any_order(places, repeats):
    one = np.ones(5)
    bursts = BurstTable(np.array([1, 1, 2, 2, 7]), np.array([3, 9, 1, 2, 0]), one, one, one > 0, one)
    at = np.repeat(np.array(places, dtype=np.int64), repeats)
    assert bursts.places(bursts.run[at], bursts.burst[at]).tolist() == at.tolist()
