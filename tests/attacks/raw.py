"""Raw data with events that must not be seen again."""

import numpy as np
import uproot

from bdana.events import BurstTable, write_events
from tests.synthetic import dimuon_event, records

CANARY = 31_234.567_891
EVENT = 777_123_457
STAGES = ("CR3", "CR2", "CR1", "CR", "SR")


def like_sign(number):
    event = dimuon_event(number, run=11001)
    event["tracks"][0]["charge"] = -1
    return event


def canary(number):
    event = dimuon_event(EVENT + number, run=11001)
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
