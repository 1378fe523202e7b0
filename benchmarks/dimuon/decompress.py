"""Read and decompress the baskets or pages that the dimuon selection needs, and nothing else: `python decompress.py FILE`."""

import sys

import uproot
from columns import NEEDED

with uproot.open(sys.argv[1]) as file:
    events = file["events"]
    if hasattr(events, "cluster_summaries"):
        events.arrays(filter_name=NEEDED)
    else:
        for number in range(events["run"].num_baskets):
            for name in NEEDED:
                events[name].basket(number)
