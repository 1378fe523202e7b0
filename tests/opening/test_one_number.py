"""At every step of a search ledger, table, report and JSON have one number of each region, observed and expected."""

import html
import json
import re

import numpy as np
import pytest

import bdana
from bdana.blinding import load_policy
from bdana.observed import Predicted
from bdana.opening.freeze import freeze, freeze_document, sealed_files
from bdana.opening.opened_events import outputs_of
from bdana.opening.steps import Opening
from bdana.report import search_report
from bdana.rounding import p_text
from bdana.search import prompt_check
from bdana.search.opened import verdict_text
from bdana.search.stored import read_output
from bdana.statistics.poisson import Background, p_values
from tests.attacks.interference import mixed, open_data, run
from tests.attacks.raw import dimuon_at
from tests.attacks.search import open_here
from tests.attacks.searching import SearchWorld
from tests.blinding.people import IDENTITIES
from tests.searches import REGIONS, STAGES

PLACES = {
    ("CR3", "CR3"): (90.0, 2), ("outside", "CR3"): (101.0, 1), ("CR2", "CR2"): (64.0, 1), ("CR3", "CR2"): (76.0, 1),
    ("CR1", "CR1"): (56.0, 0), ("CR2", "CR1"): (61.0, 2), ("CR", "CR"): (46.0, 1), ("CR1", "CR"): (51.0, 1),
    ("SR", "SR"): (20.0, 1), ("CR", "SR"): (41.0, 2),
}  # fmt: skip
"""z_TAX (m) of closed events by their region and the stage they are sealed with, and their number."""
NARROW_CR2 = {
    "z_tax_min_m = -30.0\nz_tax_max_m = 75.0\ncda_tax_max_mm = 430.0": "z_tax_min_m = -20.0\nz_tax_max_m = 65.0\ncda_tax_max_mm = 300.0"
}
"""Makes its guard band wide, so that much of CR3 lies in it."""


@pytest.fixture
def world(tmp_path, keys, config_home):
    made = SearchWorld(tmp_path / "analysis", keys, config_home, prompt=True)
    text = (tmp_path / "analysis" / "analysis.toml").read_text()
    for old, new in NARROW_CR2.items():
        assert old in text
        text = text.replace(old, new)
    text += '[variables.e_over_p]\nfunction = "lkr_e_over_p"\nlabel = "E/p"\nunit = ""\nbins = 10\nmin = 0.0\nmax = 1.0\n'
    (tmp_path / "analysis" / "analysis.toml").write_text(text)
    rng = np.random.default_rng(1)
    events, bursts = open_data(made.gate, 1, downscale=2_000.0)
    places = [z for z, number in PLACES.values() for _ in range(number)]
    closed = [dimuon_at(900_000 + i, 1e3 * z, 5.0, run=11001) for i, z in enumerate(places)]
    made.put(mixed(events, closed, rng), bursts)
    return made


def opener(world, document):
    """Freeze, and return what opens a stage with people, keys and the frozen selection."""
    analysis, keys, ledger = bdana.load(world.folder), world.keys, world.ledger
    policy = load_policy(world.folder, analysis.regions)
    frozen = freeze(ledger, policy, "ann", keys["ann"], document)
    ledger.append("rehearse", "ann", keys["ann"], {"freeze": frozen.hash})
    opening = Opening(ledger, policy, "2021")
    sealed = sealed_files(analysis, policy, "2021")

    def opened(stage):
        asked = opening.request("ann", keys["ann"], IDENTITIES["ann"], stage, "dimuon", "rob")
        if stage == "SR":
            opening.approve("con", keys["con"], IDENTITIES["con"], asked)

        def show(chunks):
            return outputs_of(analysis, document, stage, chunks)

        open_here(opening, "rob", keys["rob"], IDENTITIES["rob"], asked, sealed[stage], show)
        return ledger.of_kind("verdict")[-1].body

    return opened


def rows_of(page):
    """Return the cells of all rows of the tables of a page."""
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)]


def seen(world):
    """Run, and return table.json, the rows of the table on the terminal and in the report, and the report's text."""
    status, out, err = run(world.folder, ["run"])
    assert status == 0, err
    table = json.loads((world.folder / "output" / "table.json").read_text())
    page = html.unescape((world.folder / "output" / "report.html").read_text()).replace("\u00a0", " ")
    section = page[page.index('id="expected-and-observed"') :].partition("</table>")[0]
    rows = rows_of(section)
    printed = {row[0]: row for line in out.splitlines() if len(row := re.split(r"  +", line.strip())) > 2}
    return table, printed, {row[0]: row for row in rows if row}, page


@pytest.fixture
def prompt_pairs(monkeypatch):
    """Make the prompt pairs once: what is open decides which of them count, not which there are."""
    made, compute = [], prompt_check.expected_pairs

    def once(*arguments):
        if not made:
            made.append(compute(*arguments))
        return made[0]

    monkeypatch.setattr(prompt_check, "expected_pairs", once)
    return made


def check_prompt_rows(world, table, page, pairs):
    """The prompt pairs stand beside the numbers of the table, and are those of the same part of each region."""
    prompt = json.loads((world.folder / "output" / "checks.json").read_text())["prompt"]
    for row in table["regions"]:
        (bounded,) = (b for b in prompt["bounded"] if b["region"] == row["name"])
        (varied,) = (v for v in prompt["varied"] if v["region"] == row["name"])
        (estimate,) = (e for e in prompt["estimate"]["regions"] if e["region"] == row["name"])
        counts, of_all = by_envelope(pairs)[row["name"]], sum(by_envelope(pairs)[row["name"]].values())
        closed = row.get("closed_guard_bands", [])
        assert estimate["pairs"] == of_all - sum(counts[stage] for stage in closed)
        assert bounded["combinatorial"] == row["expected"]
        more = bounded["with_limit"]
        assert more["expected"] == row["expected"] + bounded["upper_limit"]
        assert varied["expected"] == pytest.approx(row["expected"] * (1 + prompt["share"]["upper_limit"]))
        for with_it in (varied, more):
            assert (with_it["p_n"] is None) == (row["state"] == "closed")
            if row["state"] == "open":
                counted = Background.of(Predicted.of_dict(with_it))
                assert with_it["p_n"] == pytest.approx(p_values(row["observed"], counted).p_n)
        assert [row["name"], str(Predicted.of_dict(varied))] in [cells[:2] for cells in rows_of(page)]


