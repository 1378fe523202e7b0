"""Limits against mass: what is drawn for closed and open regions, with bands and without."""

import numpy as np
import pytest

from bdana.plotting import save_mass_limits

MASS = np.linspace(220.0, 700.0, 50)
FLAT = np.full((50, 5), 2.303)
BAND = np.linspace(2.3, 6.0, 5) + np.zeros((50, 1))


def drawn(path, *arguments, **more):
    save_mass_limits(MASS, arguments[0], path, *arguments[1:], **more)
    return path.read_text()


def test_a_band_is_drawn_where_it_is_one(tmp_path):
    band = drawn(tmp_path / "a.svg", BAND)
    assert band.count('id="FillBetweenPolyCollection') == 2
    flat = drawn(tmp_path / "b.svg", FLAT)
    assert 'id="FillBetweenPolyCollection' not in flat
    assert 'id="FillBetweenPolyCollection' not in drawn(tmp_path / "c.svg", BAND[:, [2]])


def test_the_local_p_values_have_a_panel_of_their_own(tmp_path):
    observed = {"CLs": np.where(abs(MASS - 411.0) < 10, 3.87, 2.3)}
    p = np.where(abs(MASS - 411.0) < 10, 2e-4, 1.0)
    assert 'id="axes_2"' in drawn(tmp_path / "a.svg", FLAT, observed=observed, p_local=p)
    assert 'id="axes_2"' not in drawn(tmp_path / "b.svg", FLAT)


@pytest.mark.parametrize("mass", [np.array([411.0]), MASS])
def test_one_mass_is_enough(tmp_path, mass):
    number = len(mass)
    save_mass_limits(
        mass, FLAT[:number], tmp_path / "p.png", {"CLs": FLAT[:number, 0]}, np.full(number, 1e-9)
    )
    assert (tmp_path / "p.png").stat().st_size > 5000
