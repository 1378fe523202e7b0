"""Blinding: what is closed, who opens it, and the record of it."""

from bdana.blinding.manifest import check_open_file
from bdana.blinding.policy import Policy, load_policy

__all__ = ["Policy", "check_open_file", "load_policy"]
