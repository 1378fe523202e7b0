"""`bdana sensitivity`: expected signal events at points, or the excluded masses and couplings."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, table
from bdana.cli.exclusion import Counting, Figure, find_exclusion, note_cautions
from bdana.cli.options import ExecutorName, Json, Overrides, Scheduler, TwoWorkers, executor_from
from bdana.cli.sensitivity_options import (
    BackgroundError,
    Channels,
    CouplingValues,
    DecayVolume,
    ExpectedBackground,
    Grid,
    Levels,
    ListCouplings,
    Masses,
    MinEnergy,
    ModelName,
    NoFormFactor,
    NoTransitionFormFactor,
    Observed,
    Overlays,
    Plot,
    Protons,
    PtMax,
    PythiaSetting,
    Shown,
    ThetaMax,
    UseCache,
    Widths,
    ZRange,
)
from bdana.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bdana.analysis import AnalysisFolder
    from bdana.mistakes import OfOption
    from bdana.sensitivity.scan import Scan

__all__ = ["sensitivity"]

WIDTHS = "signal.parameters.widths"
POINT_DECAYS = ("signal.decays=400000", "signal.events=40000")
"""More decays than for a scan of many masses, for the points that are asked for."""
LISTED = 50
"""Masses at which it is looked which decay modes of a model are open."""


@app.command()
def sensitivity(
    channel: Channels = None,
    mass: Masses = None,
    coupling: CouplingValues = None,
    model: ModelName = None,
    couplings: ListCouplings = False,
    pot: Protons = None,
    fv: DecayVolume = None,
    min_energy: MinEnergy = None,
    z_range: ZRange = None,
    pt_max: PtMax = None,
    theta_max: ThetaMax = None,
    no_form_factor: NoFormFactor = False,
    no_transition_form_factor: NoTransitionFormFactor = False,
    pythia_setting: PythiaSetting = None,
    widths: Widths = None,
    observed: Observed = None,
    background: ExpectedBackground = 0.0,
    background_error: BackgroundError = 0.0,
    cl: Levels = None,
    grid: Grid = None,
    plot: Plot = None,
    show: Shown = "exclusion",
    overlay: Overlays = None,
    use_cache: UseCache = True,
    overrides: Overrides = None,
    workers: TwoWorkers = None,
    executor: ExecutorName = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Give expected signal events at points (--mass, --coupling), or the excluded region of all masses."""
    from bdana.events.exposure import check_protons
    from bdana.sensitivity.scan import Scan, cache_folder

    if couplings:
        _list_models(model, [*(overrides or ()), *_widths(widths or [])])
        return
    replaced = [
        *_replaced("signal.decay_volume_m", "--fv", fv, _pair),
        *_replaced("signal.min_energy_gev", "--min-energy", min_energy),
        *_replaced("signal.min_photon_energy_gev", "--min-energy", min_energy),
        *_replaced("signal.parameters.z_range", "--z-range", z_range, _pair),
        *_replaced("signal.parameters.pt_max_gev", "--pt-max", pt_max, _number),
        *_replaced("signal.parameters.theta_max_rad", "--theta-max", theta_max, _number),
        *_switched("signal.parameters.form_factor", "none", "--no-form-factor", no_form_factor),
        *_switched(
            "signal.parameters.transition_form_factor",
            False,
            "--no-transition-form-factor",
            no_transition_form_factor,
        ),
        *_replaced("signal.parameters.pythia_setting", "--pythia-setting", pythia_setting),
        *_widths(widths or []),
    ]
    analysis = _load(model, [*(POINT_DECAYS if mass else ()), *(overrides or ()), *replaced])
    protons = analysis.signal.pot if pot is None else pot
    check_protons(protons, "--pot", analysis.config.exposure.unusual)
    folder = cache_folder() if use_cache else None
    scans = [Scan(analysis, mode, folder) for mode in dict.fromkeys(channel or [analysis.signal.usual_mode])]
    chosen = executor_from(analysis, workers, executor, scheduler, usual=2, start=False)
    if not (mass or coupling):
        counting = Counting(protons, observed, background, background_error, tuple(cl or [0.9]))
        find_exclusion(scans, counting, Figure(plot, show, overlay or []), grid, chosen, as_json=as_json)
    elif mass and coupling:
        if grid or plot or overlay or observed is not None or background or cl:
            raise InputError(
                "--mass and --coupling ask for points: --grid, --plot, --overlay, --observed, --background and --cl are of "
                "the exclusion, without them"
            )
        _points(scans, mass, coupling, protons, as_json=as_json)
    else:
        raise InputError("points need both --mass and --coupling; without them all masses are scanned")


def _list_models(model: str | None, overrides: list[str]) -> None:
    """Print the signal models, or the one that is named, with what can be searched for and varied."""
    import numpy as np

    from bdana.signal import is_open
    from bdana.signal.models import couplings_of, find_parameters, make_particle, model_names, scan_of

    shown = table("model", "coupling", "masses [MeV]", "decay modes", "production", numbers=False)
    for name in [model] if model else model_names():
        given = _load(name, overrides).signal.parameters if model else {}
        usual = make_particle(name, scan_of(name, given).point[0], given)
        low, high = usual.mass_range
        at = [make_particle(name, mass, given) for mass in np.geomspace(low, high, LISTED).tolist()]
        modes = dict.fromkeys(mode for one in at for mode in one.modes if is_open(one, mode))
        chosen = find_parameters(name).model_validate(given)
        made = ", ".join(getattr(chosen, "production", usual.production))
        couplings = "\n".join(
            f"{coupling.name} (coupling = {value})" if value else coupling.name
            for value, coupling in couplings_of(name).items()
        )
        shown.add_row(name, couplings, f"{low:.4g} to {high:.4g}", ", ".join(modes), made)
    print_tables(shown)


