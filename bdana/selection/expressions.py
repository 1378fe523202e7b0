"""Quantities of candidates that an analysis writes as formulae: `hypot(p_plus, p_minus)`."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError
from bdana.events.units import dimension
from bdana.mistakes import did_you_mean
from bdana.selection.candidates import UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bdana.selection.candidates import Candidates

    Powers = tuple[float, ...]  # of the base dimensions

__all__ = ["Expression"]

_BASE = ("length", "time", "energy")
_PURE = (0.0, 0.0, 0.0)
_NUMBERS: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in ("exp", "log", "log10", "sin", "cos", "tan", "arcsin", "arccos", "arctan")
}
_ALIKE: dict[str, Callable[..., Any]] = {
    name: getattr(np, name) for name in ("abs", "hypot", "minimum", "maximum")
}
_ANGLES: dict[str, Callable[..., Any]] = {"arctan2": np.arctan2}
_ALL: dict[str, Callable[..., Any]] = {**_NUMBERS, **_ALIKE, **_ANGLES, "sqrt": np.sqrt}
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    name: (function, 2 if name in {"hypot", "minimum", "maximum", "arctan2"} else 1)
    for name, function in _ALL.items()
}
_OPERATIONS: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


@dataclass(frozen=True)
class Expression:
    """A formula of the quantities of a candidate, in mm, ns and MeV; its dimension is known before any event.

    Attributes
    ----------
    text : str
        Numbers, names of quantities, `+ - * / **`, and functions of numpy.

    Raises
    ------
    ConfigError
        When it is no such formula, or adds what has not one dimension.

    Examples
    --------
    >>> from bdana.selection.expressions import Expression
    >>> Expression("sqrt(p_plus * p_minus)").dimension
    'energy'
    >>> Expression("p_plus / (p_plus + p_minus)").dimension
    ''
    """

    text: str

    def __post_init__(self) -> None:
        self._powers(self._tree)

    @cached_property
    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ConfigError(f"'{self.text}' is no formula") from None

    @property
    def names(self) -> frozenset[str]:
        """The quantities of the candidate that it uses."""
        return (
            frozenset(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)) & UNITS.keys()
        )

    @property
    def dimension(self) -> str:
        """Of its values: length, time, energy, or empty for pure numbers and angles."""
        powers = self._powers(self._tree)
        known = {_PURE: "", **{_unit(name): name for name in _BASE}}
        if powers not in known:
            said = " ".join(f"{name}^{power:g}" for name, power in zip(_BASE, powers, strict=True) if power)
            raise ConfigError(f"'{self.text}' has the dimension {said}, for which an axis has no unit")
        return known[powers]

    def values(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return the values in mm, ns, MeV, shape (N,); not finite where the formula has none.

        Parameters
        ----------
        candidates : Candidates
        """
        with np.errstate(all="ignore"):
            found = _value(self._tree, candidates)
        return np.broadcast_to(np.asarray(found, dtype=np.float64), len(candidates))

    def _powers(self, node: ast.expr) -> Powers:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return _PURE
            case ast.Name(id="pi"):
                return _PURE
            case ast.Name(id=name):
                if name not in UNITS:
                    raise ConfigError(
                        f"'{self.text}': no quantity '{name}' of a candidate: {did_you_mean(name, UNITS)}"
                    )
                return _unit(dimension(UNITS[name]))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
                return self._powers(inner)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return self._combined(op, left, right)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                return self._called(name, arguments)
        raise ConfigError(
            f"'{self.text}': '{ast.unparse(node)}' is nothing that a formula can hold: numbers, quantities, + - * / ** and "
            f"{', '.join(sorted(_FUNCTIONS))}"
        )

    def _combined(self, op: ast.operator, left: ast.expr, right: ast.expr) -> Powers:
        first, second = self._powers(left), self._powers(right)
        if isinstance(op, ast.Pow):
            if any(second) or (any(first) and not _is_number(right)):
                raise ConfigError(f"'{self.text}': the power of a quantity with a unit must be a number")
            power = float(_value(right, None)) if any(first) else 1.0
            return tuple(power * part for part in first)
        if isinstance(op, ast.Mult | ast.Div):
            sign = 1.0 if isinstance(op, ast.Mult) else -1.0
            return tuple(a + sign * b for a, b in zip(first, second, strict=True))
        self._alike(first, second)
        return first

    def _called(self, name: str, arguments: list[ast.expr]) -> Powers:
        if len(arguments) != _FUNCTIONS[name][1]:
            raise ConfigError(f"'{self.text}': {name} takes {_FUNCTIONS[name][1]} argument(s)")
        powers = [self._powers(argument) for argument in arguments]
        self._alike(powers[0], powers[-1])
        if name == "sqrt":
            return tuple(0.5 * part for part in powers[0])
        if name in _NUMBERS and any(powers[0]):
            raise ConfigError(f"'{self.text}': {name} needs a pure number: divide by a unit or by a quantity")
        return powers[0] if name in _ALIKE else _PURE

    def _alike(self, first: Powers, second: Powers) -> None:
        if first != second:
            raise ConfigError(f"'{self.text}' adds or compares quantities of different dimensions")


def _unit(name: str) -> Powers:
    return tuple(float(name == base) for base in _BASE)


def _is_number(node: ast.expr) -> bool:
    return not any(isinstance(inner, ast.Name | ast.Call) for inner in ast.walk(node))


def _value(node: ast.expr, candidates: Candidates | None) -> Any:
    match node:
        case ast.Constant(value=number):
            return float(number)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return np.pi if name == "pi" else getattr(candidates, name)
        case ast.UnaryOp(op=op, operand=inner):
            return (-1.0 if isinstance(op, ast.USub) else 1.0) * _value(inner, candidates)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATIONS[type(op)](_value(left, candidates), _value(right, candidates))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name][0](*(_value(argument, candidates) for argument in arguments))
    msg = f"not checked: {ast.dump(node)}"
    raise AssertionError(msg)
