"""The errors a user can act on. Every message names the thing that is wrong and the next step."""

__all__ = ["BdanaError", "BlindingError", "ConfigError", "InputError", "MissingColumnError"]


class BdanaError(Exception):
    """Base of every error that bdana raises on purpose; the command line exits with `exit_code`."""

    exit_code = 2


class ConfigError(BdanaError):
    """Raised when analysis.toml, a schema, a geometry file or a `--set` value is wrong."""


class InputError(BdanaError):
    """Raised when an input file is absent, not readable, damaged, or not laid out as its schema says."""


class MissingColumnError(InputError):
    """Raised when a selection needs a column that the schema or the file does not have."""


class BlindingError(BdanaError):
    """Raised when what was asked for would look at closed data."""

    exit_code = 3
