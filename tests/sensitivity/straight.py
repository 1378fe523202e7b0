"""A particle whose yields are known in closed form: one momentum and direction, from one point."""

from dataclasses import dataclass, field

import numpy as np

import bdana
from bdana.signal import Mode, Particles
from bdana.signal.constants import HBAR_C

P, MASS, WIDTH, PER_PROTON = 80e3, 500.0, 1.0, 1e-3
SOURCE, FIRST, LAST = 23.07e3, 105e3, 180e3
PROTONS = 1e17
DIRECTION = np.array([0.0, 0.0025, np.sqrt(1.0 - 0.0025**2)])
PLAIN = (
    "signal.depth_mm=0.0", "signal.spot_mm=0.0", "signal.acceptance=[]", "signal.min_energy_gev=0.0",
    "signal.parameters={}", "signal.decays=20000", "signal.events=200",
)  # fmt: skip
"""A point source, and a detector that misses nothing."""


@dataclass(frozen=True)
class Beam:
    """Particles of one momentum and direction, with a systematic uncertainty of -20% and +50%."""

    per_proton: float = PER_PROTON

    def draw(self, n, rng):
        along = np.repeat(DIRECTION[:, None], n, axis=1)
        return Particles(np.full(n, P), along, np.ones(n), {"strength": (0.8, 1.5)})


@dataclass(frozen=True)
class Straight:
    """Decays to muons with a branching ratio of 1/4."""

    mass: float = MASS
    mass_range: tuple[float, float] = (220.0, 900.0)
    cautions: tuple[str, ...] = ()
    production: dict = field(default_factory=lambda: {"beam": Beam()})
    modes: dict = field(
        default_factory=lambda: {
            "mumu": Mode(0.25 * WIDTH, (-13, 13)),
            "ee": Mode(0.25 * WIDTH, (-11, 11)),
            "hadrons": Mode(0.5 * WIDTH, (), 0.2),
        }
    )


def decays(coupling, width=WIDTH, first=FIRST, last=LAST):
    """Decays to muons in the decay volume."""
    per_mm = MASS * width * np.asarray(coupling) ** 2 / (P * HBAR_C * DIRECTION[2])
    reach = np.exp(-per_mm * (first - SOURCE)) * -np.expm1(-per_mm * (last - first))
    return PROTONS * np.asarray(coupling) ** 2 * PER_PROTON * (0.25 * WIDTH / width) * reach


def analysis_of(monkeypatch, *overrides):
    """The packaged analysis, searching for this particle."""
    monkeypatch.setattr("bdana.analysis.signal_config.SignalConfig.particle", lambda _, mass: Straight(mass))
    given = {override.partition("=")[0]: override for override in (*PLAIN, *overrides)}
    return bdana.load(overrides=list(given.values()))
