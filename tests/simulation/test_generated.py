"""Events of other generators from HepMC files: exact at truth level, in any units, with their weights."""

import gzip
import hashlib
import json
import pickle
import re
import sys
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot

from bdana.detector import load_detector
from bdana.engine import ProcessExecutor
from bdana.errors import ConfigError, InputError
from bdana.events import open_events
from bdana.signal.constants import ELECTRON_MASS, MUON_MASS, PION_MASS
from bdana.simulation import Generated, Response, Signal, SimulationConfig, simulate_bursts, write_generated
from bdana.simulation import generated as generated_module
from bdana.simulation.decays import draw_decays
from bdana.simulation.hepmc import HepmcFile
from bdana.simulation.signal_events import decay_events

hepmc = pytest.importorskip("pyhepmc", reason="pyhepmc is not installed: pip install 'bdana[generators]'")

EXACT = Response(
    hit_mm=0.0, chamber_x0=1e-30, p_constant=0.0, p_linear_per_mev=0.0, track_time_ns=0.0, electron_x0=1e-30,
    mip_sigma_mev=0.0, mip_tail_mev=0.0, muv3_efficiency=1.0, pion_muv3=0.0,
)  # fmt: skip
CONFIG = SimulationConfig(pot=1e14, bursts=3, response=EXACT)
POINT = Generated(spot_mm=0.0, depth_mm=0.0)
NA62 = load_detector("na62")
TAX_MM = NA62.beam_dump.point_mm
PDG = 32
IN_VOLUME = (10.0, 20.0, 100e3)


def four(momentum, mass):
    return hepmc.FourVector(*momentum, np.sqrt(np.dot(momentum, momentum) + mass**2))


def record(decays=(), final=(), weights=(1.0,), units=("MEV", "MM"), mass=411.0):
    """An event in MeV, mm: decays are (vertex, products as (PDG number, momentum)), final is a list of momenta."""
    event = hepmc.GenEvent(hepmc.Units.MEV, hepmc.Units.MM)
    beam = hepmc.GenParticle(hepmc.FourVector(0.0, 0.0, 400e3, 400e3), 2212, 4)
    dump = hepmc.GenVertex((0.0, 0.0, 0.0, 0.0))
    dump.add_particle_in(beam)
    for momentum in final:
        particle = hepmc.GenParticle(four(momentum, mass), PDG, 1)
        particle.generated_mass = mass
        dump.add_particle_out(particle)
    event.add_vertex(dump)
    for place, products in decays:
        parent = hepmc.GenParticle(four(np.sum([p for _, p in products], axis=0), mass), PDG, 2)
        parent.generated_mass = mass
        dump.add_particle_out(parent)
        vertex = hepmc.GenVertex((*place, np.linalg.norm(place)))
        vertex.add_particle_in(parent)
        for number, momentum in products:
            vertex.add_particle_out(hepmc.GenParticle(four(momentum, MUON_MASS), number, 1))
        event.add_vertex(vertex)
    event.weights = list(weights)
    event.set_units(*(getattr(hepmc.Units, unit) for unit in units))
    return event


PAIR = (IN_VOLUME, [(-13, (100.0, 50.0, 40e3)), (13, (-200.0, 30.0, 25e3))])


@pytest.fixture
def simulated(tmp_path):
    def run(records, generated=POINT, config=CONFIG, form="hepmc3", seed=1):
        source, path = tmp_path / "events.hepmc", tmp_path / "out.root"
        with hepmc.open(source, "w", format=form) as file:
            for each in records:
                file.write(each)
        counts = write_generated(path, source, config, generated, seed)
        out = open_events(path, "bdana")
        assert counts.written == out.entries
        return out.read(out.columns(), 0, out.entries), counts

    return run


