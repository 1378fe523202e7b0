"""Calls of the Python that users write in selections/ and backgrounds/: what goes wrong there names its place.

Everything that the package calls of an analysis goes through `call_user`. An exception, or an answer of another kind than
is asked for, becomes a `UserCodeError` that names file, line and function, with the user's exception as its cause.
"""

from __future__ import annotations

import builtins
import dis
import functools
import linecache
import re
import sys
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from inspect import unwrap
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import awkward as ak
import numpy as np
from pydantic import BaseModel, ValidationError

from bdana.errors import BdanaError, BlindingError, ConfigError, UserCodeError
from bdana.events.model import EVENT_COLUMNS
from bdana.mistakes import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import FrameType, TracebackType

    from numpy.typing import NDArray

__all__ = [
    "ANALYSIS_PACKAGE",
    "UnsuitableError",
    "call_user",
    "check_declared",
    "line_of",
    "mask",
    "named_numbers",
    "number",
    "numbers",
    "raise_user_error",
]

ANALYSIS_PACKAGE = "bdana_analysis_"
"""What the names of the packages begin with that the modules of an analysis are imported in."""
LISTED = 24
"""Names that are listed where none is like the one that was written."""
LONGEST = 300
"""Characters of a user's exception that are shown."""

Answer = TypeVar("Answer")


class UnsuitableError(Exception):
    """Raised by what reads the answer of a user's function: the answer is of another kind than was asked for."""


def call_user(
    function: Callable[..., Any],
    *args: Any,
    what: str,
    called: str,
    read: Callable[[Any], Answer],
) -> Answer:
    """Call a function of the analysis and read its answer.

    Parameters
    ----------
    function : callable
    *args
        What it gets. It cannot write into the arrays of dataclasses among them.
    what : str
        What it is, for messages: `cut cda of selection dimuon`.
    called : str
        How it is called: `f(pairs, par)`.
    read : callable
        Returns what is made of the answer, or raises `UnsuitableError` with words that follow `what`: "returns ...".

    Raises
    ------
    UserCodeError
        Naming file, line and function, and what is wrong.
    BlindingError
        As the function raised it.
    """
    if not callable(function):
        raise UserCodeError(f"{what} must be a function {called}, not {_kind(function)}")
    try:
        with _read_only_arrays(args):
            answer = function(*args)
    except (Exception, SystemExit) as err:  # noqa: BLE001 - whatever their code does
        raise_user_error(err, what, function, called)
    try:
        return read(answer)
    except UnsuitableError as wrong:
        raise UserCodeError(f"{line_of(function, returning=True)}{what} {wrong}") from None


def raise_user_error(
    err: BaseException,
    what: str,
    function: Callable[..., Any] | None = None,
    called: str = "",
    package: str = "",
) -> NoReturn:
    """Raise the `UserCodeError` of an exception in a user's code, with the exception as its cause.

    Parameters
    ----------
    err : BaseException
    what : str
        As for `call_user`.
    function : callable, optional
        The function that was called.
    called : str
        How: as for `call_user`.
    package : str
        Name of the package of the analysis, where it is not that of the function.

    Raises
    ------
    UserCodeError
        Naming file, line and function, and what is wrong.
    BlindingError
        As it was raised.
    """
    if isinstance(err, (BlindingError, UserCodeError)):
        raise err
    frame, line = _user_frame(err.__traceback__, function, package)
    if frame is None:
        place = line_of(function) if function else ""
        # Nothing of the function ran: the call itself failed.
        more = f"; it is called as {called}" if called and isinstance(err, TypeError) else ""
        raise UserCodeError(f"{place}{what}: {_said(err)}{more}") from err
    place = f"{frame.f_code.co_filename}:{line}: "
    raise UserCodeError(f"{place}{what}: {_said(err)}{_advice(err, frame, line)}") from err


def check_declared(
    functions: Mapping[str, Any], names: Mapping[str, Any], name_lists: Mapping[str, Any]
) -> None:
    """Check what a background declares: functions, names of modules, and tuples of names of cuts.

    Parameters
    ----------
    functions, names, name_lists : mapping
        What must be of each kind, by its keyword.

    Raises
    ------
    ConfigError
        Naming the first that is of another kind.
    """
    for key, value in functions.items():
        if not callable(value):
            raise ConfigError(f"`{key}` must be a function, not {_kind(value)}")
    for key, value in names.items():
        if not isinstance(value, str):
            raise ConfigError(f"`{key}` must be a name in quotes, not {_kind(value)}")
    for key, value in name_lists.items():
        if not isinstance(value, (tuple, list)) or not all(isinstance(name, str) for name in value):
            raise ConfigError(
                f'`{key}` must be a tuple of names, such as ("cda",) with a comma, not {_kind(value)}'
            )


