"""A search whose policy changes, with people who come later."""

import pyrage

from bdana.blinding.key_shares import KeyShares
from bdana.blinding.policy import read_policy
from bdana.blinding.policy_in_force import former_policies
from bdana.blinding.rules import append
from bdana.blinding.stage_keys import join
from bdana.opening.steps import Opening
from tests.attacks.search import Search
from tests.blinding.people import IDENTITIES, ROLES, policy_text

NEW = {name: pyrage.x25519.Identity.generate() for name in ("zoe", "zac")}


def text_of(keys, roles):
    return policy_text({name: keys[name] for name in roles}, roles)


class Changing(Search):
    """A search whose policy changes."""

    def __init__(self, folder, keys, more_keys, edit=str):
        super().__init__(folder, keys, edit)
        self.keys, self.folder, self.edit = more_keys, folder, edit

    def propose(self, roles, **other):
        path = self.folder / "proposed.toml"
        path.write_text(self.edit(text_of(self.keys | other, roles)))
        return read_policy(path)

    def with_zoe(self, role="reviewer"):
        return self.propose(ROLES | {"zoe": role})

    def sign(self, proposed, *people):
        change = {"before": self.policy.document, "after": proposed.document}
        for name in people:
            append(self.ledger, self.policy, "policy", name, self.keys[name], change)

    def put_in_force(self, proposed):
        self.policy = proposed.after(former_policies(self.ledger, proposed))
        self.opening = Opening(self.ledger, self.policy, "2021")

    def change(self, roles, **other):
        proposed = self.propose(roles, **other)
        self.sign(proposed, "ann", "rob", "con")
        self.put_in_force(proposed)

    def add_zoe(self, role="reviewer"):
        self.change(ROLES | {"zoe": role})
        join(self.policy, self.ledger, "zoe", self.keys["zoe"], str(NEW["zoe"].to_public()))

    def hand_over(self, giver, to="zoe"):
        parts = KeyShares(self.ledger, self.policy, "2021")
        return parts.hand_over(giver, self.keys[giver], (IDENTITIES | NEW)[giver], to)
