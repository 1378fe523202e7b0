"""A count attack: small data sets are sealed, and from all there is to see of each its number of SR events is estimated.

The event numbers of the open file have gaps, which show how many events are missing: those that were sealed and those
that the trigger or the filter left out. With Poisson numbers, the gain of the best estimator in variance is the share of
the SR in their sum. No estimator from everything visible may do better than that.
"""

import json
import math
from dataclasses import replace
from itertools import pairwise

import awkward as ak
import numpy as np
import pytest
import uproot

from bdana.events import write_events
from bdana.sealing import seal_file as seal_module
from bdana.sealing.seal_file import seal
from bdana.sealing.sealed_file import payload
from tests.attacks.raw import like_sign, of_stage
from tests.attacks.test_leaks import CONTAINERS
from tests.searches import STAGES
from tests.synthetic import good_bursts, records

MEANS = {"SR": 12.0, **dict.fromkeys(STAGES[:-1], 0.5)}
LEFT_OUT, OPEN, BURSTS = 200.0, 12.0, 2
BOUND = MEANS["SR"] / (sum(MEANS.values()) + LEFT_OUT)


def tolerance(worlds):
    """Two and a half standard errors of the gain, which is a mean of squares over the worlds, at most 1 / sqrt(worlds)."""
    return 2.5 / math.sqrt(worlds)


