"""The search's result for the new particle of [signal]: expected events, and excluded masses and couplings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bdana._version import __version__
from bdana.events.bad_files import incomplete
from bdana.search.combined import common_errors
from bdana.search.mass_scan import combined_mass_scan
from bdana.search.stored import ChannelSignal, read_channels, read_json, write_histograms, write_json
from bdana.sensitivity.exclusion import ChannelCount, Exclusion, exclude
from bdana.sensitivity.mass_curves import efficiencies, resolutions
from bdana.sensitivity.points import signal_point
from bdana.sensitivity.scan import Scan, cache_folder
from bdana.sensitivity.signal_candidates import expected_signal
from bdana.statistics.poisson import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bdana.analysis import AnalysisFolder
    from bdana.engine import Executor, Progress
    from bdana.search.run import SampleRun

__all__ = ["SignalResult", "read_signal", "signal_result", "write_signal"]


@dataclass(frozen=True)
class SignalResult:
    """Expected signal and exclusion of a search.

    Attributes
    ----------
    channels : mapping of str to ChannelSignal
        By channel; of a search of one channel by its decay mode.
    exclusion : Exclusion
        Of all channels together, at 90% CL; observed where the signal region is open in all of them.
    cautions : tuple of str
        What people must know of these numbers.
    masses : mapping or None
        p-values and limits against mass of several channels together, as `CombinedMassScan.to_dict` gives them; with
        [search.mass_windows].
    label : str
        What the observed events are: data, simulation or pseudo-data.
    against_mass : mapping of str to mapping
        By decay mode `efficiency` and `resolution`, as `bdana.sensitivity.mass_curves` gives them, at the coupling of the point.
    parts : mapping of str to mapping of str to Exclusion
        What single parts of the signal exclude: by `production` the processes, by `mode` the channels; empty where there is one.
    incomplete : str
        What the numbers lack since files were left out; empty when they lack nothing.
    """

    channels: Mapping[str, ChannelSignal]
    exclusion: Exclusion
    cautions: tuple[str, ...] = ()
    masses: Mapping[str, Any] | None = None
    label: str = "data"
    incomplete: str = ""
    against_mass: Mapping[str, Mapping[str, Mapping[str, list[float]]]] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Exclusion]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return modes, expected events and exclusion as plain values, for JSON."""
        return {
            "modes": {channel: part.mode for channel, part in self.channels.items()},
            "points": {channel: part.point for channel, part in self.channels.items()},
            "exclusion": self.exclusion.to_dict(),
            "cautions": list(self.cautions),
            "label": self.label,
            "against_mass": {mode: dict(curves) for mode, curves in self.against_mass.items()},
            "parts": {
                kind: {name: one.to_dict() for name, one in parts.items()}
                for kind, parts in self.parts.items()
            },
            **({"incomplete": self.incomplete} if self.incomplete else {}),
        }


def signal_result(
    analysis: AnalysisFolder,
    runs: Sequence[SampleRun],
    executor: Executor | None = None,
    progress: Callable[[str], Progress | None] | None = None,
) -> SignalResult | None:
    """Return the expected signal and the exclusion of a search; None without a table [signal], or counts of its channels.

    Parameters
    ----------
    analysis : AnalysisFolder
    runs : sequence of SampleRun
        Of all channels and samples.
    executor : Executor, optional
        Where the yields of masses are computed.
    progress : callable, optional
        Called with the name of each decay mode; returns what is called with (masses done, masses in all).

    Raises
    ------
    ConfigError
        When the parameters of the model are wrong.
    """
    if analysis.config.signal is None:
        return None
    counted = [(run, run.table, mode) for run in runs if run.table and (mode := _mode(analysis, run))]
    if not counted:
        return None
    config = analysis.signal
    mass, coupling = config.point
    counts: dict[str, ChannelCount] = {}
    channels: dict[str, ChannelSignal] = {}
    for run, table, mode in counted:
        scan = Scan(analysis, mode, cache_folder())
        scan.compute(config.masses(mode), executor, progress(f"signal, {mode}") if progress else None)
        protons = run.exposure.pot if run.exposure else config.pot
        row = next(row for row in table.rows if row.name == analysis.regions.names[0])
        observed = row.observed.value if row.observed.state == "open" else None
        name = run.channel or mode
        counts[name] = ChannelCount(scan, protons, Background.of(row.expected), observed, run.masses)
        expected = expected_signal(analysis, mode, mass, coupling, protons, run.part)
        missing = {row.name: list(row.missing) for row in table.rows if row.missing}
        channels[name] = ChannelSignal(
            mode,
            signal_point(expected.yields, coupling, protons, scan.analysis.signal.coupling.name)
            | {"closed_guard_bands": missing},
            expected.hists,
        )
    masses = {mass for count in counts.values() for mass in config.masses(count.scan.mode)}
    estimates = [run.estimate for run, _, _ in counted if run.estimate]
    lacking = incomplete([bad for run, _, _ in counted for bad in run.selected.bad_files])
    common = common_errors(estimates, analysis.regions.names[0])
    scan_of_masses = combined_mass_scan(analysis, counts, common)
    return SignalResult(
        channels,
        exclude(list(counts.values()), systematics=True, common=common),
        (*config.cautions(sorted(masses)), *([lacking] if lacking else [])),
        scan_of_masses.to_dict() if scan_of_masses else None,
        " + ".join(dict.fromkeys(table.label for _, table, _ in counted)),
        lacking,
        {
            count.scan.mode: _against_mass(count.scan, config.masses(count.scan.mode), coupling)
            for count in counts.values()
        },
        _parts(counts),
    )