@pytest.mark.parametrize("form", ["hepmc2", "hepmc3"])
@pytest.mark.parametrize("units", [("MEV", "MM"), ("GEV", "CM"), ("GEV", "MM")])
def test_decays_of_the_generator_are_followed_exactly(simulated, units, form):
    events, counts = simulated([record([PAIR], units=units)], form=form)
    total = np.sum([p for _, p in PAIR[1]], axis=0)
    assert events.truth.mass.to_list() == pytest.approx([411.0], rel=1e-9)
    assert events.truth.p.to_list() == pytest.approx([np.linalg.norm(total)], rel=1e-9)
    assert events.truth.z_decay.to_list() == pytest.approx([TAX_MM[2] + 100e3], rel=1e-9)
    tracks = events.tracks[0]
    assert tracks.charge.to_list() == [1, -1]
    assert tracks.p.to_list() == pytest.approx([np.linalg.norm(p) for _, p in PAIR[1]], rel=1e-6)
    step = 180e3 - TAX_MM[2] - 100e3
    for i, (_, (px, py, pz)) in enumerate(PAIR[1]):
        assert tracks.tx_before[i] == pytest.approx(px / pz, rel=1e-5)
        assert tracks.ty_before[i] == pytest.approx(py / pz, rel=1e-5)
        assert tracks.x_before[i] == pytest.approx(10.0 + step * px / pz, abs=1e-2)
        assert tracks.y_before[i] == pytest.approx(-22.0 + 20.0 + step * py / pz, abs=1e-2)
    assert (counts.events, counts.unused, counts.before, counts.behind) == (1, 0, 0, 0)


def test_absolute_coordinates_begin_in_the_target(simulated):
    place = (10.0, 20.0, 120e3)
    smeared = Generated(origin="t10", spot_mm=50.0, depth_mm=5e3)
    events, _ = simulated([record([(place, PAIR[1])])] * 5, smeared)
    assert events.truth.z_decay.to_list() == pytest.approx([120e3] * 5)
    assert np.ptp(events.tracks.x_before[:, 0]) < 1e-3


def test_coordinates_relative_to_the_production_point_have_beam_spot_and_depth(simulated):
    events, _ = simulated([record([PAIR])] * 2000, Generated(spot_mm=7.0, depth_mm=300.0))
    assert np.std(events.tracks.y_before[:, 0]) == pytest.approx(7.0, rel=0.1)
    depth = events.truth.z_decay - TAX_MM[2] - 100e3
    assert np.mean(depth) == pytest.approx(300.0, rel=0.1)
    assert np.min(depth) > 0.0


def test_the_first_weight_of_an_event_is_kept(simulated):
    events, counts = simulated([record([PAIR], weights=(2.5, 9.0)), record([PAIR], weights=(0.5, 9.0))])
    assert events.weight.to_list() == [2.5, 0.5]
    assert counts.weight == 3.0


def test_any_number_of_charged_particles_of_any_kind(simulated):
    products = [
        (number, (10.0 * i - 30.0, 150.0, 30e3)) for i, number in enumerate((11, -13, 211, 321, -2212))
    ]
    neutral = [
        (22, (0.0, 0.0, 20e3)),
        (111, (0.0, 0.0, 20e3)),
        (12, (0.0, 0.0, 9e3)),
        (-9900015, (0.0, 0.0, 9e3)),
    ]
    events, counts = simulated([record([(IN_VOLUME, neutral + products)]), record([PAIR])])
    assert ak.num(events.tracks).to_list() == [5, 2]
    assert events.tracks.charge[0].to_list() == [-1, 1, 1, 1, -1]
    assert counts.unused == 0
    assert counts.as_pions == 2


def test_hadrons_leave_no_hit_of_a_muon(simulated):
    quiet = replace(CONFIG, activity=replace(CONFIG.activity, muv3_mhz=0.0))
    products = [(number, (150.0, 100.0, 30e3)) for number in (11, -13, 211, 321)]
    events, _ = simulated([record([(IN_VOLUME, products)])], config=quiet)
    assert ak.num(events.muv3).to_list() == [1]


