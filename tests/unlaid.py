"""Figures without layout, where only what is in them counts: placing takes half of the time of a report."""

import pytest


@pytest.fixture(scope="package", autouse=True)
def figures_without_layout():
    """Leave axes where they are; that nothing overlaps is tested with the figures themselves and the demo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.layout_engine.ConstrainedLayoutEngine.execute", lambda engine, figure: None)
        yield
