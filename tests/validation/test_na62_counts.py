"""Expected decays and accepted ones of `bdana.sensitivity` against an independent calculation, row by row.

Its conditions: a point source, decays between 102 and 182 m, angles below 11.5 mrad, no form factors, and mesons per
interaction of SoftQCD:all. Its mesons are 10^5 PYTHIA events. Seven samples of that size, each decayed 40 times and tracked
without a table of spectra, have a mean of 0.1185 +- 0.0033 decays and 0.0813 +- 0.0023 accepted ones in the one row with less
than a decay, and scatter by 7% there; in that row the reference is 0.0724 accepted. In the others they scatter by 1 to 4%,
and the yields agree with their mean within 2%.
"""

import csv

import pytest

import bdana
from bdana.sensitivity.points import signal_point
from bdana.sensitivity.yields import mass_yields

POT = 1.4e17
CONDITIONS = (
    "signal.parameters.theta_max_rad=0.0115", 'signal.parameters.form_factor="none"',
    "signal.parameters.transition_form_factor=false", 'signal.parameters.pythia_setting="SoftQCD:all"',
    'signal.parameters.production=["bremsstrahlung", "mesons"]', "signal.decay_volume_m=[102.0, 182.0]",
    "signal.depth_mm=0.0", "signal.spot_mm=0.0", "signal.decays=400000", "signal.events=100", "signal.seed=7",
)  # fmt: skip
SAMPLES = {  # mass, epsilon: mean of seven unbinned samples of 10^5 events, decays in the volume and accepted
    (250.0, 5e-7): (110.03, 18.07), (250.0, 1e-6): (185.96, 67.04), (250.0, 2e-6): (45.36, 29.93),
    (400.0, 5e-7): (21.428, 4.833), (400.0, 1e-6): (8.486, 4.282), (400.0, 2e-6): (0.1185, 0.0813),
}  # fmt: skip


@pytest.fixture(scope="module")
def found():
    analysis = bdana.load(overrides=CONDITIONS)
    yields = {mass: mass_yields(analysis, "mumu", mass) for mass in (250.0, 400.0)}
    return lambda mass, epsilon: signal_point(yields[mass], epsilon, POT)["production"]


@pytest.fixture(scope="module")
def rows(shared):
    with (shared / "reference" / "na62_counts.csv").open() as file:
        return [
            {key: value if key in {"production", "channel"} else float(value) for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize(("production", "allowed"), [("bremsstrahlung", 0.05), ("mesons", 0.1)])
def test_decays_and_accepted_ones_of_every_row(found, rows, production, allowed):
    chosen = [row for row in rows if row["production"] == production]
    assert len(chosen) == 6
    for row in chosen:
        counts = found(row["mass_mev"], row["epsilon"])[production]
        assert counts["n_decays_fv"] == pytest.approx(row["n_decays_fv"], rel=allowed), row
        # Twice the scatter of the reference's own events is more than 10% in the row of less than a decay.
        within = 0.2 if production == "mesons" and row["n_decays_fv"] < 1 else allowed
        assert counts["n_accepted"] == pytest.approx(row["n_accepted"], rel=within), row


def test_meson_yields_are_those_of_unbinned_events(found):
    for (mass, epsilon), (in_volume, accepted) in SAMPLES.items():
        counts = found(mass, epsilon)["mesons"]
        allowed = 0.02 if in_volume > 1 else 0.06
        assert counts["n_decays_fv"] == pytest.approx(in_volume, rel=allowed)
        assert counts["n_accepted"] == pytest.approx(accepted, rel=allowed)