def test_what_is_made_outside_the_volume_is_left_out_and_counted(simulated):
    muon = [(13, (100.0, 50.0, 40e3))]
    before, behind = (0.0, 0.0, 1e3), (0.0, 0.0, 161e3)
    backwards = [(13, (100.0, 50.0, -40e3))]
    events, counts = simulated(
        [
            record([(before, muon)]),
            record([(behind, muon), (before, muon)]),
            record([(before, muon), PAIR]),
            record([(IN_VOLUME, backwards), PAIR]),
        ]
    )
    assert ak.num(events.tracks).to_list() == [2, 2]
    assert (counts.events, counts.written, counts.unused) == (4, 2, 2)
    assert (counts.before, counts.behind, counts.backwards) == (3, 1, 1)


@pytest.mark.parametrize(("end", "tracks"), [(165e3, 1), (130e3, 0)])
def test_a_charged_particle_that_decays_behind_the_spectrometer_entrance_is_a_track(simulated, end, tracks):
    event = record([(IN_VOLUME, [(-13, (100.0, 50.0, 40e3)), (211, (150.0, 100.0, 50e3))])])
    pion = next(part for part in event.particles if part.pid == 211)
    pion.status = 2
    vertex = hepmc.GenVertex((0.0, 0.0, end, end))
    vertex.add_particle_in(pion)
    vertex.add_particle_out(hepmc.GenParticle(hepmc.FourVector(0.0, 0.0, 9e3, 9e3), 14, 1))
    event.add_vertex(vertex)
    events, _ = simulated([event])
    assert ak.num(events.tracks).to_list() == [1 + tracks]


def test_the_truth_is_the_first_decay_in_the_volume_and_times_are_those_of_flight(simulated):
    event = record([(IN_VOLUME, [(15, (100.0, 50.0, 40e3)), (-15, (-200.0, 30.0, 25e3))])])
    for number, late_ns in ((15, 40.0), (-15, 43.0)):
        tau = next(part for part in event.particles if part.pid == number)
        tau.status = 2
        ct = np.linalg.norm(IN_VOLUME) + 1e3 + 299.792458 * late_ns
        vertex = hepmc.GenVertex((10.0, 20.0, 101e3, ct))
        vertex.add_particle_in(tau)
        vertex.add_particle_out(hepmc.GenParticle(tau.momentum, 13 if number > 0 else -13, 1))
        event.add_vertex(vertex)
    events, _ = simulated([event])
    assert events.truth.z_decay.to_list() == pytest.approx([TAX_MM[2] + 100e3])
    assert events.truth.mass.to_list() == pytest.approx([411.0])
    time = dict(zip(events.tracks.charge[0].to_list(), events.tracks.time[0].to_list(), strict=True))
    assert time[1] - time[-1] == pytest.approx(3.0, abs=1e-3)
    assert 0.0 <= time[-1] < 25.0  # the first track is in time with the trigger, within its clock


@pytest.mark.parametrize(
    ("mode", "product"), [("mumu", MUON_MASS), ("ee", ELECTRON_MASS), ("pipi", PION_MASS)]
)
def test_an_undecayed_particle_decays_by_its_lifetime(simulated, mode, product):
    mass, p, ctau = 300.0, 60e3, 200.0
    final = [record(final=[(0.0, 0.0, p)], weights=(2.0,), units=("GEV", "CM"), mass=mass)] * 4000
    events, counts = simulated(final, replace(POINT, particle=PDG, ctau_mm=ctau, mode=mode))
    length = p / mass * ctau
    near, far = 105e3 - TAX_MM[2], 180e3 - TAX_MM[2]
    expected = np.exp(-near / length) - np.exp(-far / length)
    assert np.sum(events.weight) / counts.weight == pytest.approx(expected, rel=0.04)
    assert np.min(events.truth.z_decay) > 105e3
    assert np.max(events.truth.z_decay) < 180e3
    assert events.truth.mass.to_numpy() == pytest.approx(mass, rel=1e-9)
    tracks = events.tracks[ak.num(events.tracks) == 2]
    p, tx, ty = (ak.to_numpy(tracks[name]).astype(float) for name in ("p", "tx_before", "ty_before"))
    slope = np.stack([tx, ty, np.ones_like(p)])
    total = (p * slope / np.linalg.norm(slope, axis=0)).sum(axis=2)
    found = np.sqrt(np.hypot(p, product).sum(axis=1) ** 2 - (total**2).sum(axis=0))
    assert len(found) > 1000
    assert found == pytest.approx(mass, rel=1e-3)


