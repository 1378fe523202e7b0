"""Bursts of files whose live time, downscale or protons cannot be used: an error that names the burst, or left out."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

import bdana
from bdana.errors import InputError
from bdana.events import write_events
from bdana.search.checks import only_bad_bursts
from bdana.simulation import Beam, SimulationConfig, simulate

GIVEN = "background.combinatorial.downscale=400.0"


@pytest.fixture(scope="module")
def sample():
    return simulate(SimulationConfig(pot=5e14, bursts=5, beam=Beam(downscale=400.0)), 5)


@pytest.fixture
def written(sample, tmp_path):
    """Write the sample, with one number of the second burst replaced and the burst good or bad; return the file."""

    number = count()  # files are kept open by their paths

    def write(column=None, value=np.nan, *, good=True):
        events, bursts = sample
        if column:
            changed, quality = getattr(bursts, column).astype(float), bursts.good.copy()
            changed[1], quality[1] = value, good
            bursts = replace(bursts, **{column: changed, "good": quality})
        path = tmp_path / f"halo{next(number)}.root"
        write_events(path, [events], bursts)
        return path

    return write


def background(path, *overrides):
    return bdana.load(overrides=overrides).background([path], kind="mc")


def test_a_burst_without_downscale_is_named_and_its_downscale_filled_in(written):
    every = background(written())
    path = written("downscale")
    with pytest.raises(InputError, match=r"burst 2: \d+ single tracks but no downscale of Q1.*--set"):
        background(path)
    assert background(path, GIVEN).expected == pytest.approx(every.expected)


def test_pairs_may_have_a_live_time_of_their_own(sample, tmp_path):
    """Single tracks are counted in that of their trigger, and pairs of the data in that of theirs, burst by burst."""
    events, bursts = sample
    ratio = np.array([0.5, 0.6, 0.7, 0.8, np.nan])
    found = []
    for name, live in (("one", np.full(5, np.nan)), ("two", ratio * bursts.live_time_s)):
        path = tmp_path / f"{name}.root"
        write_events(path, [events], replace(bursts, pair_live_time_s=live))
        found.append(background(path, "background.combinatorial.h2_live_time=0.9"))
    one, two = found
    own = np.where(np.isnan(ratio), 0.9, ratio)
    assert two.by_burst == pytest.approx(one.by_burst * own[:, None] / 0.9)
    kinds = [{row.name: row.kind for row in estimate.inputs}["h2_live_time"] for estimate in found]
    assert kinds == ["assumed", "measured"]


def test_a_burst_without_live_time_is_named(written):
    path = written("live_time_s")
    with pytest.raises(InputError, match=r"burst 2: \d+ single tracks but no live time: correct.*or mark"):
        background(path, GIVEN)
    with pytest.raises(InputError, match="burst 2: its live time is not known"):
        bdana.load().select([path], kind="mc")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("downscale", np.nan),
        ("downscale", 0.0),
        ("live_time_s", np.nan),
        ("live_time_s", -1.0),
        ("pot", np.inf),
    ],
)
def test_numbers_of_a_bad_burst_are_not_needed(written, column, value):
    path = written(column, value, good=False)
    found = background(path)
    assert found.bursts.burst.tolist() == [1, 3, 4, 5]
    assert bdana.load().select([path], kind="mc").exposure.bursts == 4
    (dataset,) = [bdana.load().dataset([path], kind="mc")]
    # Nor can the check of the bad bursts use it.
    assert only_bad_bursts(dataset, downscale_known=False) is None
    filled = only_bad_bursts(dataset, downscale_known=True)
    assert (filled is not None) == (column == "downscale" and np.isnan(value))


@pytest.mark.parametrize(("column", "value"), [("downscale", 0.5), ("live_time_s", 1e7), ("pot", -1.0)])
def test_a_number_that_cannot_be_in_a_good_burst_is_named(written, column, value):
    with pytest.raises(
        InputError, match=rf"run \d+ burst 2: {column} = .* is not between .*mark the burst bad"
    ):
        background(written(column, value))
