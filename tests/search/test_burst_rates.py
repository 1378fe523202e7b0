"""Rates against run and burst: sums, groups, closed regions."""

from types import SimpleNamespace

import hepunits
import numpy as np

from bdana.events import BurstTable
from bdana.search.burst_rates import GROUPS, burst_rates
from bdana.selection import Candidates

NUMBER = 50


def made(runs):
    run, burst = (
        np.repeat(runs, NUMBER // len(runs)),
        np.tile(np.arange(1, NUMBER // len(runs) + 1), len(runs)),
    )
    table = BurstTable(
        run=run, burst=burst, pot=np.full(NUMBER, 1e12), live_time_s=np.full(NUMBER, 3.0),
        good=np.ones(NUMBER, bool), downscale=np.full(NUMBER, np.nan),
    )  # fmt: skip
    bursts = SimpleNamespace(
        run=run, burst=burst, live_time=np.full(NUMBER, 3.0 * hepunits.s), plus=np.arange(NUMBER), minus=np.ones(NUMBER, int),
        neutral=np.zeros(NUMBER, int),
    )  # fmt: skip

    class Bursts(SimpleNamespace):
        def __len__(self):
            return NUMBER

    estimate = SimpleNamespace(
        bursts=Bursts(**vars(bursts)), by_burst=np.tile([1.0, 2.0], (NUMBER, 1)), regions=("SR", "CR")
    )
    rows = [
        {"run": int(run[at]), "burst": int(burst[at]), "event": 1, "region": region}
        | dict.fromkeys(
            (
                "z_vertex_m",
                "cda_fv_mm",
                "z_tax_m",
                "cda_tax_mm",
                "mass_mev",
                "dt_ns",
                "p_plus_gev",
                "p_minus_gev",
            ),
            1.0,
        )
        for at, region in ((0, "CR"), (49, "CR"), (49, "SR"))
    ]
    return Candidates.of_rows(rows), table, estimate


def test_by_run_and_by_groups_of_bursts_everything_is_counted_once():
    by_run, by_burst = burst_rates(*made([9001, 9002]), ["CR"])
    assert by_run.groups == ("9001", "9002")
    assert by_run.observed == (1, 1)  # not what lies in SR
    assert by_run.expected == (50.0, 50.0)
    assert by_run.live_time_s == (75.0, 75.0)
    assert len(by_burst.groups) == GROUPS
    assert sum(by_burst.tracks) == sum(by_run.tracks) == NUMBER * (NUMBER - 1) // 2 + NUMBER
    assert by_burst.observed[0] == by_burst.observed[-1] == 1
    assert by_burst.groups[0] == "9001/1"


def test_of_one_run_there_are_groups_of_bursts_alone():
    (only,) = burst_rates(*made([9001]), ["SR", "CR"])
    assert sum(only.observed) == 3
