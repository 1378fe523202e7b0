"""`bdana background`: what accidental pairs of single tracks are expected to contribute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, require_analysis, table
from bdana.cli.options import AllBursts, Files, Jobs, Json, Kind, Overrides, Schema

if TYPE_CHECKING:
    from rich.table import Table

    from bdana.pairing import PairEstimate
    from bdana.upstream import PromptShare

__all__ = ["background", "estimate_tables", "share_text"]


@app.command()
def background(
    files: Files,
    schema: Schema = None,
    kind: Kind = "data",
    name: Annotated[
        str, typer.Option("--background", metavar="NAME", help="A module of backgrounds/.")
    ] = "combinatorial",
    all_bursts: AllBursts = False,
    bootstrap: Annotated[
        int, typer.Option(min=0, metavar="N", help="Cross-check the errors with N replicas of the sample.")
    ] = 0,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="OUT.root", help="Write every selected pair, too.", show_default=False),
    ] = None,
    overrides: Overrides = None,
    jobs: Jobs = 1,
    as_json: Json = False,
) -> None:
    """Estimate the combinatorial background from single tracks, or bound the prompt one (--background prompt)."""
    from contextlib import nullcontext

    from bdana.engine import ProcessExecutor, SerialExecutor
    from bdana.pairing import pair_file

    if bootstrap == 1:
        raise typer.BadParameter("a spread needs at least 2 replicas", param_hint="--bootstrap")
    analysis = require_analysis(overrides)
    if analysis.is_prompt(name):
        share = analysis.prompt_share(files, kind=kind, schema=schema, name=name, all_bursts=all_bursts)
        if as_json:
            print_json(share.to_dict() | {"analysis_hash": analysis.hash, "kind": kind})
        else:
            print_tables(share_text(share))
        return
    with pair_file(pairs) if pairs else nullcontext() as sink:
        estimate = analysis.background(
            files,
            kind=kind,
            schema=schema,
            name=name,
            all_bursts=all_bursts,
            executor=ProcessExecutor(jobs) if jobs > 1 else SerialExecutor(),
            bootstrap=bootstrap,
            sink=sink,
        )
    for warning in estimate.warnings:
        note(warning)
    if as_json:
        print_json(estimate.to_dict() | {"analysis_hash": analysis.hash, "kind": kind})
    else:
        print_tables(*estimate_tables(estimate))


def share_text(share: PromptShare) -> str:
    """Say what the fit of the time differences found."""
    limit = f"prompt pairs: below {share.upper_limit:.2%} of the combinatorial at {share.level:.0%} CL (Bayes, flat prior)"
    if not share.pairs:
        return f"{limit}; no pair outside the regions, before the LAV veto"
    return (
        f"{limit}; fitted {share.prompt:.1f} +- {share.error:.1f} of {share.pairs} pairs outside the regions, before the "
        f"LAV veto, {share.fraction:.3f} +- {share.fraction_error:.3f} of the accidental ones"
    )


def estimate_tables(estimate: PairEstimate) -> list[Table | str]:
    """Lay out an estimate for people: regions, sources of uncertainty, and what it was made of."""
    regions = table("region", "expected", "statistical", "systematic", "total", "pairs")
    rows = estimate.to_dict()["regions"]
    for row, systematic in zip(rows, estimate.systematic_covariance.diagonal() ** 0.5, strict=True):
        if row["pairs"]:
            errors = [f"{value:.2g}" for value in (row["statistical_error"], systematic, row["error"])]
            regions.add_row(row["name"], f"{row['expected']:.4g}", *errors, f"{row['pairs']}")
        else:
            regions.add_row(row["name"], f"0, < {row['upper_limit_90']:.2g} at 90% CL", "", "", "", "0")
    sources = table("systematic source", "relative", "correlated", "from", numbers=False)
    for source in estimate.systematics:
        largest = max(source.effect.values(), default=0.0)
        sources.add_row(source.name, f"{largest:.2%}", "yes" if source.correlated else "no", source.source)
    bursts = estimate.bursts
    said = [*estimate.warnings, *estimate.notes]
    if estimate.bootstrap_error is not None:
        replicas = zip(estimate.regions, estimate.bootstrap_error, strict=True)
        said.append("statistical errors by the bootstrap: " + ", ".join(f"{n} {e:.2g}" for n, e in replicas))
    if estimate.duty_factor is not None:
        said.append(f"duty factor <R>^2/<R^2> inside bursts: {estimate.duty_factor:.3f}")
    made_of = (
        f"{bursts.plus.sum()} positive and {bursts.minus.sum()} negative single tracks in {len(bursts)} bursts, "
        f"{estimate.built} pairs of opposite charge; accidental veto survival {bursts.accidental_survival:.4f}"
    )
    return [regions, sources, made_of, *said]
