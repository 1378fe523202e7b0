"""Expected events of one mass, against closed forms and sums over decays that are placed and tracked here."""

from pathlib import Path

import numpy as np
import pytest

import bdana
from bdana.errors import ConfigError
from bdana.sensitivity.exclusion import expected_events
from bdana.sensitivity.signal_candidates import expected_candidates
from bdana.sensitivity.yields import mass_yields
from bdana.signal import Mode, Particles, branching_ratio, decay_length
from bdana.signal.constants import MUON_MASS
from tests.sensitivity import straight

POT = 1.4e17
COUPLINGS = np.array([2e-7, 1e-6, 2e-6])


def load(*overrides):
    sizes = {"signal.decays": "signal.decays=20000", "signal.events": "signal.events=2000"}
    given = {override.partition("=")[0]: override for override in overrides}
    return bdana.load(overrides=list((sizes | given).values()))


def volume(part, coupling, protons=POT):
    return protons * coupling**2 * part.in_volume(coupling**2)


def inner(part):
    return next(iter(part.selected.values()))


@pytest.fixture(scope="module")
def analysis():
    return load()


@pytest.fixture(scope="module")
def at_250(analysis):
    return mass_yields(analysis, "mumu", 250.0)


# Closed forms.


@pytest.mark.parametrize("coupling", [1e-9, 1e-7, 1e-6, 3e-6, 4.5e-6])
def test_decays_of_one_momentum_have_a_closed_form(monkeypatch, coupling):
    (part,) = mass_yields(straight.analysis_of(monkeypatch), "mumu", straight.MASS).production.values()
    expected = straight.decays(coupling)
    assert volume(part, coupling, straight.PROTONS) == pytest.approx(expected, rel=1e-5, abs=0)
    found, error = (
        float(of(coupling, straight.PROTONS)) for of in (part.accepted.expected, part.accepted.error)
    )
    assert abs(found - expected) < 4 * error
    assert error < 0.05 * expected


def test_the_decay_volume_is_that_of_the_analysis(monkeypatch):
    short = straight.analysis_of(monkeypatch, "signal.decay_volume_m=[120.0, 150.0]")
    (part,) = mass_yields(short, "mumu", straight.MASS).production.values()
    for coupling in (1e-7, 4e-6):
        expected = straight.decays(coupling, first=120e3, last=150e3)
        assert volume(part, coupling, straight.PROTONS) == pytest.approx(expected, rel=1e-5, abs=0)
        assert float(part.accepted.expected(coupling, straight.PROTONS)) == pytest.approx(expected, rel=0.05)


def test_long_lived_particles_go_with_the_fourth_power_and_short_lived_ones_vanish(at_250):
    for part in at_250.production.values():
        for number in (
            lambda e, part=part: volume(part, e),
            lambda e, part=part: part.accepted.expected(e, POT),
            lambda e, part=part: inner(part).expected(e, POT),
        ):
            assert number(1e-9) == pytest.approx(1e4 * number(1e-10), rel=1e-3, abs=0)
            assert number(1e-5) < 1e-3 * number(1e-6)
            assert number(1e-3) == 0.0


@pytest.mark.parametrize("least", [20.0, 35.0, 45.0])
def test_both_tracks_need_the_smallest_energy(monkeypatch, least):
    # The energy of each muon is flat, and both together are that of the particle.
    gamma, beta = np.hypot(straight.P, straight.MASS) / straight.MASS, straight.P
    beta /= np.hypot(straight.P, straight.MASS)
    p_star = np.sqrt(straight.MASS**2 / 4 - MUON_MASS**2)
    both = np.clip((gamma * straight.MASS / 2 - 1e3 * least) / (gamma * beta * p_star), 0.0, 1.0)
    chosen = straight.analysis_of(monkeypatch, f"signal.min_energy_gev={least}")
    (part,) = mass_yields(chosen, "mumu", straight.MASS).production.values()
    kept = float(part.accepted.expected(1e-7, 1.0)) / volume(part, 1e-7, 1.0)
    assert kept == pytest.approx(both, abs=0.015)
    assert (kept == 0.0) == (least == 45.0)


