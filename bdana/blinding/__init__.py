"""Blinding: what is closed, who opens it, and the record of it."""

from bdana.blinding.amend import load_policy
from bdana.blinding.manifest import KnownData, SealedOnly
from bdana.blinding.policy import Policy

__all__ = ["KnownData", "Policy", "SealedOnly", "load_policy"]
