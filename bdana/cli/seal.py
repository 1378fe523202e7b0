"""`bdana seal`: moves the events of closed regions out of the data into encrypted files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bdana.cli.app import app
from bdana.cli.blinding import Key, Name
from bdana.cli.console import note, progress_bar, require_analysis
from bdana.cli.options import Files, Schema

__all__ = ["seal"]


@app.command()
def seal(
    files: Files,
    period: Annotated[str, typer.Option(help="A period of the policy, with keys.", show_default=False)],
    person: Name,
    key: Key,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write to.")] = Path(),
    schema: Schema = None,
    previous: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Raw data these events were sealed from before, oldest first.",
            show_default=False,
        ),
    ] = None,
    reconstruction: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Name and version of the program that reconstructed the events, for the manifest.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        bool,
        typer.Option(
            help="Write the manifests down in the ledger; batch jobs leave it to `blinding record`."
        ),
    ] = True,
) -> None:
    """Seal data: an open file, one encrypted file a stage, and a signed manifest for each input."""
    from bdana.blinding.ledger import Ledger
    from bdana.blinding.stage_keys import stage_recipients
    from bdana.errors import BlindingError, InputError
    from bdana.events.file_names import local_or_remote
    from bdana.events.location import file_name
    from bdana.sealing.manifest import record_manifests
    from bdana.sealing.seal_file import Sealing, reconstruction_of
    from bdana.sealing.seal_file import seal as seal_file

    analysis = require_analysis(None)
    policy = analysis.policy
    if policy is None:
        raise BlindingError(
            f"refused: {analysis.folder} has no blinding/policy.toml that says what is sealed"
        )
    ledger = Ledger(analysis.folder / "blinding" / "ledger")
    recipients = stage_recipients(ledger, policy, period)
    sealing = Sealing(policy, policy.gate(analysis.detector), recipients, period, person, key)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise InputError(f"{out}: cannot be made ({err.strerror}); name a folder with --out") from None
    manifests = []
    remote, before = analysis.config.remote, [local_or_remote(name) for name in previous or ()]
    for file in map(local_or_remote, files):
        with progress_bar(f"sealing {file_name(file)}") as progress:
            made = seal_file(
                file, out, sealing, schema, before,
                reconstruction=reconstruction, progress=progress, remote=remote,
            )  # fmt: skip
        manifests.append(made)
        if not reconstruction and reconstruction_of(file, remote) is None:
            note(f"{file}: its manifest says that the reconstruction is unknown; --reconstruction names it")
        note(f"{file}: sealed, see {made}")  # guard: sealing-is-silent
    if record:
        note(f"row {record_manifests(ledger, policy, person, key, manifests).name}")
