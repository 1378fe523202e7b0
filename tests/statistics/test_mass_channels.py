"""Windows of mass of several channels together: limits against single ones, p-values by toys of other code."""

import numpy as np
import pytest
from scipy import stats

from bdana.errors import InputError
from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.mass_channels import MassChannel, scan_channels
from bdana.statistics.mass_global import with_common
from bdana.statistics.mass_limits import scan_masses
from bdana.statistics.mass_spectrum import MassSpectrum, Resolution
from bdana.statistics.mass_windows import MassSearch
from bdana.statistics.poisson import Background

FINE, COARSE = Resolution(((411.0, 2.0),)), Resolution(((411.0, 5.0),))


def channel(name, background, masses=(), share=1.0, resolution=FINE, ends=None):
    spectrum = background if ends is None else MassSpectrum.flat(*ends, background)
    seen = None if masses is None else np.array(masses, dtype=float)
    return MassChannel(name, MassSearch(resolution, 2.0, spectrum, seen), lambda _: share)


def test_one_channel_alone_has_its_own_scan():
    one = channel("mumu", Background(0.5, 0.1), [411.0, 600.0], ends=(300.0, 800.0))
    masses = [411.0, 500.0, 600.0]
    found, alone = scan_channels([one], masses), scan_masses(one.search, masses)
    assert found.p_local == pytest.approx(alone.p_local)
    assert found.p_global == pytest.approx(alone.p_global)
    high = [row["cls"].high for row in found.limits]
    assert high == pytest.approx([row["cls"].high for row in alone.limits], rel=1e-6)


def test_a_window_has_the_limit_of_its_counts_and_shares():
    mumu = channel("mumu", Background(0.016, 0.002), [411.0], 0.45)
    ee = channel("ee", Background(0.2, 0.1), [418.0], 0.10, COARSE)
    scan = scan_channels([mumu, ee], [411.0, 700.0], efficiency_error=0.2)
    parts = [
        CountedChannel("mumu", 1, Background(0.016, 0.002), 0.45),
        CountedChannel("ee", 1, Background(0.2, 0.1), 0.10),
    ]
    errors = np.diag([0.002**2, 0.1**2])  # independent
    for method in ("cls", "bayes"):
        expected = combined_limit(parts, 0.9, 0.2, method, errors).high
        assert scan.limits[0][method].high == pytest.approx(expected)
    assert scan.limits[1]["bayes"].high == pytest.approx(2.432, abs=1e-3)  # no event at 700 MeV
    assert scan.efficiency(0) == pytest.approx(0.9545, abs=1e-4)
    assert [w.observed for w in scan.windows[0]] == [1, 1]
    assert scan.shares[0] == pytest.approx((0.45 / 0.55, 0.1 / 0.55))


def test_errors_in_common_widen_the_sum():
    """P(N >= 3) of two windows whose expectations move together, against draws of the expectations."""
    pair = [channel(n, Background(1.0, 0.4), [411.0, 411.0]) for n in ("mumu", "ee")]
    apart, together = scan_channels(pair, [411.0]), scan_channels(pair, [411.0], common=np.full((2, 2), 0.16))
    rng = np.random.default_rng(5)
    z = rng.normal(size=(2, 400_000))
    for scan, values in ((apart, 1 + 0.4 * z), (together, 1 + 0.4 * z[[0, 0]])):
        inside = values[:, (values > 0).all(axis=0)]
        expected = stats.poisson.sf(3, inside.sum(axis=0)).mean()
        assert scan.p_local[0] == pytest.approx(expected, rel=0.01)
    assert together.p_local[0] > 1.05 * apart.p_local[0]


def test_the_global_p_value_is_that_of_experiments():
    mumu = channel("mumu", Background(2.0, 0.8), [500.0, 501.0], ends=(400.0, 600.0))
    ee = channel("ee", Background(3.0, 1.2), [503.0], ends=(400.0, 600.0), resolution=COARSE)
    masses = np.arange(420.0, 581.0, 2.0)
    scan = scan_channels([mumu, ee], masses.tolist(), common=np.full((2, 2), 0.16))
    rng = np.random.default_rng(3)
    hits, number = 0, 20_000
    for _ in range(number):
        z = rng.normal()
        while 1 + 0.4 * z < 0:
            z = rng.normal()
        inside = np.zeros(len(masses), dtype=int)
        for mean, half in ((2.0, 4.0), (3.0, 10.0)):
            events = rng.uniform(400.0, 600.0, rng.poisson(mean * (1 + 0.4 * z)))
            inside += (np.abs(events[:, None] - masses) <= half).sum(axis=0)
        hits += inside.max() >= 3
    assert scan.p_global == pytest.approx(hits / number, abs=5 * np.sqrt(hits) / number)
    assert scan.p_global > 3 * scan.smallest[0]


def test_a_region_closed_in_one_channel_has_expected_limits_only():
    scan = scan_channels([channel("mumu", Background(0.016)), channel("ee", Background(0.2), None)], [411.0])
    document = scan.to_dict()
    assert (document["state"], scan.p_local, scan.limits) == ("closed", None, None)
    assert document["windows"][0].keys().isdisjoint({"observed", "p_local", "limits"})
    assert "observed" not in document["windows"][0]["channels"]["ee"]
    assert document["windows"][0]["expected_limits"] == pytest.approx([2.303], abs=1e-3)


def test_what_no_pair_was_seen_for_is_independent():
    backgrounds = [Background(1.0, 0.3), Background.unseen(0.5), Background(2.0, 0.6)]
    found = with_common(backgrounds, np.full((3, 3), 0.09))
    assert found == pytest.approx(np.array([[0.09, 0, 0.18], [0, 0, 0], [0.18, 0, 0.36]]))


def test_a_mass_without_signal_is_refused():
    with pytest.raises(InputError, match="at 411 MeV no channel has signal"):
        scan_channels([channel("mumu", Background(0.1), share=0.0)], [411.0])
    with pytest.raises(InputError, match="at least one candidate mass"):
        scan_channels([], [411.0])
