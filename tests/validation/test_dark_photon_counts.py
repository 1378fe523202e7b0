"""Decays of dark photons to two muons in a decay volume, against an independent calculation.

Its conditions: 1.4e17 protons, point source at z = 23.07 m, decays between 102 and 182 m, angle below 11.5 mrad, no form
factors, and meson spectra per interaction of SoftQCD:all.
"""

import csv

import numpy as np
import pytest

from bdana.signal import branching_ratio, decay_length
from bdana.signal.models.dark_photon import DarkPhoton, Parameters

CONDITIONS = Parameters(
    form_factor="none",
    transition_form_factor=False,
    pythia_setting="SoftQCD:all",
    theta_max_rad=11.5e-3,
    production=["bremsstrahlung", "mesons"],
)
SOURCE, FIRST, LAST = 23.07e3, 102e3, 182e3


def decays_in_volume(model, process, epsilon):
    made = model.production[process]
    drawn = made.draw(100_000, np.random.default_rng(11))
    kept = drawn.weight > 0.0
    length = decay_length(model, epsilon, drawn.p[kept]) * drawn.direction[2][kept]
    reach = np.exp((SOURCE - FIRST) / length) - np.exp((SOURCE - LAST) / length)
    mean = np.sum(drawn.weight[kept] * reach) / len(kept)
    return 1.4e17 * epsilon**2 * made.per_proton * branching_ratio(model, "mumu") * mean


@pytest.mark.parametrize(("process", "allowed"), [("bremsstrahlung", 0.05), ("mesons", 0.1)])
def test_expected_decays_of_the_reference(shared, process, allowed):
    with (shared / "reference" / "na62_counts.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["production"] == process]
    assert len(rows) == 6
    for row in rows:
        model = DarkPhoton(float(row["mass_mev"]), CONDITIONS)
        found = decays_in_volume(model, process, float(row["epsilon"]))
        assert found == pytest.approx(float(row["n_decays_fv"]), rel=allowed), row
