"""Blinding: what is closed, who opens it, and the record of it."""

from bdana.blinding.ledger import Ledger
from bdana.blinding.policy import Policy
from bdana.blinding.policy_in_force import load_policy

__all__ = ["Ledger", "Policy", "load_policy"]
