"""The validation section of a report: what it says of checks made by hand."""

import json

import numpy as np
import pytest

from bdana.observed import Predicted
from bdana.report.check_sections import check_blocks, check_figures
from bdana.report.document import Table, Text
from bdana.search.checks import Checks, Compared, Flatness, Stability
from bdana.search.normalisation import Normalisation
from bdana.search.prompt_check import Bounded, PromptCheck, Varied
from bdana.statistics.nuisance_pulls import Pull
from bdana.upstream import PromptEstimate, PromptRegion, PromptShare
from bdana.upstream.directions import DirectionClosure
from bdana.upstream.spectrum import ProductionSpectrum, UnfoldingClosure

SHARE = PromptShare(
    pairs=29, prompt=3.1, prompt_low=1.3, prompt_high=5.4, prompt_quantiles=(2.0, 4.0, 6.0), contained=1.0,
    fraction=0.19, low=0.08, high=0.34, upper_limit=0.42, level=0.9,
)  # fmt: skip


def prompt_estimate():
    two, square, four = np.array([300.0, 100.0]), np.diag([250.0, 90.0]), np.arange(1.0, 5.0)
    closure = UnfoldingClosure(two, 0.9 * two, 1.02 * two, np.sqrt(two), rms_pull=0.97)
    spectrum = ProductionSpectrum(two, square, square / 9, two / 400, two > 0, iterations=6, closure=closure)
    widths = DirectionClosure(
        *(np.array([200.0, 150.0, 1.5e-3, 1.2e-3]) * (1 + four[k] / 10) for k in range(4))
    )
    zero, limit = np.zeros(2), np.array([2e-3, np.nan])
    return PromptEstimate(
        ("SR", "outside"), np.array([0.0, 0.4]), np.array([0.0, 0.4]), np.array([0.0, 0.02]), np.array([0, 31]), zero,
        limit, np.array([1e4, 3e4, 1e5]), spectrum, 0.8 * two, widths, unresolved=0.03,
        covariance=np.diag([0.0, 4e-4]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def document():
    rows = (Compared("SR", 0.0, 0.0, 0, 1.0, 1.0, 0.02), Compared("outside", 9.5, 1.2, 11, 0.35, 0.64))
    stability = Stability("time", ("quarter 1", "quarter 2"), (4.0, 6.0), (5, 6), 0.8)
    unknown = Stability("quality of the burst", ("good", "bad"), (9.0, 0.0), (10, 1), None)
    varied = (Varied("SR", 0.0, 0.0, None, 0.03), Varied("outside", 13.5, 1.7, 0.78))
    bounded = Bounded(
        PromptRegion("SR", 0.0, 0.0, 0.03, 0.08, 0.9, 0.01, 0.02, constrained=True),
        Predicted(0.016, 0.002),
        Varied("SR", 0.096, 0.002, 0.0915),
    )
    prompt = PromptCheck(SHARE, ("trigger_time", "lav_veto"), varied, prompt_estimate(), (bounded,))
    made = Checks(
        rows, rows, (10.0, 18.0), Flatness(10.0, 20, 0.4, (1,) * 20), (stability, unknown),
        (Pull("normalisation", 0.2, 0.9),), prompt,
        normalisation=Normalisation(71, 74.7, 0.951, 0.113, 0.113),
    )  # fmt: skip
    return json.loads(json.dumps(made.to_dict()))


def test_the_report_shows_the_prompt_component_with_its_closure(document, tmp_path):
    assert "unfolding.png" in [figure.path.name for figure in check_figures(document, tmp_path)]
    blocks = check_blocks(document)
    texts = [block.text for block in blocks if isinstance(block, Text)]
    said = next(text for text in texts if text.startswith("In-time (prompt) component"))
    assert "without trigger_time, lav_veto" in said
    assert SHARE.text in said
    assert any("6 iterations" in text for text in texts)
    widths = next(b for b in blocks if isinstance(b, Table) and b.headers[0].startswith("width (rms)"))
    assert [row[0] for row in widths.rows] == ["x, mm", "y, mm", "dx/dz, mrad", "dy/dz, mrad"]
    measured, seen = (document["prompt"]["estimate"]["widths"][name] for name in ("measured", "seen"))
    assert float(widths.rows[2][1]) == pytest.approx(1e3 * measured[2], rel=1e-3)
    assert widths.rows[3][4] == f"{1e3 * seen[3]:.4g}"


def test_a_closed_region_and_one_without_a_pair_have_no_number(document):
    tables = [block for block in check_blocks(document) if isinstance(block, Table)]
    limited = next(table for table in tables if "< is the 90% CL upper limit" in table.caption)
    assert any("< 0.02" in cell for cell in limited.rows[0])
    varied = next(table for table in tables if table.caption.startswith("Variation: "))
    assert [row[2] for row in varied.rows] == ["closed", "0.78"]


def test_the_bound_on_prompt_pairs_is_compared_with_the_combinatorial_background(document):
    blocks = check_blocks(document)
    said = next(b.text for b in blocks if isinstance(b, Text) and "is 5 times the combinatorial" in b.text)
    assert "SR expects 0.0960 ± 0.0020, p(N ≥ n) = 0.0915, 1.7 sigma two-sided" in said
    table = next(b for b in blocks if isinstance(b, Table) and "prompt pairs" in b.headers)
    assert table.rows == [
        ["SR", "0.010 ± 0.020", "0.000 +0.030 -0", "0.080", "500%", "0.0960 ± 0.0020", "0.0915"]
    ]
    assert "in-time pairs of the open regions" in table.caption


def test_the_measured_normalisation_is_said_with_what_to_do_with_it(document):
    texts = [block.text for block in check_blocks(document) if isinstance(block, Text)]
    said = next(text for text in texts if text.startswith("Normalisation"))
    assert "71 like-sign and out-of-time pairs" in said
    assert "0.95 ± 0.11" in said
    assert "11.3%: it counts when [systematics]" in said