def mask(answer: Any, n: int, items: str) -> NDArray[np.bool_]:
    """Read the answer of a cut: one boolean for each item, shape (N,).

    Parameters
    ----------
    answer
        What the cut returned.
    n : int
        Number of items that it was given.
    items : str
        What they are: `pairs`.

    Raises
    ------
    UnsuitableError
        For anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from bdana.user_code import mask
    >>> mask(np.array([3.0, 8.0]) < 5.0, 2, "pairs")
    array([ True, False])
    """
    wanted = f"not one True or False for each of the {items}"
    if answer is None:
        raise UnsuitableError(f"returns None, {wanted}: is `return` missing?")
    if isinstance(answer, ak.Array):
        kind = str(answer.type.content)
        if "?" in kind or "option" in kind:
            raise UnsuitableError(
                f"returns {_short(kind)}, {wanted}: say what is meant where there is none, with ak.fill_none(..., False)"
            )
        if answer.ndim > 1:
            raise UnsuitableError(
                f"returns {_short(kind)}, {wanted}: say with ak.any(..., axis=1) or ak.all(..., axis=1) whether one of a list "
                "or all must pass"
            )
        if kind != "bool":
            raise UnsuitableError(f"returns {_short(kind)}, {wanted}: compare with a limit")
        answer = ak.to_numpy(answer)
    if isinstance(answer, np.ma.MaskedArray):
        raise UnsuitableError(
            f"returns a masked array, {wanted}: say what is meant where there is none, with .filled(False)"
        )
    try:
        array = np.asarray(answer)
    except (TypeError, ValueError):
        raise UnsuitableError(f"returns {_kind(answer)}, {wanted}") from None
    if n == 0 and isinstance(answer, (list, tuple)) and not answer:
        return np.zeros(0, dtype=np.bool_)
    if array.dtype != np.bool_:
        advice = ": compare with a limit" if array.dtype.kind in "iufc" else ""
        kind = _kind(array) if array.dtype.kind in "iufc" else _kind(answer)
        raise UnsuitableError(f"returns {_kind(answer) if array.ndim == 0 else kind}, {wanted}{advice}")
    if array.ndim == 0:
        raise UnsuitableError(f"returns one {_kind(answer)} for all, {wanted}")
    if array.shape != (n,):
        raise UnsuitableError(f"returns booleans of shape {array.shape} for {n} {items}, {wanted}")
    return array


def number(answer: Any, *, above: float = -np.inf) -> float:
    """Read an answer that is one finite number.

    Parameters
    ----------
    answer
    above : float
        It must be larger than this.

    Raises
    ------
    UnsuitableError
        For anything else.
    """
    value = _numbers(answer)
    if value.ndim or not np.isfinite(value) or not value > above:
        wanted = "a finite number" if above == -np.inf else f"a finite number above {above:g}"
        raise UnsuitableError(f"returns {_shown(answer)}, not {wanted}")
    return float(value)


def numbers(
    answer: Any, n: int, items: str, *, undefined: bool = False, signed: bool = False
) -> NDArray[np.float64]:
    """Read an answer that is one finite number, not below 0, for each item, or one for all; shape (N,) or ().

    Parameters
    ----------
    answer
    n : int
        Number of items.
    items : str
        What they are: `bursts`.
    undefined : bool
        Whether NaN is an answer too.
    signed : bool
        Whether a number below 0 is.

    Raises
    ------
    UnsuitableError
        For anything else.
    """
    values = _numbers(answer)
    wanted = f"not a finite number{'' if signed else ', 0 or more'}, for each of the {items}"
    if values.shape not in {(), (n,)}:
        raise UnsuitableError(f"returns numbers of shape {values.shape} for {n} {items}, {wanted}")
    bad = ~np.isfinite(values) if signed else ~(np.isfinite(values) & (values >= 0))
    if undefined:
        bad &= ~np.isnan(values)
    if bad.any():
        raise UnsuitableError(f"returns {values[bad].flat[0]:g}, {wanted}")
    return values


