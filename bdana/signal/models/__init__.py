"""Models of new particles, one file each; docs/architecture.md says what a file must have."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING

from bdana.errors import ConfigError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["find_model", "model_names"]


def model_names() -> tuple[str, ...]:
    """Return the names of the signal models: the files of this folder.

    Examples
    --------
    >>> from bdana.signal.models import model_names
    >>> "dark_photon" in model_names()
    True
    """
    names = (path.name for path in files(__name__).iterdir())
    return tuple(sorted(name[:-3] for name in names if name.endswith(".py") and not name.startswith("_")))


def find_model(name: str) -> ModuleType:
    """Return the module of a signal model, which has `Parameters` and `Model(mass, parameters)`.

    Parameters
    ----------
    name : str

    Raises
    ------
    ConfigError
        When there is no such model.

    Examples
    --------
    >>> from bdana.signal.models import find_model
    >>> find_model("dark_photon").Model(250.0).mass
    250.0
    """
    if name not in model_names():
        raise ConfigError(f"no signal model '{name}': there are {', '.join(model_names())}")
    return import_module(f"{__name__}.{name}")
