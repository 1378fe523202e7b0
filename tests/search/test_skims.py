"""Skims: the candidates of a selection as events again."""

import numpy as np
import pytest

import bdana
from bdana.analysis import template_folder
from bdana.events import write_events
from bdana.search.skims import write_skim
from tests.synthetic import dimuon_event, good_bursts, records


@pytest.mark.parametrize("container", ["ttree", "rntuple"])
def test_a_skim_holds_the_candidates_and_every_burst(tmp_path, container):
    analysis, path = bdana.load(template_folder()), tmp_path / "a.root"
    events = records([dimuon_event(i, burst=1 + i % 3) for i in range(12)])
    write_events(path, [events], good_bursts(4, good=[True, False, True, True]))
    run = analysis.select([path], kind="mc")
    skim = tmp_path / "skim.root"
    assert write_skim(analysis, run, skim, container) == len(run.candidates) == 8
    again = analysis.select([skim], kind="mc")
    assert again.exposure == run.exposure
    assert again.candidates.event.tolist() == run.candidates.event.tolist()
    np.testing.assert_array_equal(again.candidates.z_tax, run.candidates.z_tax)
