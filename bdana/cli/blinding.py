"""`bdana blinding`: joining, keys, the state of the ledger and its check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.app import app
from bdana.cli.console import note, print_json, print_tables, require_analysis, table
from bdana.cli.options import Json
from bdana.errors import BdanaError, BlindingError, ConfigError

if TYPE_CHECKING:
    from bdana.blinding import Policy
    from bdana.blinding.ledger import Ledger
    from bdana.blinding.rebase import Rebased

__all__ = ["Key", "Name", "ask_passphrase", "blinding", "ledger_state"]

blinding = typer.Typer(help="Who opens closed data, and the record of it.", no_args_is_help=True)
app.add_typer(blinding, name="blinding")

Name = Annotated[
    str,
    typer.Option("--person", envvar="BDANA_PERSON", help="Your name in the policy.", show_default=False),
]
Key = Annotated[
    Path,
    typer.Option(
        "--key",
        envvar="BDANA_KEY",
        help="Your SSH key; ssh-keygen reads it, bdana never does.",
        show_default=False,
    ),
]


@blinding.callback()
def hide(context: typer.Context) -> None:
    """Who opens closed data, and the record of it."""
    from bdana.opening.isolated import hide_memory

    # A passphrase may come into it, and what a rehearsal hides.
    context.call_on_close(hide_memory())  # guard: command-memory-is-hidden


def ledger_state() -> tuple[Policy, Ledger]:
    """Return policy and ledger of the analysis found here; refuses a policy without people."""
    from bdana.analysis import AnalysisFolder, find_analysis
    from bdana.blinding import Ledger
    from bdana.blinding.rebase import unfinished

    folder = find_analysis()  # what reads events takes its time to import
    analysis = AnalysisFolder.read(folder) if folder else require_analysis(None)
    policy, path = analysis.policy, analysis.folder / "blinding" / "policy.toml"
    if policy is None or not policy.people:  # guard: no-module-imported
        raise BlindingError(f"refused: {path} {'is not there' if policy is None else 'names no [people]'}")
    ledger = Ledger(analysis.folder / "blinding" / "ledger")
    if unfinished(ledger):
        note(
            "`bdana blinding rebase` was not finished here, and rows wait to be written again: type it again"
        )
    return policy, ledger


@blinding.command()
def join(person: Name, key: Key) -> None:
    """Make your age identity, locked with a passphrase in your own config folder, and sign the policy."""
    from bdana.blinding.identity import identity_path, make_identity
    from bdana.blinding.signing import fingerprint
    from bdana.blinding.stage_keys import join as join_ledger

    policy, ledger = ledger_state()
    policy.role(person)
    path = identity_path(person)
    had = path.exists()
    recipient = make_identity(person, ask_passphrase(confirm=True))
    try:
        join_ledger(policy, ledger, person, key, recipient)
    except BdanaError:
        if not had:
            path.unlink(missing_ok=True)
        raise
    note(
        f"{person} joined with the SSH key {fingerprint(policy.people[person].ssh_key)}; read it aloud at a meeting"
    )


@blinding.command()
def keys(
    period: Annotated[str, typer.Argument(help="A period of the policy.", show_default=False)],
    person: Name,
    key: Key,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Make new keys in the place of lost ones, before any opening of the period; seal again afterwards.",
        ),
    ] = False,
) -> None:
    """Make the stage keys of a data period, once; the secrets are forgotten."""
    from bdana.blinding.stage_keys import make_period

    policy, ledger = ledger_state()
    made = make_period(policy, ledger, period, person, key, again=again)
    note(f"keys of period {period}: row {made.name}")
    if again:
        note(
            f"what was sealed for period {period} does not open any more: seal the raw data again, then freeze"
        )


@blinding.command()
def amend(
    file: Annotated[
        Path, typer.Argument(help="The whole policy as it shall be, with another name.", show_default=False)
    ],
    person: Name,
    key: Key,
) -> None:
    """Sign a change of the policy; it is in force when one person of each role has signed the same."""
    from bdana.atomic import write_bytes
    from bdana.blinding.canonical import differences
    from bdana.blinding.policy import read_policy
    from bdana.blinding.policy_in_force import missing_roles, signers
    from bdana.blinding.rules import append

    policy, ledger = ledger_state()
    analysis = require_analysis(None)
    proposed = read_policy(file)
    proposed.require_covers(analysis.regions, analysis.cluster_regions, file)
    change = {"before": policy.document, "after": proposed.document}
    print_tables(*(f"changes: {line}" for line in differences(change["before"], change["after"])))
    if sys.stdin.isatty():
        typer.confirm("sign this change?", abort=True, err=True)
    row = append(ledger, policy, "policy", person, key, change)
    missing = missing_roles(signers(ledger.rows(), policy, proposed), policy)
    if missing:
        note(f"row {row.name}; in force when somebody of each of these signs too: {', '.join(missing)}")
        return
    write_bytes(analysis.folder / "blinding" / "policy.toml", file.read_bytes())
    note(
        f"row {row.name}; the policy is in force. Newcomers: bdana blinding join; holders: bdana blinding handover; then "
        "freeze again"
    )


@blinding.command()
def record(
    manifests: Annotated[
        list[Path],
        typer.Argument(metavar="MANIFEST...", help="NAME.manifest.json files.", show_default=False),
    ],
    person: Name,
    key: Key,
) -> None:
    """Write down in the ledger what was sealed by jobs that could not (`bdana seal --no-record`)."""
    from bdana.sealing.manifest import record_manifests

    policy, ledger = ledger_state()
    note(f"row {record_manifests(ledger, policy, person, key, manifests).name}")


@blinding.command()
def seen(
    reason: Annotated[
        str, typer.Argument(help="What was seen, of which region, and why.", show_default=False)
    ],
    person: Name,
    key: Key,
    region: Annotated[
        list[str] | None,
        typer.Option(help="A region concerned; by default all that were closed.", show_default=False),
    ] = None,
) -> None:
    """Write down that somebody looked outside the procedure; it is shown beside the regions concerned from then on."""
    from bdana.blinding.rules import append

    policy, ledger = ledger_state()
    body = {"regions": region or list(policy.stages), "reason": reason}
    note(f"row {append(ledger, policy, 'seen', person, key, body).name}")


@blinding.command()
def status(as_json: Json = False) -> None:
    """Show the rows of the ledger, its head, the stages, and what differs from the newest freeze, leaf by leaf."""
    from bdana.opening.steps import stage_states
    from bdana.search.reported import exercise_lines

    policy, ledger = ledger_state()
    rows = ledger.rows()
    stages, differs = stage_states(policy, ledger), _differs(policy, ledger)
    if as_json:
        print_json(
            {
                "head": ledger.head,
                "stages": stages,
                "differs": differs,
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
    states = table("stage", "state", numbers=False)
    for name, state in stages.items():
        states.add_row(name, state)
    print_tables(
        shown,
        states,
        *exercise_lines(rows),
        f"head: {ledger.head or 'none, the ledger is empty'}",
        *(f"since the freeze: {line}" for line in differs),
    )


def _differs(policy: Policy, ledger: Ledger) -> list[str]:
    """Return what differs between the newest freeze and the folder, of what can be told without reading events."""
    from bdana.blinding.canonical import differences
    from bdana.opening.freeze import declared_settings

    frozen = ledger.of_kind("freeze")
    if not frozen:
        return []
    now = declared_settings(require_analysis(None), policy)
    then = {key: frozen[-1].body["frozen"].get(key) for key in now}
    return differences(then, now)


@blinding.command()
def rebase(person: Name, key: Key) -> None:
    """Write your unpushed rows again after those that others wrote at the same time, where the ledger forks."""
    from bdana.blinding import Ledger
    from bdana.blinding.policy import read_policy
    from bdana.blinding.rebase import pushed_rows
    from bdana.blinding.rebase import rebase as rebase_ledger
    from bdana.blinding.receipts import keep_receipts

    analysis = require_analysis(None)
    policy = read_policy(analysis.folder / "blinding" / "policy.toml")
    ledger = Ledger(analysis.folder / "blinding" / "ledger")

    def finish(done: Rebased) -> None:
        gone = {row.hash for row, _ in (*done.written, *done.refused)}
        keep_receipts(person, ledger, [new for _, new in done.written], gone)

    done = rebase_ledger(ledger, policy, person, key, pushed_rows(ledger.folder), finish)
    if not done.written and not done.refused:
        note("nothing forks, and all rows are allowed where they stand: nothing to write again")
    for row, new in done.written:
        note(f"{row.name}: written again as {new.name}")
    for row, why in done.refused:
        note(f"{row.name}: not written again: {why.removeprefix('refused: ')}")
    if done.refused:
        raise BlindingError(
            f"refused: {len(done.refused)} of your rows are not allowed after those of the others; they are kept in "
            f"{ledger.folder / '.rebase'}. If one was an opening, its region was seen: write down `bdana blinding seen`"
        )


@blinding.command()
def verify(
    receipt: Annotated[
        Path | None,
        typer.Option(help="A file of receipts: every row in it must be there.", show_default=False),
    ] = None,
) -> None:
    """Check every row of the ledger: signature, place, protocol, and your receipts; needs no key and no data."""
    from bdana.blinding.receipts import read_receipts, receipts_path, require_rows
    from bdana.blinding.rules import require_sound
    from bdana.blinding.signing import fingerprint
    from bdana.search.reported import remarks

    policy, ledger = ledger_state()
    rows = ledger.rows()
    mine = {path for name in policy.people if (path := receipts_path(name, ledger)) and path.exists()}
    kept = [read_receipts(path) for path in sorted(mine | ({receipt} if receipt else set()))]
    for receipts in kept:
        require_rows(ledger, receipts)
    require_sound(ledger, policy)
    people = table("person", "role", "production", "SSH key", numbers=False)
    now = [(name, person, "") for name, person in policy.people.items()]
    before = [
        (name, person, f", until row {past.last}")
        for past in policy.former
        for name, person in past.policy.people.items()
        if person != policy.people.get(name)
    ]
    for name, person, until in [*now, *before]:
        mark = "yes" if person.production else ""
        people.add_row(f"{name}{until}", person.role, mark, fingerprint(person.ssh_key))
    print_tables(
        people,
        f"{len(rows)} rows, all signed and allowed where they stand; head: {ledger.head or 'none'}",
        f"{len(set().union(*kept))} receipts, all of rows that are there",
        *(f"remark: {line}" for line in remarks(rows)),
    )


def ask_passphrase(*, confirm: bool = False) -> str:
    """Ask for a passphrase on the terminal; without one it is the first line of standard input."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        if not line:
            raise ConfigError(
                "no passphrase: type it on a terminal, or give it as the first line of standard input"
            )
        return line.rstrip("\n")
    return str(
        typer.prompt(
            "passphrase of your age identity", hide_input=True, confirmation_prompt=confirm, err=True
        )
    )
