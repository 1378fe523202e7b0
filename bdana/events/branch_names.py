"""Which canonical column a branch may hold, by the words of its name: guesses, for people to check."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bdana.events.branches import Branch

__all__ = ["BURST_NAMES", "EVENT_NAMES", "Group", "collections_of", "match"]

_COLLECTION_WORDS: Mapping[str, tuple[str, ...]] = {
    "tracks": ("track", "tracks", "trk", "trks", "spectrometer", "muon", "muons", "mu", "lepton", "leptons", "lep", "particle"),
    "lkr": ("lkr", "cluster", "clusters", "clus", "clu", "calo", "calorimeter", "ecal", "emcal"),
    "muv3": ("muv", "muonveto", "muveto"),
    "lav": ("lav", "largeangleveto"),
    "irc": ("irc",),
    "sac": ("sac",),
    "truth": ("truth", "true", "gen", "mctruth"),
}  # fmt: skip
_PASSED_OVER = (
    "rec",
    "reco",
    "sel",
    "good",
    "gbl",
    "event",
    "evt",
    "candidate",
    "candidates",
    "hit",
    "hits",
    "mc",
)
"""Words in front of a field that say nothing of it."""

EVENT_NAMES: Mapping[str, str] = {
    "run": r"run(id|no|nr|num|number)?",
    "burst": r"(burst|spill)(id|no|nr|num|number)?",
    "event": r"(event|evt|ev)(id|no|nr|num|number)?",
    "trigger_time": r"(trig|trigger|ref|reference)(time|t)|t0",
    "timestamp": r"timestamp",
    "trigger": r"(trig|trigger)(s|flags|bits|mask|word)?",
    "quality": r"(event)?quality(flag|mask|word)?",
    "weight": r"(event|evt)?(weight|wgt)|w",
}
"""Names of values of an event, as patterns for the words of a path put together."""

BURST_NAMES: Mapping[str, str] = {
    "run": EVENT_NAMES["run"],
    "burst": EVENT_NAMES["burst"],
    "pot": r"(n)?(pot|protons?(ontarget)?)(e\d+)?",
    "live_time_s": r"live(time)?|t?live",
    "good": r"(is)?(good|bad)(burst|spill)?|(quality|status)(flag|mask)?",
    "downscale": r"downscal(e|ing)|prescal(e|ing)",
}
"""Names of values of a burst."""

_BEFORE = r"(0|before(magnet)?|up(stream)?|in)?"
_AFTER = r"(1|after(magnet)?|down(stream)?|out)"
_AXES = ("x", "y")


def _state(side: str) -> dict[str, str]:
    suffix = _BEFORE if side == "before" else _AFTER
    names = {
        f"{axis}_{side}": rf"(pos(ition)?)?{axis}{suffix}|pos(ition)?{suffix}{axis}"
        + (rf"|v{axis}" if suffix == _BEFORE else "")
        for axis in (*_AXES, "z")
    }
    return names | {
        f"t{axis}_{side}": rf"t{axis}{suffix}|slope{axis}{suffix}|d{axis}dz{suffix}|{axis}p{suffix}|theta{axis}{suffix}"
        for axis in _AXES
    }


_PLACE = {"x": r"x|pos(ition)?x", "y": r"y|pos(ition)?y", "time": r"t|time"}
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "tracks": {
        "charge": r"charge|q|sign",
        "p": r"p|mom(entum)?|ptot|pmag|pabs",
        "px": r"p(mom)?x|mom(entum)?x",
        "py": r"p(mom)?y|mom(entum)?y",
        "pz": r"p(mom)?z|mom(entum)?z",
        "time": r"t|time",
        "chi2": r"chi2|chisq(uared?)?",
        "n_chambers": r"n?(ch|chambers?|stations?)",
        **_state("before"),
        **_state("after"),
    },
    "lkr": {"energy": r"e|energy", **_PLACE},
    "muv3": _PLACE,
    "lav": {"time": _PLACE["time"]},
    "irc": {"time": _PLACE["time"]},
    "sac": {"time": _PLACE["time"]},
    "truth": {"process": r"process", "mass": r"m|mass", "p": r"p|mom(entum)?", "z_decay": r"zdecay|decayz|zvtx|zvertex"},
}  # fmt: skip
_NUMBERED = re.compile(r"((?:pos(?:ition)?|t|slope|theta)?[xyz])(\d)")


@dataclass(frozen=True)
class Group:
    """Branches of one collection that have the same prefix.

    Attributes
    ----------
    prefix : str
        What the paths begin with.
    fields : dict of str to Branch
        By field of the collection; `px`, `py` and `pz` of tracks beside them.
    """

    prefix: str
    fields: dict[str, Branch]


def match(branches: Iterable[Branch], names: Mapping[str, str]) -> dict[str, Branch]:
    """Return for each canonical name the branch with one number an entry that is called so.

    Parameters
    ----------
    branches : iterable of Branch
    names : mapping of str to str
        Patterns, such as `EVENT_NAMES`.
    """
    found: dict[str, Branch] = {}
    for branch in branches:
        start = max(branch.path.rfind("/"), branch.path.rfind("."))
        text = "".join(word for word, place in branch.words if place > start)
        for name, pattern in names.items():
            if not branch.jagged and branch.member is None and re.fullmatch(pattern, text):
                found.setdefault(name, branch)
    return found


def collections_of(branches: Iterable[Branch]) -> dict[str, Group]:
    """Return for each collection the group of branches of which most fields are known.

    Parameters
    ----------
    branches : iterable of Branch
    """
    groups: dict[tuple[str, str], dict[str, Branch]] = defaultdict(dict)
    for branch in branches:
        collection, start = _collection(branch)
        if collection is not None and branch.jagged == (collection != "truth"):
            text = "".join(word for word, place in branch.words if place >= start)
            text += "".join(branch.member_words)
            groups[collection, branch.path[:start]].setdefault(text, branch)
    best: dict[str, Group] = {}
    for (collection, prefix), named in groups.items():
        group = Group(prefix, _fields(named, _FIELDS[collection]))
        if group.fields and (collection not in best or len(group.fields) > len(best[collection].fields)):
            best[collection] = group
    return best


def _collection(branch: Branch) -> tuple[str | None, int]:
    """Return the collection that the words of a path name first, and the place where the words of the field begin."""
    found = None
    last = max(branch.path.rfind("/"), branch.path.rfind("."))
    start, in_front = len(branch.path), True
    for i, (word, place) in enumerate(branch.words):
        named = next((name for name, words in _COLLECTION_WORDS.items() if word in words), None)
        found = found or named
        after_muv = word == "3" and i > 0 and branch.words[i - 1][0] == "muv"
        about_it = named is not None or word in _PASSED_OVER or after_muv
        if place > last and in_front and not about_it:
            start, in_front = place, False
    # ROOT's f in front of a member belongs to its name, not to the prefix.
    if branch.path[start - 1 : start] == "f" and branch.path[start : start + 1].isupper():
        start -= 1
    return found, start


def _fields(named: Mapping[str, Branch], patterns: Mapping[str, str]) -> dict[str, Branch]:
    # Where states are numbered from 1, the first number is before the magnet and the next behind it.
    numbers = sorted({matched[2] for text in named if (matched := _NUMBERED.fullmatch(text))})
    places = {number: str(place) for place, number in enumerate(numbers)}
    found: dict[str, Branch] = {}
    for text, branch in named.items():
        numbered = _NUMBERED.fullmatch(text)
        name = numbered[1] + places[numbered[2]] if numbered else text
        for field, pattern in patterns.items():
            if re.fullmatch(pattern, name):
                found.setdefault(field, branch)
    return found
