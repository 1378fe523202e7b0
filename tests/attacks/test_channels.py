"""One seal serves all channels, and an opening shows one of them; what a table says of its openings."""

import shutil

import pytest

import bdana
from bdana.analysis import scaffold
from bdana.analysis.frozen import outputs_of
from bdana.analysis.opened import opened_regions
from bdana.simulation import Signal, SimulationConfig, write_sample
from tests.synthetic import dimuon_event, records

REGIONS = ["SR", "CR", "CR1", "CR2", "CR3", "outside"]
FROZEN = {
    "prediction": {
        "regions": REGIONS,
        "expected": [0.02, 0.2, 0.3, 0.6, 1.5, 26.0],
        "error": [0.01] * 6,
        "upper_limit_90": [None] * 6,
    },
    "config": {"search": {"agreement_p_min": 0.01}},
}


def dielectron_event(number):
    """The same lines, with the energy of electrons in the calorimeter and nothing behind it."""
    event = dimuon_event(number)
    showers = [hit | {"energy": track["p"]} for hit, track in zip(event["lkr"], event["tracks"], strict=True)]
    return event | {"lkr": showers, "muv3": []}


@pytest.fixture(scope="module", params=["dimuon", "dielectron"])
def analysis(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("channels") / "a"
    scaffold(folder)
    write_sample(folder / "s.root", SimulationConfig(pot=1e13, bursts=1, signal=Signal(411.0, decays=10)), 1)
    path = folder / "analysis.toml"
    search = f'[search]\ndata = "s"\nselection = "{request.param}"\n'
    text = path.read_text().replace('selection = "dimuon"\n', "").replace("[search]\n", search)
    path.write_text(text + '[samples.s]\nkind = "mc"\nfiles = ["s.root"]\n')
    made = bdana.load(folder)
    assert made.config.search.selection == request.param
    return made


def test_an_opening_of_one_channel_writes_no_candidate_of_another(analysis):
    own = 7 if analysis.config.search.selection == "dimuon" else 8
    outputs = outputs_of(analysis, FROZEN, "SR", [records([dimuon_event(7), dielectron_event(8)])])
    assert outputs["observed"]["SR"] == 1
    assert [row["event"] for row in outputs["candidates"]] == [own]


def table_of(search, folder, channel):
    """Return an analysis folder of a channel with the ledger of a search, and what its table shows."""
    scaffold(folder)
    path = folder / "analysis.toml"
    path.write_text(path.read_text().replace('selection = "dimuon"\n', f'selection = "{channel}"\n'))
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
    scaffold(tmp_path / "fixed")
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
    scaffold(tmp_path / "now")
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
