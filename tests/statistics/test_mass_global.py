"""Global p-values of scans in windows of mass, by toys of other code."""

import numpy as np
import pytest
from scipy import stats

from bdana.statistics.mass_limits import scan_masses
from bdana.statistics.mass_spectrum import MassSpectrum, Resolution
from bdana.statistics.mass_windows import MassSearch
from bdana.statistics.poisson import Background


@pytest.mark.parametrize(
    ("total", "seen"), [(0.05, [500.0]), (2.6, [500.0, 501.0]), (12.0, [499.0, 500.0, 502.0])]
)
def test_the_global_p_value_is_that_of_experiments(total, seen):
    """Flat background, windows of one width: as often as any window holds as many events, by a scan of other code."""
    spectrum = MassSpectrum.flat(400.0, 600.0, Background(total))
    search = MassSearch(Resolution(((500.0, 2.0),)), 2.0, spectrum, np.array(seen))
    masses = np.arange(410.0, 591.0, 2.0)
    scan = scan_masses(search, masses.tolist())
    assert scan.smallest[0] == pytest.approx(stats.poisson.sf(len(seen) - 1, total * 8.0 / 200.0))
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(20_000):
        events = rng.uniform(400.0, 600.0, rng.poisson(total))
        hits += (np.abs(events[:, None] - masses) <= 4.0).sum(axis=0).max(initial=0) >= len(seen)
    assert scan.p_global == pytest.approx(hits / 20_000, abs=5 * np.sqrt(hits) / 20_000 + 1e-4)
    assert scan.p_global > scan.smallest[0]


def test_a_global_p_value_is_never_zero_and_one_without_events():
    spectrum = MassSpectrum.flat(400.0, 600.0, Background(0.5))
    resolution = Resolution(((500.0, 2.0),))
    many = scan_masses(MassSearch(resolution, 2.0, spectrum, np.full(12, 500.0)), [480.0, 500.0])
    assert 0 < many.p_global < 1e-4
    none = scan_masses(MassSearch(resolution, 2.0, spectrum, np.array([])), [480.0, 500.0])
    assert (none.p_global, none.smallest[0]) == (1.0, 1.0)


def test_what_toys_are_too_few_for_is_the_sum_over_windows():
    spectrum = MassSpectrum.flat(400.0, 600.0, Background(0.5))
    search = MassSearch(Resolution(((500.0, 2.0),)), 2.0, spectrum, np.full(6, 500.0))
    scan = scan_masses(search, [480.0, 500.0, 520.0])
    assert scan.p_global == pytest.approx(3 * scan.smallest[0])
    assert 0 < scan.smallest[0] < 1e-12
    assert "upper bound" in scan.convention
