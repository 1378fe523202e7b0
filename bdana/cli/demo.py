"""`bdana demo`: a whole blinded search, on simulated data."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.atomic import write_atomically
from bdana.cli.app import app
from bdana.cli.console import note, print_tables, progress_bar
from bdana.cli.options import ExecutorName, Scheduler, TwoWorkers, executor_from
from bdana.cli.run import run_and_report, run_with_progress, search_table, signal_lines
from bdana.cli.unblind import DemoPeople
from bdana.errors import InputError
from bdana.rounding import plus_minus

if TYPE_CHECKING:
    from bdana.engine import Executor
    from bdana.search.run import SampleRun
    from bdana.simulation import SimulationConfig

__all__ = ["MARKER", "demo"]

MARKER = ".bdana-demo"
"""The file that marks a folder as a demo's, which the next demo may replace."""

SAMPLES = """
# Simulated by `bdana demo`.
[samples.pseudo-data]
kind = "{kind}"
files = ["{file}"]
trigger = "H2"

[samples.singles]
kind = "{kind}"
files = ["{file}"]
trigger = "Q1"

[samples.signal]
kind = "mc"
files = ["data/signal.root"]
channel = "A' of 411 MeV to mu+ mu-"

"""


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to work in.")] = Path("bdana-demo"),
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the simulation.")] = 1,
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Seal the data, and have made-up people open every region.")
    ] = False,
    workers: TwoWorkers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
) -> None:
    """Make an analysis, simulate 1.4e17 protons on target for it, and run the blinded search."""
    from bdana.analysis import scaffold
    from bdana.api import load
    from bdana.search.kept_parts import KeptParts

    chosen = executor_from(None, workers, executor, scheduler, usual=2)
    _start_afresh(folder)
    scaffold(folder)
    _declare_samples(folder / "analysis.toml", sealed=unblind)
    # Seven of its steps read all the data, so that demo records a tenth of the single tracks.
    samples = _samples(downscale=2250.0 if unblind else 225.0)
    for name, config in samples.items():
        _simulate(folder / "data" / f"{name}.root", config, seed, chosen)
    if unblind:
        people = DemoPeople(folder, (samples["pseudo-data"].run, samples["pseudo-data"].run))
        people.set_up(folder / "data" / "pseudo-data.root")
    said = "Every region but the part outside is closed: nobody has looked."
    kept = KeptParts()
    first = run_with_progress(load(folder), chosen, kept)
    _declare_normalisation(folder / "analysis.toml", first)
    if unblind:
        _print_table(run_with_progress(load(folder), chosen, kept))
        print_tables(said, "Now they open them.")
        people.open_all()
        said = "Every region is open, and the record of it is in blinding/ledger."
    made = run_and_report(load(folder), chosen, None if unblind else kept)
    _print_table(made.results)
    if unblind:
        people.verify()
    print_tables(
        *signal_lines(load(folder)),
        "",
        f"The report is {made.report}.",
        f"{said} Next:",
        f"  cd {shlex.quote(str(folder))} && bdana run            # after changing a cut in selections/dimuon.py",
        f"  cd {shlex.quote(str(folder))} && bdana select data/signal.root --kind mc",
    )


def _print_table(results: tuple[SampleRun, ...]) -> None:
    for result in results:
        print_tables(
            *(search_table(result.table) if result.table else ()),
            *(f"{region.name}: {region.provenance}" for region in result.opened),
        )


def _declare_samples(path: Path, *, sealed: bool) -> None:
    before, search, after = path.read_text(encoding="utf-8").partition("[search]\n")
    # Pseudo-data are read through the gate, like data; the gate of data is the seal.
    kind, file = ("data", "data/pseudo-data.open.root") if sealed else ("pseudo", "data/pseudo-data.root")
    names = 'data = "pseudo-data"\nsingle_tracks = "singles"\n'
    samples = SAMPLES.lstrip().format(kind=kind, file=file)
    path.write_text(before + samples + search + names + after, encoding="utf-8")


def _declare_normalisation(path: Path, results: tuple[SampleRun, ...]) -> None:
    """Write the uncertainty of the normalisation that the first run measured into analysis.toml."""
    measured = next((run.checks.normalisation for run in results if run.checks), None)
    if measured is None:
        return
    note(f"normalisation {plus_minus(measured.ratio, measured.error)}, {measured.source}")
    table = f'effect = {measured.effect:.3g}\ncorrelated = true\nsource = "{measured.source}"\n'
    text = path.read_text(encoding="utf-8")
    with write_atomically(path) as file:
        file.write(f"{text}\n[systematics.normalisation]\n{table}")


def _samples(downscale: float) -> dict[str, SimulationConfig]:
    from bdana.simulation import Beam, Signal, SimulationConfig

    beam = Beam(downscale=downscale)
    return {
        "pseudo-data": SimulationConfig(pot=1.4e17, bursts=2000, truth=False, beam=beam),
        "signal": SimulationConfig(
            pot=1.4e17, bursts=2000, run=99002, signal=Signal(mass_mev=411.0, decays=20_000)
        ),
    }


def _simulate(path: Path, config: SimulationConfig, seed: int, executor: Executor) -> None:
    from bdana.simulation import write_sample

    path.parent.mkdir(exist_ok=True)
    with progress_bar(f"simulating {path.stem}") as progress:
        events = write_sample(path, config, seed, progress, executor)
    note(f"{events} events in {path}")


def _start_afresh(folder: Path) -> None:
    if folder.exists():
        if not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} is there already and was not made by a demo; name another folder")
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True)
        (folder / MARKER).write_text("Made by `bdana demo`, which replaces this folder when it runs again.\n")
    except OSError as err:
        raise InputError(f"{folder}: cannot be written ({err.strerror})") from None
