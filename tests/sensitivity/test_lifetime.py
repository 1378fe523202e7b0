"""Limits in the plane of mass and lifetime, against the closed form of one momentum and direction."""

import numpy as np
import pytest

from bdana.sensitivity.lifetime import SPEED_OF_LIGHT, lifetime_limits
from bdana.sensitivity.scan import Scan
from tests.sensitivity import straight

LIFETIMES = np.geomspace(0.05, 1e4, 12)
OVERRIDES = ("selection.dimuon.acceptance=false", "signal.events=20000", "signal.decays=20000")


def efficiency(part):
    """Of the selection for decays in the volume, where all of it is alike: long lifetimes."""
    return next(iter(part.selected.values())).mean(1e-20) / part.in_volume(1e-20)


def test_limits_are_events_over_the_probability_of_a_selected_decay(monkeypatch):
    scan = Scan(straight.analysis_of(monkeypatch, *OVERRIDES), "mumu", None)
    (found,) = lifetime_limits(scan, [straight.MASS], LIFETIMES, 1e17, 2.3)
    length = straight.P / straight.MASS * SPEED_OF_LIGHT * LIFETIMES
    reach = np.exp((straight.SOURCE - straight.FIRST) / length) - np.exp(
        (straight.SOURCE - straight.LAST) / length
    )
    (part,) = scan(straight.MASS).production.values()
    long = LIFETIMES > 100
    assert found[long] == pytest.approx(2.3 / (1e17 * reach * efficiency(part))[long], rel=0.03, abs=0)
    # Elsewhere the efficiency depends on where the decays are.
    accepted = 2.3 / (1e17 * reach)
    assert (found > accepted).all()
    assert (found < 20 * accepted)[LIFETIMES > 0.2].all()


def test_the_width_and_the_strength_of_the_model_drop_out(monkeypatch):
    limits = []
    for per_proton in (straight.PER_PROTON, 5e-8):
        monkeypatch.setattr(straight.Beam, "per_proton", per_proton)
        monkeypatch.setattr(straight.Beam.__init__, "__defaults__", (per_proton,))
        scan = Scan(straight.analysis_of(monkeypatch), "mumu", None)
        limits.append(lifetime_limits(scan, [300.0], LIFETIMES, 1e17, 2.3))
    assert limits[0] == pytest.approx(limits[1], rel=1e-9, abs=0)


def test_limits_go_with_events_and_protons(monkeypatch):
    scan = Scan(straight.analysis_of(monkeypatch), "mumu", None)
    one = lifetime_limits(scan, [300.0], LIFETIMES, 1e17, 2.3)
    two = lifetime_limits(scan, [300.0], LIFETIMES, 1e18, 4.6, production="beam")
    assert two == pytest.approx(0.2 * one, rel=1e-9, abs=0)


def test_where_nothing_is_selected_there_is_no_limit(monkeypatch):
    scan = Scan(straight.analysis_of(monkeypatch), "mumu", None)
    found = lifetime_limits(scan, [300.0, 500.0], np.array([1e-7, 1.0]), 1e17, 2.3)
    assert np.isinf(found[:, 0]).all()
    assert np.isfinite(found[:, 1]).all()
    assert np.isinf(lifetime_limits(scan, [300.0], LIFETIMES, 1e17, 2.3, production="none")).all()