@pytest.mark.parametrize(("least", "distance"), [(20.0, 0.0), (25.0, 0.0), (20.0, 250.0), (20.0, 1000.0)])
def test_both_photons_need_energy_and_distance(monkeypatch, least, distance):
    # The energies are x and 1 - x of that of the particle, x flat; the distance is L m / (E sqrt(x (1 - x))).
    mass = 100.0
    chosen = straight.analysis_of(
        monkeypatch,
        "signal.min_energy_gev=79.0",  # of tracks
        f"signal.min_photon_energy_gev={least}",
        f"signal.min_photon_distance_mm={distance}",
    )
    modes = {"gammagamma": Mode(0.25, (22, 22)), "hadrons": Mode(0.75)}
    monkeypatch.setattr(
        "bdana.analysis.signal_config.SignalConfig.particle",
        lambda _, mass: straight.Straight(mass, (50.0, 900.0), modes=modes),
    )
    (part,) = mass_yields(chosen, "gammagamma", mass).production.values()
    kept = float(part.accepted.expected(1e-7, 1.0)) / volume(part, 1e-7, 1.0)
    part_of, flight = np.meshgrid(
        np.linspace(0.0005, 0.9995, 1000), 241.093e3 - np.linspace(straight.FIRST, straight.LAST, 500)
    )
    apart = flight * mass / (straight.P * np.sqrt(part_of * (1.0 - part_of))) > distance
    hard = np.minimum(part_of, 1.0 - part_of) * straight.P > 1e3 * least
    assert kept == pytest.approx((apart & hard).mean(), abs=0.015)
    assert (kept == 0.0) == (distance == 1000.0)


def test_photons_need_a_calorimeter(tmp_path):
    geometry = (Path(bdana.__file__).parent / "detector" / "na62.toml").read_text()
    path = tmp_path / "bare.toml"
    path.write_text(geometry.replace('calorimeter = "LKr"\n', ""))
    bare = bdana.load(overrides=['signal.model="alp"', "signal.parameters={}", f'analysis.detector="{path}"'])
    with pytest.raises(
        ConfigError, match=r"has no calorimeter, which sees photons: name it in its \[roles\]"
    ):
        mass_yields(bare, "gammagamma", 100.0)


def test_the_ends_of_an_uncertainty_are_factors_on_the_innermost_region(monkeypatch):
    plain = straight.analysis_of(monkeypatch, "selection.dimuon.acceptance=false", "signal.events=5000")
    (part,) = mass_yields(plain, "mumu", straight.MASS).production.values()
    low, high = (end(1e-12) for end in part.variations["strength"])
    middle = inner(part).mean(1e-12)
    assert middle > 0
    assert [low / middle, high / middle] == pytest.approx([0.8, 1.5])


# Sums over decays that are made here.


def tracks(particles, mass, origin, z, rng):
    """Muons of isotropic decays: points at z, slopes, momenta and energies, shape (2, N) each."""
    n = len(particles.p)
    cosine, phi = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    sine, p_star = np.sqrt(1 - cosine**2), np.sqrt(mass**2 / 4 - MUON_MASS**2)
    # Axes along the flight and across it.
    along = particles.direction
    one = np.cross(along.T, [1.0, 0.0, 0.0]).T
    one /= np.linalg.norm(one, axis=0)
    other = np.cross(along.T, one.T).T
    gamma, flight = np.hypot(particles.p, mass) / mass, particles.p / mass
    point = origin[:2, None] + along[:2] / along[2] * (z - origin[2])
    found = []
    for sign in (1, -1):
        forward = gamma * sign * p_star * cosine + flight * mass / 2
        across = sign * p_star * sine
        momentum = along * forward + across * (one * np.cos(phi) + other * np.sin(phi))
        p = np.linalg.norm(momentum, axis=0)
        found.append((point, momentum, p, np.hypot(p, MUON_MASS)))
    return found


def in_detector(point, z, momentum, p, charge):
    """Whether a muon crosses the chambers, the LKr and MUV3 of NA62, from the numbers of the public geometry."""
    ux, uy, uz = momentum / p
    magnet = 197000.0
    at_magnet = point + (magnet - z) * np.stack([ux / uz, uy / uz])
    kicked = ux - 270.0 * charge / p
    behind = np.sqrt(np.maximum(1 - kicked**2 - uy**2, 1e-12))
    slopes = np.where(uz > 0, ux / uz, np.nan), np.where(uz > 0, uy / uz, np.nan)
    inside = uz > 0
    for plane, hole in ((183508.0, 101.2), (194066.0, 114.4), (204459.0, 92.4), (218885.0, 52.8)):
        step = plane - magnet
        x, y = at_magnet + step * (np.stack(slopes) if step < 0 else np.stack([kicked / behind, uy / behind]))
        views = (x - hole, y, (x - hole + y) / np.sqrt(2), (x - hole - y) / np.sqrt(2))
        inside &= (sum(np.abs(view) > 63.8 for view in views) >= 2) & (np.hypot(x, y) < 1000.0)
    x, y = at_magnet + (241093.0 - magnet) * np.stack([kicked / behind, uy / behind])
    turned = (np.abs(x) + np.abs(y)) / np.sqrt(2)
    inside &= (np.hypot(x, y) > 150.0) & (np.maximum(np.maximum(np.abs(x), np.abs(y)), turned) < 1130.0)
    x, y = at_magnet + (246800.0 - magnet) * np.stack([kicked / behind, uy / behind])
    return inside & (np.hypot(x, y) > 103.0) & (np.maximum(np.abs(x), np.abs(y)) < 1320.0)