def draw(rng):
    """Return the events of a data set in the order of their numbers, and how many of them are of the SR."""
    kinds = [stage for stage, mean in MEANS.items() for _ in range(rng.poisson(mean))]
    in_sr = kinds.count("SR")
    kinds += ["open"] * (2 + rng.poisson(OPEN)) + ["left out"] * rng.poisson(LEFT_OUT)
    events = []
    for number, kind in enumerate(rng.permutation(kinds).tolist()):
        if kind != "left out":
            event = like_sign(number) if kind == "open" else of_stage(number, kind)
            events.append(event | {"burst": 1 + number * BURSTS // len(kinds)})
    return events, in_sr


def sealed_file(folder, events, sealing):
    folder.mkdir()
    raw = folder / "run.root"
    write_events(raw, [records(events)], good_bursts(BURSTS, run=11001))
    seal(raw, folder, sealing)
    raw.unlink()
    return folder


def numbers_in(value, name=""):
    """Yield every number of a JSON document, and the length of every text, by name."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers_in(part, f"{name}.{key}")
    else:
        yield name, len(value) if isinstance(value, str) else float(value)


def visible_numbers(folder):
    """Return all numbers that the open side of a sealing shows, by name."""
    seen = {f"size of {path.name}": path.stat().st_size for path in folder.iterdir()}
    seen |= dict(numbers_in(json.loads((folder / "run.manifest.json").read_text()), "manifest"))
    with uproot.open(folder / "run.open.root") as file:
        for name, kind in file.classnames(cycle=False).items():
            for branch in file[name].branches if kind == "TTree" else ():
                seen[f"{name}.{branch.name} on disk"] = branch.compressed_bytes
                seen[f"{name}.{branch.name} baskets"] = branch.num_baskets
            values = file[name].arrays() if kind in CONTAINERS else ak.Array([])
            for column in values.fields:
                if values[column].ndim == 1 and np.issubdtype(np.asarray(values[column]).dtype, np.number):
                    seen[f"{name}.{column} sum"] = float(
                        np.nan_to_num(np.asarray(values[column], float)).sum()
                    )
        number, burst = (file["events"][name].array(library="np") for name in ("event", "burst"))
    gaps = [after - before - 1 for before, after in pairwise(number.tolist())]
    seen |= {"missing": sum(gaps), "widest gap": max(gaps), "first": number[0], "last": number[-1]}
    for b in range(1, BURSTS + 1):
        mine = number[burst == b]
        seen[f"open in burst {b}"] = len(mine)
        seen[f"missing in burst {b}"] = int(np.ptp(mine)) + 1 - len(mine) if len(mine) else 0
    return seen


def ridge(x, y, new):
    """Predict by a ridge regression on all features, its penalty chosen by leaving one out."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    best, found = math.inf, None
    for penalty in 10.0 ** np.arange(-2, 5):
        weights = vt.T @ ((s / (s**2 + penalty)) * (u.T @ (y - y.mean())))
        leverage = (u**2 * (s**2 / (s**2 + penalty))).sum(axis=1) + 1 / len(y)
        left_out = (y - y.mean() - x @ weights) / np.maximum(1 - leverage, 1e-3)
        if (left_out**2).mean() < best:
            best, found = (left_out**2).mean(), y.mean() + new @ weights
    return found


def lookup(x, y, new):
    """Predict by the one feature that does best as a table of up to four rows, left out one by one."""
    best, found = math.inf, np.full(len(new), y.mean())
    for column, other in zip(x.T, new.T, strict=True):
        edges = np.unique(np.quantile(column, np.arange(1, 4) / 4))
        place, there = np.searchsorted(edges, column, "left"), np.searchsorted(edges, other, "left")
        sums, counts = (np.bincount(place, w, minlength=len(edges) + 1) for w in (y, np.ones(len(y))))
        rows = (sums + y.mean()) / (counts + 1)
        left_out = y - (sums[place] - y + y.mean()) / counts[place]
        error = (left_out**2).sum()
        if error < best:
            best, found = error, rows[there]
    return found


def gain(seen, numbers):
    """Return the share of the variance that the better estimator explains, each half predicted from the other."""
    names = sorted(set().union(*seen))
    table = np.array([[world.get(name, 0.0) for name in names] for world in seen])
    spread = table.std(axis=0)
    x, y = (
        ((table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0],
        np.array(numbers, float),
    )
    half = np.arange(len(y)) % 2 == 0
    left = {ridge: 0.0, lookup: 0.0}
    total = 0.0
    for train, test in ((half, ~half), (~half, half)):
        total += ((y[test] - y[train].mean()) ** 2).sum()
        for estimate in left:
            left[estimate] += ((y[test] - estimate(x[train], y[train], x[test])) ** 2).sum()
    return 1 - min(left.values()) / total


def attack(folder, sealing, worlds, seed=1):
    """Seal some data sets and return the gain of the attack on them."""
    stages = {
        n: s.model_copy(update={"capacity_kib": 64}) for n, s in sealing.policy.stages.items()
    }  # of small files
    small = replace(sealing, policy=sealing.policy.model_copy(update={"stages": stages}).after(()))
    rng = np.random.default_rng(seed)
    seen, numbers = [], []
    for i in range(worlds):
        events, number = draw(rng)
        seen.append(visible_numbers(sealed_file(folder / f"{i}", events, small)))
        numbers.append(number)
    return gain(seen, numbers)


@pytest.mark.usefixtures("stopped_clocks")
@pytest.mark.parametrize("worlds", [40, pytest.param(400, marks=pytest.mark.exhaustive)])
def test_the_best_estimator_gains_no_more_than_the_bound(tmp_path, sealing, worlds):
    assert attack(tmp_path, sealing, worlds) <= BOUND + tolerance(worlds)


def sizes_that_follow_the_content():
    honest = seal_module.encrypt_events
    return "encrypt_events", lambda chunks, key, capacity: honest(chunks, key, payload(chunks).tell() + 8)


def counts_of_the_bursts():
    """As a DAQ writes them: how many events a burst had, the sealed ones too."""
    honest = seal_module.described

    def leak(opened):
        with uproot.open(opened.with_name("run.root")) as raw, uproot.update(opened) as file:
            sealed = raw["events"].num_entries - file["events"].num_entries
            file["daq"] = {"events": np.array([sealed])}
        return honest(opened)

    return "described", leak


@pytest.mark.usefixtures("stopped_clocks")
@pytest.mark.parametrize(
    "leak",
    [counts_of_the_bursts, pytest.param(sizes_that_follow_the_content, marks=pytest.mark.exhaustive)],
)
def test_a_leak_of_numbers_gains_more(tmp_path, sealing, monkeypatch, leak):
    monkeypatch.setattr(seal_module, *leak())
    worlds = 30
    assert attack(tmp_path, sealing, worlds) > BOUND + tolerance(worlds)
