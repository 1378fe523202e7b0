"""One seal serves all channels, and an opening shows one of them; what a table says of its openings."""

import shutil

import pytest

import bdana
from bdana.errors import BlindingError
from bdana.opening.opened_events import outputs_of
from bdana.opening.steps import Opening
from bdana.search import opened as opened_module
from bdana.search.opened import data_period, opened_candidates, opened_regions, reported_looks
from bdana.simulation import SimulationConfig, write_sample
from tests.blinding.people import IDENTITIES
from tests.searches import FROZEN, analysis_folder, signal_search_folder
from tests.synthetic import dimuon_event, records


def dielectron_event(number):
    """The same lines, with the energy of electrons in the calorimeter and nothing behind it."""
    event = dimuon_event(number)
    showers = [hit | {"energy": track["p"]} for hit, track in zip(event["lkr"], event["tracks"], strict=True)]
    return event | {"lkr": showers, "muv3": []}


@pytest.fixture(scope="module", params=["dimuon", "dielectron"])
def analysis(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("channels") / "a"
    made = bdana.load(signal_search_folder(folder, selection=request.param))
    assert made.config.search.selection == request.param
    return made


def test_an_opening_of_one_channel_writes_no_candidate_of_another(analysis):
    own = 7 if analysis.config.search.selection == "dimuon" else 8
    outputs = outputs_of(analysis, FROZEN, "SR", [records([dimuon_event(7), dielectron_event(8)])])
    assert outputs["observed"]["SR"] == 1
    assert [row["event"] for row in outputs["candidates"]] == [own]


def table_of(search, folder, channel):
    """Return an analysis folder of a channel with the ledger of a search, and what its table shows."""
    analysis_folder(folder, search={"selection": channel})
    shutil.copy(folder.parent / "blinding" / "policy.toml", folder / "blinding")
    shutil.copytree(search.ledger.folder, folder / "blinding" / "ledger")
    return opened_regions(bdana.load(folder))


def show_region(stage):
    return lambda chunks: {"observed": {stage: len(chunks)}}


@pytest.mark.parametrize("channel", ["dimuon", "dielectron"])
def test_the_table_of_one_channel_shows_no_opening_of_another(search, tmp_path, channel):
    search.freeze(channel="dimuon")
    search.open(search.request("CR3", channel="dimuon"), shown=show_region("CR3"))
    opened = table_of(search, tmp_path / "analysis", channel)
    expected = [("CR3", 1)] if channel == "dimuon" else []
    assert [(region.name, region.observed) for region in opened] == expected


def test_a_fix_after_cr3_stains_cr3_alone(search, tmp_path):
    analysis_folder(tmp_path / "fixed")
    fixed = bdana.load(tmp_path / "fixed").hash
    for stage, digest in {"CR3": "0" * 64, "CR2": fixed, "CR1": fixed}.items():
        search.freeze(channel="dimuon", analysis_hash=digest)
        search.open(search.request(stage, channel="dimuon"), shown=show_region(stage))
    search.freeze(channel="dimuon", analysis_hash="1" * 64)  # of another analysis, since
    opened = table_of(search, tmp_path / "analysis", "dimuon")
    assert {region.name: region.frozen_before for region in opened} == {
        "CR3": False,
        "CR2": True,
        "CR1": True,
    }
    assert [region.freeze for region in opened] == [2, 3, 4]  # after that of the fixture
    assert {region.freezes for region in opened} == {5}


def test_a_count_of_other_cuts_than_those_of_now_says_so(search, tmp_path):
    analysis_folder(tmp_path / "now")
    search.freeze(channel="dimuon", analysis_hash=bdana.load(tmp_path / "now").hash)
    for stage in ("CR3", "CR2"):
        search.open(search.request(stage, channel="dimuon"), shown=show_region(stage))
    search.freeze(channel="dimuon", analysis_hash="1" * 64)  # puts an event that was sealed for CR1 into CR2
    search.open(search.request("CR1", channel="dimuon"), shown=lambda _: {"observed": {"CR1": 2, "CR2": 1}})
    opened = {region.name: region for region in table_of(search, tmp_path / "analysis", "dimuon")}
    assert {name: region.observed for name, region in opened.items()} == {"CR3": 1, "CR2": 2, "CR1": 2}
    assert {name: region.same for name, region in opened.items()} == {"CR3": True, "CR2": False, "CR1": False}
    said = "; the analysis has changed since: the count is of freeze 3, the prediction of now"
    assert opened["CR1"].provenance.endswith(said)
    assert "changed" not in opened["CR3"].provenance


def candidate(number, region):
    floats = ("z_vertex_m", "cda_fv_mm", "z_tax_m", "cda_tax_mm", "mass_mev", "p_plus_gev", "p_minus_gev")
    where = {"run": 11000, "burst": 1, "event": number, "dt_ns": None, "region": region}
    return where | dict.fromkeys(floats, float(number))


def test_plots_get_the_candidates_of_openings_with_the_cuts_of_now(search, tmp_path):
    """Those of guard bands too; a region that was opened with other cuts stays out of the plots."""
    analysis_folder(tmp_path / "now")
    now = bdana.load(tmp_path / "now").hash
    shown = {
        "CR3": ("1" * 64, [candidate(1, "CR3"), candidate(2, "outside")]),
        "CR2": (now, [candidate(3, "CR2"), candidate(4, "outside"), candidate(5, "CR3")]),
    }
    for stage, (digest, rows) in shown.items():
        search.freeze(channel="dimuon", analysis_hash=digest)
        observed = {name: sum(row["region"] == name for row in rows) for name in {"CR3", stage, "outside"}}
        outputs = {"observed": observed, "candidates": rows}
        search.open(search.request(stage, channel="dimuon"), shown=lambda _, outputs=outputs: outputs)
    table_of(search, tmp_path / "analysis", "dimuon")
    by_stage = opened_candidates(bdana.load(tmp_path / "analysis"))
    assert list(by_stage) == ["CR2"]
    found = by_stage["CR2"]
    assert found.event.tolist() == [3, 4]
    assert found.rows() == [candidate(3, "CR2"), candidate(4, "outside")]
    assert found.mass.tolist() == [3.0, 4.0]  # MeV
    assert found.z_tax.tolist() == [3e3, 4e3]  # mm
    assert found.weight.tolist() == [1.0, 1.0]


def test_somebody_who_looked_was_there_first(search, tmp_path):
    analysis_folder(tmp_path / "now")
    body = {"regions": ["CR2"], "reason": "saw a plot"}
    search.ledger.append("seen", "bob", search.keys["bob"], body)
    search.freeze(channel="dimuon", analysis_hash=bdana.load(tmp_path / "now").hash)
    for stage in ("CR3", "CR2"):
        search.open(search.request(stage, channel="dimuon"), shown=show_region(stage))
    opened = table_of(search, tmp_path / "analysis", "dimuon")
    assert {region.name: region.frozen_before for region in opened} == {"CR3": True, "CR2": False}
    (line,) = reported_looks(bdana.load(tmp_path / "analysis"))
    assert line.startswith("CR2: seen outside the procedure by bob, ")
    assert line.endswith(": saw a plot")


def test_an_opening_that_was_given_up_was_a_look(search, tmp_path):
    analysis_folder(tmp_path / "now")

    def fails(chunks):
        raise BlindingError("refused: the frozen selection fails on the events: ValueError")

    search.freeze(channel="dimuon")
    with pytest.raises(BlindingError, match="the frozen selection fails"):
        search.open(search.request("CR3", channel="dimuon"), shown=fails)
    search.opening.abandon("con", search.keys["con"], "CR3", "a burst is damaged")
    now = bdana.load(tmp_path / "now").hash
    search.freeze(channel="dimuon", analysis_hash=now, explains="left out")
    for stage in ("CR3", "CR2"):
        search.open(search.request(stage, channel="dimuon"), shown=show_region(stage))
    opened = table_of(search, tmp_path / "analysis", "dimuon")
    assert {region.name: region.frozen_before for region in opened} == {"CR3": False, "CR2": True}
    given_up, explained = reported_looks(bdana.load(tmp_path / "analysis"))
    assert given_up.endswith("the region counts as seen from its beginning: a burst is damaged")
    assert explained == "freeze 3 of ann, after an abandoned opening: left out"


def test_data_of_two_periods_are_not_frozen_together(search, tmp_path, monkeypatch):
    samples = {"d": {"kind": "data", "files": ["*.open.root"]}}
    folder = analysis_folder(tmp_path / "analysis", samples, {"data": "d"})
    for name in ("one", "two"):
        write_sample(folder / f"{name}.open.root", SimulationConfig(pot=1e12, bursts=1, truth=False), 1)
    periods = {"one": "2021", "two": "2022"}
    monkeypatch.setattr(
        opened_module, "read_manifest", lambda path, policy: {"period": periods[path.name[:3]]}
    )
    analysis = bdana.load(folder)
    with pytest.raises(BlindingError, match="are of the periods 2021, 2022, which are opened one by one"):
        data_period(analysis, search.policy)
    periods["two"] = "2021"
    assert data_period(analysis, search.policy) == "2021"


def test_a_period_that_was_not_frozen_is_not_asked_for(search):
    search.freeze()
    other = Opening(search.ledger, search.policy, "2022")
    with pytest.raises(BlindingError, match="the freeze is of data of period 2021, not 2022"):
        other.request("ann", search.keys["ann"], IDENTITIES["ann"], "CR3", "mumu", "rob")