def summed(analysis, model, process, coupling, seed, both=np.logical_and):
    """Decays in the volume and accepted ones, as sums over decays of this coupling alone."""
    rng = np.random.default_rng(seed)
    made = model.production[process]
    drawn = made.draw(60_000, rng)
    particles = drawn.take(np.flatnonzero((drawn.weight > 0) & (drawn.direction[2] > 0)))
    low, high = (1e3 * z for z in analysis.signal.decay_volume_m)
    origin = np.array(analysis.config.beam_line.point_mm)
    along, length = particles.direction[2], decay_length(model, coupling, particles.p)
    near = (low - origin[2]) / along / length
    reach = np.exp(-near) * -np.expm1((low - high) / along / length)
    # The depth is drawn from the exponential law inside the volume, not flat.
    depth = -np.log1p(rng.random(len(near)) * np.expm1((low - high) / along / length)) * length * along
    one, other = (
        in_detector(point, low + depth, momentum, p, charge) & (energy > 5e3)
        for charge, (point, momentum, p, energy) in zip(
            (1, -1), tracks(particles, model.mass, origin, low + depth, rng), strict=True
        )
    )
    each = POT * coupling**2 * branching_ratio(model, "mumu") * made.per_proton / 60_000
    weight = each * particles.weight * reach
    seen = both(one, other)
    return weight.sum(), weight[seen].sum(), np.sqrt((weight[seen] ** 2).sum())


@pytest.mark.parametrize("mass", [230.0, 480.0])
def test_yields_are_those_of_a_sum_over_decays(mass):
    chosen = load("signal.depth_mm=0.0", "signal.spot_mm=0.0", "signal.decays=60000", "signal.events=200")
    model = chosen.signal.particle(mass)
    for process, part in mass_yields(chosen, "mumu", mass).production.items():
        for i, coupling in enumerate(COUPLINGS):
            in_volume, accepted, error = summed(chosen, model, process, coupling, i)
            assert volume(part, coupling) == pytest.approx(in_volume, rel=0.03, abs=0)
            wrong = np.hypot(error, part.accepted.error(coupling, POT))
            assert abs(part.accepted.expected(coupling, POT) - accepted) < 4 * wrong
            assert wrong < 0.1 * accepted


def test_acceptance_asks_for_both_tracks(at_250, analysis):
    model = analysis.signal.particle(250.0)
    for process in ("bremsstrahlung", "mesons"):
        part = at_250.production[process]
        kept = float(part.accepted.expected(1e-6, POT)) / volume(part, 1e-6)
        both, any_of_them = (
            found[1] / found[0]
            for found in (
                summed(analysis, model, process, 1e-6, 1, of) for of in (np.logical_and, np.logical_or)
            )
        )
        assert any_of_them > 1.3 * both
        assert kept == pytest.approx(both, rel=0.08)


# The sample.


def test_accepted_decays_are_some_of_those_in_the_volume(at_250):
    for coupling in np.geomspace(1e-8, 6e-6, 30):
        for part in at_250.production.values():
            inside, accepted = volume(part, coupling), float(part.accepted.expected(coupling, POT))
            assert inside > accepted > 0
            assert sum(float(one.expected(coupling, POT)) for one in part.selected.values()) < inside


def test_numbers_are_proportional_to_the_protons(at_250):
    for part in at_250.production.values():
        for counted in (part.accepted, *part.selected.values()):
            assert counted.expected(1e-6, 3e18) == pytest.approx(30 * counted.expected(1e-6, 1e17))
            assert counted.error(1e-6, 3e18) == pytest.approx(30 * counted.error(1e-6, 1e17))


@pytest.fixture(scope="module")
def repeated():
    """By size of the reconstructed sample, yields with eight seeds; all decays are selected in one of them."""
    sizes = {"all": 5000, "some": 400}
    return {
        name: [
            mass_yields(
                load(f"signal.seed={seed}", "signal.decays=5000", f"signal.events={events}"), "mumu", 250.0
            )
            for seed in range(8)
        ]
        for name, events in sizes.items()
    }


def test_errors_have_the_size_of_what_other_seeds_change(repeated):
    ratios = []
    for yields in repeated.values():
        for process in yields[0].production:
            for of in (lambda part: part.accepted, inner):
                parts = [of(one.production[process]) for one in yields]
                found = np.array([part.expected(COUPLINGS, POT) for part in parts])
                said = np.sqrt(np.mean([part.error(COUPLINGS, POT) ** 2 for part in parts], axis=0))
                ratios.append(found.std(axis=0, ddof=1) / said)
    # Decays are drawn more evenly than at random, so that errors are rather too large.
    assert 0.5 < np.median(ratios) < 1.1
    assert np.max(ratios) < 2.0