def _load(model: str | None, overrides: list[str]) -> AnalysisFolder:
    """Load the analysis, as `console.load_analysis` does, but without the search: that takes longer than a contour."""
    from bdana.analysis import AnalysisFolder, find_analysis, template_folder

    folder = find_analysis()
    if folder is None:
        note(f"no analysis.toml here or above: using the default analysis in {template_folder()}")
    folder = folder or template_folder()
    _require_tables_by_mode(folder, model, overrides)
    if model is not None and model != AnalysisFolder.read(folder).signal.model:
        from bdana.analysis.signal_config import SignalConfig
        from bdana.signal.models import scan_of

        def own(**values: Any) -> list[str]:
            """Return overrides of what the analysis says of its own model."""
            return [_override(f"signal.{name}", value, f"--model {model}") for name, value in values.items()]

        start = own(model=model, parameters={}, channels={})
        there = AnalysisFolder.read(folder, [*start, *overrides]).signal
        scan = scan_of(model, there.parameters)
        channels = SignalConfig(model=model, parameters=there.parameters).usual_channels()
        scanned = own(masses_mev=scan.masses, couplings=scan.couplings, point=scan.point)
        scanned += own(**{f"channels.{mode}": selection for mode, selection in channels.items()})
        overrides = [*start, *scanned, *overrides]
    return AnalysisFolder.read(folder, overrides)


def _require_tables_by_mode(folder: Path, model: str | None, overrides: Sequence[str]) -> None:
    """Raise an error when --widths gives tables by mode to a model that takes one table."""
    from bdana.analysis import AnalysisFolder
    from bdana.mistakes import OfOption
    from bdana.signal.models import find_parameters

    for text in overrides:
        if isinstance(text, OfOption) and text.startswith(f"{WIDTHS}."):
            name = model or AnalysisFolder.read(folder).signal.model
            table = find_parameters(name).model_fields.get("widths")
            if table is not None and table.annotation is str:
                raise ConfigError(
                    f"{text.option}: {name} takes one table of all its decay modes: give --widths FILE, without the mode"
                )


def _points(
    scans: Sequence[Scan],
    masses: Sequence[float],
    couplings: Sequence[float],
    protons: float,
    *,
    as_json: bool,
) -> None:
    from bdana.sensitivity.points import check_coupling, signal_point

    name = scans[0].analysis.signal.coupling.name
    for coupling in couplings:
        check_coupling(coupling, name)
    note_cautions(scans[0], masses)
    points = {
        scan.mode: [
            signal_point(scan(mass), coupling, protons, name) for mass in masses for coupling in couplings
        ]
        for scan in scans
    }
    if as_json:
        documents = [{"channel": mode, "pot": protons, "points": of_mode} for mode, of_mode in points.items()]
        print_json(documents[0] if len(documents) == 1 else {"channels": documents})
        return
    several = ["channel"] * (len(points) > 1)
    shown = table(*several, "mass [MeV]", name, "production", "decays in the volume", "accepted", "selected")
    for mode, of_mode in points.items():
        for point in of_mode:
            for process, part in point["production"].items():
                numbers = (part["n_decays_fv"], part["n_accepted"], part["n_selected"])
                shown.add_row(
                    *([mode] * len(several)),
                    f"{point['mass_mev']:g}",
                    f"{point[name]:g}",
                    process,
                    *(f"{number:.4g}" for number in numbers),
                )
    print_tables(shown)


def _override(key: str, value: object, option: str) -> OfOption:
    from bdana.mistakes import OfOption

    return OfOption(f"{key}={json.dumps(value)}", option)


def _replaced(
    key: str, option: str, given: object, value: Callable[[str, Any], object] | None = None
) -> list[OfOption]:
    """Return the override of a key that an option asks for, none when it is not given."""
    if given is None:
        return []
    shown = f"{given:g}" if isinstance(given, float) else given
    return [_override(key, value(option, given) if value else given, f"{option} {shown}")]


def _switched(key: str, value: object, option: str, given: bool) -> list[OfOption]:
    return [_override(key, value, option)] if given else []


def _widths(given: list[str]) -> list[OfOption]:
    """Return the overrides of --widths: FILE, or MODE=FILE with the units behind FILE if its header does not say them."""
    found: dict[str, OfOption] = {}
    for text in given:
        mode, equals, place = text.partition("=")
        if not (equals and re.fullmatch(r"[\w-]+", mode)) or Path(text).exists():
            mode, place = "", text
        path, *units = place.rsplit(":", 2)
        if len(units) != 2 or Path(place).exists():
            path, units = place, []
        key = f"{WIDTHS}.{mode}" if mode else WIDTHS
        if key in found:
            raise ConfigError(
                f"--widths {text}: given twice; give one FILE, or MODE=FILE once for each decay mode"
            )
        value = ":".join([str(Path(path).resolve()), *units])
        found[key] = _override(key, value, f"--widths {text}")
    if WIDTHS in found and len(found) > 1:
        raise ConfigError(
            f"--widths: {' '.join(given)}: give one FILE, or MODE=FILE for each decay mode, not both"
        )
    return [*found.values()]


def _numbers(option: str, text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"{option} {text}: not a number") from None
    if not all(map(math.isfinite, numbers)):
        raise ConfigError(f"{option} {text}: not a finite number")
    return numbers


def _pair(option: str, text: str) -> list[float]:
    pair = _numbers(option, text)
    if len(pair) != 2:
        raise ConfigError(f"{option} {text}: give two numbers with a comma between, such as 102,182")
    return pair


def _number(option: str, text: str) -> float | str:
    if text == "none":
        return text
    (number, *more) = _numbers(option, text)
    if more:
        raise ConfigError(f"{option} {text}: give one number, or none")
    return number
