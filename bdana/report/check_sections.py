"""The validation section of a report: checks.json as tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hepunits import GeV

from bdana.observed import Predicted
from bdana.plotting import (
    save_flatness,
    save_pulls,
    save_rates,
    save_regions,
    save_stability,
    save_unfolding,
)
from bdana.report.document import Figure, Table, Text
from bdana.report.tables import compared, in_label
from bdana.rounding import error_text, p_equals, p_text, plus_minus, same_place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CHECK_FIGURES", "check_blocks", "check_figures"]

CHECK_FIGURES = frozenset(
    {"flatness", "like_sign", "out_of_time", "stability", "pulls", "unfolding", "rates", "rates_by_run"}
)
"""Names of the figures of this section."""


def check_figures(checks: dict[str, Any], folder: Path) -> list[Figure]:
    """Draw the figures of the checks into a folder.

    Parameters
    ----------
    checks : dict
        checks.json.
    folder : Path
    """
    flat, (low, high), label = checks["flatness"], checks["sideband_ns"], checks["label"]
    path = folder / "flatness.png"
    save_flatness(
        np.array(flat["counts"]),
        flat["window_ns"],
        path,
        in_label(f"open regions, p {_p_equals(flat['p'])}", label),
        label,
    )
    figures = [
        Figure(
            path,
            "Time differences of pairs of opposite charge in open regions, before the cuts on times.",
        )
    ]
    wide = f"{low:g} < |DT| < {high:g} ns"
    for name, what in (("like_sign", "like-sign pairs in time"), ("out_of_time", f"opposite charge, {wide}")):
        rows, path = checks[name], folder / f"{name}.png"
        observed, expected, error = (
            np.array([row[key] for row in rows]) for key in ("observed", "expected", "error")
        )
        down = np.array(
            [row["error"] if row.get("error_down") is None else row["error_down"] for row in rows]
        )
        save_regions(
            [row["region"] for row in rows],
            observed,
            expected,
            error,
            path,
            in_label(what, label),
            label,
            error_down=None if np.array_equal(down, error) else down,
        )
        figures.append(
            Figure(path, f"Pairs that are open in every region: {what}, against their prediction.")
        )
    figures.append(_stability(checks["stability"], folder / "stability.png", label))
    figures += [_rates(rates, folder, label) for rates in checks["rates"]]
    if pulls := checks["pulls"]:
        path = folder / "pulls.png"
        sources, values, errors = ([pull[key] for pull in pulls] for key in ("source", "value", "error"))
        save_pulls(sources, values, errors, path, in_label("fit of the known regions", label))
        figures.append(
            Figure(path, "Pulls of the sources of uncertainty in a fit of the regions that are known.")
        )
    if checks["prompt"] and checks["prompt"]["estimate"]:
        figures.append(_unfolding(checks["prompt"]["estimate"], folder / "unfolding.png", label))
    return figures


def _stability(sorts: Sequence[dict[str, Any]], path: Path, label: str) -> Figure:
    groups = [row for s in sorts for row in _scaled(s)]
    starts = np.cumsum([0, *(len(s["groups"]) for s in sorts)]).tolist()
    save_stability(
        [label for label, _, _ in groups],
        np.array([n for _, n, _ in groups]),
        np.array([b for _, _, b in groups]),
        path,
        in_label("open regions", label),
        [(start, f"{s['what']}\np {_p_equals(s['p'])}") for start, s in zip(starts, sorts, strict=False)],
    )
    return Figure(
        path, "Candidates of open regions over their expected share in groups, with Garwood errors."
    )


def _rates(rates: dict[str, Any], folder: Path, label: str) -> Figure:
    path = folder / ("rates_by_run.png" if rates["what"] == "run" else "rates.png")
    tracks, live, observed, expected = (
        np.array(rates[key]) for key in ("tracks", "live_time_s", "observed", "expected")
    )
    title = in_label("recorded singles, and candidates of open regions", label)
    save_rates(rates["groups"], tracks, live, observed, expected, path, rates["what"], title, label)
    by = "run" if rates["what"] == "run" else "groups of bursts"
    return Figure(
        path,
        f"Recorded singles for each second of live time, and candidates of open regions with the prediction, by {by}.",
    )


def _unfolding(estimate: dict[str, Any], path: Path, label: str) -> Figure:
    closure = {name: np.array(value) for name, value in estimate["closure"].items()}
    edges = np.array(estimate["edges_mev"]) / GeV
    save_unfolding(
        edges, **closure, path=path, title=f"simulated muons with the spectrum unfolded from the {label}"
    )
    return Figure(
        path, "Closure of the unfolding: muons carried back before and after it, against the truth."
    )


def check_blocks(checks: dict[str, Any]) -> list[Text | Table]:
    """Lay out the results of the checks as text and tables.

    Parameters
    ----------
    checks : dict
        checks.json.
    """
    flat, (low, high) = checks["flatness"], checks["sideband_ns"]
    p = "too few for a p-value" if flat["p"] is None else f"p {_p_equals(flat['p'])} (Kolmogorov-Smirnov)"
    return [
        Text(
            f"DT of {flat['pairs']} pairs of open regions with |DT| < {flat['window_ns']:g} ns against a flat distribution: "
            f"{p}."
        ),
        _compared(
            checks, "like_sign", "Like-sign pairs in time, in every region, against the like-sign prediction."
        ),
        _compared(
            checks,
            "out_of_time",
            f"Pairs of opposite charge with {low:g} < |DT| < {high:g} ns, in every region, against the prediction for that window.",
        ),
        *(_normalisation(checks["normalisation"]) if checks["normalisation"] else []),
        *([_closure(checks["closure"])] if checks["closure"] else []),
        Table(
            ["groups of", in_label("observed", checks["label"]), "expected share", "p"],
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
            [[p["source"], *same_place(p["value"], p["error"], signed=True)] for p in checks["pulls"]],
            "Sources of uncertainty in a fit of the regions that are known, in units of their error.",
        ),
        *(_prompt(checks["prompt"]) if checks["prompt"] else []),
    ]


def _normalisation(found: dict[str, Any]) -> list[Text | Table]:
    return [
        Text(
            f"Normalisation, {found['source']}: {plus_minus(found['ratio'], found['error'])}. "
            f"As an uncertainty of all regions together this is {found['effect']:.1%}: it counts when [systematics] of "
            "analysis.toml has it."
        )
    ]


def _closure(rows: Sequence[dict[str, Any]]) -> Table:
    return Table(
        ["pairs", "estimate", "simulated", "estimate over simulated", "pull"],
        [
            [
                r["source"],
                plus_minus(r["estimate"], r["error"]),
                str(r["observed"]),
                plus_minus(r["ratio"], r["ratio_error"]) if r["ratio"] is not None else "",
                f"{r['pull']:+z.2f}",
            ]
            for r in rows
        ],
        "Closure on this simulated sample, all regions together, with errors of counting and of the few single tracks alone.",
    )


def _scaled(stability: dict[str, Any]) -> list[tuple[str, int, float]]:
    """Return group, observed number and share of the observed total that is expected."""
    total, expected = sum(stability["observed"]), sum(stability["expected"])
    scale = total / expected if expected else 0.0
    return [
        (group, n, b * scale)
        for group, n, b in zip(stability["groups"], stability["observed"], stability["expected"], strict=True)
    ]


def _compared(checks: dict[str, Any], name: str, caption: str) -> Table:
    rows = checks[name]
    limited = any(row["upper_limit_90"] is not None for row in rows)
    explained = " < is the 90% CL upper limit where no pair was seen to estimate from." if limited else ""
    return Table(*compared(rows, checks["label"]), caption + explained)


def _prompt(prompt: dict[str, Any]) -> list[Text | Table]:
    share, z = prompt["share"], prompt["z_two_sided"]
    return [
        Text(
            f"In-time (prompt) component of the pairs of open regions, without {', '.join(share['left_out'])}: "
            f"{share['text']} (68% interval); below {share['upper_limit']:.0%} of the combinatorial at "
            f"{share['level']:.0%} CL (Bayes, flat prior)."
        ),
        Table(
            ["region", "expected", "p(N ≥ n)"],
            [[r["region"], str(Predicted.of_dict(r)), _p(r["p_n"]) or "closed"] for r in prompt["varied"]],
            "Variation: with the upper limit of the in-time component added in every region"
            + (f"; {prompt['varied'][0]['region']}: {z:.1f} sigma two-sided." if z is not None else "."),
        ),
        *(_bounded(prompt["bounded"]) if prompt["bounded"] else []),
        *(_prompt_estimate(prompt["estimate"]) if prompt["estimate"] else []),
    ]


def _bounded(rows: Sequence[dict[str, Any]]) -> list[Text | Table]:
    inner, p = rows[0], _p(rows[0]["with_limit"]["p_n"])
    z = (
        f", p(N ≥ n) {p_equals(inner['with_limit']['p_n'])}, {inner['with_limit']['z_two_sided']:.1f} sigma two-sided"
        if p
        else ""
    )
    more = Predicted.of_dict(inner["with_limit"])
    source = (
        "Prompt pairs of every region: the in-time pairs of the open regions, times the share of pairs that pass the "
        "vetoes by accident, times the ratio of the simulated pairs"
        if inner["constrained"]
        else "Prompt pairs of every region, assumed: neither open regions nor simulated pairs constrain their number"
    )
    return [
        Text(f"{inner['text']}. With the limit added {inner['region']} expects {more}{z}."),
        Table(
            ["region", "ratio", "prompt pairs", "upper limit", "of the combinatorial", "with it", "p(N ≥ n)"],
            [
                [
                    r["region"],
                    "" if r["ratio"] is None else plus_minus(r["ratio"], r["ratio_error"]),
                    plus_minus(r["expected"], r["high"] - r["expected"], r["expected"] - r["low"]),
                    error_text(r["upper_limit"]),
                    "" if r["share"] is None else f"{r['share']:.0%}",
                    str(Predicted.of_dict(r["with_limit"])),
                    _p(r["with_limit"]["p_n"]) or "closed",
                ]
                for r in rows
            ],
            f"{source}. Upper limits at {inner['level']:.0%} CL.",
        ),
    ]


def _prompt_estimate(estimate: dict[str, Any]) -> list[Text | Table]:
    widths = estimate["widths"]
    units = (("x, mm", 1.0), ("y, mm", 1.0), ("dx/dz, mrad", 1e3), ("dy/dz, mrad", 1e3))
    seen = min(estimate["efficiency"])
    return [
        Table(
            ["region", "expected prompt pairs", "of it unfolding", "from the simulation", "simulated pairs"],
            [
                [
                    r["region"],
                    plus_minus(r["expected"], r["error"])
                    if r["pairs"]
                    else f"< {error_text(r['upper_limit_90'])} at 90% CL",
                    f"± {error_text(r['unfolding_error'])}" if r["pairs"] else "",
                    f"± {error_text(r['simulation_error'])}" if r["pairs"] else "",
                    str(r["pairs"]),
                ]
                for r in estimate["regions"]
            ],
            "Prompt pairs of the single muons, carried back, unfolded and sent down again, with an assumed yield of pairs "
            "and its error of 100%. Not applied: detector acceptance, muon identification and vetoes, which can only lower "
            "them.",
        ),
        Text(
            f"Unfolding of the energies at production: {estimate['iterations']} iterations; root mean square pull of all "
            f"bins in pseudo-experiments {estimate['rms_pull']:.2f}; efficiency of the bins at least {seen:.2f}."
        ),
        Table(
            [
                "width (rms) behind the matter",
                "tracks",
                "straight back and down",
                "unfolded",
                "unfolded and seen",
            ],
            [
                [
                    label,
                    *(
                        f"{widths[name][k] * scale:.4g}"
                        for name in ("measured", "straight", "unfolded", "seen")
                    ),
                ]
                for k, (label, scale) in enumerate(units)
            ],
            "Closure of places and slopes: muons carried back and sent down again against the tracks. Of muons that scatter "
            f"more than is measured ({estimate['unresolved']:.0%} of them) those count that come down like the tracks.",
        ),
    ]


def _p_equals(p: float | None) -> str:
    return "= none" if p is None else p_equals(p)


def _p(p: float | None) -> str:
    return "" if p is None else p_text(p)
