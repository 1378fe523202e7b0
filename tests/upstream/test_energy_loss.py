"""The loss table and its integral."""

import numpy as np
import pytest
from hepunits import GeV, m
from hypothesis import given
from hypothesis import strategies as st

from bdana.upstream import COPPER, IRON


def test_the_table_is_met():
    energies = np.array([5, 10, 40, 100, 200]) * GeV
    assert IRON.mean_loss(energies) / (GeV / m) == pytest.approx([1.459, 1.554, 1.814, 2.190, 2.792])
    assert COPPER.mean_loss(energies) / (GeV / m) == pytest.approx([1.615, 1.726, 2.031, 2.485, 3.217])


@given(st.floats(1.0, 300.0), st.floats(0.0, 20.0), st.sampled_from([IRON, COPPER]))
def test_before_undoes_after(energy, length, material):
    entered = material.before(np.array([energy * GeV]), length * m)
    assert material.after(entered, length * m) == pytest.approx(energy * GeV, rel=1e-6)


def test_a_short_step_loses_the_table_value():
    energy = np.array([100.0 * GeV])
    assert energy - IRON.after(energy, 10.0) == pytest.approx(10.0 * 2.190, rel=1e-3)


def test_a_muon_out_of_range_stops():
    assert IRON.after(np.array([5.0 * GeV]), 10 * m)[0] == 0.0
