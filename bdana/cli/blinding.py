"""`bdana blinding`: joining, keys, the state of the ledger and its check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import load_analysis, note, print_json, print_tables, table
from bdana.cli.options import Json

if TYPE_CHECKING:
    from bdana.blinding import Policy
    from bdana.blinding.ledger import Ledger

__all__ = ["blinding"]

blinding = typer.Typer(help="Who opens closed data, and the record of it.", no_args_is_help=True)
app.add_typer(blinding, name="blinding")

Name = Annotated[str, typer.Option("--person", help="Your name in the policy.", show_default=False)]
Key = Annotated[
    Path, typer.Option(help="Your SSH key; ssh-keygen reads it, bdana never does.", show_default=False)
]


def _state() -> tuple[Policy, Ledger]:
    from bdana.blinding import load_policy
    from bdana.blinding.ledger import Ledger
    from bdana.errors import BlindingError

    analysis = load_analysis(None)
    policy = load_policy(analysis.folder, analysis.regions)
    if policy is None or not policy.people:
        raise BlindingError(f"refused: {analysis.folder / 'blinding' / 'policy.toml'} names no [people]")
    return policy, Ledger(analysis.folder / "blinding" / "ledger")


@blinding.command()
def join(person: Name, key: Key) -> None:
    """Make your age identity, locked with a passphrase in your own config folder, and sign the policy."""
    from bdana.blinding.identity import make_identity
    from bdana.blinding.keys import join as join_ledger
    from bdana.blinding.signing import fingerprint

    policy, ledger = _state()
    passphrase = typer.prompt(
        "passphrase for your age identity", hide_input=True, confirmation_prompt=True, err=True
    )
    recipient = make_identity(person, passphrase)
    join_ledger(policy, ledger, person, key, recipient)
    note(
        f"{person} joined with the SSH key {fingerprint(policy.people[person].ssh_key)}; read it aloud at a meeting"
    )


@blinding.command()
def keys(
    period: Annotated[str, typer.Argument(help="A period of the policy.", show_default=False)],
    person: Name,
    key: Key,
) -> None:
    """Make the stage keys of a data period, once; the secrets are forgotten."""
    from bdana.blinding.keys import make_period

    policy, ledger = _state()
    note(f"keys of period {period}: row {make_period(policy, ledger, period, person, key).name}")


@blinding.command()
def seen(
    reason: Annotated[
        str, typer.Argument(help="What was seen, of which region, and why.", show_default=False)
    ],
    person: Name,
    key: Key,
) -> None:
    """Write down that somebody looked outside the procedure."""
    _, ledger = _state()
    note(f"row {ledger.append('seen', person, key, {'reason': reason}).name}")


@blinding.command()
def status(as_json: Json = False) -> None:
    """Show the rows of the ledger and its head."""
    _, ledger = _state()
    rows = ledger.rows()
    if as_json:
        print_json(
            {
                "head": ledger.head,
                "rows": [
                    {"number": r.number, "kind": r.kind, "person": r.person, "time": r.time, "hash": r.hash}
                    for r in rows
                ],
            }
        )
        return
    shown = table("number", "kind", "person", "time", "hash", numbers=False)
    for row in rows:
        shown.add_row(f"{row.number}", row.kind, row.person, row.time, row.hash[:16])
    print_tables(shown, f"head: {ledger.head or 'none, the ledger is empty'}")


@blinding.command()
def verify() -> None:
    """Check every row and signature of the ledger; needs no key and no data."""
    from bdana.blinding.signing import fingerprint
    from bdana.errors import BlindingError

    policy, ledger = _state()
    rows = ledger.rows()
    unsigned = ledger.unsigned({name: person.ssh_key for name, person in policy.people.items()})
    if unsigned:
        raise BlindingError(
            f"the ledger is not valid: {unsigned[0].name} is not signed by {unsigned[0].person}"
        )
    people = table("person", "role", "production", "SSH key", numbers=False)
    for name, person in policy.people.items():
        people.add_row(name, person.role, "yes" if person.production else "", fingerprint(person.ssh_key))
    print_tables(people, f"{len(rows)} rows, all signed; head: {ledger.head or 'none'}")
