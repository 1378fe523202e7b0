"""Whole samples: reproducible, written and read back, and made of what the configuration says."""

import pickle
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot

import bdana
from bdana.errors import ConfigError
from bdana.events import load_schema, open_events
from bdana.simulation import (
    Beam,
    Signal,
    SimulationConfig,
    override,
    simulate,
    simulate_blocks,
    simulate_bursts,
    write_sample,
)
from bdana.simulation import sample as sample_module

SMALL = SimulationConfig(pot=1.4e15, bursts=20)
SIGNAL = replace(SMALL, signal=Signal(mass_mev=411.0, decays=1500))


def same(one, other):
    if ak.fields(one) != ak.fields(other) or len(one) != len(other):
        return False
    if not ak.fields(one):
        flat = (np.asarray(ak.flatten(part, axis=None)) for part in (one, other))
        return np.array_equal(*flat, equal_nan=True)
    return all(same(one[name], other[name]) for name in ak.fields(one))


@pytest.mark.parametrize("config", [SMALL, SIGNAL], ids=["halo", "signal"])
def test_a_seed_is_a_sample(config):
    events, bursts = simulate(config, seed=3)
    again, _ = simulate(config, seed=3)
    other, other_bursts = simulate(config, seed=4)
    assert same(events, again)
    assert not same(events, other)
    assert not np.array_equal(bursts.pot, other_bursts.pot)


def test_blocks_are_independent_streams(monkeypatch):
    monkeypatch.setattr(sample_module, "BLOCK_EVENTS", 5000)
    blocks = list(simulate_blocks(SMALL, seed=3))
    assert len(blocks) > 3
    first = blocks[0].tracks.p[:100]
    assert not any(same(first, block.tracks.p[:100]) for block in blocks[1:])
    assert same(ak.concatenate(blocks), simulate(SMALL, seed=3)[0])


