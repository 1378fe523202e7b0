"""Draw docs/island.png and print the table of docs/validation.md: the published mumu island and expected events on it.

    python docs/draw_island.py NA62_mumu_2303.08666.csv      # columns mass_MeV,epsilon along the contour

The published contour is of arXiv:2303.08666. Nothing of it is part of this project.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

import bdana
from bdana.sensitivity.contour import trace
from bdana.sensitivity.exclusion import expected_events
from bdana.sensitivity.overlays import read_overlay
from bdana.sensitivity.scan import Scan
from bdana.statistics.methods import limits
from bdana.statistics.poisson import Background

mpl.use("Agg")
from matplotlib import pyplot as plt

POT = 1.4e17
BACKGROUND = Background(0.016, 0.002)
EVENT_MEV = 411.0
WINDOW_MEV = 5.0
"""Half of the mass window around the observed event: 2.5 times the resolution."""
SHOWN = (220, 240, 260, 280, 300, 330, 360, 390, 411, 430, 450, 475, 500, 530)
COUPLINGS = (1e-7, 6e-6)


def limit(mass: float) -> float:
    """Return the upper limit at 90% CL for the event that was observed at this mass, or none."""
    observed = int(abs(mass - EVENT_MEV) < WINDOW_MEV)
    return limits(observed, BACKGROUND, 0.9, 0.2, ("cls",))["cls"].high


def accepted_events(yields, end):
    """Return accepted events against the coupling, with the proton's form factor at one end of its band."""
    factors = {}
    for name, part in yields.production.items():
        ends = part.variations.get("proton_form_factor")
        middle = next(iter(part.selected.values())).mean(1e-14)
        factors[name] = ends[end](1e-14) / middle if ends else 1.0

    def events(coupling):
        return sum(
            factors[name] * part.accepted.expected(coupling, POT) for name, part in yields.production.items()
        )

    return events


def branches(overlay):
    """Return the lower and upper branch of a contour that is one line around an island, as functions of the mass."""
    turn = int(np.argmax(overlay.mass))
    both = []
    for part in (slice(None, turn + 1), slice(turn, None)):
        order = np.argsort(overlay.mass[part])
        both.append((overlay.mass[part][order], overlay.coupling[part][order]))
    both.sort(key=lambda branch: branch[1].mean())
    return [lambda mass, b=branch: np.exp(np.interp(mass, b[0], np.log(b[1]))) for branch in both]


def print_table(published, scan, bare):
    """Print expected events on the published boundary, at both branches of each mass."""
    lower, upper = branches(published)
    for mass in map(float, SHOWN):
        cells = [f"{mass:.0f}", f"{limit(mass):.2f}"]
        for branch in (lower, upper):
            coupling = np.array([branch(mass)])
            yields, only = scan(mass), bare(mass)
            accepted = [float(accepted_events(yields, end)(coupling)[0]) for end in (0, 1)]
            selected = float(expected_events(yields, POT)(coupling)[0])
            alone = float(expected_events(only, POT)(coupling)[0])
            middle = sum(
                float(part.accepted.expected(coupling[0], POT)) for part in yields.production.values()
            )
            cells += [
                f"{coupling[0] * 1e6:.2f}", f"{accepted[0]:.1f} – {accepted[1]:.1f}", f"{selected:.1f}",
                f"{selected / middle:.2f}", f"{alone:.1f}",
            ]  # fmt: skip
        sys.stdout.write("| " + " | ".join(cells) + " |\n")


def main() -> None:
    """Print the table and draw the contours."""
    published = read_overlay(Path(sys.argv[1]))
    scan = Scan(bdana.load(overrides=["signal.events=10000"]), "mumu")
    bare = Scan(
        bdana.load(overrides=[
            "signal.events=10000", 'signal.parameters.production=["bremsstrahlung"]',
            'signal.parameters.form_factor="none"',
        ]),
        "mumu",
    )  # fmt: skip
    print_table(published, scan, bare)
    ends = EVENT_MEV + WINDOW_MEV * np.array([-1.01, -0.99, 0.99, 1.01])
    masses = np.union1d(np.geomspace(213.0, 650.0, 40), ends)
    drawn = {
        "efficiency 1, form factor low": (lambda mass: accepted_events(scan(mass), 0), "tab:orange", "-"),
        "efficiency 1, form factor high": (lambda mass: accepted_events(scan(mass), 1), "tab:red", "-"),
        "selected": (lambda mass: expected_events(scan(mass), POT), "tab:blue", "-"),
        "selected, bremsstrahlung alone, no form factor": (
            lambda mass: expected_events(bare(mass), POT), "tab:green", "--"
        ),
    }  # fmt: skip
    figure, axes = plt.subplots(figsize=(7.0, 5.0), layout="constrained")
    for label, (events, colour, style) in drawn.items():
        for number, island in enumerate(trace(masses, events, limit, COUPLINGS)):
            axes.plot(*island.outline(), style, color=colour, label=label if not number else None)
    axes.fill(published.mass, published.coupling, color="0.8", label="published, arXiv:2303.08666")
    axes.set(yscale="log", xlabel=r"mass [MeV/$c^2$]", ylabel=r"$\varepsilon$", ylim=COUPLINGS)
    axes.set_title(r"A' to $\mu\mu$, $1.4\times10^{17}$ protons, 90% CL; 1 event at 411 MeV", fontsize=10)
    axes.legend(fontsize=8, loc="upper right")
    figure.savefig(Path(__file__).with_name("island.png"), dpi=110)


if __name__ == "__main__":
    main()
