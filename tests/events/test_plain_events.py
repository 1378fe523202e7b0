"""Events as plain values: what goes into JSON comes back as it was."""

import json

import awkward as ak
import numpy as np

from bdana.events.plain_events import events_of_plain, plain_events
from tests.synthetic import dimuon_event, records


def test_events_survive_json():
    events = records([dimuon_event(3), dimuon_event(4) | {"lav": []}])
    again = events_of_plain(json.loads(json.dumps(plain_events(events))))
    assert plain_events(again) == plain_events(events)
    assert len(again.lav.time[1]) == 0


def test_what_is_not_finite_is_null_in_json_and_nan_again():
    event = dimuon_event(1)
    event["tracks"][0]["chi2"] = float("nan")
    (plain,) = plain_events(records([event]))
    assert plain["tracks.chi2"][0] is None
    text = json.dumps([plain], allow_nan=False)
    again = ak.to_numpy(events_of_plain(json.loads(text)).tracks.chi2[0])
    np.testing.assert_array_equal(np.isnan(again), [True, False])
