"""Models of new particles, one file each; docs/architecture.md says what a file must have."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from bdana.errors import ConfigError
from bdana.mistakes import Written, did_you_mean, validated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from bdana.parameters import ParameterTable
    from bdana.signal.contract import Coupling, ScanRange, SignalModel

__all__ = [
    "coupling_of",
    "couplings_of",
    "find_model",
    "find_parameters",
    "make_particle",
    "model_names",
    "particle_name",
    "scan_of",
    "with_beam",
]


def model_names() -> tuple[str, ...]:
    """Return the names of the signal models: the files of this folder.

    Examples
    --------
    >>> from bdana.signal.models import model_names
    >>> "dark_photon" in model_names()
    True
    """
    return tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))


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
        raise ConfigError(f"no signal model '{name}': {did_you_mean(name, model_names())}")
    return import_module(f"{__name__}.{name}")


def couplings_of(name: str) -> dict[str, Coupling]:
    """Return what the couplings of a signal model are called, by its parameter `coupling`; '' where it has but one.

    Parameters
    ----------
    name : str

    Raises
    ------
    ConfigError
        When there is no such model.

    Examples
    --------
    >>> from bdana.signal.models import couplings_of
    >>> [coupling.name for coupling in couplings_of("dark_photon").values()]
    ['epsilon']
    """
    found = find_model(name).COUPLING
    return dict(found) if isinstance(found, dict) else {"": found}


def coupling_of(name: str, parameters: Mapping[str, Any] | None = None) -> Coupling:
    """Return what the coupling of a signal model is called.

    Parameters
    ----------
    name : str
    parameters : mapping of str to object, optional
        In place of the model's defaults: one that has several couplings names the one that is meant.

    Raises
    ------
    ConfigError
        When there is no such model.

    Examples
    --------
    >>> from bdana.signal.models import coupling_of
    >>> coupling_of("dark_photon").name, coupling_of("dark_scalar").name
    ('epsilon', 'theta')
    """
    coupling: Coupling = _of_coupling(name, find_model(name).COUPLING, parameters)
    return coupling


def particle_name(name: str) -> str:
    """Return what the particle of a signal model is called in reports.

    Parameters
    ----------
    name : str

    Raises
    ------
    ConfigError
        When there is no such model.

    Examples
    --------
    >>> particle_name("hnl")
    'heavy neutral lepton'
    """
    called: str = find_model(name).PARTICLE
    return called


def scan_of(name: str, parameters: Mapping[str, Any] | None = None) -> ScanRange:
    """Return where the particle of a signal model is searched for by default.

    Parameters
    ----------
    name : str
    parameters : mapping of str to object, optional
        As for `coupling_of`.

    Raises
    ------
    ConfigError
        When there is no such model.
    """
    scan: ScanRange = _of_coupling(name, find_model(name).SCAN, parameters)
    return scan


def _of_coupling(name: str, found: Any, parameters: Mapping[str, Any] | None) -> Any:
    """Return what belongs to the coupling that is meant; an unknown one is refused when the particle is made."""
    if not isinstance(found, dict):
        return found
    default = find_parameters(name).model_fields["coupling"].default
    return found.get((parameters or {}).get("coupling", default), found[default])


def find_parameters(name: str) -> type[ParameterTable]:
    """Return the class of what users may choose about a signal model.

    Parameters
    ----------
    name : str

    Raises
    ------
    ConfigError
        When there is no such model.
    """
    parameters: type[ParameterTable] = find_model(name).Parameters
    return parameters


def make_particle(name: str, mass: float, parameters: Mapping[str, Any]) -> SignalModel:
    """Return a model's particle of one mass.

    Parameters
    ----------
    name : str
        Of the model.
    mass : float
        In MeV/c2.
    parameters : mapping of str to object
        In place of the model's defaults.

    Raises
    ------
    ConfigError
        When there is no such model, or a parameter is unknown or wrong.
    """
    module, known = find_model(name), find_parameters(name)
    chosen = validated(known, dict(parameters), Written(f"parameters of the signal model {name}"))
    particle: SignalModel = module.Model(mass, chosen)
    return particle


def with_beam(name: str, parameters: Mapping[str, Any], momentum: float) -> dict[str, Any]:
    """Return the parameters of a model with the momentum of the beam, where it has that parameter and it is not given.

    Parameters
    ----------
    name : str
        Of the model.
    parameters : mapping of str to object
        As they are given.
    momentum : float
        In MeV/c.

    Examples
    --------
    >>> from bdana.signal.models import with_beam
    >>> with_beam("dark_photon", {}, 120e3)
    {'beam_momentum_gev': 120.0}
    """
    given, key = dict(parameters), "beam_momentum_gev"
    field = find_model(name).Parameters.model_fields.get(key) if name in model_names() else None
    if field is not None and key not in given and field.default != momentum * 1e-3:
        given[key] = momentum * 1e-3
    return given
