"""Modules and names that are imported when first asked for, so that a command waits for no library that it does not use."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["late_module", "on_demand"]


class _LateModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        known = sys.modules.get(self.__name__)  # what another thread is importing has not all names yet
        if known is None or getattr(getattr(known, "__spec__", None), "_initializing", False):
            known = import_module(self.__name__)
        return getattr(known, name)


def late_module(name: str) -> Any:
    """Return a stand-in for a module, which is imported when something of it is first used.

    Parameters
    ----------
    name : str
        Full name of the module.

    Examples
    --------
    >>> from bdana.on_demand import late_module
    >>> fractions = late_module("fractions")
    >>> fractions.Fraction(1, 3) + 1
    Fraction(4, 3)
    """
    return _LateModule(name)


def on_demand(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package, which imports a name from the module where it is defined.

    Parameters
    ----------
    package : str
        The package.
    homes : mapping of str to sequence of str
        Names by module, relative to the package.
    """
    home = {name: f"{package}.{module}" for module, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home:
            msg = f"module '{package}' has no attribute '{name}'"
            raise AttributeError(msg)
        found = getattr(import_module(home[name]), name)
        setattr(sys.modules[package], name, found)  # asked for once
        return found

    return find
