"""What the process that has the key of a stage runs: it imports no code that it does not need, and none of the analysis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyrage

from bdana.blinding.identity import unlock_identity
from bdana.blinding.ledger import Ledger
from bdana.blinding.policy_in_force import policy_in_force  # guard: little-beside-a-key
from bdana.errors import BlindingError
from bdana.opening.steps import Opening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.opening.isolated import Message

__all__ = ["Job", "decrypted"]


@dataclass(frozen=True)
class Job:
    """What is opened, and by whom.

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
    confirmed : str
        How the opener said yes, for the row `begin`.
    """

    folder: str
    records: str
    person: str
    key: str
    period: str
    requests: tuple[str, ...]
    sealed: dict[str, list[str]]
    confirmed: str = ""

    def opening(self) -> Opening:
        """Return the steps of the opening.

        Raises
        ------
        BlindingError
            When there is no policy.
        """
        policy = policy_in_force(Path(self.records))
        if policy is None:
            raise BlindingError(f"refused: {self.records} has no blinding/policy.toml")
        return Opening(Ledger(Path(self.records) / "blinding" / "ledger"), policy, self.period)


def decrypted(head: Mapping[str, Any], _: Mapping[str, bytes]) -> Message:
    """Decrypt the events of a stage; no code of the analysis folder runs in this process.

    Parameters
    ----------
    head : mapping
        A `Job` of one request, with the `secret`.
    _ : mapping of str to bytes
        Nothing.
    """
    job = Job(**{name: value for name, value in head.items() if name != "secret"})
    opening, secret = job.opening(), head["secret"]
    identity = (
        pyrage.x25519.Identity.from_str(secret)
        if secret.startswith("AGE-SECRET-KEY-")
        else unlock_identity(job.person, secret)
    )
    request = opening.ledger.by_hash("request")[job.requests[0]]
    sealed = [Path(path) for path in job.sealed[request.body["stage"]]]
    found = opening.decrypt(job.person, Path(job.key), identity, request, sealed, job.confirmed)
    return {"link": found.link, "read": found.read}, found.contents
