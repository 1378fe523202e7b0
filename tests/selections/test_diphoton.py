"""Two photons: what each cut takes, the quantities of a candidate, and decays through the simulated detector."""

import awkward as ak
import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError, UserCodeError
from bdana.search.skims import write_skim
from bdana.signal.contract import Mode
from bdana.simulation import Signal, SimulationConfig, simulate_bursts, write_sample
from bdana.simulation.decays import Dump, FlatSpectrum, place_decays
from bdana.simulation.signal_events import decay_events
from tests.synthetic import dimuon_event, diphoton_event, records


@pytest.fixture(scope="module")
def analysis():
    return bdana.load()


def select(analysis, events, **changes):
    selection, par = analysis.selection("diphoton")
    return selection.apply(records(events), par.model_copy(update=changes), analysis.setup)


def changed(cluster=0, **fields):
    event = diphoton_event()
    event["lkr"][cluster] |= fields
    return event


def beside(**collections):
    return diphoton_event() | collections


def test_a_candidate_has_the_quantities_of_its_pair(analysis):
    candidates = select(analysis, [diphoton_event(3, mass=80.0, z=142.5e3)], mass_mev=80.0).candidates
    assert (candidates.run[0], candidates.burst[0], candidates.event[0]) == (99001, 1, 3)
    assert candidates.mass == pytest.approx(80.0, rel=1e-3)
    assert candidates.z_vertex == pytest.approx(142.5e3, abs=200.0)
    assert candidates.cda_tax == pytest.approx(np.hypot(380.0, 172.0), abs=0.1)
    assert (candidates.p_plus[0], candidates.p_minus[0], candidates.dt[0]) == (30e3, 25e3, 0.0)
    assert np.isnan(candidates.z_tax[0])
    assert np.isnan(candidates.cda_fv[0])
    assert candidates.region.tolist() == ["SR"]


FAR = {"x": 0.0, "y": 800.0, "energy": 5e3, "time": 10.0}


@pytest.mark.parametrize(
    ("event", "cut"),
    [
        (changed(energy=999.0), "two_good_clusters"),
        (changed(x=0.0, y=149.0), "two_good_clusters"),
        (changed(x=1140.0), "two_good_clusters"),
        (changed(time=15.6), "cluster_time_difference"),
        (changed(time=np.nan), "cluster_time_difference"),
        (beside(trigger_time=15.6), "trigger_time"),
        (changed(energy=np.nan), "two_good_clusters"),
        (beside(lkr=[*diphoton_event()["lkr"], FAR]), "two_good_clusters"),
        (beside(lkr=[*diphoton_event()["lkr"], FAR | {"time": 30.0}]), "two_good_clusters"),
        (beside(lkr=[FAR]), "two_good_clusters"),
        (diphoton_event(energies=(1.6e3, 1.3e3), mass=8.0), "total_energy"),
        (diphoton_event(mass=20.0), "separation"),
        (beside(tracks=[dimuon_event()["tracks"][0] | {"time": 14.9}]), "no_track"),
        (beside(tracks=[dimuon_event()["tracks"][0] | {"time": np.nan}]), "no_track"),
        (beside(muv3=[{"x": 900.0, "y": 0.0, "time": 5.1}]), "muon_veto"),
        (beside(lav=[{"time": 19.9}]), "lav_veto"),
    ],
)
def test_each_cut_takes_away_what_it_is_for(analysis, event, cut):
    rows = {row.cut: row.events for row in select(analysis, [event]).cutflow.rows}
    assert rows[cut] == 0
    before = list(rows)[list(rows).index(cut) - 1]
    assert rows[before] == 1


@pytest.mark.parametrize(
    "event",
    [
        diphoton_event(),
        changed(energy=1001.0),
        changed(time=14.9),
        beside(lkr=[*diphoton_event()["lkr"], FAR | {"energy": 900.0}]),
        beside(tracks=[dimuon_event()["tracks"][0] | {"time": 15.1}]),
        beside(irc=[{"time": 10.0}]),
    ],
)
def test_what_passes(analysis, event):
    assert len(select(analysis, [event]).candidates) == 1


def test_switches_and_the_decay_volume_of_a_mass_hypothesis(analysis):
    assert len(select(analysis, [beside(irc=[{"time": 10.0}])], small_angle_veto=True).candidates) == 0
    assert (
        len(select(analysis, [beside(muv3=[{"x": 9.0, "y": 0.0, "time": 10.0}])], muon_veto=False).candidates)
        == 1
    )
    events = [diphoton_event(i, mass=mass, z=140e3) for i, mass in enumerate((50.0, 100.0, 200.0, 250.0))]
    for hypothesis, passed in ((100.0, [1]), (200.0, [2, 3]), (1000.0, [])):
        found = select(analysis, events, mass_mev=hypothesis, decay_volume=True).candidates
        assert found.event.tolist() == passed
        assert (
            select(analysis, events, mass_mev=hypothesis).candidates.mass.tolist()
            == select(analysis, events).candidates.mass.tolist()
        )


def test_no_event_of_two_muons_is_taken_and_no_photons_by_other_channels(analysis):
    events = records([dimuon_event(0), diphoton_event(1)])
    assert len(select(analysis, [dimuon_event()]).candidates) == 0
    for name in ("dimuon", "dielectron", "dipion", "pion_lepton"):
        selection, par = analysis.selection(name)
        assert 1 not in selection.apply(events, par, analysis.setup).candidates.event.tolist()


