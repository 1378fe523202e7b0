"""The errors a user can act on. Every message names the thing that is wrong and the next step."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BadFileError",
    "BadFilesError",
    "BdanaError",
    "BlindingError",
    "ConfigError",
    "InputError",
    "MissingColumnError",
    "UserCodeError",
]


class BdanaError(Exception):
    """Base of every error that bdana raises on purpose; the command line exits with `exit_code`."""

    exit_code = 2


class ConfigError(BdanaError):
    """Raised when analysis.toml, a schema, a geometry file or a `--set` value is wrong."""


class UserCodeError(ConfigError):
    """Raised when Python of selections/ or backgrounds/ fails or returns something wrong, with its file and line.

    `__cause__` is the exception that it raised, if it raised one; it comes back from worker processes too.

    Attributes
    ----------
    sent_cause : BaseException or None
        The cause, of an error that another process sent: there Python puts the other process's traceback in its place.
    """

    sent_cause: BaseException | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return _sent, (str(self), _picklable(self.__cause__))

    def made_sendable(self) -> UserCodeError:
        """Return it with a cause that other programs' pickling of errors, such as dask's, can send too."""
        self.__cause__ = _picklable(self.__cause__)
        return self


class InputError(BdanaError):
    """Raised when an input file is absent, not readable, damaged, or not laid out as its schema says."""


class BadFileError(InputError):
    """Raised when one file cannot be read: it is absent, cut short or damaged."""


class BadFilesError(BadFileError):
    """Raised at the end of a search through all files, with every one that cannot be read.

    Parameters
    ----------
    reasons : mapping of int to str
        What is wrong with each, by its place among the files of the dataset.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        self.reasons = dict(sorted(reasons.items()))
        super().__init__(_listed(list(self.reasons.values())))

    def __reduce__(self) -> tuple[object, ...]:
        return BadFilesError, (self.reasons,)


class MissingColumnError(InputError):
    """Raised when a selection needs a column that the schema or the file does not have."""


class BlindingError(BdanaError):
    """Raised when what was asked for would look at closed data."""

    exit_code = 3


def _listed(reasons: list[str]) -> str:
    advice = "--allow-bad-files leaves them out, with the protons of their bursts"
    if len(reasons) == 1:
        return reasons[0]
    return "\n".join([f"{len(reasons)} files cannot be read ({advice}):", *(f"  {text}" for text in reasons)])


def _sent(message: str, cause: BaseException | None) -> UserCodeError:
    error = UserCodeError(message)
    error.sent_cause = cause
    return error


def _picklable(cause: BaseException | None) -> BaseException | None:
    """Return an exception, or what it says where it cannot be sent to another process."""
    if cause is None:
        return None
    try:
        pickle.loads(pickle.dumps(cause))  # noqa: S301 - our own bytes
    except Exception:  # noqa: BLE001 - whatever the user's class does
        return RuntimeError(f"{type(cause).__name__}, which cannot be sent between processes")
    return cause
