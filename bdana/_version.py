"""The version of bdana, in one place."""

__version__ = "0.1.0"
