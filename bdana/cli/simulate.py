"""`bdana simulate`: write a simulated sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, progress_bar
from bdana.cli.options import ExecutorName, Json, Scheduler, Workers, executor_from
from bdana.errors import ConfigError

if TYPE_CHECKING:
    from bdana.api import Analysis
    from bdana.simulation import Signal, SimulationConfig
    from bdana.simulation.generated import GeneratorCounts

__all__ = ["simulate"]

Output = Annotated[Path, typer.Argument(metavar="OUT.root", help="File to write.", show_default=False)]
Kind = Annotated[
    str,
    typer.Option(
        metavar="mc|pseudo|signal",
        help="Halo muons and accidental pairs with truth, the same without truth, or decays of a new particle.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same events.")]
Protons = Annotated[float, typer.Option(metavar="N", help="Protons on target.")]
Bursts = Annotated[int, typer.Option(metavar="N", help="Bursts they come in.")]
Run = Annotated[int, typer.Option(min=0, metavar="N", help="Run number.")]
Mass = Annotated[
    float | None, typer.Option(metavar="MEV", help="Mass of the new particle.", show_default=False)
]
CouplingValue = Annotated[
    float | None,
    typer.Option(
        "--coupling",
        "--epsilon",
        metavar="C",
        help="Coupling, such as epsilon; without it decays are flat in z.",
        show_default=False,
    ),
]
Mode = Annotated[
    str | None,
    typer.Option(
        metavar="mumu|ee|...",
        help="Decay of the signal.",
        show_default="the first that is open; mumu with --from",
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Signal model, by default with its parameters that of the analysis here or above.",
        show_default=False,
    ),
]
Spectrum = Annotated[
    str | None,
    typer.Option(
        metavar="flat|all|PROCESS",
        help="Spectrum of the signal; a process such as bremsstrahlung.",
        show_default="the model's first process",
    ),
]
Decays = Annotated[int, typer.Option(metavar="N", help="Signal decays to generate.")]
Source = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE.hepmc",
        help="Take the events of a generator (HepMC2 or 3, .gz) instead; their weights are kept, whatever --pot is.",
        show_default=False,
    ),
]
ParticleNumber = Annotated[
    int | None,
    typer.Option(
        metavar="PDG",
        help="With --from: decay this particle here, by --mode; else the generator made the decays.",
        show_default=False,
    ),
]
CtauMm = Annotated[
    float | None,
    typer.Option(
        metavar="MM",
        help="With --particle: weight by the probability to decay in the volume.",
        show_default=False,
    ),
]
Origin = Annotated[
    str,
    typer.Option(
        metavar="dump|zero",
        help="With --from: where its coordinates begin, in the impact point on the dump or at z = 0.",
    ),
]
DetectorName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        help="Geometry, with its beam and dump; by default that of the analysis here or above, else na62.",
        show_default=False,
    ),
]
Replaced = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace a parameter, such as beam.intensity_rms=0.6; once per key.",
        show_default=False,
    ),
]


@app.command()
def simulate(
    context: typer.Context,
    output: Output,
    kind: Kind = "mc",
    seed: Seed = 1,
    pot: Protons = 1.4e17,
    bursts: Bursts = 2000,
    run: Run = 99_001,
    mass: Mass = None,
    epsilon: CouplingValue = None,
    mode: Mode = None,
    model: ModelName = None,
    spectrum: Spectrum = None,
    decays: Decays = 100_000,
    source: Source = None,
    particle: ParticleNumber = None,
    ctau_mm: CtauMm = None,
    origin: Origin = "dump",
    detector: DetectorName = None,
    overrides: Replaced = None,
    workers: Workers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Simulate halo muons, decays of a new particle or a generator's events into a ROOT file of bdana's own layout."""
    from dataclasses import asdict, replace

    from bdana._version import __version__
    from bdana.atomic import check_output
    from bdana.events.exposure import check_protons
    from bdana.simulation import (
        Generated,
        SimulationConfig,
        override,
        write_generated,
        write_sample,
    )

    if output.suffix != ".root":
        raise ConfigError(f"{output}: end the name in .root")
    if kind not in {"mc", "pseudo", "signal"}:
        raise ConfigError(f"kind '{kind}' is unknown: choose mc, pseudo or signal")
    _check_options(context, generated=source is not None, decayed=particle is not None)
    if not source and (mass is None) == (kind == "signal"):
        raise ConfigError("--mass MEV and --kind signal go together")
    signal = None if mass is None else _signal(mass, mode, model, spectrum, decays=decays, epsilon=epsilon)
    check_protons(pot, "--pot")
    config = SimulationConfig.of_detector(
        _geometry(detector), pot=pot, bursts=bursts, run=run, signal=signal, truth=kind != "pseudo"
    )
    generated = Generated(particle, mode or Generated.mode, ctau_mm, origin)
    for text in overrides or ():
        if source and text.startswith("generated."):
            generated = override(generated, text.removeprefix("generated."))
        else:
            config = override(config, text)
    if config.signal and not config.signal.spectrum:
        first = next(iter(config.signal.particle.production), "flat")
        config = replace(config, signal=replace(config.signal, spectrum=first))
    check_output(output)  # before the long work
    _note_cautions(config)
    chosen = executor_from(_analysis_here() if executor == "dask" else None, workers, executor, scheduler)
    document = {"file": str(output), "kind": kind, "seed": seed, "config": asdict(config)}
    with progress_bar("simulating") as progress:
        if source:
            counts = write_generated(output, source, config, generated, seed, progress, chosen)
            events = counts.written
            document |= {"source": str(source), "generated": asdict(generated), "counts": asdict(counts)}
        else:
            events = write_sample(output, config, seed, progress, chosen)
    if as_json:
        print_json(document | {"events": events, "bdana_version": __version__})
        return
    note(f"simulated with seed {seed}")
    if source:
        note(f"{source}: {_counted(counts)}")
    print_tables(f"{events} events of {config.pot:.4g} protons in {config.bursts} bursts: {output}")


