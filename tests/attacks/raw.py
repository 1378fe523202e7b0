"""Raw data with events that must not be seen again."""

import numpy as np
import uproot

from bdana.events import write_events
from tests.searches import STAGES
from tests.synthetic import dimuon_event, good_bursts, records

CANARY = 31_234.567_891
EVENT = 777_123_457
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


def closed(number, stage="SR"):
    """Return a closed event with an energy to look for."""
    event = of_stage(number, stage)
    event["lkr"][0]["energy"] = CANARY
    return event


def canary(number):
    """Return a closed event with an energy and a number to look for; five in a row are of the five stages."""
    return closed(EVENT + number, STAGES[number % len(STAGES)])


def raw_file(path, events, extra=False, provenance=None):
    write_events(path, [records(events)], good_bursts(run=11001), provenance=provenance)
    if extra:
        numbers = np.array([len(events)])
        with uproot.update(path) as file:
            file["friend"] = {"index": np.arange(len(events)), "energy": np.full(len(events), CANARY)}
            file["scalers"] = {"fNEvents": numbers, "raw_size": np.array([path.stat().st_size])}
            file["log"] = f"{len(events)} events, of which {EVENT}"
    return path
