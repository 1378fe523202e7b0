"""`bdana blinding` from freeze to open: the nine commands of a search, taking a consent back, handing shares over."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bdana.cli.blinding import Key, Name, ask_passphrase, blinding, ledger_state
from bdana.cli.console import note, print_tables, require_analysis, table
from bdana.errors import BdanaError, BlindingError, InputError
from bdana.observed import Predicted
from bdana.rounding import p_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyrage.x25519 import Identity
    from rich.table import Table

    from bdana.blinding.ledger import Row
    from bdana.opening.steps import Opening

__all__ = ["describe"]

Stages = Annotated[
    list[str], typer.Argument(metavar="STAGE...", help="In the order they are opened.", show_default=False)
]
PeriodOption = Annotated[str | None, typer.Option(help="A period of the policy; by default the only one.")]


@blinding.command()
def freeze(
    person: Name,
    key: Key,
    explain: Annotated[
        str,
        typer.Option(
            help="After a failed agreement test or an abandoned opening: why, and what is changed. Everybody who signs reads it.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Run the search on what is open, and write down everything that decides what an opening will show."""
    from bdana.opening.freeze import freeze as freeze_ledger
    from bdana.opening.freeze import freeze_document
    from bdana.opening.steps import Opening

    policy, ledger = ledger_state()
    Opening(ledger, policy, "").may_freeze(person, explain)
    document = freeze_document(require_analysis(None), policy)
    row = freeze_ledger(ledger, policy, person, key, document, explain)
    note(f"frozen: {row.hash}; next: bdana blinding rehearse")


@blinding.command()
def rehearse(
    person: Name,
    key: Key,
    period: PeriodOption = None,
    sealed_injection: Annotated[
        bool,
        typer.Option(
            "--sealed-injection",
            help="Rehearse the people instead: make an analysis folder with pseudo-data in which decays are hidden, or none, that "
            "nobody knows of before `bdana blinding reveal`. For production.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="With --sealed-injection: the new folder; by default rehearsal, in the analysis.",
        ),
    ] = None,
    decay: Annotated[
        str | None,
        typer.Option(
            metavar="MODE",
            help="With --sealed-injection: the decays that may be hidden, of the signal model of the analysis.",
            show_default="the first that is open",
        ),
    ] = None,
) -> None:
    """Open all stages with simulated events and throw-away keys, and reveal then what was injected."""
    from bdana.blinding.rules import append
    from bdana.opening.rehearsal import rehearse as rehearse_freeze

    opening = _opening(period)
    if sealed_injection:
        _hide(opening, person, key, out, decay)
        return
    frozen = opening.newest_freeze()
    done = rehearse_freeze(require_analysis(None), opening.policy, opening.period, frozen)
    shown = table("stage", "injected", "candidates", "found by the opening")
    for stage in done:
        shown.add_row(stage.stage, f"{stage.injected}", f"{stage.expected}", f"{stage.found}")
    found = {stage.stage: [stage.injected, stage.expected, stage.found] for stage in done}
    append(opening.ledger, opening.policy, "rehearse", person, key, {"freeze": frozen.hash, "stages": found})
    print_tables(shown, "rehearsed; next: bdana blinding request")


def _hide(opening: Opening, person: str, key: Path, out: Path | None, decay: str | None) -> None:
    """Make the folder of a rehearsal with a sealed injection, unless it is there, and hide the injection."""
    from bdana.analysis import AnalysisFolder
    from bdana.opening.exercise import hide_injection, make_exercise

    source = require_analysis(None)
    folder = out or source.folder / "rehearsal"
    if not (folder / "blinding" / "ledger").is_dir():
        make_exercise(source, folder)
    mode = decay or source.signal.usual_mode
    row = hide_injection(source, AnalysisFolder.read(folder), opening.period, person, key.absolute(), mode)
    note(
        f"row {row.name}: decays are hidden in {folder}, or none. There the people do all that they will do with the data: "
        "freeze, rehearse, request, approve, open; then `bdana blinding claim SR=N`, and each of the quorum `bdana blinding reveal`"
    )


