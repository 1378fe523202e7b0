"""A whole search by commands: seal, freeze, rehearse, request, approve, open, and the table that it ends in."""

import csv
import json
import re
import subprocess
import sys

import pytest

from bdana.api import load
from bdana.blinding import load_policy
from bdana.blinding.identity import make_identity
from bdana.blinding.ledger import Ledger
from bdana.blinding.stage_keys import stage_recipients
from bdana.opening.open_stages import _run_here
from bdana.report.document import Document
from bdana.report.opening_sections import opening_blocks
from bdana.report.review import review_document
from bdana.sealing.seal_file import seal
from bdana.search.last_run import dependencies, read_last_run
from bdana.simulation import Halo, SimulationConfig, write_sample
from tests import commands
from tests.blinding.people import everybody_joins_with_keys, recipient
from tests.searches import of_photons, sealing_of, search_folder, with_clusters


def bdana(folder, *arguments, alone=True):
    """Run a command; an opening in processes of its own, which take seconds to start, or not."""
    with pytest.MonkeyPatch.context() as patch:
        if not alone:
            patch.setattr("bdana.opening.open_stages.run_isolated", _run_here)
        return commands.bdana(*arguments, cwd=folder, typed="secret\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, keys):
    base = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(base / "config"))
        yield sealed_search(base, keys)


def sealed_search(base, keys, *, photons=False):
    """Make an analysis of sealed pseudo-data in which everybody has joined; of photons, for an axion-like particle."""
    edit = (lambda text: f'{of_photons(text)}\n[signal]\nmodel = "alp"\n') if photons else str
    folder = search_folder(base / "analysis", "run.open.root", keys=keys, edit=edit)
    if photons:
        with_clusters(folder)
    analysis = load(folder)
    policy, ledger = load_policy(folder, analysis.regions), Ledger(folder / "blinding" / "ledger")
    # Only those who act need their identity locked.
    acts = {"ann", "rob", "con"}
    everybody_joins_with_keys(
        policy, ledger, keys, lambda name: make_identity(name, "secret") if name in acts else recipient(name)
    )
    raw = base / "run.root"
    halo = Halo(photons=photons)
    write_sample(raw, SimulationConfig(pot=3e14, bursts=6, run=11001, truth=False, halo=halo), 1)
    seal(raw, folder, sealing_of(analysis, keys, publics=stage_recipients(ledger, policy, "2021")))
    return folder


def packet(folder):
    """Return the blocks of the approvers' packet by section, before a report without any."""
    made = review_document(load(folder), Document("search", "", []))
    return {section.title: section.blocks for section in made.sections}


def approvers_see_what_they_sign(folder):
    asked_with, changed = packet(folder), folder / "selections" / "dimuon.py"
    ledger, text = Ledger(folder / "blinding" / "ledger"), changed.read_text()
    _, frozen = ledger.of_kind("freeze")
    assert ["hash to sign", frozen.hash] in asked_with["What is signed"][0].rows
    assert "nothing has changed since" in asked_with["What has changed since the last freeze"][0].text
    states, requests, _, typed = asked_with["What is asked"]
    assert [row[1] for row in states.rows] == ["open"] * 4 + ["requested"]
    assert requests.rows == [
        ["SR", "dimuon, 2021", "ann", "rob", "ann (analyst)", "1 analyst, 1 reviewer, 1 convenor"]
    ]
    assert typed.text.startswith("bdana blinding approve SR ")
    changed.write_text(text.replace('19.0, ge=0, description="closest', '7.0, ge=0, description="closest'))
    now = packet(folder)
    assert now["What is signed"][-1].text.startswith("Warning: the folder is not what was frozen")
    difference = now["What has changed since the last freeze"][2].text
    assert re.search(r"^-.*19\.0, ge=0.*\n\+.*7\.0, ge=0", difference, re.MULTILINE)
    changed.write_text(text)


def frozen_again_with_another_cut(folder, keys, step):
    """What was asked for before is void; a rehearsal by command was made of the freeze before."""
    changed = folder / "selections" / "dimuon.py"
    changed.write_text(
        changed.read_text().replace('20.0, ge=0, description="closest', '19.0, ge=0, description="closest')
    )
    step("freeze", person="ann")
    assert "nobody asked for CR2 with the newest freeze" in step("open", "CR2", person="rob", status=3).stderr
    ledger = Ledger(folder / "blinding" / "ledger")
    ledger.append("rehearse", "ann", keys["ann"], {"freeze": ledger.of_kind("freeze")[-1].hash})
    step("request", "CR2", "CR1", "--opener", "rob", person="ann")


