"""`bdana demo`: the whole way of an event, on simulated data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_tables, progress_bar
from bdana.cli.select import result_tables
from bdana.errors import InputError

if TYPE_CHECKING:
    from bdana.simulation import SimulationConfig

__all__ = ["MARKER", "demo"]

MARKER = ".bdana-demo"
"""The file that marks a folder as a demo's, which the next demo may replace."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to work in.")] = Path("bdana-demo"),
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the simulation.")] = 1,
) -> None:
    """Simulate halo muons and a signal, read them back, select, and draw the candidates."""
    from bdana.analysis import load, scaffold
    from bdana.plotting import save_plane
    from bdana.selection import Candidates

    _start_afresh(folder)
    scaffold(folder)
    analysis = load(folder)
    found = []
    for name, config in _samples().items():
        path = folder / "data" / f"{name}.root"
        _simulate(path, config, seed)
        with progress_bar(f"selecting {name}") as progress:
            run = analysis.select([path], kind="mc", progress=progress)
        run.candidates.write_csv(folder / "output" / f"{name}.csv")
        print_tables(f"{name}:", *result_tables(run))
        found.append(run.candidates)
    picture = folder / "output" / "plane.png"
    save_plane(
        Candidates.concatenate(found), analysis.regions, picture, "simulation: halo muons and A' of 411 MeV"
    )
    print_tables(
        "",
        f"The picture is {picture}, the candidates are in {folder / 'output'}.",
        f"Next: change a number in {folder / 'selections/dimuon.py'}, then run there:",
        f"  cd {folder} && bdana select data/signal.root --kind mc",
    )


def _samples() -> dict[str, SimulationConfig]:
    from bdana.simulation import Beam, Signal, SimulationConfig

    return {
        # The full exposure; the single tracks, of which no pair is made here, are thinned out.
        "halo": SimulationConfig(pot=1.4e17, bursts=200, beam=Beam(downscale=2000.0)),
        "signal": SimulationConfig(
            pot=1.4e17, bursts=200, run=99002, signal=Signal(mass_mev=411.0, decays=2000)
        ),
    }


def _simulate(path: Path, config: SimulationConfig, seed: int) -> None:
    from bdana.simulation import write_sample

    path.parent.mkdir(exist_ok=True)
    with progress_bar(f"simulating {path.stem}") as progress:
        events = write_sample(path, config, seed, progress)
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
