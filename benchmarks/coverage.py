"""Coverage of the limits at a known background: prints the table and draws the figure of docs/statistics.md.

python benchmarks/coverage.py [docs/coverage.png]
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bdana.statistics.coverage import coverage
from bdana.statistics.poisson import Background

mpl.use("Agg")
import matplotlib.pyplot as plt

BACKGROUNDS = (0.0, 0.016, 0.6, 2.6, 26.0)
METHODS = ("classical", "cls", "feldman_cousins", "profile_likelihood")
NAMES = ("classical one-sided", "exact CLs = flat-prior Bayes", "Feldman-Cousins", "profile likelihood")
SIGNALS = np.linspace(0.0, 10.0, 1001)
LEVEL = 0.9


def main() -> None:
    """Draw one panel for each method."""
    figure, panels = plt.subplots(
        len(METHODS), 1, figsize=(7, 8), sharex=True, sharey=True, layout="constrained"
    )
    out = sys.stdout
    out.write("| lowest coverage | " + " | ".join(f"b = {b:g}" for b in BACKGROUNDS) + " |\n")
    out.write("|---|" + "---|" * len(BACKGROUNDS) + "\n")
    for panel, method, name in zip(panels, METHODS, NAMES, strict=True):
        lowest = []
        for b in BACKGROUNDS:
            values = coverage(SIGNALS, Background(b), LEVEL, method).values
            lowest.append(f"{values.min():.4f}")
            panel.plot(SIGNALS, values, lw=1, label=f"b = {b:g}")
        out.write(f"| {name} | " + " | ".join(lowest) + " |\n")
        panel.axhline(LEVEL, color="black", lw=0.8, ls="--")
        panel.set_title(name, loc="left", fontsize=10)
        panel.set_ylabel("coverage")
        panel.set_ylim(0.65, 1.01)
    panels[0].legend(ncols=5, fontsize=8, loc="lower right")
    panels[-1].set_xlabel("true signal s (events)")
    panels[-1].set_xlim(0, 10)
    figure.savefig(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/coverage.png"), dpi=110)


if __name__ == "__main__":
    main()
