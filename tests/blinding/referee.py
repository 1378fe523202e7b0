"""What a referee does without bdana: the recipe of docs/blinding.md."""

import re
import subprocess

from bdana.analysis import template_folder

PAGE = template_folder() / "docs" / "blinding.md"


def run_recipe(ledger, signers="signers"):
    """Run the recipe in the folder of a ledger, with a file of signers there; return what it says."""
    script = re.search(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    script = script.replace("cd blinding/ledger\n", "").replace("-f signers", f"-f {signers}")
    return subprocess.run(
        ["bash", "-c", script], cwd=ledger, capture_output=True, text=True, check=False
    ).stdout


def write_signers(path, publics):
    path.write_text("".join(f'{name} namespaces="bdana" {key}\n' for name, key in publics.items()))
