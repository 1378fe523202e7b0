"""Decay vertex, extrapolation to the TAX and mass of candidates that were built from a decay."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdana.errors import MissingColumnError
from bdana.reconstruction import Line, Pairs, Tracks, closest_approach
from tests.synthetic import MUON_MASS, dimuon_event, muon_lines, records

BEAM = Line(np.array([0.0, -22.0, 23_070.0]), np.array([0.0, 0.0, 1.0]))


def pair_of(event, mass=MUON_MASS):
    tracks = Tracks.of_events(records([event]), detector=None)
    return Pairs.by_charge(tracks, np.array([0]), np.array([1]), mass, BEAM)


def decay(mass, p, cos_theta, phi):
    """Momenta (MeV) of a two-body decay of a particle of momentum p along z, decay angles in its rest frame."""
    k = np.sqrt(mass**2 / 4 - MUON_MASS**2)
    gamma, beta_gamma = np.hypot(p, mass) / mass, p / mass
    sine = np.sqrt(1 - cos_theta**2)
    momenta = [
        np.array(
            [
                s * k * sine * np.cos(phi),
                s * k * sine * np.sin(phi),
                gamma * s * k * cos_theta + beta_gamma * mass / 2,
            ]
        )
        for s in (1, -1)
    ]
    return momenta[0], momenta[1]


@given(
    st.floats(220, 2000), st.floats(2e4, 2.5e5), st.floats(-0.95, 0.95), st.floats(0, 2 * np.pi),
    st.floats(110_000, 175_000), st.floats(-3e-3, 3e-3),
)  # fmt: skip
def test_a_decay_is_found_again(mass, p, cos_theta, phi, z, slope):
    plus, minus = decay(mass, p, cos_theta, phi)
    # Turn the flight direction by `slope` around y, so that the parent comes from the impact point.
    turn = np.array([[np.cos(slope), 0, np.sin(slope)], [0, 1, 0], [-np.sin(slope), 0, np.cos(slope)]])
    vertex = BEAM.point + (z - BEAM.point[2]) / np.cos(slope) * turn @ [0, 0, 1]
    lines = muon_lines(vertex, turn @ plus, turn @ minus)
    event = dimuon_event()
    event["tracks"] = [track | line for track, line in zip(event["tracks"], lines, strict=True)]
    pair = pair_of(event)
    assert pair.mass[0] == pytest.approx(mass, rel=1e-6)
    assert pair.z_vertex[0] == pytest.approx(vertex[2], abs=0.1)
    assert pair.cda[0] == pytest.approx(0.0, abs=1e-6)
    if abs(slope) > 1e-4:
        assert pair.z_tax[0] == pytest.approx(23_070.0, abs=1.0)
        assert pair.cda_tax[0] == pytest.approx(0.0, abs=1e-3)
    assert pair.momentum.mag[0] == pytest.approx(p, rel=1e-9)


def test_plus_is_the_positive_track_whatever_the_order():
    event = dimuon_event()
    turned = event | {"tracks": event["tracks"][::-1]}
    for pair in (pair_of(event), pair_of(turned)):
        assert pair.plus.charge[0] == 1
        assert pair.dt[0] == pytest.approx(0.4)
        assert pair.time[0] == pytest.approx(10.0)


def test_equal_charges_keep_the_order_of_the_input():
    event = dimuon_event()
    for track, p in zip(event["tracks"], (11.0, 12.0), strict=True):
        track |= {"charge": -1, "p": p}
    pair = pair_of(event)
    assert (pair.plus.p[0], pair.minus.p[0]) == (11.0, 12.0)


def test_mass_hypothesis_changes_the_mass():
    assert pair_of(dimuon_event(), mass=0.511).mass[0] < pair_of(dimuon_event()).mass[0]


@pytest.mark.parametrize("column", ["x_before", "y_before", "z_before", "tx_before", "ty_before", "p"])
def test_undefined_track_state_gives_no_number(column):
    event = dimuon_event()
    event["tracks"][0][column] = np.nan
    pair = pair_of(event)
    assert np.isnan(pair.z_tax[0])
    assert np.isnan(pair.cda_tax[0])


def test_zero_momentum_has_no_primary_vertex():
    event = dimuon_event()
    for track in event["tracks"]:
        track["p"] = 0.0
    assert np.isnan(pair_of(event).z_tax[0])


def test_column_that_was_not_read_is_named():
    event = dimuon_event()
    for track in event["tracks"]:
        del track["chi2"]
    with pytest.raises(MissingColumnError, match="chi2"):
        _ = pair_of(event).plus.chi2


def test_mass_and_momentum_are_those_of_vector():
    rng = np.random.default_rng(4)
    n = 1000
    spread = {"x": 300.0, "y": 300.0, "z": 1.0, "tx": 0.01, "ty": 0.01}
    columns = {f"{name}_before": rng.normal(0.0, width, 2 * n) for name, width in spread.items()}
    record = ak.zip({"p": rng.uniform(1e3, 2e5, 2 * n), "charge": rng.choice([-1, 1], 2 * n), **columns})
    tracks = Tracks(record, record, np.arange(2 * n), detector=None)
    pair = Pairs.by_charge(tracks, np.arange(n), np.arange(n, 2 * n), MUON_MASS, BEAM)
    leptons = [track.momentum.to_Vector4D(mass=np.full(n, MUON_MASS)) for track in (pair.plus, pair.minus)]
    assert (np.asarray((leptons[0] + leptons[1]).mass) == pair.mass).all()
    direction = np.stack([pair.momentum.px, pair.momentum.py, pair.momentum.pz], axis=1)
    expected = closest_approach(Line(pair.vertex.midpoint, direction), BEAM)
    assert (expected.distance == pair.cda_tax).all()
