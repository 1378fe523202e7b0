"""Figures without layout, or of their words alone, where nobody looks at them: pictures take most of the time of a report."""

import pytest
from matplotlib.text import Text
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def without_layout():
    """Leave axes where they are; that nothing overlaps is tested with the figures themselves and the demo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.layout_engine.ConstrainedLayoutEngine.execute", lambda engine, figure: None)
        yield


figures_without_layout = pytest.fixture(scope="package", autouse=True)(without_layout)
"""Of all tests of a folder."""
unlaid = pytest.fixture(scope="module")(without_layout)
"""Of the tests of a file that ask for it."""


def words_only():
    """Write a picture of one pixel with the words of a figure; that all of them can be drawn is tested with the demo."""

    def print_png(canvas, file):
        words = PngInfo()
        for text in canvas.figure.findobj(Text):
            words.add_itxt("words", text.get_text())
        Image.new("L", (1, 1)).save(file, "png", pnginfo=words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.backends.backend_agg.FigureCanvasAgg.print_png", print_png)
        yield


figures_of_words = pytest.fixture(scope="package", autouse=True)(words_only)
"""Of all tests of a folder."""
