"""Raw data with events that must not be seen again."""

import numpy as np
import uproot

from bdana.events import BurstTable, write_events
from tests.synthetic import dimuon_event, records

CANARY = 31_234.567_891
EVENT = 777_123_457
STAGES = ("CR3", "CR2", "CR1", "CR", "SR")
CDA = {"SR": 5.0, "CR": 80.0, "CR1": 220.0, "CR2": 350.0, "CR3": 600.0}
"""A distance from the beam axis (mm) inside the envelope of each stage, for pairs from the z of the beam's impact."""
IMPACT = np.array([0.0, -22.0])


def dimuon_at(number, z_tax, cda_tax, slope=(0.5e-3, 0.5e-3), z_vertex=140e3, **more):
    """Return an event whose pair passes the beam axis at z_tax (mm) in a distance of cda_tax (mm), with some slope."""
    tx, ty = slope
    across = np.array([-ty, tx]) / np.hypot(tx, ty)
    x, y = IMPACT + cda_tax * across
    along = z_vertex - z_tax
    return dimuon_event(
        number, vertex=(x + tx * along, y + ty * along, z_vertex), origin=(x, y, z_tax), **more
    )


def of_stage(number, stage):
    """Return a closed event of a stage."""
    return dimuon_at(number, 23_070.0, CDA[stage], run=11001)


def like_sign(number):
    event = dimuon_event(number, run=11001)
    event["tracks"][0]["charge"] = -1
    return event


def canary(number):
    """Return a closed event with an energy and a number to look for; five in a row are of the five stages."""
    event = of_stage(EVENT + number, STAGES[number % len(STAGES)])
    event["lkr"][0]["energy"] = CANARY
    return event


def raw_file(path, events, extra=False):
    bursts = BurstTable(
        run=np.array([11001]), burst=np.array([1]), pot=np.array([1e12]), live_time_s=np.array([3.0]),
        good=np.array([True]), downscale=np.array([np.nan]),
    )  # fmt: skip
    write_events(path, [records(events)], bursts)
    if extra:
        numbers = np.array([len(events)])
        with uproot.update(path) as file:
            file["friend"] = {"index": np.arange(len(events)), "energy": np.full(len(events), CANARY)}
            file["scalers"] = {"fNEvents": numbers, "raw_size": np.array([path.stat().st_size])}
            file["log"] = f"{len(events)} events, of which {EVENT}"
    return path