def test_without_lifetime_the_weights_are_those_of_the_generator(simulated):
    final = [record(final=[(0.0, 0.0, 60e3), (0.0, 0.0, 30e3)], weights=(w,)) for w in (0.5, 3.0)]
    events, counts = simulated([*final, record([PAIR])], replace(POINT, particle=-PDG, mode="ee"))
    assert events.weight.to_list() == [0.5, 0.5, 3.0, 3.0]
    assert events.truth.p.to_list() == pytest.approx([60e3, 30e3, 60e3, 30e3])
    assert (counts.events, counts.unused) == (3, 1)


def test_a_particle_made_behind_its_decay_point_does_not_decay(simulated):
    event = record([((0.0, 0.0, 110e3), [(22, (0.0, 0.0, 1e3))])])  # a photon from the middle of the volume
    photon = next(part for part in event.particles if part.pid == 22)
    vertex = hepmc.GenVertex()
    vertex.add_particle_in(photon)
    vertex.add_particle_out(hepmc.GenParticle(four((0.0, 0.0, 60e3), 411.0), PDG, 1))
    event.add_vertex(vertex)
    events, _ = simulated([event] * 200, replace(POINT, particle=PDG))
    possible = events.truth.z_decay > TAX_MM[2] + 110e3
    assert 0 < np.sum(possible) < 200
    assert (events.weight == ak.where(possible, 1.0, 0.0)).to_numpy().all()


def test_own_decays_written_as_hepmc_and_read_back_have_the_same_acceptance(simulated):
    signal = Signal(
        mass_mev=411.0, decays=3000, spectrum="bremsstrahlung", parameters={"form_factor": "none"}
    )
    decays, _ = draw_decays(signal, NA62, signal.decays, 1e17, np.random.default_rng(1))
    tracks = decays.tracks
    slope = np.stack([tracks.tx, tracks.ty, np.ones(len(tracks))])
    momenta = (tracks.p * slope / np.linalg.norm(slope, axis=0)).T.reshape(-1, 2, 3)
    places = np.stack([tracks.x, tracks.y, tracks.z]).T[::2]
    records = [
        record([(place, [(-13, plus), (13, minus)])])
        for place, (plus, minus) in zip(places, momenta, strict=True)
    ]
    events, counts = simulated(records, replace(POINT, origin="t10"))
    own = decay_events(
        CONFIG,
        decays,
        411.0,
        np.ones(3000),
        simulate_bursts(CONFIG, 1),
        range(3000),
        np.random.default_rng(2),
    )
    assert counts.written == 3000
    assert 0.3 < np.mean(ak.num(own.tracks) == 2) < 0.9
    assert ak.num(events.tracks).to_list() == ak.num(own.tracks).to_list()
    assert ak.flatten(events.tracks.p).to_numpy() == pytest.approx(
        ak.flatten(own.tracks.p).to_numpy(), rel=1e-6
    )
    assert events.truth.p.to_numpy() == pytest.approx(decays.particles.p, rel=1e-9)


def test_the_file_written_names_its_source_with_checksum(tmp_path, text):
    source, path = tmp_path / "good.hepmc", tmp_path / "out.root"
    write_generated(path, source, CONFIG, POINT, 1)
    provenance = json.loads(uproot.open(path)["provenance"])
    assert provenance["source"] == "good.hepmc"
    assert provenance["source_sha256"] == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("form", ["hepmc2", "hepmc3"])
@pytest.mark.parametrize("wrong", ["nan", "inf"])
def test_weights_that_are_no_numbers_are_refused(simulated, form, wrong, tmp_path):
    source = tmp_path / "bad.hepmc"
    with hepmc.open(source, "w", format=form) as file:
        for weight in (1.0, 7.25):
            file.write(record([PAIR], weights=(weight,)))
    text, times = re.subn(r"7\.250*(e\+00)?", wrong, source.read_text())
    assert times == 1
    source.write_text(text)
    with pytest.raises(InputError, match=r"bad\.hepmc: event 2: a weight is missing or not finite"):
        write_generated(tmp_path / "out.root", source, CONFIG, POINT, 1)


