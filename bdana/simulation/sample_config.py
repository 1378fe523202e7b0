"""Configuration of a simulated sample; a number marked assumed is a working value without a public source."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bdana.detector import load_detector
from bdana.errors import ConfigError
from bdana.mistakes import did_you_mean
from bdana.parameters import why_disordered, why_unusual
from bdana.signal.models import make_particle, with_beam
from bdana.strict import parse_override

if TYPE_CHECKING:
    from bdana.detector import Detector
    from bdana.signal import SignalModel

__all__ = [
    "Activity",
    "Beam",
    "Generated",
    "Halo",
    "Response",
    "Signal",
    "SimulationConfig",
    "TankField",
    "check_parts",
    "override",
]

C = TypeVar("C", bound="SimulationConfig | Generated")


@dataclass(frozen=True)
class Beam:
    """Beam intensity, bursts and triggers.

    A simulated burst stands for many spills of equal intensity: its live time is that of the spills whose
    protons it has, so the sample's accidental pairs do not depend on the number of bursts.

    Attributes
    ----------
    pot_per_spill : float
        Mean protons of one spill (assumed: 1.4e17 in about 21 000 spills).
    spill_s : float
        Length of a spill in s.
    intensity_rms : float
        rms/mean of the burst intensity, which is log-normal (assumed).
    ripple : float
        Amplitude a of an intensity 1 + a sin(phase) inside the spill, 0 <= a <= 1.
    ripple_period_s : float
        Period of this intensity (assumed: of mains at 50 Hz); rounded so that a burst holds whole periods.
    downscale : float
        Downscale D of the single-track trigger Q1; assumed, chosen to record 2e6 single tracks of 1.4e17 protons.
    coincidence_ns : float
        Half width of the two-track trigger's (H2) coincidence window (assumed).
    readout_ns : float
        Half width of the window around the trigger in which an event holds hits (assumed).
    """

    pot_per_spill: float = 6.6e12
    spill_s: float = 4.8
    intensity_rms: float = 0.5
    ripple: float = 0.0
    ripple_period_s: float = 0.02
    downscale: float = 225.0
    coincidence_ns: float = 20.0
    readout_ns: float = 50.0


@dataclass(frozen=True)
class Halo:
    """Halo muons that reach the trigger hodoscopes, or photons that reach the calorimeter; all values are assumed.

    A muon has a place in the plane of the track states before the magnet, uniform in a disc, and an apparent origin in the
    plane of the dump on a blurred ring around the beam line, since sweeping magnets and scattering in the dump push muons
    off the axis. The sizes are chosen so that the density of selected pairs in (z_TAX, CDA_TAX) is flat around NA62's dump
    within 15%.

    Attributes
    ----------
    rate_hz : float
        Rate of these muons at mean intensity; with it the whole selection leaves 29 pairs of 1.4e17 protons.
    positive_fraction : float
        Share of positive muons: n+ = 2 n-.
    p_median_mev, p_log_sigma, p_min_mev, p_max_mev : float
        Log-normal momentum spectrum and its ends.
    radius_mm : float
        Radius of that disc.
    origin_mm : float
        Radius of the ring of apparent origins in the plane of the dump at the median momentum.
    origin_spread : float
        Gaussian width of the ring, as a fraction of its radius.
    origin_power : float
        The radius goes like (p / median)^-power.
    photons : bool
        Whether they are photons instead, which make a cluster and no track. Q1 and H2 then ask for one and for two of them.
    prompt_fraction : float
        Pairs in time from one point upstream, as a fraction of the accidental coincidences.
    prompt_z_mm : tuple of float
        First and last z of these points.
    prompt_angle : float
        Gaussian angle between the two muons in each projection, in rad.
    """

    rate_hz: float = 4460.0
    positive_fraction: float = 2.0 / 3.0
    p_median_mev: float = 30e3
    p_log_sigma: float = 0.7
    p_min_mev: float = 5e3
    p_max_mev: float = 200e3
    radius_mm: float = 1200.0
    origin_mm: float = 1160.0
    origin_spread: float = 0.2
    origin_power: float = 0.1
    photons: bool = False
    prompt_fraction: float = 0.0
    prompt_z_mm: tuple[float, float] = (80e3, 103e3)
    prompt_angle: float = 3e-3


@dataclass(frozen=True)
class Activity:
    """Hits that do not come from the tracks; rates at mean intensity, all assumed.

    Attributes
    ----------
    lav_mhz, irc_mhz, sac_mhz, lkr_mhz, muv3_mhz : float
        Rates of accidental hits in each detector, flat in time.
    lav_correlated : float
        Probability that a halo muon makes a hit of the large-angle veto in time with itself.
    lav_time_ns : float
        Gaussian width of that hit's time.
    noise_energy_mev : float
        Mean energy of an accidental cluster of the calorimeter (exponential).
    """

    lav_mhz: float = 1.0
    irc_mhz: float = 0.3
    sac_mhz: float = 0.3
    lkr_mhz: float = 1.0
    muv3_mhz: float = 1.0
    lav_correlated: float = 0.05
    lav_time_ns: float = 1.0
    noise_energy_mev: float = 500.0


@dataclass(frozen=True)
class Response:
    """Resolutions and efficiencies of the detector; all values are assumed.

    Attributes
    ----------
    hit_mm : float
        Resolution of one coordinate in one chamber: 130 um a hit, two hits a coordinate.
    chamber_x0 : float
        Thickness of a chamber in radiation lengths.
    p_constant, p_linear_per_mev : float
        sigma_p/p = constant (+) linear * p.
    tail_fraction, tail_scale : float
        Share of tracks whose errors of position and momentum are larger, and how much.
    track_time_ns, lkr_time_ns, muv3_time_ns : float
        Time resolutions.
    mip_mev, mip_sigma_mev, mip_tail_mev : float
        Energy a muon leaves in the calorimeter: Gaussian with an exponential tail of that mean.
    lkr_mm : float
        Position resolution of a cluster.
    muv3_scattering_mm_mev : float
        Width of the muon's place at the muon veto, times p.
    muv3_efficiency : float
        Efficiency of the muon veto.
    muv3_tile_mm : float
        Side of its tiles.
    electron_x0 : float
        Matter before the magnet, in radiation lengths: the two chambers there.
    lkr_stochastic, lkr_noise_mev, lkr_constant : float
        Resolution of an electron's energy: sigma_E/E = stochastic/sqrt(E/GeV) (+) noise/E (+) constant.
    electron_tail_fraction, electron_tail_loss : float
        Share of electrons whose cluster lacks energy, and the mean of -ln of what is left of it.
    pion_mip_fraction : float
        Share of pions that leave the energy of a muon in the calorimeter.
    pion_shower : tuple of float
        Beta distribution of the part of its energy that another pion leaves.
    pion_muv3 : float
        Probability that a pion makes a hit of the muon veto, by decay or punch-through.
    chi2_shape, chi2_scale, chi2_failed : float
        Gamma distribution of the track's chi2; share of failed fits (NaN).
    """

    hit_mm: float = 0.092
    chamber_x0: float = 0.0045
    p_constant: float = 0.0030
    p_linear_per_mev: float = 0.00005e-3
    tail_fraction: float = 0.02
    tail_scale: float = 3.0
    track_time_ns: float = 0.4
    lkr_time_ns: float = 0.5
    muv3_time_ns: float = 0.5
    mip_mev: float = 550.0
    mip_sigma_mev: float = 50.0
    mip_tail_mev: float = 50.0
    lkr_mm: float = 5.0
    muv3_scattering_mm_mev: float = 530e3
    muv3_efficiency: float = 0.995
    muv3_tile_mm: float = 220.0
    electron_x0: float = 0.009
    lkr_stochastic: float = 0.048
    lkr_noise_mev: float = 110.0
    lkr_constant: float = 0.009
    electron_tail_fraction: float = 0.02
    electron_tail_loss: float = 0.1
    pion_mip_fraction: float = 0.4
    pion_shower: tuple[float, float] = (2.5, 2.5)
    pion_muv3: float = 0.01
    chi2_shape: float = 2.0
    chi2_scale: float = 2.5
    chi2_failed: float = 0.001


@dataclass(frozen=True)
class TankField:
    """Residual magnetic field in the decay tank, which bends decay products; off by default, as if corrected.

    Halo muons are simulated as they are seen behind the tank.

    Attributes
    ----------
    bx_gauss, by_gauss : float
        Uniform field across the beam: of the order of 0.5 G (assumed; no map is public).
    z_min_mm, z_max_mm : float
        Ends of the tank.
    """

    bx_gauss: float = 0.0
    by_gauss: float = 0.0
    z_min_mm: float = 104.5e3
    z_max_mm: float = 181.2e3


@dataclass(frozen=True)
class Signal:
    """Decays of a new particle into two charged ones, flat in z between the two ends of the decay volume.

    Attributes
    ----------
    mass_mev : float
        Mass of the particle in MeV/c2.
    decays : int
        Number of decays to generate.
    mode : str
        Decay mode of the model, into two of electrons, muons and charged pions.
    epsilon : float or None
        Coupling. The weights then add up to the expected number of decays to the mode in the volume from the sample's
        protons; with the flat spectrum each is the probability of such a decay. None: decays are flat in z and
        unweighted, apart from the shape of the spectrum.
    spectrum : str
        Flat momentum between `p_min_mev` and `p_max_mev` with half-Gaussian pT of width `pt_mev` (assumed); a production
        process of the model, such as `bremsstrahlung`; or `all` of them.
    p_min_mev, p_max_mev, pt_mev : float
        Of the flat spectrum.
    model : str
        Model of the particle, a file of `bdana/signal/models/`.
    parameters : dict
        Of the model, in place of its defaults.
    z_min_mm, z_max_mm : float or None
        Ends of the decay volume; None: those of the detector.
    spot_mm : float or None
        Gaussian width of the beam spot on the dump, in each coordinate; None: that of the detector.
    depth_mm : float or None
        Mean depth of the production point in the dump, exponential; None: that of the detector.
    dump_scattering : bool
        Whether the protons scatter in the dump before they interact; off by default, since it does not matter.
    """

    mass_mev: float
    decays: int = 100_000
    mode: str = "mumu"
    epsilon: float | None = None
    spectrum: str = "flat"
    p_min_mev: float = 20e3
    p_max_mev: float = 250e3
    pt_mev: float = 250.0
    model: str = "dark_photon"
    parameters: dict[str, Any] = field(default_factory=dict)
    z_min_mm: float | None = None
    z_max_mm: float | None = None
    spot_mm: float | None = None
    depth_mm: float | None = None
    dump_scattering: bool = False

    def z_range_mm(self, detector: Detector) -> tuple[float, float]:
        """Return the ends of the decay volume in mm.

        Parameters
        ----------
        detector : Detector
            Whose they are unless they are given here.

        Raises
        ------
        ConfigError
            When the volume ends before it begins.
        """
        return _z_range(self.z_min_mm, self.z_max_mm, detector)

    @property
    def particle(self) -> SignalModel:
        """The model's particle of this mass.

        Raises
        ------
        ConfigError
            When there is no such model, or a parameter is wrong.
        """
        return make_particle(self.model, self.mass_mev, self.parameters)


@dataclass(frozen=True)
class Generated:
    """Events of a generator: what is taken from its HepMC file, and where its particles are made.

    Attributes
    ----------
    particle : int or None
        PDG number of a particle that the generator left undecayed and that decays here, evenly in z between the two
        ends of the decay volume. None: the generator made the decays, and its charged particles are followed.
    mode : str
        Decay of the particle, when it decays here: `ee`, `mumu` or `pipi`.
    ctau_mm : float or None
        Proper lifetime times c of a particle that decays here. Each weight is then multiplied by the probability of a
        decay in the volume; None: it is not.
    origin : {"dump", "zero"}
        Where the coordinates of the file begin: in the impact point of the beam on the dump, to which `spot_mm` and
        `depth_mm` are added event by event; or at z = 0 of the detector, so that they are absolute. `tax` and `t10` are
        NA62's names of the two.
    z_min_mm, z_max_mm : float or None
        Ends of the decay volume; None: those of the detector.
    spot_mm : float
        Gaussian width of the beam spot on the dump, in each coordinate; 0 for a generator that has one.
    depth_mm : float
        Mean depth of the production point in the dump, exponential; 0 for a generator that has the dump.
    """

    particle: int | None = None
    mode: str = "mumu"
    ctau_mm: float | None = None
    origin: str = "dump"
    z_min_mm: float | None = None
    z_max_mm: float | None = None
    spot_mm: float = 0.0
    depth_mm: float = 0.0

    def z_range_mm(self, detector: Detector) -> tuple[float, float]:
        """Return the ends of the decay volume in mm, as `Signal.z_range_mm` does.

        Parameters
        ----------
        detector : Detector
        """
        return _z_range(self.z_min_mm, self.z_max_mm, detector)


@dataclass(frozen=True)
class SimulationConfig:
    """Configuration of a simulated sample.

    Attributes
    ----------
    pot : float
        Protons on target.
    bursts : int
        Number of bursts they come in (assumed: 2000 for 1.4e17).
    run : int
        Run number of all bursts.
    signal : Signal or None
        Decays of a new particle; None for halo muons and their accidental pairs.
    truth : bool
        Whether events carry truth columns; pseudo-data do not.
    detector : str
        Shipped geometry, or path of a .toml file.
    """

    pot: float = 1.4e17
    bursts: int = 2000
    run: int = 99_001
    signal: Signal | None = None
    truth: bool = True
    detector: str = "na62"
    beam: Beam = field(default_factory=Beam)
    halo: Halo = field(default_factory=Halo)
    activity: Activity = field(default_factory=Activity)
    response: Response = field(default_factory=Response)
    tank_field: TankField = field(default_factory=TankField)

    @classmethod
    def of_detector(cls, detector: str, **values: Any) -> Self:
        """Return the configuration for a geometry, with its beam and the values of its tables [simulation.NAME].

        Parameters
        ----------
        detector : str
            Shipped geometry, or path of a .toml file.
        **values
            Other attributes; a part that is given, such as `beam`, is taken as it is.

        Raises
        ------
        ConfigError
            When there is no such geometry, or it has an unknown value.

        Examples
        --------
        >>> from bdana.simulation import SimulationConfig
        >>> SimulationConfig.of_detector("na62", pot=1e15) == SimulationConfig(pot=1e15)
        True
        """
        config, loaded = cls(detector=detector, **values), load_detector(detector)
        if config.signal is not None and loaded.beam is not None:
            signal = config.signal
            parameters = with_beam(signal.model, signal.parameters, loaded.beam_momentum)
            config = replace(config, signal=replace(signal, parameters=parameters))
        for part, table in loaded.simulation.items():
            for key, value in table.items() if part not in values else ():
                try:
                    config = _replace(config, [part, key], value, f"{part}.{key}={value}")
                except ConfigError as err:
                    text = str(err).removeprefix("--set ")
                    raise ConfigError(f"[simulation] of the geometry {loaded.name}: {text}") from None
        return config


def _z_range(z_min: float | None, z_max: float | None, detector: Detector) -> tuple[float, float]:
    own = detector.volume_mm if z_min is None or z_max is None else (z_min, z_max)
    low, high = (own[0] if z_min is None else z_min), (own[1] if z_max is None else z_max)
    if not low < high:
        raise ConfigError(f"z_min_mm = {low:g}, z_max_mm = {high:g}: the volume ends behind its beginning")
    return low, high


_SIGNED = {"bx_gauss", "by_gauss", "origin_power", "z_min_mm", "z_max_mm", "prompt_z_mm"}
_SHARES = {
    "ripple",
    "lav_correlated",
    "electron_tail_fraction",
    "pion_muv3",
    "chi2_failed",
    "muv3_efficiency",
}


def check_parts(config: SimulationConfig) -> None:
    """Raise an error for a number of a sample that makes no sense: below 0, a share above 1, ends the wrong way round.

    Parameters
    ----------
    config : SimulationConfig

    Raises
    ------
    ConfigError
        Naming its key.
    """
    for name in ("beam", "halo", "activity", "response", "tank_field", "signal"):
        part = getattr(config, name)
        if part is None:
            continue
        values = {f.name: getattr(part, f.name) for f in fields(part)}
        for key, value in values.items():
            share = key in _SHARES or key.endswith("_fraction")
            low, high = (-math.inf if key in _SIGNED else 0.0), (1.0 if share else math.inf)
            wrong = why_unusual(value, low, high)
            if wrong:
                raise ConfigError(f"{name}.{key} = {value}: {wrong}")
        wrong = why_disordered(values)
        if wrong:
            raise ConfigError(f"{name}: {wrong}")


def override(config: C, text: str) -> C:
    """Replace one value of a configuration.

    Parameters
    ----------
    config : SimulationConfig or Generated
    text : str
        `KEY=VALUE`, with a dotted key such as `beam.ripple` and a TOML value.

    Raises
    ------
    ConfigError
        When there is no such key, or the value has another type.

    Examples
    --------
    >>> from bdana.simulation import SimulationConfig, override
    >>> override(SimulationConfig(), "beam.ripple=0.9").beam.ripple
    0.9
    """
    replaced: C = _replace(config, *parse_override(text, "beam.ripple=0.9"), text)
    return replaced


def _replace(part: Any, path: list[str], value: Any, text: str) -> Any:
    if isinstance(part, dict) and len(path) == 1:  # the model checks its own parameters
        return part | {path[0]: value}
    names = [f.name for f in fields(part)] if is_dataclass(part) else []
    if path[0] not in names:
        raise ConfigError(f"--set {text}: no key '{path[0]}': {did_you_mean(path[0], names)}")
    old = getattr(part, path[0])
    if len(path) > 1:
        return replace(part, **{path[0]: _replace(old, path[1:], value, text)})
    optional = old is None and {f.name: str(f.type) for f in fields(part)}[path[0]] == "float | None"
    if (isinstance(old, float) or optional) and type(value) is int:
        value = float(value)
    if isinstance(old, tuple) and isinstance(value, list) and len(value) == len(old):
        value = tuple(float(item) for item in value)
    if type(value) is not (float if optional else type(old)):
        raise ConfigError(f"--set {text}: must be {'a number' if optional else f'like {old}'}")
    return replace(part, **{path[0]: value})
