"""Figures without layout, where only what is in them counts: placing takes half of the time of a report."""

import pytest


def without_layout():
    """Leave axes where they are; that nothing overlaps is tested with the figures themselves and the demo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.layout_engine.ConstrainedLayoutEngine.execute", lambda engine, figure: None)
        yield


figures_without_layout = pytest.fixture(scope="package", autouse=True)(without_layout)
"""Of all tests of a folder."""
unlaid = pytest.fixture(scope="module")(without_layout)
"""Of the tests of a file that ask for it."""