def test_blocks_follow_each_other_and_a_seed_is_a_sample(simulated, monkeypatch):
    made = Generated(spot_mm=5.0, depth_mm=153.0)
    records = [record([PAIR], weights=(float(i),)) for i in range(25)]
    monkeypatch.setattr(generated_module, "BLOCK_EVENTS", 10)
    events, counts = simulated(records, made)
    assert events.weight.to_list() == [float(i) for i in range(25)]
    assert events.event.to_list() == list(range(25))
    assert counts.events == 25
    assert len(np.unique(events.truth.z_decay)) == 25
    assert simulated(records, made)[0].truth.z_decay.to_list() == events.truth.z_decay.to_list()
    assert simulated(records, made, seed=2)[0].truth.z_decay.to_list() != events.truth.z_decay.to_list()


@pytest.fixture
def text(tmp_path):
    """The bytes of a file of 30 events."""
    path = tmp_path / "good.hepmc"
    with hepmc.open(path, "w") as file:
        for _ in range(30):
            file.write(record([PAIR]))
    return path.read_bytes()


def test_compressed_files_are_read(text, tmp_path):
    source, steps = tmp_path / "events.hepmc.gz", []
    source.write_bytes(gzip.compress(text))
    counts = write_generated(
        tmp_path / "out.root", source, CONFIG, POINT, 1, lambda done, total: steps.append((done, total))
    )
    assert counts.written == 30
    assert steps == [(source.stat().st_size,) * 2]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: b"", "the file is empty"),
        (lambda text: b"no events here\n" * 50, "is not a HepMC file"),
        (lambda text: text[: len(text) // 2], "ends within or behind event 1[56]"),
        (lambda text: text[: text.rindex(b"\nP ") + 40] + b"\n", "ends within or behind event 30"),
        (lambda text: text[: text.rindex(b"HepMC::")], "ends within or behind event 30"),
        (
            lambda text: text[:2000].rsplit(b"\nV", 1)[0] + text[2000:][text[2000:].index(b"\nE ") :],
            "damaged",
        ),
        (lambda text: text[: text.index(b"\nE ")] + text[text.rindex(b"\nHepMC") :], "holds no events"),
        (lambda text: gzip.compress(text)[:300], "cannot be read"),
    ],
    ids=["empty", "other", "half", "last-line", "no-end", "damaged", "no-events", "half-gz"],
)
def test_unusable_files_are_named(damage, words, text, tmp_path):
    source = tmp_path / "bad.hepmc"
    source.write_bytes(damage(text))
    with pytest.raises(InputError, match=rf"bad\.hepmc: .*{words}"):
        write_generated(tmp_path / "out.root", source, CONFIG, POINT, 1)
    assert not (tmp_path / "out.root").exists()


class Sent:
    """Another process, as far as what is sent and comes back is concerned."""

    def map(self, function, items):
        there = pickle.loads(pickle.dumps(function))
        return (pickle.loads(pickle.dumps(there(pickle.loads(pickle.dumps(item))))) for item in items)


