"""The validation section of a report: checks.json as tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.plotting import save_groups
from bdana.report.document import Figure, Table, Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["check_blocks", "check_figures"]


def check_figures(checks: dict[str, Any], folder: Path) -> list[Figure]:
    """Draw the stability of data over prediction."""
    groups = [(s, *row) for s in checks["stability"] for row in _scaled(s)]
    sorts = [s["what"] for s, *_ in groups]
    path = folder / "stability.png"
    save_groups(
        [label for _, label, _, _ in groups],
        np.array([n for _, _, n, _ in groups]),
        np.array([b for _, _, _, b in groups]),
        path,
        "; ".join(dict.fromkeys(sorts)),
        [i for i in range(1, len(sorts)) if sorts[i] != sorts[i - 1]],
    )
    return [
        Figure(path, "Candidates of open regions over their expected share in groups, with Garwood errors.")
    ]


def check_blocks(checks: dict[str, Any]) -> list[Text | Table]:
    """Lay out the numbers of the checks."""
    flat, (low, high) = checks["flatness"], checks["sideband_ns"]
    return [
        Text(
            f"DT of {flat['pairs']} pairs of open regions with |DT| < {flat['window_ns']:g} ns against a flat distribution: "
            f"p = {_p(flat['p'])} (Kolmogorov-Smirnov)."
        ),
        _compared(
            checks["like_sign"], "Like-sign pairs in time, in every region, against the like-sign prediction."
        ),
        _compared(
            checks["out_of_time"],
            f"Pairs of opposite charge with {low:g} < |DT| < {high:g} ns, in every region, against the prediction for that window.",
        ),
        Table(
            ["groups of", "observed", "expected share", "p"],
            [
                [
                    s["what"],
                    ", ".join(map(str, s["observed"])),
                    ", ".join(f"{b:.3g}" for b in s["expected"]),
                    _p(s["p"]),
                ]
                for s in checks["stability"]
            ],
            "Stability in open regions; p(L ≤ Lobs) of the division among the groups.",
        ),
        Table(
            ["source", "pull", "error"],
            [[p["source"], f"{p['value']:+.2f}", f"{p['error']:.2f}"] for p in checks["pulls"]],
            "Sources of uncertainty in a fit of the regions that are known, in units of their error.",
        ),
        *(_prompt(checks["prompt"]) if checks["prompt"] else []),
    ]


def _scaled(stability: dict[str, Any]) -> list[tuple[str, int, float]]:
    """Return group, observed number and share of the observed total that is expected."""
    total, expected = sum(stability["observed"]), sum(stability["expected"])
    scale = total / expected if expected else 0.0
    return [
        (group, n, b * scale)
        for group, n, b in zip(stability["groups"], stability["observed"], stability["expected"], strict=True)
    ]


def _compared(rows: Sequence[dict[str, Any]], caption: str) -> Table:
    return Table(
        ["region", "expected", "observed", "p(N ≥ n)", "p(L ≤ Lobs)"],
        [
            [
                r["region"],
                f"{r['expected']:.3g} ± {r['error']:.2g}",
                str(r["observed"]),
                f"{r['p_n']:.4g}",
                f"{r['p_l']:.4g}",
            ]
            for r in rows
        ],
        caption,
    )


def _prompt(prompt: dict[str, Any]) -> list[Text | Table]:
    share, z = prompt["share"], prompt["z_two_sided"]
    fitted = (
        f"{share['prompt']:.1f} ± {share['error']:.1f} of {share['pairs']} pairs of open regions are in time with each other, "
        f"before the vetoes: {share['fraction']:.3f} ± {share['fraction_error']:.3f} of the accidental ones"
        if share["fraction"] is not None
        else f"{share['pairs']} pairs in the open regions before the vetoes"
    )
    return [
        Text(
            f"In-time (prompt) component: {fitted}; below {share['upper_limit']:.0%} of the combinatorial at "
            f"{share['level']:.0%} CL (Bayes, flat prior)."
        ),
        Table(
            ["region", "expected", "p(N ≥ n)"],
            [
                [r["region"], f"{r['expected']:.3g} ± {r['error']:.2g}", _p(r["p_n"]) or "closed"]
                for r in prompt["varied"]
            ],
            "Variation: with the upper limit of the in-time component added in every region"
            + (f"; {prompt['varied'][0]['region']}: {z:.1f} sigma two-sided." if z is not None else "."),
        ),
    ]


def _p(p: float | None) -> str:
    return "" if p is None else f"{p:.4g}"
