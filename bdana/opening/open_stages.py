"""An opening: one process has the key of the stage, and only when it has ended does another run the selection."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdana.errors import BlindingError
from bdana.opening.isolated import run_isolated
from bdana.opening.key_process import decrypted
from bdana.opening.opened_events import outputs_of
from bdana.opening.steps import Decrypted
from bdana.opening.thaw import reproduce, thaw
from bdana.sealing.sealed_file import events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bdana.opening.isolated import Message
    from bdana.opening.key_process import Job

__all__ = ["open_stages"]


def open_stages(job: Job, secret: Callable[[], str], *, isolated: bool = True) -> None:
    """Open stages: a process that has the key writes down the events, and after its end another selects them.

    No code of the analysis folder ever runs in a process that has, or had, a key or a passphrase.

    Parameters
    ----------
    job : Job
    secret : callable
        Asks for the passphrase of the opener's age identity; in a rehearsal it gives the throw-away identity itself.
    isolated : bool
        False does all of it here, for a rehearsal, whose keys and events are made up.

    Raises
    ------
    InputError, BlindingError
        As `thaw`, `reproduce` and `Opening.run`, with the messages of the processes, which carry no closed value.
    RuntimeError
        When a process stopped at something else, or was killed.
    """
    run = run_isolated if isolated else _run_here  # guard: two-processes
    opening = job.opening()
    frozen = opening.newest_freeze().body["frozen"]
    analysis = {"folder": job.folder, "frozen": frozen}
    # A rehearsal has done it, once for all its stages.
    run(reproduced if job.records == job.folder else thawed, analysis, plain=True)
    unlocking = secret()
    for digest in job.requests:
        request = opening.ledger.by_hash("request").get(digest)
        if request is None:
            raise BlindingError("refused: the ledger has no such request")
        keyed = asdict(job) | {"requests": [digest], "secret": unlocking}
        if digest == job.requests[-1]:
            unlocking = ""

        def decrypt(keyed: dict[str, Any] = keyed) -> Decrypted:
            head, contents = run(decrypted, keyed, plain=False)
            keyed.clear()
            return Decrypted(head["link"], head["read"], contents)

        def select(contents: Mapping[str, bytes], stage: str = request.body["stage"]) -> Mapping[str, Any]:
            return run(selected, analysis | {"stage": stage}, contents, plain=True)[0]

        opening.run(job.person, Path(job.key), request, decrypt, select)


def _run_here(
    function: Callable[[Mapping[str, Any], Mapping[str, bytes]], Message],
    head: Mapping[str, Any],
    contents: Mapping[str, bytes] | None = None,
    *,
    plain: bool,  # noqa: ARG001 - as for run_isolated
) -> Message:
    return function(head, contents or {})


def thawed(head: Mapping[str, Any], _: Mapping[str, bytes]) -> Message:
    """Rebuild the frozen analysis, or refuse.

    Parameters
    ----------
    head : mapping
        `folder` of the analysis and the `frozen` document.
    _ : mapping of str to bytes
        Nothing.
    """
    thaw(Path(head["folder"]), head["frozen"])
    return {}, {}


def reproduced(head: Mapping[str, Any], _: Mapping[str, bytes]) -> Message:
    """Rebuild the frozen analysis, run it on what is open, and compare.

    Parameters
    ----------
    head : mapping
        `folder` of the analysis and the `frozen` document.
    _ : mapping of str to bytes
        Nothing.
    """
    reproduce(thaw(Path(head["folder"]), head["frozen"]), head["frozen"])
    return {}, {}


def selected(head: Mapping[str, Any], contents: Mapping[str, bytes]) -> Message:
    """Run the frozen selection on the events of a stage; there was never a key or a passphrase in this process.

    Parameters
    ----------
    head : mapping
        `folder`, `frozen` and the `stage`.
    contents : mapping of str to bytes
        Decrypted files by their names.
    """
    frozen = head["frozen"]
    return outputs_of(thaw(Path(head["folder"]), frozen), frozen, head["stage"], events_of(contents)), {}
