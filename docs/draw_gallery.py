"""Copy the pictures of the gallery and the tutorial from the folder of a demo: `python docs/draw_gallery.py bdana-demo`.

The picture of the report's head is taken by chromium, if it is here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"
SHOWN = (
    "plane_pseudo-data",
    "plane_signal",
    "mass",
    "n_minus_1_vertex_z",
    "n_minus_1_dt_before_lav",
    "like_sign",
    "stability",
    "rates",
    "unfolding",
    "exclusion",
    "sensitivity_production",
    "efficiency",
    "mass_resolution",
    "e_over_p",
)
EVENT = ("99002", "1", "7")
"""Run, burst and number of an event of the demo's signal."""


def main() -> None:
    """Copy the figures, and take a picture of the report."""
    output = Path(sys.argv[1]).resolve() / "output"
    drawn = [sys.executable, "-c", "from bdana.cli import main; main()", "display", *EVENT]
    subprocess.run([*drawn, "--sample", "signal", "--plot", PICTURES / "event.png"], check=True, cwd=output)  # noqa: S603
    (PICTURES / "event.json").unlink()
    (PICTURES / "event.pdf").unlink()
    for name in SHOWN:
        shutil.copyfile(output / "figures" / f"{name}.png", PICTURES / f"{name}.png")
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("no chromium here: the picture of the report is the old one")
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1100,760",
    ]
    target = f"--screenshot={PICTURES / 'report.png'}"
    report = (output / "report.html").as_uri()
    subprocess.run([browser, *options, target, report], check=True, capture_output=True)  # noqa: S603


if __name__ == "__main__":
    main()