def check_functions(world):
    """What functions of the analysis compute is histogrammed of the same candidates as their mass."""
    hists = read_output(bdana.load(world.folder)).samples[0].hists
    regions = list(hists["mass"].axes["region"])
    for name, entries in (("e_over_p", 2), ("n-1/cda/passed", 1)):
        assert list(hists[name].axes["region"]) == regions
        for region in regions:
            of_candidates = hists["mass"][region, :].sum(flow=True).value
            assert hists[name][region, :].sum(flow=True).value == entries * of_candidates


def by_envelope(pairs):
    """Return the simulated prompt pairs of each region by the envelope they lie in, the last of them in none."""
    size = len(STAGES) + 1
    rows = pairs.parts.pairs.reshape(-1, size)
    return {
        region: dict(zip([*reversed(STAGES), "none"], row.tolist(), strict=True))
        for region, row in zip(pairs.regions, rows, strict=True)
    }


def observed_after(opened):
    """Return the number of each region, and the text, after some stages were opened."""
    numbers, texts = {}, {}
    for name in REGIONS:
        own = PLACES.get((name, name), (0.0, 0))[1] if name in opened else 0
        more = {
            stage: PLACES[name, stage][1] for stage in opened if stage != name and (name, stage) in PLACES
        }
        numbers[name], texts[name] = (
            (own, more),
            " (" + ", ".join(f"+{n} from the guard band of {stage}" for stage, n in more.items()) + ")"
            if any(more.values())
            else "",
        )
    return numbers, texts


def test_ledger_table_report_and_json_agree_at_every_step_of_an_opening(world, prompt_pairs, monkeypatch):
    monkeypatch.setattr(search_report, "save_figures", lambda _: [])
    document = freeze_document(
        bdana.load(world.folder), load_policy(world.folder, bdana.load(world.folder).regions)
    )
    document["agreement"] = dict.fromkeys(STAGES, 1e-9)  # far more is observed than expected
    prediction = document["prediction"]
    whole = dict(zip(prediction["regions"], prediction["expected"], strict=True))
    start = {row["name"]: row for row in document["table"]["regions"]}
    assert start["outside"]["expected"] < whole["outside"]
    assert {name: row["expected"] for name, row in start.items() if name != "outside"} == {
        name: whole[name] for name in STAGES
    }
    at_start, open_stage, verdicts = start["outside"]["observed"], opener(world, document), {}
    for step in range(len(STAGES) + 1):
        opened = STAGES[:step]
        if opened:
            verdicts[opened[-1]] = open_stage(opened[-1])
            steps = prediction["steps"][opened[-1]]
        else:
            steps = {name: Predicted.of_dict(row).to_dict() for name, row in start.items()}
        table, printed, reported, page = seen(world)
        check_prompt_rows(world, table, page, prompt_pairs[0])
        check_functions(world)
        numbers, texts = observed_after(opened)
        for row in table["regions"]:
            name = row["name"]
            before = at_start if name == "outside" else 0
            own, more = numbers[name]
            # Expected: what the freeze predicts to be open at this step.
            assert Predicted.of_dict(row).to_dict() == steps[name]
            assert (row["expected"] < whole[name]) == ("closed_guard_bands" in row)
            if name not in (*opened, "outside"):
                assert row["state"] == "closed"
                shown = ["closed"]
            else:
                assert row["observed"] == before + own + sum(more.values())
                assert row.get("from_guard_bands", {}) == {s: n for s, n in more.items() if n}
                shown = [f"{before + own}{texts[name]}", p_text(row["p_n"]), p_text(row["p_l"])]
            cells = [name, str(Predicted.of_dict(steps[name])), *shown]
            assert printed[name] == cells
            assert [cell for cell in reported[name] if cell] == cells
        for stage, verdict in verdicts.items():
            # Judged on what was open then, and said so everywhere ever after.
            assert Predicted.of_dict(verdict).to_dict() == prediction["steps"][stage][stage]
            assert verdict["observed"] == numbers[stage][0]
            assert f"when it was opened: {verdict_text(verdict)}" in page
        if opened:
            row = next(row for row in table["regions"] if row["name"] == opened[-1])
            assert [row[key] for key in ("observed", "p_n", "p_l")] == [
                verdicts[opened[-1]][key] for key in ("observed", "p_n", "p_l")
            ]
    assert [row["expected"] for row in table["regions"]] == [whole[row["name"]] for row in table["regions"]]
    assert prediction["steps"]["CR3"]["CR3"]["expected"] < 0.9 * whole["CR3"]
    # Simulated prompt pairs lie in the envelope of their region, or in that of one whose guard band reaches into it.
    regions = bdana.load(world.folder).regions
    reached = regions.reached_by(world.gate.envelopes)
    counts = by_envelope(prompt_pairs[0])
    assert counts["CR3"]["CR2"] > 0 < counts["outside"]["none"]
    for name, where in counts.items():
        assert {stage for stage, n in where.items() if n} <= {
            name if name in STAGES else "none",
            *reached[name],
        }
    assert texts["CR3"] == " (+1 from the guard band of CR2)"