def what_was_opened_with_the_cuts_of_now_is_shown(folder, shown):
    """It is in candidates and figures, where the selection puts it; CR3 was opened before the cut changed."""
    now = {name: number for name, number in shown.items() if name != "CR3"}
    for sample in (path.parent for path in (folder / "output").glob("*/candidates.csv")):
        with (sample / "candidates.csv").open() as file:
            listed = [row["region"] for row in csv.DictReader(file)]
        summary = json.loads((sample / "cutflow.json").read_text())
        assert summary["closed"] == ["CR3"]
        assert {name: listed.count(name) for name in shown} == now | {"CR3": 0}
        assert {row["name"]: row["observed"] for row in summary["regions"] if row["name"] in now} == now


def the_report_says_who_did_what_when(folder, shown):
    listed, prepared, people = opening_blocks(load(folder))
    told = [(row[2], row[3]) for row in listed.rows]
    first, second = (what for _, what in told if what.startswith("froze the analysis "))
    assert first != second == f"froze the analysis {load(folder).hash[:16]}"
    assert ("ann", "took back the consent to open SR: a plot is missing") in told
    assert ("con", "approved the opening of SR") in told
    assert told[-1][1].startswith(f"compared SR: {shown['SR']} observed")
    assert "5 of join, 1 of keys, 0 of handover, 1 of seal" in prepared.text
    assert [row[:2] for row in people.rows][-1] == ["con", "convenor"]


def the_next_run_keeps_that_until_the_ledger_grows(folder, made, step):
    again = bdana(folder, "run", "--json")
    assert "nothing has changed since the last run" in again.stderr
    assert again.stdout == made.stdout
    step("seen", "somebody looked", "--region", "SR", person="ann")
    analysis, row = load(folder), Ledger(folder / "blinding" / "ledger").rows()[-1]
    assert row.name in read_last_run(analysis, dependencies(analysis)).changed[0]


def test_commands_lead_from_sealed_data_to_open_regions(folder, keys):
    def step(command, *arguments, person, status=0, alone=True):
        words = ("blinding", command, *arguments, "--person", person, "--key", keys[person])
        done = bdana(folder, *words, alone=alone)
        assert done.returncode == status, done.stderr
        return done

    unknown = step("freeze", person="ann", status=3)
    assert "the ledger does not know" in unknown.stderr
    assert (
        "ann has not the mark `production`"
        in step("record", "run.manifest.json", person="ann", status=3).stderr
    )
    step("record", "run.manifest.json", person="bob")
    rows = len(list((folder / "blinding" / "ledger").iterdir()))
    wrong = bdana(folder, "blinding", "seen", "a plot", "--person", "ann", "--key", keys["con"])
    assert (wrong.returncode, "is not the SSH key of ann" in wrong.stderr) == (3, True)
    assert len(list((folder / "blinding" / "ledger").iterdir())) == rows
    step("freeze", person="ann")
    assert "was not rehearsed" in step("request", "CR3", "--opener", "rob", person="ann", status=3).stderr
    step("rehearse", person="ann", alone=False)
    step("request", "CR3", "CR2", "CR1", "--opener", "rob", person="ann")
    step("open", "CR3", person="rob")
    frozen_again_with_another_cut(folder, keys, step)
    step("open", "CR2", "CR1", person="rob", alone=False)
    assert (
        "always asked for alone"
        in step("request", "CR", "SR", "--opener", "rob", person="ann", status=3).stderr
    )
    step("request", "CR", "--opener", "rob", person="ann")
    step("open", "CR", person="rob", alone=False)
    step("request", "SR", "--opener", "rob", person="ann")
    step("withdraw", "SR", "a plot is missing", person="ann")
    step("request", "SR", "--opener", "rob", person="ann")
    assert "SR needs 1 convenor" in step("open", "SR", person="rob", status=3).stderr
    approvers_see_what_they_sign(folder)
    (folder / "selections" / "hostile.py").write_text("raise SystemExit('imported')\n")
    said = step("approve", "SR", person="con").stdout
    assert "ann asks that rob opens SR" in said
    assert "SHA256:" in said
    assert re.search(r"ann took the consent to SR back on \S+: a plot is missing", said)
    (folder / "selections" / "hostile.py").unlink()
    step("open", "SR", "--yes", person="rob", alone=False)
    ledger = Ledger(folder / "blinding" / "ledger")
    said = [row.body["confirmed"] for row in ledger.of_kind("begin")]
    assert said == ["not asked, without a terminal"] * 4 + ["not asked, with --yes"]
    done = bdana(folder, "run", "--json")
    regions = json.loads(done.stdout)["regions"]
    assert {row["state"] for row in regions} == {"open"}
    shown = {row["name"]: row["observed"] for row in regions}
    what_was_opened_with_the_cuts_of_now_is_shown(folder, shown)
    the_report_says_who_did_what_when(folder, shown)
    the_next_run_keeps_that_until_the_ledger_grows(folder, done, step)
    # As one types it, in a process of its own.
    verify = [sys.executable, "-m", "bdana", "blinding", "verify"]
    assert subprocess.run(verify, cwd=folder, check=False).returncode == 0
