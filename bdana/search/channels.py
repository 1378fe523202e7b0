"""Channels of an analysis that searches several selections side by side: each is an analysis of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from bdana.analysis import AnalysisFolder

__all__ = ["by_channel", "require_one_channel", "require_own_background"]

Folder = TypeVar("Folder", bound="AnalysisFolder")


def by_channel(analysis: Folder) -> dict[str, Folder]:
    """Return the analysis of each channel by name; empty when the analysis searches one channel.

    Parameters
    ----------
    analysis : AnalysisFolder

    Examples
    --------
    >>> import bdana
    >>> from bdana.search.channels import by_channel
    >>> by_channel(bdana.load())
    {}
    """
    config = analysis.config
    names = config.channels if config.search.channel is None else ()
    return {
        name: replace(
            analysis,
            config=config.of_channel(name),
            overrides=(*analysis.overrides, f'search.channel="{name}"'),
        )
        for name in names
    }


def require_one_channel(analysis: AnalysisFolder) -> None:
    """Refuse an analysis of several channels, where one has to be chosen.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    ConfigError
        Naming them.
    """
    if names := list(by_channel(analysis)):
        raise ConfigError(
            f"{analysis.folder / 'analysis.toml'} has the channels {', '.join(names)}, and this is done for one at a time: "
            f'set channel = "{names[0]}" in [search]'
        )


def require_own_background(analysis: AnalysisFolder) -> None:
    """Refuse a search whose single tracks would predict the pairs of another selection than the one that is searched.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    ConfigError
        Naming both selections.
    """
    search = analysis.config.search
    if search.single_tracks is None:
        return
    predicted = analysis.combinatorial(search.background)[0].selection
    if predicted == search.selection:
        return
    raise ConfigError(
        f"{analysis.folder / 'analysis.toml'}: background '{search.background}' predicts pairs of the selection {predicted}, and "
        f"{search.selection} is searched: name its own background"
    )
