"""Traps that others fell into: closed bins in panels, drawn as zero, or in scales; and what is written beside pictures."""

import json

import hist
import numpy as np

from bdana.plotting import save_comparison, save_regions
from bdana.plotting.comparison import merged
from bdana.plotting.figures import Look, look

LOOK = Look("Exp", "data, blinded: SR closed", "analysis 0123", beside=(".pdf",), numbers=True)


def made(values):
    filled = hist.Hist(hist.axis.Regular(4, 0, 4, name="x", label="x [m]"), storage=hist.storage.Weight())
    filled.view()["value"] = filled.view()["variance"] = np.array(values, dtype=float)
    return filled


def test_closed_bins_are_absent_and_not_zero(tmp_path):
    # columnflow 515 draws closed bins as points at zero, PocketCoffea 283 shows them in the ratio.
    with look(LOOK):
        save_comparison(made([3, 0, 0, 2]), made([2, 0, 1, 2]), tmp_path / "a.png", closed=made([0, 5, 0, 0]))
    numbers = json.loads((tmp_path / "a.json").read_text())
    assert numbers["observed"]["values"] == [3.0, None, 0.0, 2.0]
    assert numbers["closed_bins"] == [1]
    assert numbers["state"] == "data, blinded: SR closed"


def test_figures_have_the_same_bytes_every_time_in_every_format(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with look(LOOK):
            save_regions(
                ["CR", "SR"], np.array([2.0, np.nan]), np.ones(2), np.ones(2), tmp_path / name / "r.png"
            )
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["r.json", "r.pdf", "r.png"]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert json.loads((tmp_path / "a" / "r.json").read_text())["observed"] == [2.0, None]


def test_bins_are_merged_by_the_prediction_and_divide_evenly():
    assert merged(np.full(24, 1.0), 2.0) == 2
    assert merged(np.full(24, 0.0), 2.0) == 3