@pytest.mark.parametrize("form", ["hepmc2", "hepmc3"])
@pytest.mark.parametrize("particle", [None, PDG])
def test_pieces_blocks_and_executors_change_nothing(form, particle, tmp_path, monkeypatch):
    made = replace(POINT, spot_mm=5.0, particle=particle, ctau_mm=particle and 1e5)
    source, steps = tmp_path / "events.hepmc", []
    with hepmc.open(source, "w", format=form) as file:
        for i in range(25):
            left, made_there = (
                {"final": [(0.0, 0.0, 9e4)] * max(i % 3, 1)},
                {"decays": [PAIR] * max(i % 3, 1)},
            )
            used, unused = (left, made_there) if particle else (made_there, left)
            file.write(record(**(used if i % 3 else unused), weights=(float(i), 1.0)))

    def run(executor=None):
        path = tmp_path / "out.root"
        counts = write_generated(path, source, CONFIG, made, 3, lambda *step: steps.append(step), executor)
        out = open_events(path, "bdana")
        return out.read(out.columns(), 0, out.entries), counts

    monkeypatch.setattr(generated_module, "BLOCK_EVENTS", 10)
    whole, counts = run()
    assert (counts.events, counts.weight, counts.unused) == (25, 300.0, 9)
    assert len(steps) == 3
    assert steps[-1] == (source.stat().st_size,) * 2
    monkeypatch.setattr("bdana.simulation.hepmc.PIECE_BYTES", 2000)
    assert len([*HepmcFile(source).pieces(10)]) > 5
    for executor in (None, Sent()):
        again, counted = run(executor)
        assert counted == counts
        assert again.fields == whole.fields
        assert ak.array_equal(again, whole)


def test_worker_processes_simulate_the_same(text, tmp_path):
    source = tmp_path / "events.hepmc"
    source.write_bytes(text)
    found = []
    for executor in (None, ProcessExecutor(2)):
        write_generated(tmp_path / "out.root", source, CONFIG, POINT, 1, executor=executor)
        out = open_events(tmp_path / "out.root", "bdana")
        found.append(out.read(out.columns(), 0, out.entries))
    assert ak.array_equal(*found)


def test_what_a_later_piece_lacks_is_said_with_the_number_of_the_event(simulated, monkeypatch):
    monkeypatch.setattr("bdana.simulation.hepmc.PIECE_BYTES", 1)
    records = [record([PAIR], weights=(1.0,) * (2 if i == 7 else 1)) for i in range(10)]
    with pytest.raises(InputError, match="event 8: a weight is missing"):
        simulated(records)
    low = [record(final=[(0.0, 0.0, 9e4)], mass=200.0 if i == 7 else 411.0) for i in range(10)]
    with pytest.raises(InputError, match="event 8: the particle 32 has a mass of 200 MeV"):
        simulated(low, replace(POINT, particle=PDG))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.hepmc: cannot be read"):
        write_generated(tmp_path / "out.root", tmp_path / "absent.hepmc", CONFIG, POINT, 1)


@pytest.mark.parametrize(
    ("records", "changes", "words"),
    [
        ([record([PAIR])], {"particle": 33}, "none of its 1 events has an undecayed particle 33"),
        ([record([PAIR])], {"particle": PDG}, r"undecayed particle 32 \(status 1\), but -13, 13: check"),
        ([record(final=[(0.0, 0.0, 9e4)])], {}, "no charged particle of its 1 events"),
        ([record([((0.0, 0.0, 5e3), PAIR[1])])], {}, "2 before it"),
        ([record(final=[(0.0, 0.0, 9e4)], mass=200.0)], {"particle": PDG}, "event 1: .*mass of 200 .*opens at 211"),
    ],
)  # fmt: skip
def test_files_without_anything_to_simulate_are_refused(simulated, records, changes, words):
    with pytest.raises(InputError, match=words):
        simulated(records, replace(POINT, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": "tautau"}, "choose ee, mumu, pipi"),
        ({"origin": "moon"}, "choose dump or zero"),
        ({"ctau_mm": 5.0}, "name it by --particle"),
        ({"ctau_mm": -5.0, "particle": PDG}, "lifetime above 0"),
        ({"z_min_mm": 2e5}, "the volume ends behind its beginning"),
    ],
)
def test_senseless_settings_are_refused(simulated, changes, words):
    with pytest.raises(ConfigError, match=words):
        simulated([record([PAIR])], replace(POINT, **changes))


def test_the_extra_is_named_where_pyhepmc_is_missing(simulated, monkeypatch):
    simulated([record([PAIR])])
    monkeypatch.setitem(sys.modules, "pyhepmc", None)
    with pytest.raises(ConfigError, match=r"bdana\[generators\]"):
        simulated([record([PAIR])])
