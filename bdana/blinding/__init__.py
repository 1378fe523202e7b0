"""Blinding: what is closed, who opens it, and the record of it."""

from bdana.blinding.amend import load_policy
from bdana.blinding.manifest import SealedOnly
from bdana.blinding.policy import Policy

__all__ = ["Policy", "SealedOnly", "load_policy"]
