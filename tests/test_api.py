"""What Python users call: files in any form, samples by name, regions and masks by name."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import bdana
from bdana.errors import BdanaError, BlindingError, ConfigError
from bdana.events import EventArrays
from bdana.simulation import Signal, SimulationConfig, write_sample
from tests.searches import analysis_folder
from tests.synthetic import dimuon_event, good_bursts, records

CUTS = ["opposite_charge", "track_time_difference", "trigger_time", "e_over_p", "muv3", "cda", "vertex_z", "lav_veto",
        "straw1_separation", "acceptance"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An analysis with simulated signal in two files, and pseudo-data."""
    samples = {
        "signal": {"kind": "mc", "files": ["one.root"]},
        "more": {"kind": "mc", "files": ["two.root"], "weight": 2.0},
        "pseudo": {"kind": "pseudo", "files": ["pseudo.root"]},
    }
    made = analysis_folder(tmp_path_factory.mktemp("api") / "ana", samples)
    for run, name in ((99001, "one.root"), (99002, "two.root")):
        config = SimulationConfig(pot=1e13, bursts=1, run=run, signal=Signal(411.0, decays=100))
        write_sample(made / name, config, run)
    write_sample(made / "pseudo.root", SimulationConfig(pot=3e14, bursts=3), 3)
    return made


@pytest.fixture(scope="module")
def analysis(folder):
    return bdana.load(folder)


def numbers(run):
    return [(row.cut, row.events) for row in run.cutflow.rows]


@pytest.mark.parametrize(
    "form", [str, Path, lambda f: [f], lambda f: (str(f),), lambda f: [Path(f)], lambda f: iter([f])]
)
def test_one_file_in_any_form(analysis, folder, form):
    run = analysis.select(form(folder / "one.root"), kind="mc")
    assert run.cutflow["all"].events == 100
    assert numbers(run) == numbers(analysis.select([folder / "one.root"], kind="mc"))


def test_several_files_and_names_that_stand_for_several(analysis, folder):
    assert (
        analysis.select([str(folder / "one.root"), folder / "two.root"], kind="mc").cutflow["all"].events
        == 200
    )
    assert analysis.select(str(folder / "[ot][nw]*.root"), kind="mc").cutflow["all"].events == 200


def test_events_in_memory_alone(analysis):
    events = EventArrays(records([dimuon_event(i) for i in range(5)]), good_bursts())
    assert analysis.select(events, kind="mc").cutflow["all"].events == 5


@pytest.mark.parametrize("method", ["select", "background", "prompt_share", "dataset"])
@pytest.mark.parametrize("files", [3, [None], [b"x.root"], {"a": 1}.values()])
def test_what_names_no_file(analysis, method, files):
    with pytest.raises(ConfigError, match="files are named by text, paths or EventArrays, not by"):
        getattr(analysis, method)(files, kind="mc")


@pytest.mark.parametrize("method", ["background", "prompt_share"])
def test_backgrounds_take_one_file(analysis, folder, method):
    one, several = (
        getattr(analysis, method)(f, kind="pseudo")
        for f in (folder / "pseudo.root", [folder / "pseudo.root"])
    )
    assert repr(one) == repr(several)


def test_samples_by_name(analysis, folder):
    one = analysis.select(sample="signal")
    assert numbers(one) == numbers(analysis.select(folder / "one.root", kind="mc"))
    both = analysis.select(sample=["signal", "more"])
    assert both.cutflow["all"].events == 200
    weights = [
        analysis.select(folder / name, kind="mc").cutflow["all"].sum_w for name in ("one.root", "two.root")
    ]
    assert both.cutflow["all"].sum_w == pytest.approx(weights[0] + 2.0 * weights[1])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "either files or a sample"),
        ({"files": []}, "either files or a sample"),
        ({"files": "one.root", "sample": "signal"}, "either files or a sample"),
        ({"sample": "signal", "kind": "mc"}, "kind, schema and good runs are of files"),
        ({"sample": "signal", "schema": "bdana"}, "kind, schema and good runs are of files"),
        ({"sample": "signall"}, "no sample 'signall'.*did you mean 'signal'"),
    ],
)
def test_what_does_not_go_together(analysis, given, says):
    with pytest.raises(ConfigError, match=says):
        analysis.select(**given)


def test_regions_by_name(analysis):
    run = analysis.select(sample="signal")
    assert run.regions["SR"] == run.regions[0]
    assert run.regions["SR"].observed == np.count_nonzero(run.candidates.region == "SR") > 0
    assert [count.name for count in run.regions[:2]] == ["SR", "CR"]
    assert analysis.regions["SR"].cda_max == 20.0
    for regions in (run.regions, analysis.regions):
        with pytest.raises(ConfigError, match=r"no region 'S'.*there are SR, CR"):
            regions["S"]
    assert pickle.loads(pickle.dumps(run.regions)) == run.regions
    with pytest.raises(ConfigError, match="no cut 'cd' in the cutflow; there are all"):
        run.cutflow["cd"]


def test_a_closed_region_has_no_number(analysis):
    run = analysis.select(sample="pseudo")
    with pytest.raises(BlindingError, match="region SR is closed"):
        run.regions["SR"]
    assert run.regions["outside"].observed == len(run.candidates)
    both = analysis.select(sample=["pseudo", "signal"])
    with pytest.raises(BlindingError, match="region SR is closed"):
        both.regions["SR"]
    assert "SR" not in set(both.masks.pairs.region)
    assert "SR" in set(analysis.select(sample="signal").masks.pairs.region)


def test_masks_of_cuts_are_those_of_the_cutflow(analysis, folder):
    run = analysis.select(sample=["signal", "more"])
    masks = run.masks
    assert list(masks) == CUTS
    left = np.ones(len(masks.pairs), dtype=bool)
    assert len(left) == run.cutflow["two_good_tracks"].events
    for name in CUTS:
        left &= masks[name]
        assert left.sum() == run.cutflow[name].events
        assert masks.all_but(name).sum() == run.cutflow[name].n_minus_1
    np.testing.assert_array_equal(masks.pairs.event[left], run.candidates.event)
    np.testing.assert_array_equal(masks.all_but(), left)
    table = masks.to_awkward()
    assert table.cda.to_list() == masks["cda"].tolist()
    assert table.event.to_list() == masks.pairs.event.tolist()
    for ask in (lambda: masks["cdaa"], lambda: masks.all_but("cdaa")):
        with pytest.raises(ConfigError, match=r"no cut 'cdaa' that is switched on: did you mean 'cda'\?"):
            ask()


def test_masks_have_no_closed_event(analysis):
    run = analysis.select(sample="pseudo")
    closed = analysis.dataset(analysis.folder / "pseudo.root", kind="mc")
    assert 0 < len(run.masks.pairs) == run.cutflow["two_good_tracks"].events
    like_sign = ~run.masks["opposite_charge"]
    out_of_time = ~run.masks["track_time_difference"]
    inside = np.isin(run.masks.pairs.region, run.closed)
    assert inside.any()
    assert (like_sign | out_of_time)[inside].all()  # such pairs may be seen everywhere
    assert len(run.masks.pairs) < analysis.select_from(closed).cutflow["two_good_tracks"].events


def test_a_cut_that_is_off_has_no_mask(folder):
    analysis = bdana.load(folder, overrides=["selection.dimuon.acceptance=false"])
    assert list(analysis.select(sample="signal").masks) == CUTS[:-1]


def test_every_error_of_a_call_is_ours(analysis):
    with pytest.raises(BdanaError, match=r"no such file|not found|does not exist"):
        analysis.select("none.root", kind="mc")
