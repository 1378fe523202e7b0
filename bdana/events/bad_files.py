"""Files that cannot be read: they are all named, or left out with the protons of their bursts when that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import BadFileError, InputError
from bdana.events.exposure import burst_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bdana.events.exposure import BurstTable
    from bdana.events.location import Location

__all__ = ["BadFile", "bursts_without", "incomplete", "left_out"]


@dataclass(frozen=True)
class BadFile:
    """A file that cannot be read and was left out.

    Attributes
    ----------
    file : str
    reason : str
        What is wrong with it.
    bursts : int or None
        Bursts that were left out with it, used or not; None where nobody knows them.
    pot : float or None
        Protons on target of those that would have been used; None where nobody knows them.
    """

    file: str
    reason: str
    bursts: int | None = None
    pot: float | None = None

    @property
    def text(self) -> str:
        """What is lost with it, in one line."""
        lost = f"{self.bursts} bursts with {self.pot:.4g} protons on target" if self.pot is not None else ""
        return f"left out: {lost or 'an unknown number of protons on target, which is not counted'}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"file": self.file, "reason": self.reason, "bursts": self.bursts, "pot": self.pot}


def incomplete(bad: Sequence[BadFile]) -> str:
    """Say in a few words what a result lacks; empty when it lacks nothing.

    Parameters
    ----------
    bad : sequence of BadFile
        The files left out.

    Examples
    --------
    >>> from bdana.events.bad_files import BadFile, incomplete
    >>> incomplete([BadFile("a.root", "cut short", 2, 3e14), BadFile("b.root", "no such file")])
    'incomplete: 2 files left out, with 3e+14 protons on target and those of 1 file that nobody knows'
    """
    files = {one.file: one for one in bad}.values()
    if not files:
        return ""
    known = [one.pot for one in files if one.pot is not None]
    lost = [f"{sum(known):.4g} protons on target"] if known else []
    if unknown := len(files) - len(known):
        lost.append(f"those of {_files(unknown)} that nobody knows")
    return f"incomplete: {_files(len(files))} left out, with {' and '.join(lost)}"


def _files(number: int) -> str:
    return f"{number} file{'s' if number > 1 else ''}"


def left_out(
    file: Location, reason: str, table: BurstTable | None, known: BurstTable | None, *, all_bursts: bool
) -> BadFile:
    """Return what is lost with a file.

    Parameters
    ----------
    file : Path or str
    reason : str
    table : BurstTable or None
        Its bursts; None where they cannot be read.
    known : BurstTable or None
        The bursts of the sample, of which its own tell nothing; None for all of its own.
    all_bursts : bool
        Whether bursts that are not good are used too.
    """
    if table is None:
        return BadFile(str(file), reason)
    lost = table if known is None else known.take(among(known, table))
    used = lost if all_bursts else lost.take(lost.good)
    return BadFile(str(file), reason, len(lost.run), float(np.nansum(used.pot)))


def among(bursts: BurstTable, others: BurstTable) -> Any:
    """Tell which bursts of a table are in another one, shape (N,).

    Parameters
    ----------
    bursts, others : BurstTable
    """
    return np.isin(burst_key(bursts.run, bursts.burst), burst_key(others.run, others.burst))


def bursts_without(
    bursts: BurstTable | None, tables: Sequence[BurstTable | None], files: Sequence[str], *, shared: bool
) -> BurstTable | None:
    """Return the bursts of a sample without those of files that are left out.

    Parameters
    ----------
    bursts : BurstTable or None
        Of the sample.
    tables : sequence of (BurstTable or None)
        Of the files; None where they cannot be read.
    files : sequence of str
        Their names.
    shared : bool
        Whether bursts of the sample may be in several files, so that unknown ones cannot be told from others.

    Raises
    ------
    InputError
        When nobody can tell which bursts a file had part of.
    """
    if bursts is None:
        return None
    for table, file in zip(tables, files, strict=True):
        if table is None and shared:
            raise InputError(
                f"{file}: cannot be read, and other files may hold parts of its bursts, which nobody can tell, so the exposure "
                "is unknown without it: copy the file again, or give a good-run list without its bursts and leave it out"
            )
        if table is not None:
            bursts = bursts.take(~among(bursts, table))
    if not len(bursts.run):
        raise BadFileError(f"{files[0]}: without it and other files that cannot be read no burst is left")
    return bursts