@pytest.mark.parametrize(("config", "events"), [(SMALL, 6000), (SIGNAL, 600)], ids=["halo", "signal"])
def test_blocks_are_the_same_wherever_they_are_made(config, events, tmp_path, monkeypatch):
    class Elsewhere:
        """What executors do with a function, in the wrong order."""

        def map(self, function, items):
            sent = pickle.loads(pickle.dumps(function))
            return reversed([sent(item) for item in reversed(items)])

    monkeypatch.setattr(sample_module, "BLOCK_EVENTS", events)
    made, steps = [], []
    for name, executor in (("here", None), ("elsewhere", Elsewhere())):
        path = tmp_path / f"{name}.root"
        write_sample(path, config, 3, lambda done, total: steps.append((done, total)), executor)
        with uproot.open(path) as file:
            made.append(file["events"].arrays())
    assert same(*made)
    assert len(steps) >= 6
    assert steps[: len(steps) // 2] == steps[len(steps) // 2 :]


@pytest.mark.parametrize(
    "config", [SMALL, SIGNAL, replace(SMALL, truth=False)], ids=["halo", "signal", "pseudo"]
)
def test_a_sample_is_read_as_it_was_written(config, tmp_path):
    path = tmp_path / "sample.root"
    steps = []
    written = write_sample(path, config, 3, lambda done, total: steps.append((done, total)))
    events, bursts = simulate(config, seed=3)
    file = open_events(path, "bdana")
    assert written == file.entries == len(events)
    assert steps[-1][0] == steps[-1][1]
    assert ("truth.process" in file.columns()) == config.truth
    assert ("truth.mass" in file.columns()) == (config.signal is not None)
    read = file.read(file.columns(), 0, file.entries)
    for name in ak.fields(events):
        for field in ak.fields(events[name]) or [None]:
            one, other = (part[name] if field is None else part[name][field] for part in (events, read))
            assert same(one, other), (name, field)
    table = file.bursts()
    for name in ("run", "burst", "pot", "live_time_s", "good", "downscale"):
        assert np.array_equal(getattr(table, name), getattr(bursts, name)), name


def test_a_written_sample_goes_through_an_analysis(tmp_path):
    path = tmp_path / "signal.root"
    write_sample(path, SIGNAL, 3)
    run = bdana.load().select([path], kind="mc")
    assert run.cutflow.rows[0].events == 1500
    assert 0.3 < len(run.candidates) / 1500 < 0.5
    assert run.exposure.pot == pytest.approx(1.4e15, rel=1e-12)


def test_protons_and_live_time_add_up():
    few, many = (simulate_bursts(replace(SMALL, bursts=n), seed=1) for n in (10, 1000))
    for bursts in (few, many):
        assert bursts.exposure.pot == pytest.approx(1.4e15, rel=1e-12)
        assert bursts.exposure.live_time_s == pytest.approx(1.4e15 / 6.6e12 * 4.8, rel=1e-12)
    assert np.std(many.pot) / np.mean(many.pot) == pytest.approx(0.5, abs=0.08)


def test_events_are_known_by_burst_and_number_and_have_one_trigger():
    events, _ = simulate(SMALL, seed=3)
    identity = np.stack([np.asarray(events[name]) for name in ("run", "burst", "event")])
    assert len(np.unique(identity, axis=1).T) == len(events)
    bits = load_schema("bdana").triggers
    assert set(np.asarray(events.trigger)) == {1 << bits["Q1"], 1 << bits["H2"]}
    two = np.asarray(events.trigger) == 1 << bits["H2"]
    assert not np.array_equal(np.sort(two), two), "the triggers are mixed"


def test_every_generated_decay_is_an_event():
    events, _ = simulate(SIGNAL, seed=3)
    assert len(events) == 1500
    assert np.asarray(events.weight).tolist() == [1.0] * 1500 or np.mean(events.weight) == pytest.approx(1.0)
    assert 0 in set(np.asarray(ak.num(events.tracks)))
    assert (events.truth.mass == 411.0).to_numpy().all()
    z = events.truth.z_decay.to_numpy()
    assert z.min() > 105e3
    assert z.max() < 180e3


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (replace(SMALL, bursts=0), "at least one burst"),
        (replace(SMALL, pot=-1.0), "positive number of protons"),
        (replace(SMALL, beam=Beam(ripple=1.5)), "ripple"),
        (replace(SMALL, signal=Signal(mass_mev=211.0)), "mumu opens at 211"),
        (replace(SMALL, signal=Signal(mass_mev=411.0, decays=0)), "at least one decay"),
        (replace(SMALL, signal=Signal(mass_mev=411.0, epsilon=0.0)), "above 0 and at most 1"),
        (replace(SMALL, signal=Signal(mass_mev=411.0, epsilon=1.5)), "above 0 and at most 1"),
        (replace(SMALL, signal=Signal(mass_mev=2500.0)), "widths of this particle are known"),
        (replace(SMALL, signal=Signal(mass_mev=411.0, mode="gammagamma")), "no decay mode"),
        (replace(SMALL, signal=Signal(mass_mev=1900.0, mode="hadrons")), "two electrons, muons or pions"),
        (replace(SMALL, signal=Signal(mass_mev=411.0, spectrum="hard")), "choose flat, all, bremsstrahlung"),
        (replace(SMALL, signal=Signal(mass_mev=411.0, model="ghost")), "no signal model 'ghost'"),
        (replace(SMALL, signal=Signal(mass_mev=411.0, parameters={"charm": 1})), "charm"),
    ],
)
def test_senseless_configurations_are_refused(config, words):
    with pytest.raises(ConfigError, match=words):
        simulate(config, seed=1)


def test_override_replaces_one_value():
    config = override(SMALL, "beam.ripple = 0.9")
    assert config.beam.ripple == 0.9
    assert override(config, "halo.rate_hz=5000").halo.rate_hz == 5000.0
    model = override(
        override(SIGNAL, 'signal.parameters.form_factor="none"'), "signal.parameters.pt_max_gev=0.5"
    ).signal
    assert model.parameters == {"form_factor": "none", "pt_max_gev": 0.5}
    assert SIGNAL.signal.parameters == {}
    changed = model.particle.production["bremsstrahlung"].per_proton
    assert changed < 0.9 * SIGNAL.signal.particle.production["bremsstrahlung"].per_proton
    assert override(config, "halo.prompt_z_mm=[1, 2]").halo.prompt_z_mm == (1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("beam.rippel=1", "no key 'rippel': did you mean 'ripple'"),
        ("beam.ripple.x=1", "no key 'x'"),
        ("beam.ripple", "write KEY=VALUE, such as beam.ripple=0.9"),
        ("beam.ripple=fast", "not a TOML value"),
        ("beam.ripple=true", "must be like"),
        ("beam=1", "must be like"),
    ],
)
def test_wrong_overrides_are_refused(text, words):
    with pytest.raises(ConfigError, match=words):
        override(SMALL, text)