def test_decays_are_found_again(analysis):
    """Through the detector: the mass hypothesis gives the decay point, and the regions take what comes from the dump."""
    rng = np.random.default_rng(7)
    drawn = FlatSpectrum(30e3, 150e3, 40.0).draw(8000, rng)
    decays = place_decays(
        drawn, 150.0, Mode(1.0, (22, 22)), Dump(analysis.detector.beam_dump.point_mm), (105e3, 180e3), rng
    )
    config = SimulationConfig(pot=1e15, bursts=3)
    events = decay_events(config, decays, 150.0, np.ones(8000), simulate_bursts(config, 1), range(8000), rng)
    selection, par = analysis.selection("diphoton")
    found = selection.apply(events, par.model_copy(update={"mass_mev": 150.0}), analysis.setup).candidates
    assert len(found) > 2000
    off = found.z_vertex - decays.z[found.event]
    assert abs(np.median(off)) < 150.0
    assert 1e3 < np.percentile(np.abs(off), 68) < 3e3
    # At its decay point each has the mass; in the middle of the volume d/d_middle of it.
    d = 241_093.0 - decays.z[found.event]
    assert np.median(found.mass * 98_593.0 / d) == pytest.approx(150.0, rel=0.005)
    assert np.mean(found.region == "SR") > 0.9


def test_clusters_need_regions_of_their_own(analysis):
    selection, par = analysis.selection("diphoton")
    setup = analysis.setup
    without = type(setup)(setup.detector, setup.beam_line, setup.regions)
    with pytest.raises(ConfigError, match=r"needs \[cluster_regions.NAME\], one for each of SR, CR, CR1"):
        selection.apply(records([diphoton_event()]), par, without)


def test_a_selection_is_of_tracks_or_of_clusters():
    @bdana.cluster_cut("lkr.energy")
    def good(cluster, par):
        return cluster.energy > 0

    @bdana.track_cut("tracks.p")
    def track(track, par):
        return track.p > 0

    with pytest.raises(ConfigError, match="either `good_track`"):
        bdana.Selection(cuts=(), parameters=bdana.Parameters)
    with pytest.raises(ConfigError, match="either `good_track`"):
        bdana.Selection(good_track=track, good_cluster=good, cuts=(), parameters=bdana.Parameters)
    with pytest.raises(ConfigError, match="level cluster; here it must be track"):
        bdana.Selection(good_track=good, cuts=(), parameters=bdana.Parameters)
    with pytest.raises(ConfigError, match="level track; here it must be cluster or pair or event"):
        bdana.Selection(good_cluster=good, cuts=(track,), parameters=bdana.Parameters)
    taken = bdana.Selection(good_cluster=good, cuts=(), parameters=bdana.Parameters).named("mine")
    assert (taken.good.called, taken.good_track) == ("cut good of selection mine", None)
    assert "lkr.energy" in taken.needs(bdana.Parameters())
    assert not [name for name in taken.needs(bdana.Parameters()) if name.startswith("tracks.")]


def test_a_cut_of_clusters_looks_at_both_and_names_its_mistakes(analysis):
    selection, par = analysis.selection("diphoton")

    @bdana.cluster_cut("lkr.energy")
    def hard(cluster, par):
        return cluster.energy > 27e3

    @bdana.cluster_cut("lkr.energy")
    def charged(cluster, par):
        return cluster.charge > 0

    def with_cut(cut):
        return bdana.Selection(good_cluster=selection.good, cuts=(cut,), parameters=selection.parameters)

    events = records(
        [
            diphoton_event(0),
            diphoton_event(1, energies=(30e3, 28e3)),
            diphoton_event(2, energies=(26e3, 25e3)),
        ]
    )
    assert with_cut(hard).apply(events, par, analysis.setup).candidates.event.tolist() == [1]
    with pytest.raises(UserCodeError, match="no attribute 'charge'"):
        with_cut(charged).apply(events, par, analysis.setup)
    empty = events[ak.num(events.lkr) < 0]
    assert len(with_cut(hard).apply(empty, par, analysis.setup).candidates) == 0


def test_a_file_of_axion_like_particles_is_selected_and_skimmed(analysis, tmp_path):
    """From the model through a ROOT file: what the skim holds is selected again."""
    signal = Signal(
        200.0, decays=1500, mode="gammagamma", model="alp", spectrum="primakoff", epsilon=1e-5, parameters={}
    )
    write_sample(tmp_path / "alp.root", SimulationConfig(pot=1e15, bursts=3, signal=signal), 5)
    run = analysis.select(tmp_path / "alp.root", selection="diphoton", kind="mc")
    assert len(run.candidates) > 100
    assert run.candidates.weight[run.candidates.region == "SR"].sum() > 0.85 * run.candidates.weight.sum()
    assert np.percentile(run.candidates.mass, [1, 99]) == pytest.approx([0.62 * 200.0, 1.4 * 200.0], rel=0.1)
    write_skim(analysis, run, tmp_path / "skim.root")
    again = analysis.select(tmp_path / "skim.root", selection="diphoton", kind="mc")
    assert again.candidates.event.tolist() == run.candidates.event.tolist()
    np.testing.assert_array_equal(again.candidates.z_vertex, run.candidates.z_vertex)