def _against_mass(scan: Scan, masses: Sequence[float], coupling: float) -> dict[str, dict[str, list[float]]]:
    return {
        "efficiency": efficiencies(scan, masses, coupling),
        "resolution": resolutions(scan, masses, coupling),
    }


def _parts(counts: Mapping[str, ChannelCount]) -> dict[str, dict[str, Exclusion]]:
    """Return what single production processes and single channels exclude, where there are several."""
    scans = [count.scan for count in counts.values()]
    names = dict.fromkeys(
        name
        for scan in scans
        for mass in scan.analysis.signal.masses(scan.mode)
        if scan.is_open(mass)
        for name in scan(mass).production
    )
    found: dict[str, dict[str, Exclusion]] = {}
    if len(names) > 1:
        found["production"] = {name: exclude(list(counts.values()), production=name) for name in names}
    if len(counts) > 1:
        found["mode"] = {name: exclude([count]) for name, count in counts.items()}
    return found


def _mode(analysis: AnalysisFolder, run: SampleRun) -> str | None:
    """Return the decay mode of a channel: its name, or the mode that has its selection; None when there is none."""
    modes = analysis.signal.selections
    if run.channel in modes:
        return run.channel
    known = analysis.signal.particle(analysis.signal.point[0]).modes
    with_selection = (mode for mode, selection in modes.items() if selection == run.selected.selection)
    return next((mode for mode in with_selection if mode in known or mode in analysis.signal.channels), None)


def write_signal(analysis: AnalysisFolder, result: SignalResult | None) -> None:
    """Write the result into output/signal.json and beside it, after `write_output`.

    Parameters
    ----------
    analysis : AnalysisFolder
    result : SignalResult or None
        None writes nothing.
    """
    if result is None:
        return
    out = analysis.folder / "output"
    hists = {
        f"{channel}/{name}": made
        for channel, part in result.channels.items()
        for name, made in part.hists.items()
    }
    write_histograms(out / "signal_histograms.json", hists, result.incomplete)
    stamp = {"analysis_hash": analysis.hash, "bdana_version": __version__}
    stamp |= {"incomplete": result.incomplete} if result.incomplete else {}
    if result.masses:
        write_json(out / "mass_windows.json", dict(result.masses) | stamp)
    write_json(out / "signal.json", result.to_dict() | stamp)


def read_signal(analysis: AnalysisFolder) -> SignalResult | None:
    """Read the result of the last run from output/; None where there is none.

    Parameters
    ----------
    analysis : AnalysisFolder
    """
    out = analysis.folder / "output"
    if not (out / "signal.json").is_file():
        return None
    stored, channels = read_json(out / "signal.json"), read_channels(analysis)
    several = out / "mass_windows.json" if len(channels) > 1 else None
    masses = read_json(several) if several and several.is_file() else None
    exclusion = Exclusion.from_dict(stored["exclusion"])
    parts = {
        kind: {name: Exclusion.from_dict(one) for name, one in made.items()}
        for kind, made in stored["parts"].items()
    }
    return SignalResult(
        channels,
        exclusion,
        tuple(stored["cautions"]),
        masses,
        stored["label"],
        stored.get("incomplete", ""),
        stored["against_mass"],
        parts,
    )