def named_numbers(answer: Any, *names: str) -> Mapping[str, tuple[Any, ...]]:
    """Read an answer that is a mapping of names to finite numbers and a text: the last of each.

    Parameters
    ----------
    answer
    *names : str
        What the numbers are: `effect`.

    Raises
    ------
    UnsuitableError
        For anything else.
    """
    wanted = f"a dict of name -> ({', '.join((*names, 'where it comes from'))})"
    if not isinstance(answer, dict):
        raise UnsuitableError(
            f"returns {_kind(answer)}, not {wanted}" + ": is `return` missing?" * (answer is None)
        )
    found = {}
    for name, row in answer.items():
        good = isinstance(name, str) and isinstance(row, (tuple, list)) and len(row) == len(names) + 1
        if not good or not isinstance(row[-1], str):
            raise UnsuitableError(f"returns {_shown(row)} for {name!r}: it must be {wanted}")
        try:
            found[name] = (*(number(value) for value in row[:-1]), row[-1])
        except UnsuitableError:
            raise UnsuitableError(
                f"returns {_shown(row)} for {name!r}, whose numbers are not finite: it must be {wanted}"
            ) from None
    return found


def _hint(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that is most like one, or at all when they are few; empty otherwise."""
    names = sorted(set(known))
    return did_you_mean(name, names) if nearest(name, names) or 0 < len(names) <= LISTED else ""


def line_of(function: Callable[..., Any] | None, *, returning: bool = False) -> str:
    """Return `file:line: ` of a function, or of its `return` when it has one; empty when it has no Python code.

    Parameters
    ----------
    function : callable
    returning : bool
        Whether the `return` is looked for.
    """
    code = _code(function)
    if code is None:
        return ""
    returns = {
        i.positions.lineno
        for i in dis.get_instructions(code)
        if i.positions and i.opname in {"RETURN_VALUE", "RETURN_CONST"}
    }
    line = returns.pop() if returning and len(returns) == 1 else None
    return f"{code.co_filename}:{line or _def_line(code, getattr(function, '__globals__', {}))}: "


def _def_line(code: CodeType, names: Mapping[str, Any]) -> int:
    """Return the line of `def`, which follows the decorators that the code begins with."""
    for line in range(code.co_firstlineno, code.co_firstlineno + 20):
        if re.match(r"\s*(async )?def ", _line_text(names, code.co_filename, line)):
            return line
    return code.co_firstlineno


def _line_text(names: Mapping[str, Any], file: str, line: int) -> str:
    """Return a line of the source that was loaded, which may have been changed in its file since."""
    try:
        text = names["__loader__"].get_source(names["__name__"]).splitlines()
    except (AttributeError, ImportError, KeyError):  # of a notebook
        return linecache.getline(file, line)
    return text[line - 1] if line <= len(text) else ""


def _code(function: Any) -> CodeType | None:
    while isinstance(function, functools.partial):
        function = function.func
    function = unwrap(function)
    if not hasattr(function, "__code__"):
        function = type(function).__call__  # of an object that is called like a function
    found = getattr(function, "__code__", None)
    return found if isinstance(found, CodeType) else None


def _user_frame(
    trace: TracebackType | None, function: Callable[..., Any] | None, package: str
) -> tuple[FrameType | None, int]:
    """Return the innermost frame of a traceback that is of the analysis, or of the function's file, and its line."""
    code = _code(function) if function else None
    module = str(getattr(function, "__module__", ""))
    package = package or (module.partition(".")[0] if module.startswith(ANALYSIS_PACKAGE) else "")
    found: tuple[FrameType | None, int] = None, 0
    while trace is not None:
        frame = trace.tb_frame
        mine = package and str(frame.f_globals.get("__name__")).partition(".")[0] == package
        if mine or (code is not None and frame.f_code.co_filename == code.co_filename):
            found = frame, trace.tb_lineno
        trace = trace.tb_next
    return found


def _said(err: BaseException) -> str:
    """Return an exception in one line: its kind, and the first line of what it says."""
    if isinstance(err, SystemExit):
        return "ends the program"
    if isinstance(err, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())
    # The package that an analysis is imported in has a hash in its name.
    lines = [re.sub(rf"{ANALYSIS_PACKAGE}\w+\.", "", line.strip()) for line in _message(err).splitlines()]
    text = next((_short(line, LONGEST) for line in lines if line), "")
    if not text:
        return type(err).__name__
    return text if isinstance(err, BdanaError) else f"{type(err).__name__}: {text}"


def _message(err: BaseException) -> str:
    """Return what an exception says; nothing where its class cannot say it."""
    try:
        return str(err)
    except Exception:  # noqa: BLE001 - whatever their class does
        return ""


def _advice(err: BaseException, frame: FrameType, line: int) -> str:
    text = _message(err)
    if not text:
        return f": {_line_text(frame.f_globals, frame.f_code.co_filename, line).strip()}"
    for pattern, advice in _ADVICE.items():
        if re.search(pattern, text):
            return f"; {advice}"
    suggestion = _suggestion(err, frame)
    return f"; {suggestion}" if suggestion else ""


_ADVICE = {
    r"truth value of an? .*array": "write & for `and`, | for `or`, ~ for `not`, and a < x < b as (a < x) & (x < b)",
    r"'Cut'": "a cut that is used in another one is called there: good_track(pairs.plus, par)",
    r"ufunc 'bitwise_\w+' not supported": "put every comparison in brackets: (a < 1) & (b > 2)",
    r"read-only|cannot assign to field|Instance is frozen": "what a function of the analysis gets must not be changed: work on a copy",
    r"divide by zero": "compare a < c * b in place of a / b < c, or say what is meant with np.divide(..., "
    "where=...) or np.errstate",
}
"""What to do about a message."""


def _suggestion(err: BaseException, frame: FrameType) -> str:
    missing = re.search(r"no field(?: named)? '(\w+)'", _message(err))
    if missing:
        return _field_suggestion(missing[1], getattr(err, "obj", None))
    if isinstance(err, AttributeError) and err.name:
        return _hint(err.name, _names(err.obj))
    if isinstance(err, NameError) and err.name:
        return _hint(err.name, {*frame.f_locals, *frame.f_globals, *vars(builtins)})
    found = re.search(r"cannot import name '(\w+)'", _message(err))
    if isinstance(err, ImportError) and found:
        return _hint(found[1], _names(sys.modules.get(str(err.name))))
    return ""


def _field_suggestion(name: str, records: Any) -> str:
    """Suggest a field of awkward records: one that is there, or one of the event model that was not read."""
    there = ak.fields(records) if isinstance(records, ak.Array) else []
    columns = [column for column in EVENT_COLUMNS if name in column.split(".")]
    if columns:
        declared = " or ".join(f'"{column}"' for column in columns[:3])
        return f"a cut names the columns that it reads in its decorator: add {declared}"
    parts = {part for column in EVENT_COLUMNS for part in column.split(".")}
    return _hint(name, there) or _hint(name, parts)


def _names(thing: Any) -> list[str]:
    """Return the public names that something has."""
    if thing is None:
        return []
    if isinstance(thing, BaseModel):
        return list(type(thing).model_fields)
    names = thing.__dict__ if isinstance(thing, ModuleType) and not hasattr(thing, "__all__") else dir(thing)
    return [name for name in names if not name.startswith("_")]


@contextmanager
def _read_only_arrays(args: Iterable[Any]) -> Iterator[None]:
    """Protect the arrays of dataclasses as long as a user's function has them."""
    arrays = [
        value
        for arg in args
        if is_dataclass(arg) and hasattr(arg, "__dict__")
        for value in (vars(arg).get(field.name) for field in fields(arg))
        if isinstance(value, np.ndarray) and value.flags.writeable
    ]
    for array in arrays:
        array.flags.writeable = False
    try:
        yield
    finally:
        for array in arrays:
            array.flags.writeable = True


def _numbers(answer: Any) -> NDArray[np.float64]:
    if answer is None:
        raise UnsuitableError("returns None: is `return` missing?")
    try:
        array = np.asarray(answer)
        if array.dtype.kind in "iuf":
            return array.astype(np.float64)
    except (TypeError, ValueError):
        pass
    raise UnsuitableError(f"returns {_kind(answer)}, not a number")


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of {value.dtype}"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}, which is not called"
    return type(value).__name__


def _shown(value: Any) -> str:
    return (
        _short(repr(value), 80)
        if isinstance(value, (int, float, str, tuple, list, np.generic))
        else _kind(value)
    )


def _short(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