@blinding.command()
def claim(
    events: Annotated[
        list[str],
        typer.Argument(
            metavar="REGION=N...",
            help="Events of the hidden decays that you claim, in opened regions.",
            show_default=False,
        ),
    ],
    person: Name,
    key: Key,
) -> None:
    """Say how many hidden events you found, in a rehearsal with a sealed injection, before it is revealed."""
    from bdana.blinding.rules import append

    policy, ledger = ledger_state()
    numbers = {}
    for text in events:
        region, _, number = text.partition("=")
        if not number.isdecimal():
            raise InputError(f"{text}: write a region and a number of events, such as SR=3")
        numbers[region] = int(number)
    hidden = next((row.hash for row in ledger.of_kind("hide")), "")
    row = append(ledger, policy, "claim", person, key, {"hidden": hidden, "events": numbers})
    note(f"row {row.name}; each of the quorum now types bdana blinding reveal")


@blinding.command()
def reveal(person: Name, key: Key) -> None:
    """Agree to reveal what was hidden in a rehearsal; with the last agreement of the quorum it is shown."""
    from bdana.opening.exercise import reveal as reveal_hidden
    from bdana.search.reported import exercise_lines

    policy, ledger = ledger_state()
    if not ledger.of_kind("claim"):  # before anybody types a passphrase
        raise BlindingError(
            "refused: nobody has said what was found; an analyst does it with `bdana blinding claim`"
        )
    row = reveal_hidden(ledger, policy, person, key, _identity(person))
    note(f"row {row.name}{'' if row.body['answer'] else '; the others of the quorum have to agree too'}")
    print_tables(*exercise_lines(ledger.rows()))


@blinding.command()
def request(
    stages: Stages,
    person: Name,
    key: Key,
    opener: Annotated[str, typer.Option(help="Who opens: a reviewer or convenor.", show_default=False)],
    period: PeriodOption = None,
) -> None:
    """Ask for stages to be opened by somebody, and give that person your shares of their keys."""
    opening = _opening(period)
    analysis = require_analysis(None)
    last = list(opening.policy.stages)[-1]
    if last in stages and len(stages) > 1:
        raise BlindingError(f"refused: {last} is always asked for alone, after the last verdict")
    _check_receipts(opening, person)
    opening.may_request(person, stages, analysis.config.search.selection, opener)
    identity = _identity(person)
    for stage in stages:
        row = opening.request(person, key, identity, stage, analysis.config.search.selection, opener)
        _keep_receipt(opening, person, row)
        note(f"{stage}: asked for, {row.name}")


@blinding.command()
def approve(
    stage: Annotated[str, typer.Argument(show_default=False)],
    person: Name,
    key: Key,
    period: PeriodOption = None,
) -> None:
    """Approve the request of a stage, after reading what it says; never runs code of the analysis folder."""
    opening = _opening(period)
    _check_receipts(opening, person)
    asked = _asked(opening, stage)
    print_tables(*describe(opening, asked, person))
    path = _keep_receipt(opening, person, opening.approve(person, key, _identity(person), asked))
    note(f"approved: {asked.hash}; head {opening.ledger.head}; receipts in {path}")


@blinding.command()
def withdraw(
    stage: Annotated[str, typer.Argument(show_default=False)],
    reason: Annotated[str, typer.Argument(show_default=False)],
    person: Name,
    key: Key,
    period: PeriodOption = None,
) -> None:
    """Take your approval or request of a stage back, as long as its opening has not begun."""
    opening = _opening(period)
    note(f"row {opening.withdraw(person, key, _asked(opening, stage), reason).name}")


@blinding.command()
def handover(
    to: Annotated[str, typer.Argument(help="A newcomer of your role, who has joined.", show_default=False)],
    person: Name,
    key: Key,
    period: PeriodOption = None,
) -> None:
    """Give a newcomer of your role your shares of the keys of a period."""
    from bdana.blinding.key_shares import KeyShares

    opening = _opening(period)
    shares = KeyShares(opening.ledger, opening.policy, opening.period)
    row = shares.hand_over(person, key, _identity(person), to)
    note(f"row {row.name}: {to} holds what {person} holds of period {shares.period}")


