"""Pictures depend on what is drawn, not on the settings of the person, the machine or the calling program."""

import os
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import bdana
from bdana.plotting import save_comparison, save_plane
from bdana.plotting.figures import FORMATS
from bdana.selection import Candidates, plane_histogram

RC = "text.usetex: True\nfigure.figsize: 1,1\naxes.formatter.use_locale: True\nfont.size: 40\nimage.cmap: jet\n"
MINE = {
    "text.usetex": True, "figure.figsize": (1, 1), "font.size": 40, "font.family": "monospace", "savefig.dpi": 20,
    "savefig.bbox": "tight", "savefig.facecolor": "red", "savefig.transparent": True, "axes.grid": True,
    "lines.linewidth": 9, "hatch.color": "red", "path.sketch": (1, 100, 2), "svg.fonttype": "none", "pdf.compression": 0,
    "axes.formatter.use_locale": True, "errorbar.capsize": 8, "date.epoch": "1980-01-01", "timezone": "Asia/Tokyo",
}  # fmt: skip
DRAW = "import sys; from tests.plotting.test_figures import draw; from pathlib import Path; draw(Path(sys.argv[1]))"


def draw(folder):
    """Draw two figures in every format; return the bytes of each by name."""
    regions = bdana.load(bdana.analysis.template_folder()).regions
    rng = np.random.default_rng(0)
    values = dict.fromkeys(Candidates.__dataclass_fields__, np.ones(100))
    found = Candidates(
        **values | {"z_tax": rng.uniform(-9e4, 17e4, 100), "cda_tax": rng.uniform(1, 900, 100)}
    )
    plane = plane_histogram(found, regions)
    for ending in FORMATS:
        save_plane(plane, regions, folder / f"plane{ending}", title="Ebene π±", closed=regions.boxes[:2])
    save_comparison(plane.project("z_tax"), plane.project("z_tax"), folder / "comparison.png", title="-1.5")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    with mpl.rc_context():
        mpl.rcdefaults()
        return draw(tmp_path_factory.mktemp("reference"))


def test_what_the_caller_set_and_draws_changes_nothing_and_stays(tmp_path, reference):
    with mpl.rc_context():
        mpl.rcParams.update(MINE)
        mine, other = plt.figure(7), plt.figure(3)
        axes = other.add_subplot()
        before = dict(mpl.rcParams)
        try:
            assert draw(tmp_path) == reference
            assert dict(mpl.rcParams) == before
            assert plt.get_fignums() == [3, 7]
            assert plt.gcf() is other
            assert plt.gca() is axes
            assert not mine.axes
        finally:
            plt.close(mine)
            plt.close(other)


@pytest.mark.parametrize(
    "surroundings",
    [
        {"MPLBACKEND": "module://no.such.backend", "MATPLOTLIBRC": "mine/matplotlibrc", "TZ": "Asia/Tokyo", "LC_ALL": "POSIX"},
        {"HOME": "/nowhere", "MPLCONFIGDIR": "matplotlibrc", "PYTHONIOENCODING": "ascii", "COLUMNS": "40"},
    ],
    ids=["back end and file of settings", "settings in the folder and no home"],
)  # fmt: skip
def test_nothing_around_the_process_changes_a_picture(tmp_path, reference, surroundings):
    rc = tmp_path / surroundings.get("MATPLOTLIBRC", "matplotlibrc")
    rc.parent.mkdir(exist_ok=True)
    rc.write_text(RC)
    out = tmp_path / "out"
    out.mkdir()
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | surroundings
    done = subprocess.run(
        [sys.executable, "-c", DRAW, out], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in sorted(out.iterdir())} == reference
