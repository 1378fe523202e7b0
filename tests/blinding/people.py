"""Throw-away people: SSH keys made for a test, and the policy that names them."""

import subprocess

from bdana.analysis import template_folder

ROLES = {"ann": "analyst", "bob": "analyst", "rob": "reviewer", "rea": "reviewer", "con": "convenor"}


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
