"""Throw-away people: SSH keys and age identities made for a test, and the policy that names them."""

import base64
import subprocess

import pyrage

from bdana.analysis import template_folder
from bdana.blinding.stage_keys import join, make_period

ROLES = {"ann": "analyst", "bob": "analyst", "rob": "reviewer", "rea": "reviewer", "con": "convenor"}
IDENTITIES = {name: pyrage.x25519.Identity.generate() for name in ROLES}


def ssh_key(folder, name, kind="ed25519"):
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", path], check=True)
    return path


def policy_text(keys, roles=ROLES):
    people = "".join(
        f'[people.{name}]\nrole = "{roles[name]}"\nssh_key = "{key.with_suffix(".pub").read_text().strip()}"\n'
        + ("production = true\n" if name == "bob" else "")
        for name, key in keys.items()
    )
    # Without the example at its end, which is all comments.
    shipped = (template_folder() / "blinding" / "policy.toml").read_text().partition("\n# Until somebody")[0]
    sr = "[stages.SR.approval]\nanalyst = 1\nreviewer = 1\nconvenor = 1\n"
    return f"{shipped}{sr}{people}[periods.2021]\ndata_runs = [[11000, 12000]]\n"


def recipient(name):
    return str(IDENTITIES[name].to_public())


def wrong_share(identity):
    """Return what is no share of any key, encrypted to somebody."""
    return base64.b64encode(pyrage.encrypt(bytes(74), [identity.to_public()])).decode()


def unsigned(ledger, publics):
    """Return the rows that their person has not signed."""
    return [row for row in ledger.rows() if not ledger.signed(row, publics)]


def everybody_joins(policy, ledger, keys, recipient=recipient):
    for name in policy.people:
        join(policy, ledger, name, keys[name], recipient(name))


def everybody_joins_with_keys(policy, ledger, keys, recipient=recipient):
    """Let everybody join, and bob make the keys of the period; return their row."""
    everybody_joins(policy, ledger, keys, recipient)
    return make_period(policy, ledger, "2021", "bob", keys["bob"])
