"""Blinding: what is closed, who opens it, and the record of it."""

from bdana.blinding.manifest import SealedOnly
from bdana.blinding.policy import Policy, load_policy

__all__ = ["Policy", "SealedOnly", "load_policy"]
