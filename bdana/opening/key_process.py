"""The process that opens stages: the key of a stage and its events are in its memory and nowhere else."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import pyrage

from bdana.analysis import AnalysisFolder
from bdana.blinding import Ledger, load_policy
from bdana.blinding.identity import unlock_identity
from bdana.errors import BdanaError, BlindingError, InputError
from bdana.opening.opened_events import outputs_of
from bdana.opening.steps import Opening
from bdana.opening.thaw import reproduce, thaw

__all__ = ["Job", "open_here", "open_in_key_process"]


PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); import bdana; del sys.path[0]; "
    "from bdana.opening.key_process import main; sys.exit(main())"
)
"""What the process runs: this bdana, whatever its folder, and all other packages from where Python has them."""


@dataclass(frozen=True)
class Job:
    """What is opened, and by whom; sent to the process on its standard input.

    Attributes
    ----------
    folder : str
        The analysis folder.
    records : str
        The folder with blinding/policy.toml and blinding/ledger: the analysis folder, or that of a rehearsal.
    person, key : str
        The opener and the path of the SSH key.
    period : str
    requests : tuple of str
        Hashes of the requests, in the order of their stages.
    sealed : mapping of str to list of str
        The sealed files of each stage.
    secret : str
        The passphrase of the opener's age identity; in a rehearsal the throw-away identity itself.
    """

    folder: str
    records: str
    person: str
    key: str
    period: str
    requests: tuple[str, ...]
    sealed: dict[str, list[str]]
    secret: str


def open_in_key_process(job: Job) -> None:
    """Open stages in a process of their own, so that keys and events leave memory when it ends.

    Parameters
    ----------
    job : Job

    Raises
    ------
    InputError, BlindingError
        With the message of the process, which carries no closed value.
    RuntimeError
        When the process stopped at something else, or was killed.
    """
    # -P and -E: no module is imported from the analysis folder, from here, or from PYTHONPATH.
    command = [sys.executable, "-P", "-E", "-c", PROGRAM, str(Path(__file__).parents[2])]  # guard: isolated
    done = subprocess.run(  # noqa: S603 - no shell
        command, input=json.dumps(asdict(job)), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:  # guard: opening-fails-aloud
        known = {error.exit_code: error for error in (InputError, BlindingError)}
        raise known.get(done.returncode, RuntimeError)(
            done.stdout.strip() or "the opening stopped; the same request may be opened again"
        )


def open_here(job: Job) -> None:
    """Open stages in this process: the one that was started for it, or that of a rehearsal.

    Parameters
    ----------
    job : Job

    Raises
    ------
    BlindingError
        As `Opening.open`.
    """
    folder, records = Path(job.folder), Path(job.records)
    policy = load_policy(records, AnalysisFolder.read(folder).regions)
    if policy is None:
        raise BlindingError(f"refused: {records} has no blinding/policy.toml")
    ledger = Ledger(records / "blinding" / "ledger", policy.ssh_keys)
    opening = Opening(ledger, policy, job.period)
    identity = (
        pyrage.x25519.Identity.from_str(job.secret)
        if job.secret.startswith("AGE-SECRET-KEY-")
        else unlock_identity(job.person, job.secret)
    )
    frozen = opening.newest_freeze().body["frozen"]
    analysis = thaw(folder, frozen)
    if records == folder:  # a rehearsal has done it, once for all its stages
        reproduce(analysis, frozen)
    for digest in job.requests:
        request = ledger.by_hash("request").get(digest)
        if request is None:
            raise BlindingError("refused: the ledger has no such request")
        stage = request.body["stage"]
        opening.open(
            job.person,
            Path(job.key),
            identity,
            request,
            [Path(path) for path in job.sealed[stage]],
            lambda chunks, stage=stage: outputs_of(analysis, frozen, stage, chunks),  # type: ignore[misc]
            again=False,
        )


def main() -> int:
    """Do the job on standard input; a message that carries no value goes to standard output."""
    job, hidden = Job(**json.load(sys.stdin)), io.StringIO()
    try:
        with (
            redirect_stdout(hidden),
            redirect_stderr(hidden),
        ):  # what a selection prints may be a closed value
            open_here(job)
    except BdanaError as err:
        sys.stdout.write(str(err))
        return err.exit_code
    except Exception as err:  # noqa: BLE001 - a traceback could show a closed value
        sys.stdout.write(
            f"the opening failed with {type(err).__name__}; the same request may be opened again"
        )
        return 1
    return 0
