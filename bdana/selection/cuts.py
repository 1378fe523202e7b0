"""Named cuts: plain functions with a level and the columns they read.

=======  ==============================  ==========================================================
level    function                        what a pair estimate does with it
=======  ==============================  ==========================================================
track    f(tracks, par) -> bool (N,)     applies it to single tracks; both tracks of a pair must pass
pair     f(pairs, par) -> bool (N,)      applies it to built pairs
event    f(event, time, par) -> bool     counts it once, as a factor; `time` is that of the candidate
cluster  f(clusters, par) -> bool (N,)   nothing yet; both clusters of a pair must pass
=======  ==============================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from bdana.display import shortened
from bdana.errors import ConfigError, UserCodeError
from bdana.events import EVENT_COLUMNS
from bdana.masses import MASS
from bdana.mistakes import nearest
from bdana.parameters import ParameterTable
from bdana.reconstruction import ClusterPairs, Pairs
from bdana.user_code import ANALYSIS_PACKAGE, call_user, line_of, mask, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bdana.reconstruction import Clusters, Tracks

__all__ = [
    "LEPTON_MASS",
    "Cut",
    "MassHypothesis",
    "Parameters",
    "assumed_masses",
    "check_cuts",
    "cluster_cut",
    "event_cut",
    "pair_cut",
    "passing_masks",
    "track_cut",
]

CutFunction = Callable[..., Any]
MassHypothesis = Callable[..., Any]
"""`f(tracks, par)`, the mass in MeV/c2 that each track has if it is what the selection takes it for; NaN if it is nothing."""
LEPTON_MASS = {"muon": MASS[13], "electron": MASS[11]}
"""Masses in MeV/c2 (PDG)."""
Level = Literal["track", "cluster", "pair", "event"]
CALLED = {
    "track": "f(tracks, par)",
    "cluster": "f(clusters, par)",
    "pair": "f(pairs, par)",
    "event": "f(event, time, par)",
}
"""How the function of a cut is called."""


class Parameters(ParameterTable):
    """Base class of the parameters of a selection; units are part of the field names.

    A yes/no field with the name of a cut switches that cut. [selection.NAME] of analysis.toml and
    `--set selection.NAME.FIELD=VALUE` replace the defaults. Every number has a range: that of `Field(ge=..., le=...)`, else
    the usual one of its name (`bdana.parameters`).
    """

    lepton: Literal["muon", "electron"] = Field(
        default="muon",
        description="mass hypothesis of both tracks, unless the selection has a function of its own",
    )


@dataclass(frozen=True)
class Cut:
    """A named cut on tracks, clusters, pairs or events.

    Attributes
    ----------
    name : str
        The function's name: the row of the cutflow.
    level : {"track", "cluster", "pair", "event"}
        What the function looks at.
    function : callable
        Returns one bool an item; NaN must fail.
    needs : tuple of str
        Canonical columns it reads, apart from those every candidate needs.
    selection : str
        The selection it is in, for messages.
    """

    name: str
    level: Level
    function: CutFunction
    needs: tuple[str, ...]
    selection: str = field(default="", compare=False)

    @property
    def called(self) -> str:
        """What it is called in messages: `cut cda of selection dimuon`."""
        return f"cut {self.name} of selection {self.selection}" if self.selection else f"cut {self.name}"

    def __call__(self, *args: Any) -> NDArray[np.bool_]:
        """Evaluate the function on tracks, pairs, or event and time, shape (N,).

        Raises
        ------
        UserCodeError
            When it fails, or returns anything but one boolean for each item.
        """
        return call_user(
            self.function,
            *args,
            what=self.called,
            called=CALLED[self.level],
            read=lambda answer: mask(answer, len(args[0]), f"{self.level}s"),
        )

    def __repr__(self) -> str:
        return shortened(
            f"Cut({self.name}, level {self.level}, reads {', '.join(self.needs) or 'nothing more'})"
        )

    def passes(
        self, found: Pairs | Tracks | ClusterPairs | Clusters, par: Parameters, displaced_ns: float = 0.0
    ) -> NDArray[np.bool_]:
        """Tell which pairs, or single tracks or clusters, pass the cut, whatever its level, shape (N,).

        Parameters
        ----------
        found : Pairs, Tracks, ClusterPairs or Clusters
            N of them, each of one event.
        par : Parameters
        displaced_ns : float
            What is added to the time of the candidate that a cut of level `event` looks at.
        """
        if len(found) == 1:
            # An array of one has a truth value, so that `and` in place of `&` would go unnoticed: it looks at two.
            return self.passes(found.take(np.zeros(2, dtype=np.int64)), par, displaced_ns)[:1]
        if self.level == "event":
            return self(found.event, found.time + displaced_ns, par)
        if self.level == "track" and isinstance(found, Pairs):
            if found.both is None:
                return self(found.plus, par) & self(found.minus, par)
            of_plus, of_minus = np.split(self(found.both, par), 2)
            return of_plus & of_minus
        if self.level == "cluster" and isinstance(found, ClusterPairs):
            return self(found.first, par) & self(found.second, par)
        return self(found, par)

    def active(self, par: Parameters) -> bool:
        """Tell whether the cut is on: always, unless the parameters have a switch of its name.

        Parameters
        ----------
        par : Parameters

        Raises
        ------
        UserCodeError
            When the parameter of its name is no yes/no field.
        """
        if self.name not in type(par).model_fields:
            return True
        switch = getattr(par, self.name)
        if not isinstance(switch, bool):
            raise UserCodeError(
                f"{line_of(self.function)}{self.called}: the parameter of its name switches it, and must be true "
                f"or false, not {switch!r}; give one of them another name"
            )
        return switch


def assumed_masses(
    hypothesis: MassHypothesis | None, tracks: Tracks | ClusterPairs, par: Parameters, selection: str
) -> NDArray[np.float64]:
    """Return the mass hypothesis of each track in MeV/c2, shape (N,): that of the lepton, or of a function of the selection.

    Parameters
    ----------
    hypothesis : MassHypothesis or None
    tracks : Tracks or ClusterPairs
        N tracks, or pairs of clusters.
    par : Parameters
    selection : str
        Its name, for messages.

    Raises
    ------
    UserCodeError
        When the function fails, or returns anything but one number for each track.
    """
    if hypothesis is None:
        return np.broadcast_to(np.float64(LEPTON_MASS[par.lepton]), len(tracks))
    return call_user(
        hypothesis,
        tracks,
        par,
        what=f"mass hypothesis of selection {selection}",
        called="f(tracks, par)",
        read=lambda answer: np.broadcast_to(
            numbers(answer, len(tracks), "tracks", undefined=True), len(tracks)
        ),
    )


def passing_masks(
    cuts: Sequence[Cut], pairs: Pairs | ClusterPairs, par: Parameters, left_out: Sequence[str] = ()
) -> dict[str, NDArray[np.bool_]]:
    """Tell which pairs pass each cut, shape (N,), as far as it decides anything: a cut looks at what may still count.

    That is what failed at most one cut before, which cutflow and n-1 numbers need, or none but those left out. All others
    are said to fail.

    Parameters
    ----------
    cuts : sequence of Cut
        In order.
    pairs : Pairs or ClusterPairs
        N pairs.
    par : Parameters
    left_out : sequence of str
        Cuts that are known for every pair that passes all others.
    """
    masks: dict[str, NDArray[np.bool_]] = {}
    failures, required = np.zeros(len(pairs), dtype=np.int64), np.ones(len(pairs), dtype=np.bool_)
    places = np.arange(len(pairs))
    for cut in cuts:
        mask = np.zeros(len(failures), dtype=np.bool_)
        mask[places] = cut.passes(pairs, par)
        masks[cut.name] = mask
        failures += ~mask
        if cut.name not in left_out:
            required &= mask
        counts = ((failures <= 1) | required)[places]
        counts[:2] |= np.count_nonzero(counts) < 2  # two are enough to tell a mistake in a cut
        if not counts.all():
            places, pairs = places[counts], pairs.take(counts)
    return masks


def check_cuts(
    good: Cut, cuts: Sequence[Cut], parameters: type[Parameters], levels: tuple[Level, ...], first: str
) -> tuple[Cut, ...]:
    """Return the cuts of a selection, after a check of what a declaration can have wrong.

    Parameters
    ----------
    good : Cut
        What makes a good track, or a good cluster.
    cuts : sequence of Cut
    parameters : type
    levels : tuple of str
        Levels that the cuts may have, that of `good` first.
    first : str
        Name of the row that the good ones make in the cutflow.

    Raises
    ------
    ConfigError
        For anything but cuts, a level or name that cannot be, a name that is there twice, and wrong parameters.
    """
    if not isinstance(cuts, (tuple, list)):
        raise ConfigError(f"`cuts` must be a tuple of cuts, not {type(cuts).__name__}: (cda,) with a comma")
    for name, cut, allowed in (
        (f"good_{levels[0]}", good, levels[:1]),
        *((f"cuts[{i}]", c, levels) for i, c in enumerate(cuts)),
    ):
        if not isinstance(cut, Cut):
            said = getattr(cut, "__name__", None) or repr(cut)
            raise ConfigError(
                f"`{name}` is {said}, which is no cut: put @bdana.track_cut(), pair_cut() or event_cut() above the function"
            )
        if cut.level not in allowed:
            raise ConfigError(
                f"`{name}`: {cut.name} is a cut of level {cut.level}; here it must be {' or '.join(allowed)}"
            )
    names = ["all", first, *(cut.name for cut in cuts)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two rows of the cutflow are called '{name}': give every cut a name of its own, once"
            )
    base: Any = parameters  # whatever was written there
    if not (isinstance(base, type) and issubclass(base, Parameters)):
        raise ConfigError("`parameters` must be a class with bdana.Parameters as base")
    return tuple(cuts)


def track_cut(*needs: str) -> Callable[[CutFunction], Cut]:
    """Mark a function of single tracks, `f(tracks, par)`, as a cut that reads the given columns.

    Parameters
    ----------
    *needs : str

    Examples
    --------
    >>> from bdana import track_cut
    >>> @track_cut("tracks.n_chambers")
    ... def all_chambers(tracks, par):
    ...     return tracks.n_chambers == 4
    >>> all_chambers.name, all_chambers.level, all_chambers.needs
    ('all_chambers', 'track', ('tracks.n_chambers',))
    """
    return _declare("track", needs)


def cluster_cut(*needs: str) -> Callable[[CutFunction], Cut]:
    """Mark a function of calorimeter clusters, `f(clusters, par)`, as a cut that reads the given columns.

    Parameters
    ----------
    *needs : str
    """
    return _declare("cluster", needs)


def pair_cut(*needs: str) -> Callable[[CutFunction], Cut]:
    """Mark a function of pairs, `f(pairs, par)`, as a cut that reads the given columns.

    Parameters
    ----------
    *needs : str
    """
    return _declare("pair", needs)


def event_cut(*needs: str) -> Callable[[CutFunction], Cut]:
    """Mark a function of events, `f(event, time, par)`, as a cut that reads the given columns.

    Parameters
    ----------
    *needs : str
    """
    return _declare("event", needs)


def _declare(level: Level, needs: tuple[str, ...]) -> Callable[[CutFunction], Cut]:
    for name in needs:
        if callable(name):
            raise UserCodeError(
                f"{line_of(name)}write @bdana.{level}_cut() above the function, with brackets"
            )

    def declared(function: CutFunction) -> Cut:
        for name in needs:
            if name not in EVENT_COLUMNS:
                like = nearest(str(name), EVENT_COLUMNS)
                near = f"did you mean '{like}'?" if like else "docs/events.md lists them"
                raise UserCodeError(
                    f"{line_of(function)}cut {function.__name__}: '{name}' is no column of the event model; {near}"
                )
        before = function.__globals__.get(function.__name__)
        # In a notebook a cell runs again; in a file a second function of a name hides the first one.
        if (
            isinstance(before, Cut)
            and function.__module__.startswith(ANALYSIS_PACKAGE)
            and before.function.__module__ == function.__module__
        ):
            first = line_of(before.function).removesuffix(": ").rpartition(":")[2]
            raise UserCodeError(
                f"{line_of(function)}two cuts are called '{function.__name__}', the other one in line {first}: give every cut "
                "a name of its own"
            )
        return Cut(function.__name__, level, function, needs)

    return declared
