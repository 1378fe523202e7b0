"""Named cuts: plain functions with a level and the columns they read.

=====  ==============================  ==========================================================
level  function                        what a pair estimate does with it
=====  ==============================  ==========================================================
track  f(tracks, par) -> bool (N,)     applies it to single tracks; both tracks of a pair must pass
pair   f(pairs, par) -> bool (N,)      applies it to built pairs
event  f(event, time, par) -> bool     counts it once, as a factor; `time` is that of the candidate
=====  ==============================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from bdana.parameters import ParameterTable
from bdana.reconstruction import Pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bdana.reconstruction import Tracks

__all__ = ["Cut", "Parameters", "event_cut", "pair_cut", "track_cut"]

CutFunction = Callable[..., Any]


class Parameters(ParameterTable):
    """Base class of the parameters of a selection; units are part of the field names.

    A yes/no field with the name of a cut switches that cut. [selection.NAME] of analysis.toml and
    `--set selection.NAME.FIELD=VALUE` replace the defaults. Every number has a range: that of `Field(ge=..., le=...)`, else
    the usual one of its name (`bdana.parameters`).
    """

    lepton: Literal["muon", "electron"] = Field(default="muon", description="mass hypothesis of both tracks")


@dataclass(frozen=True)
class Cut:
    """A named cut on tracks, pairs or events.

    Attributes
    ----------
    name : str
        The function's name: the row of the cutflow.
    level : {"track", "pair", "event"}
        What the function looks at.
    function : callable
        Returns one bool an item; NaN must fail.
    needs : tuple of str
        Canonical columns it reads, apart from those every candidate needs.
    """

    name: str
    level: Literal["track", "pair", "event"]
    function: CutFunction
    needs: tuple[str, ...]

    def __call__(self, *args: Any) -> NDArray[np.bool_]:
        """Evaluate the function on tracks, pairs, or event and time."""
        return np.asarray(self.function(*args), dtype=np.bool_)

    def passes(self, found: Pairs | Tracks, par: Parameters, displaced_ns: float = 0.0) -> NDArray[np.bool_]:
        """Tell which pairs, or single tracks, pass the cut, whatever its level, shape (N,).

        Parameters
        ----------
        found : Pairs or Tracks
            N pairs or tracks of one event each.
        par : Parameters
        displaced_ns : float
            What is added to the time of the candidate that a cut of level `event` looks at.
        """
        if self.level == "event":
            return self(found.event, found.time + displaced_ns, par)
        if self.level == "track" and isinstance(found, Pairs):
            return self(found.plus, par) & self(found.minus, par)
        return self(found, par)

    def active(self, par: Parameters) -> bool:
        """Tell whether the cut is on: always, unless the parameters have a switch of its name.

        Parameters
        ----------
        par : Parameters
        """
        return bool(getattr(par, self.name, True))


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
    return lambda function: Cut(function.__name__, "track", function, needs)


def pair_cut(*needs: str) -> Callable[[CutFunction], Cut]:
    """Mark a function of pairs, `f(pairs, par)`, as a cut that reads the given columns.

    Parameters
    ----------
    *needs : str
    """
    return lambda function: Cut(function.__name__, "pair", function, needs)


def event_cut(*needs: str) -> Callable[[CutFunction], Cut]:
    """Mark a function of events, `f(event, time, par)`, as a cut that reads the given columns.

    Parameters
    ----------
    *needs : str
    """
    return lambda function: Cut(function.__name__, "event", function, needs)
