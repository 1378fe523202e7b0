"""`bdana demo --unblind`: all openings of a search, by made-up people with throw-away keys and nine commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bdana.cli.console import print_tables
from bdana.errors import BlindingError

__all__ = ["COMMANDS", "PERIOD", "DemoPeople"]

PERIOD = "demo"
PASSPHRASE = "demo"  # noqa: S105 - of identities that guard nothing
PRODUCTION = "boris"
PEOPLE = {
    "anna": "analyst",
    "boris": "analyst",
    "chen": "analyst",
    "rita": "reviewer",
    "raj": "reviewer",
    "carla": "convenor",
}
COMMANDS = (
    ("anna", "freeze"),
    ("anna", "rehearse"),
    ("anna", "request CR3 CR2 CR1 --opener rita"),
    ("rita", "open CR3 CR2 CR1"),
    ("anna", "request CR --opener rita"),
    ("rita", "open CR"),
    ("anna", "request SR --opener rita"),
    ("carla", "approve SR"),
    ("rita", "open SR"),
)
"""All openings of a search: who types what after `bdana blinding`."""

POLICY = """
# People made up by `bdana demo --unblind`; their keys lie in people/.
[stages.SR.approval]
analyst = 1
reviewer = 1
convenor = 1
"""


class DemoPeople:
    """The people of a demo, each of whom types commands in the analysis folder.

    Parameters
    ----------
    folder : Path
        The analysis folder; the keys are made in its folder people.
    runs : tuple of int
        First and last run of the data.
    """

    def __init__(self, folder: Path, runs: tuple[int, int]) -> None:
        from bdana.blinding.signing import make_key

        self.folder = folder
        keys = folder / "people"
        keys.mkdir()
        text = POLICY
        for name, role in PEOPLE.items():
            text += f'\n[people.{name}]\nrole = "{role}"\nssh_key = "{make_key(keys / name, name)}"\n'
            text += "production = true # seals the data\n" if name == PRODUCTION else ""
        text += f"\n[periods.{PERIOD}]\ndata_runs = [[{runs[0]}, {runs[1]}]]\n"
        with (folder / "blinding" / "policy.toml").open("a", encoding="utf-8") as policy:
            policy.write(text)

    def set_up(self, data: Path) -> None:
        """Let everybody join, make the keys, seal the data, and remove the raw file."""
        for name in PEOPLE:
            self._type(name, "blinding", "join")
        self._type(PRODUCTION, "blinding", "keys", PERIOD)
        file = str(data.relative_to(self.folder))
        self._type(PRODUCTION, "seal", file, "--period", PERIOD, "--out", str(Path(file).parent))
        data.unlink()

    def open_all(self) -> None:
        """Open all stages."""
        for name, command in COMMANDS:
            self._type(name, "blinding", *command.split())

    def verify(self) -> None:
        """Check the ledger, which needs nobody's key."""
        self._type(None, "blinding", "verify")

    def _type(self, name: str | None, *words: str) -> None:
        """Run a command for a person in a process of its own, and show it."""
        signing = () if name is None else ("--person", name, "--key", f"people/{name}")
        command = " ".join(["bdana", *words, *signing])
        print_tables(f"\n$ {command}")
        done = subprocess.run(  # noqa: S603 - no shell
            [sys.executable, "-P", "-m", "bdana", *words, *signing],
            cwd=self.folder,
            env=os.environ
            | {
                "XDG_CONFIG_HOME": str((self.folder / "people").absolute()),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            input=f"{PASSPHRASE}\n",
            text=True,
            check=False,
        )
        if done.returncode:
            raise BlindingError(f"`{command}` in {self.folder} ended with status {done.returncode}")