def test_copies_of_a_decay_fluctuate_together():
    # At the end of a branch few of the drawn decays matter, and are reconstructed several times.
    yields = mass_yields(load("signal.decays=20000", "signal.events=3000"), "mumu", 250.0)
    for part in (yields.production["mesons"], yields.production["mixing"]):
        selected, accepted = (
            one.error(4e-6, POT) / one.expected(4e-6, POT) for one in (inner(part), part.accepted)
        )
        assert selected > 0.95 * accepted


def test_choosing_decays_that_matter_changes_no_expectation(repeated):
    for process in repeated["all"][0].production:
        means, errors = [], []
        for yields in repeated.values():
            found = np.array([inner(one.production[process]).expected(COUPLINGS, POT) for one in yields])
            means.append(found.mean(axis=0))
            errors.append(np.sqrt(np.mean([inner(one.production[process]).error(COUPLINGS, POT) ** 2
                                           for one in yields], axis=0) / len(yields)))  # fmt: skip
        assert (np.abs(means[0] - means[1]) < 3.5 * np.hypot(*errors)).all()
        assert (np.hypot(*errors) < 0.1 * means[0]).all()


def test_regions_hold_the_candidates_of_the_selection(analysis, at_250):
    found = expected_candidates(analysis, "mumu", 250.0, 1e-6, POT)
    for region in analysis.regions.names:
        expected = sum(part.selected[region].expected(1e-6, POT) for part in at_250.production.values())
        assert found.weight[found.region == region].sum() == pytest.approx(expected, rel=1e-4)
    inside = sum(float(inner(part).expected(1e-6, POT)) for part in at_250.production.values())
    assert inside > 0.95 * found.weight.sum()


def test_form_factors_are_uncertainties_of_their_process(at_250):
    variations = {name: set(part.variations) for name, part in at_250.production.items()}
    assert variations == {
        "bremsstrahlung": {"proton_form_factor"},
        "mesons": {"meson_spectra", "transition_form_factor"},
        "mixing": {"meson_spectra"},
    }
    for part in at_250.production.values():
        for low, high in part.variations.values():
            middle = inner(part).mean(1e-12)
            assert low(1e-12) < 1.0001 * middle
            assert high(1e-12) > 0.9999 * middle


@pytest.mark.parametrize(
    ("mode", "mass", "overrides", "message"),
    [
        ("mumu", 211.0, [], "the mode mumu opens at 211.3168 MeV"),
        ("mumu", 2100.0, [], "the widths of this particle are known from"),
        ("mumu", 0.0, [], "the widths of this particle are known from"),
        ("mumu", float("nan"), [], "the widths of this particle are known from"),
        ("tautau", 250.0, [], "no channel 'tautau' in \\[signal\\] channels: there are mumu, ee"),
        ("mumu", 250.0, ["signal.decay_volume_m=[20.0, 180.0]"], "between the dump"),
        ("mumu", 250.0, ["signal.decay_volume_m=[24.0, 180.0]"], "which ends at 27.7 m"),
        ("mumu", 250.0, ["signal.decay_volume_m=[105.0, 190.0]"], "the first element that tracks cross, at 183.5 m"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(mode, mass, overrides, message):
    with pytest.raises(ConfigError, match=message):
        mass_yields(load(*overrides), mode, mass)


def test_a_sample_of_which_no_track_is_seen_has_no_selected_events(monkeypatch):
    aside = np.array([0.6, 0.0, 0.8])

    def draw(_, n, __):
        return Particles(np.full(n, straight.P), np.repeat(aside[:, None], n, axis=1), np.ones(n))

    monkeypatch.setattr(straight.Beam, "draw", draw)
    (part,) = mass_yields(straight.analysis_of(monkeypatch), "mumu", straight.MASS).production.values()
    assert volume(part, 1e-6) > 0.0
    assert all(counted.expected(1e-6, POT) == 0.0 for counted in part.selected.values())


def test_nothing_is_expected_where_no_production_is_open():
    """Ds -> mu N closes at 1863 MeV, N -> pi mu does not."""
    heavy = ['signal.model="hnl"', 'signal.parameters={flavour="mu"}']
    analysis = bdana.load(overrides=heavy)
    yields = mass_yields(analysis, "pimu", 1900.0)
    assert yields.production == {}
    assert expected_events(yields, 1e18)(np.array([1e-4, 1e-2])).tolist() == [0.0, 0.0]
    with pytest.raises(ConfigError, match="1900 MeV: no production process of hnl is open there"):
        expected_candidates(analysis, "pimu", 1900.0, 1e-3, 1e18)
