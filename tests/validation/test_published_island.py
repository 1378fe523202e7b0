"""The published exclusion of A' -> mu mu (arXiv:2303.08666) against expected events on its border.

The limit on the number of events is that of one observed event where the event's mass is, 411 MeV, and of none elsewhere.
docs/validation.md has the table with more masses, made by docs/draw_island.py.
"""

import numpy as np
import pytest

import bdana
from bdana.sensitivity.exclusion import expected_events
from bdana.sensitivity.overlays import read_overlay
from bdana.sensitivity.yields import mass_yields
from bdana.statistics.methods import limits
from bdana.statistics.poisson import Background

POT = 1.4e17
MASSES = (220.0, 250.0, 300.0, 350.0, 400.0, 411.0, 450.0, 500.0)
SMALL = ("signal.decays=20000", "signal.events=2000")


def limit(mass):
    observed = int(abs(mass - 411.0) < 5.0)
    return limits(observed, Background(0.016, 0.002), 0.9, 0.2, ("cls",))["cls"].high


@pytest.fixture(scope="module")
def border(shared):
    """The couplings of both branches of the published contour at a mass."""
    published = read_overlay(shared / "reference" / "past_exclusions" / "NA62_mumu_2303.08666.csv")
    turn = int(np.argmax(published.mass))

    def at(mass):
        found = []
        for part in (slice(turn, None), slice(None, turn + 1)):
            order = np.argsort(published.mass[part])
            logs = np.log(published.coupling[part][order])
            found.append(float(np.exp(np.interp(mass, published.mass[part][order], logs))))
        return found

    return at


def test_the_island_lies_inside_what_efficiency_one_excludes(border):
    analysis = bdana.load(overrides=SMALL)
    for mass in MASSES:
        yields = mass_yields(analysis, "mumu", mass)
        form_factor = yields.production["bremsstrahlung"].variations["proton_form_factor"]
        middle = next(iter(yields.production["bremsstrahlung"].selected.values())).mean(1e-14)
        for coupling in border(mass):
            by_process = {
                name: float(part.accepted.expected(coupling, POT)) for name, part in yields.production.items()
            }
            low, high = (
                sum(by_process.values()) + by_process["bremsstrahlung"] * (end(1e-14) / middle - 1)
                for end in form_factor
            )
            assert limit(mass) < low < high
            # Not by far: a tenth of the particles would not do.
            assert low < 20 * limit(mass)


def test_bremsstrahlung_alone_without_form_factor_gives_the_published_border(border):
    only = ('signal.parameters.production=["bremsstrahlung"]', 'signal.parameters.form_factor="none"')
    analysis = bdana.load(overrides=[*SMALL, *only])
    for mass in MASSES:
        expected = expected_events(mass_yields(analysis, "mumu", mass), POT)
        lower, upper = (expected(np.array([coupling]))[0] / limit(mass) for coupling in border(mass))
        assert 0.7 < lower < 1.4
        if mass > 280:  # below, the published upper branch lies lower
            assert 0.9 < upper < 2.0
