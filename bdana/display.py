"""Short texts of objects for a terminal, and HTML tables of them for a notebook: neither computes nor looks at anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["LONGEST", "html_table", "short_repr", "shortened"]

LONGEST = 200
"""Characters of the longest `repr` of an object."""


def short_repr(thing: Any) -> str:
    """Return the name of an object's class with its fields, arrays and whatever is long by kind and size alone.

    Parameters
    ----------
    thing
        A dataclass or a pydantic model.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from bdana.display import short_repr
    >>> @dataclass
    ... class Tracks:
    ...     name: str
    ...     p: np.ndarray
    ...     __repr__ = short_repr
    >>> Tracks("muons", np.ones((1000, 3)))
    Tracks(name='muons', p=<float64 1000 x 3>)
    """
    kind = type(thing)
    named = (
        [field.name for field in fields(thing) if field.repr] if is_dataclass(thing) else [*kind.model_fields]
    )
    own = getattr(thing, "__dict__", None)  # what is computed when it is asked for is not computed for this
    values = {name: getattr(thing, name, None) for name in named if own is None or name in own}
    return shortened(
        f"{kind.__name__}({', '.join(f'{name}={_text(value)}' for name, value in values.items())})"
    )


def shortened(text: str) -> str:
    """Return a text in one line of at most `LONGEST` characters.

    Parameters
    ----------
    text : str
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 4]}...)"


def html_table(headers: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Return a table as HTML, with numbers to the right of the first column.

    Parameters
    ----------
    headers : sequence of str
    rows : sequence of sequence of str
    caption : str
        Text above it.

    Examples
    --------
    >>> from bdana.display import html_table
    >>> html_table(["region", "observed"], [["SR", "closed"]])
    '<table><thead><tr><th>region</th><th>observed</th></tr></thead><tbody><tr><td>SR</td><td>closed</td></tr></tbody></table>'
    """
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(f"<th>{escape(name)}</th>" for name in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:  # noqa: PLR0911 - one a kind of value
    if value is None or isinstance(value, (bool, int, np.generic)):
        return str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (str, Path)):
        text = str(value)
        return repr(text if len(text) <= 40 else f"{text[:18]}...{text[-18:]}")
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} {' x '.join(map(str, value.shape))}>" if value.ndim else str(value)
    if isinstance(value, Mapping):
        return f"<{len(value)} by name>"
    if isinstance(value, (tuple, list, set, frozenset)):
        items = [_text(item) for item in list(value)[:9]]
        joined = f"({', '.join(items)})"
        return joined if len(value) < 9 and len(joined) <= 60 else f"<{len(value)} of them>"
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return str(value.__name__)
    kind = type(value)
    if kind.__module__.startswith("bdana.") and "__str__" in kind.__dict__:  # numbers of ours
        return str(value)
    return f"<{kind.__name__}>"