@blinding.command(name="open")
def open_stages(
    stages: Stages,
    person: Name,
    key: Key,
    period: PeriodOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask whether to open, for tests; the ledger says so.")
    ] = False,
) -> None:
    """Open stages that were asked for and approved, up to the first that fails its agreement test."""
    from bdana.opening.freeze import sealed_files
    from bdana.opening.key_process import Job
    from bdana.opening.open_stages import open_stages
    from bdana.report.tables import in_label

    opening = _opening(period)
    _check_receipts(opening, person)
    analysis = require_analysis(None)
    with _way_out(opening, stages):
        asked = {stage: _asked(opening, stage) for stage in stages}
    done = opening.finished()
    requests = [row for row in asked.values() if row.hash not in done]
    if not requests:
        raise BlindingError(
            f"refused: {', '.join(stages)} was opened with this request already; `bdana run` shows it"
        )
    with _way_out(opening, stages):
        opening.may_open(person, requests)
    for row in requests:
        print_tables(*describe(opening, row, person))
    asks = sys.stdin.isatty() and not yes
    if asks:
        typer.confirm(f"open {', '.join(row.body['stage'] for row in requests)}?", abort=True, err=True)
    sealed = sealed_files(analysis, opening.policy, opening.period)
    job = Job(
        folder=str(analysis.folder),
        records=str(analysis.folder),
        person=person,
        key=str(key.absolute()),
        period=opening.period,
        requests=tuple(row.hash for row in requests),
        sealed={stage: [str(path) for path in sealed[stage]] for stage in stages},
        confirmed="on a terminal"
        if asks
        else "not asked, with --yes"
        if yes
        else "not asked, without a terminal",
    )
    with _way_out(opening, stages):
        open_stages(job, ask_passphrase)
    _keep_receipt(opening, person)
    (opened,) = analysis.sample(str(analysis.config.search.data))
    headers = in_label("observed", opened.label), "p(N >= n)", "p(L <= Lobs)", "agrees"
    shown = table("stage", "expected", *headers)
    for row in opening.ledger.of_kind("verdict"):
        v = row.body
        agrees = {True: "yes", False: "no", None: ""}[v.get("agrees")]
        numbers = (
            str(Predicted.of_dict(v)),
            f"{v['observed']}",
            p_text(v["p_n"]),
            p_text(v["p_l"]),
        )
        shown.add_row(v["stage"], *numbers, agrees)
    print_tables(
        "Each stage, in what was open of its region when it was opened:",
        shown,
        "`bdana run` counts the opened regions from now on",
    )


@contextmanager
def _way_out(opening: Opening, stages: Sequence[str]) -> Iterator[None]:
    """Say what can be done where an opening began and cannot go on."""
    try:
        yield
    except (BdanaError, RuntimeError) as err:
        record = opening.record
        begun = [stage for stage in stages if opening.unfinished(record, stage)]
        if not begun:
            raise
        raise type(err)(
            f"{err}\nThe opening of {begun[0]} began, and counts. When the cause is mended, open it again; if it cannot go on, "
            f'`bdana blinding abandon {begun[0]} --reason "why"` gives it up.'
        ) from err


@blinding.command()
def abandon(
    stage: Annotated[str, typer.Argument(show_default=False)],
    reason: Annotated[str, typer.Option(help="Why the opening cannot go on.", show_default=False)],
    person: Name,
    key: Key,
    period: PeriodOption = None,
) -> None:
    """Give up an opening that began and cannot end, as its opener or a convenor; the region stays closed."""
    opening = _opening(period)
    _check_receipts(opening, person)
    row = opening.abandon(person, key, stage, reason)
    _keep_receipt(opening, person, row)
    note(
        f"row {row.name}: {stage} stays closed, and counts as seen. Before it is asked for again the analyst freezes with "
        "--explain, and rehearses"
    )


