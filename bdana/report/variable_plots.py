"""Figures of some variables alone, from the histograms of the last run: `bdana plot VARIABLE...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdana.errors import ConfigError
from bdana.mistakes import did_you_mean
from bdana.plotting.figures import stamped
from bdana.report.run_figures import run_figures
from bdana.search.channels import by_channel
from bdana.search.stored import read_channels, read_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.api import Analysis
    from bdana.report.document import Figure

__all__ = ["save_variables"]


def save_variables(analysis: Analysis, names: Sequence[str]) -> list[Figure]:
    """Draw variables of the last run, or distributions without one of the cuts, into output/figures/.

    Parameters
    ----------
    analysis : Analysis
    names : sequence of str
        Of [variables] or [n_minus_1].

    Raises
    ------
    InputError
        When there is no complete run of this analysis in output/.
    ConfigError
        When there is no such variable.
    """
    known = [*analysis.config.variables, *analysis.config.n_minus_1]
    for name in names:
        if name not in known:
            raise ConfigError(f"no '{name}' in [variables] or [n_minus_1]: {did_you_mean(name, known)}")
    run, parts, out = read_output(analysis), by_channel(analysis), analysis.folder / "output"
    signals = read_channels(analysis)
    found = []
    with stamped(run.incomplete):
        for channel, part in parts.items() or [("", analysis)]:
            folder = out / channel / "figures"
            folder.mkdir(exist_ok=True)
            signal = signals.get(channel) if channel else next(iter(signals.values()), None)
            found += run_figures(part, run.channels[channel] if channel else run, folder, signal, names)
    return found
