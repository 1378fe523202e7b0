"""`bdana simulate`: write a simulated sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, progress_bar
from bdana.cli.options import Json
from bdana.errors import ConfigError

__all__ = ["simulate"]


@app.command()
def simulate(
    output: Annotated[Path, typer.Argument(metavar="OUT.root", help="File to write.", show_default=False)],
    kind: Annotated[
        str,
        typer.Option(
            metavar="mc|pseudo|signal",
            help="Halo muons and accidental pairs with truth, the same without truth, or decays of a new particle.",
        ),
    ] = "mc",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same events.")] = 1,
    pot: Annotated[float, typer.Option(metavar="N", help="Protons on target.")] = 1.4e17,
    bursts: Annotated[int, typer.Option(metavar="N", help="Bursts they come in.")] = 2000,
    run: Annotated[int, typer.Option(metavar="N", help="Run number.")] = 99_001,
    mass: Annotated[
        float | None, typer.Option(metavar="MEV", help="Mass of the new particle.", show_default=False)
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(metavar="EPS", help="Coupling; without it decays are flat in z.", show_default=False),
    ] = None,
    mode: Annotated[str, typer.Option(metavar="mumu|ee|pipi", help="Decay of the signal.")] = "mumu",
    model: Annotated[str, typer.Option(metavar="NAME", help="Signal model.")] = "dark_photon",
    spectrum: Annotated[
        str,
        typer.Option(
            metavar="flat|all|PROCESS", help="Spectrum of the signal; a process such as bremsstrahlung."
        ),
    ] = "bremsstrahlung",
    decays: Annotated[int, typer.Option(metavar="N", help="Signal decays to generate.")] = 100_000,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Replace a parameter, such as beam.intensity_rms=0.6; once per key.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulate halo muons, or decays of a new particle, into a ROOT file of bdana's own layout."""
    from dataclasses import asdict

    from bdana._version import __version__
    from bdana.simulation import Signal, SimulationConfig, override, write_sample

    if kind not in {"mc", "pseudo", "signal"}:
        raise ConfigError(f"kind '{kind}' is unknown: choose mc, pseudo or signal")
    if (mass is None) == (kind == "signal"):
        raise ConfigError("--mass MEV and --kind signal go together")
    signal = None
    if mass is not None:
        signal = Signal(
            mass_mev=mass, decays=decays, mode=mode, epsilon=epsilon, spectrum=spectrum, model=model
        )
    config = SimulationConfig(pot=pot, bursts=bursts, run=run, signal=signal, truth=kind != "pseudo")
    for text in overrides or ():
        config = override(config, text)
    with progress_bar("simulating") as progress:
        events = write_sample(output, config, seed, progress)
    if as_json:
        print_json(
            {
                "file": str(output),
                "kind": kind,
                "seed": seed,
                "events": events,
                "config": asdict(config),
                "bdana_version": __version__,
            }
        )
    else:
        note(f"simulated with seed {seed}")
        print_tables(f"{events} events of {config.pot:.4g} protons in {config.bursts} bursts: {output}")