def describe(opening: Opening, asked: Row, person: str) -> list[Table | str]:
    """Say in plain words what a request asks, from the ledger alone."""
    from bdana.blinding.canonical import differences
    from bdana.blinding.signing import fingerprint
    from bdana.blinding.verdict import frozen_numbers
    from bdana.search.reported import abandonments, explanations

    body, people = asked.body, opening.policy.people
    frozen = opening.newest_freeze()
    signed = [r for r in opening.ledger.rows() if r.person == person and r.kind in {"approve", "request"}]
    freezes, asks = opening.ledger.by_hash("freeze"), opening.ledger.by_hash("request")
    before = [(asks[row.follows] if row.kind == "approve" else row).body["freeze"] for row in signed]
    changed = (
        differences(freezes[before[-1]].body["frozen"], frozen.body["frozen"])
        if before
        else ["this is your first signature"]
    )
    frozens = opening.ledger.of_kind("freeze")
    since = differences(*(row.body["frozen"] for row in frozens[-2:])) if len(frozens) > 1 else []
    predicted = table("region", "expected", "of that open when it is opened")
    for name, (whole, then) in frozen_numbers(frozen.body["frozen"]).items():
        predicted.add_row(name, str(whole), str(then or ""))
    who = table("person", "role", "production", "SSH key", numbers=False)
    for name, somebody in people.items():
        who.add_row(name, somebody.role, "yes" if somebody.production else "", fingerprint(somebody.ssh_key))
    return [
        f"{asked.person} asks that {body['opener']} opens {body['stage']} ({body['channel']}) of period {body['period']}.",
        f"The analysis was frozen by {frozen.person} on {frozen.time}: {frozen.hash}, freeze {len(freezes)} of this ledger",
        *abandonments(opening.ledger.rows()),
        *explanations(opening.record),
        *_against(opening, body["stage"]),
        predicted,
        *(
            ["Since the freeze before: " + ("; ".join(since) or "nothing changed")]
            if len(frozens) > 1
            else []
        ),
        "Since you last signed: " + ("; ".join(changed) or "nothing changed"),
        who,
    ]


def _against(opening: Opening, stage: str) -> list[str]:
    """Say who took a consent to this stage back, and which stages did not agree with their prediction."""
    asks = opening.ledger.by_hash("request")
    return [
        *(
            f"{row.person} took the consent to {stage} back on {row.time}: {row.body['reason']}"
            for row in opening.ledger.of_kind("withdraw")
            if asks[row.follows].body["stage"] == stage
        ),
        *(
            f"{row.body['stage']} did not agree with its prediction on {row.time}"
            for row in opening.ledger.of_kind("verdict")
            if row.body.get("agrees") is False
        ),
    ]


def _opening(period: str | None) -> Opening:
    from bdana.opening.steps import Opening

    policy, ledger = ledger_state()
    if period is None and len(policy.periods) != 1:
        raise InputError(f"say --period: the policy has {', '.join(policy.periods) or 'none'}")
    return Opening(ledger, policy, period or next(iter(policy.periods)))


def _asked(opening: Opening, stage: str) -> Row:
    found = opening.requests(stage)
    if not found:
        raise BlindingError(f"refused: nobody asked for {stage} with the newest freeze")
    return found[-1]


def _check_receipts(opening: Opening, person: str) -> None:
    """Refuse a ledger that lacks a row of which the person kept a receipt."""
    from bdana.blinding.receipts import read_receipts, receipts_path, require_rows

    path = receipts_path(person, opening.ledger)
    if path is not None and path.exists():
        require_rows(opening.ledger, read_receipts(path))


def _keep_receipt(opening: Opening, person: str, *signed: Row) -> Path | None:
    """Keep receipts of the newest row, the head, and of what the person has just signed."""
    from bdana.blinding.receipts import keep_receipts, receipts_path

    head = [row for row in opening.ledger.rows() if row.hash == opening.ledger.head]
    keep_receipts(person, opening.ledger, [*head, *signed])
    return receipts_path(person, opening.ledger)


def _identity(person: str) -> Identity:
    from bdana.blinding.identity import unlock_identity

    return unlock_identity(person, ask_passphrase())