def _signal(mass: float, mode: str | None, model: str | None, spectrum: str | None, **values: Any) -> Signal:
    """Return the decays that are asked for: of the analysis's particle, unless another model is named.

    A spectrum that is not named is '' until all parameters of the model are known.
    """
    from bdana.analysis.signal_config import SignalConfig
    from bdana.simulation import Signal

    here = _analysis_here()
    own = (here and here.config.signal) or SignalConfig()
    if model is not None and model != own.model:
        own = SignalConfig(model=model)
    return Signal(
        mass_mev=mass,
        mode=mode or own.usual_mode_at(mass),
        spectrum=spectrum or "",
        model=own.model,
        parameters=own.parameters,
        **values,
    )


def _note_cautions(config: SimulationConfig) -> None:
    """Say on stderr what people must know of a spectrum or a coupling that a signal model gives."""
    signal = config.signal
    if signal and (signal.spectrum != "flat" or signal.epsilon is not None):
        for text in signal.particle.cautions:
            note(f"warning: {text}")


def _counted(counts: GeneratorCounts) -> str:
    """Say what became of the events and particles of a generator's file."""
    return (
        f"{counts.events} events of weight {counts.weight:.6g}, {counts.unused} of them not used; charged "
        f"particles left out: {counts.before} made before the decay volume, {counts.behind} behind the first "
        f"chamber, {counts.backwards} fly backwards; {counts.as_pions} hadrons followed as pions"
    )


def _geometry(detector: str | None) -> str:
    """Return the geometry that is asked for, or that of the analysis here or above."""
    here = None if detector else _analysis_here()
    return detector or (here.detector_file if here else "na62")


def _analysis_here() -> Analysis | None:
    from bdana.analysis import find_analysis
    from bdana.api import load

    return load() if find_analysis() is not None else None


def _check_options(context: typer.Context, *, generated: bool, decayed: bool) -> None:
    """Raise an error when options are given that have no meaning together."""

    def given(*names: str) -> str:
        typed = [
            name for name in names if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
        ]
        return " and ".join("--" + name.replace("_", "-") for name in typed)

    if not generated and (names := given("particle", "ctau_mm", "origin")):
        raise ConfigError(f"{names}: only together with --from FILE.hepmc")
    if generated and (names := given("mass", "epsilon", "model", "spectrum", "decays")):
        raise ConfigError(f"--from takes particles and momenta from the file: leave out {names}")
    if generated and not decayed and (names := given("mode")):
        raise ConfigError(f"{names}: the file has the decays, unless --particle PDG names what decays here")
