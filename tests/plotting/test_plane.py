"""The plane: what is counted where, and frames that depend on no candidate."""

import numpy as np
import pytest

import bdana
from bdana.plotting import plane as plane_figure
from bdana.plotting import save_plane
from bdana.selection import Candidates, plane_histogram

REGIONS = bdana.load(bdana.analysis.template_folder()).regions


def candidates(z_m, cda):
    n = len(z_m)
    values = dict.fromkeys(Candidates.__dataclass_fields__, np.zeros(n))
    return Candidates(
        **values | {"z_tax": 1e3 * np.array(z_m), "cda_tax": np.array(cda, dtype=float), "weight": np.ones(n)}
    )


def test_candidates_are_counted_in_metres_and_millimetres():
    plane = plane_histogram(candidates([23.1, 23.2, 170.0], [5.0, 5.1, 900.0]), REGIONS)
    assert plane[{"z_tax": 23.1j, "cda_tax": 5.0j}].value == 2
    assert plane[{"z_tax": 170.0j, "cda_tax": 900.0j}].value == 1


def test_what_lies_outside_the_frame_is_kept_in_the_flow():
    plane = plane_histogram(candidates([500.0, 20.0, 20.0, np.nan], [5.0, 1e5, 0.0, 5.0]), REGIONS)
    assert plane.sum().value == 0
    assert plane.sum(flow=True).value == 3


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_picture_for_any_number_of_candidates(tmp_path, count):
    rng = np.random.default_rng(0)
    found = candidates(rng.uniform(-90, 170, count), rng.uniform(1, 900, count))
    save_plane(plane_histogram(found, REGIONS), REGIONS, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 5000


def test_closed_regions_change_the_picture(tmp_path):
    found = plane_histogram(candidates([100.0], [5.0]), REGIONS)
    save_plane(found, REGIONS, tmp_path / "open.png")
    save_plane(found, REGIONS, tmp_path / "closed.png", closed=REGIONS.boxes[:2])
    assert (tmp_path / "open.png").read_bytes() != (tmp_path / "closed.png").read_bytes()


def test_the_name_of_a_region_hides_no_candidate(tmp_path):
    """Of four corners of CR3, (-60, 100) m and up to 735 mm, one is free: below on the right."""
    found = candidates([-55.0, 92.0, -55.0], [600.0, 600.0, 0.35])
    with pytest.MonkeyPatch.context() as patch:
        axes = []
        draw = plane_figure._write_names
        patch.setattr(plane_figure, "_write_names", lambda one, *rest: (axes.append(one), draw(one, *rest)))
        save_plane(plane_histogram(found, REGIONS), REGIONS, tmp_path / "p.png")
    (name,) = (text for text in axes[0].texts if text.get_text() == "CR3")
    assert name.xy == (100.0, pytest.approx(axes[0].get_ylim()[0]))
    (other,) = (text for text in axes[0].texts if text.get_text() == "CR2")
    assert other.xy == (-30.0, 430.0), "the upper left corner where all are free"
