"""Mesons that protons make in a dump: numbers and spectra.

The spectra are tables of pi0, eta, eta', rho, omega and phi in momentum and transverse momentum, made with PYTHIA 8
(C. Bierlich et al., SciPost Phys. Codeb. 8 (2022), arXiv:2203.11601) by `generators/meson_spectra.py`. Which processes
the program generates matters as much as anything else, so there is one table for each setting:

- `SoftQCD:inelastic` on protons: per inelastic interaction. The default.
- `SoftQCD:all` on protons: with elastic scattering, and per interaction of either kind.
- `SoftQCD:nonDiffractive` on protons: without diffraction, per non-diffractive interaction.
- `Angantyr:pCu` on copper: per interaction that makes particles.

The spread between them is the systematic uncertainty `meson_spectra`. Secondary interactions in the dump are in none.

- `HardQCD:hardbbbar` on protons: B+- and B0 per pair of b quarks. The number of pairs is not taken from the program, which
  makes a third of those that are measured.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bdana.errors import ConfigError, InputError
from bdana.masses import MASS
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Mapping

    import particle
    import scipy
    from numpy.typing import NDArray
else:
    particle, scipy = late_module("particle"), late_module("scipy")

__all__ = [
    "BEAUTY",
    "MESONS",
    "PDG_NUMBERS",
    "SETTINGS",
    "MesonSpectra",
    "meson_mass",
    "meson_spectra",
    "meson_width",
    "mesons_of",
    "spectra_file",
]

PDG_NUMBERS = {
    "pi0": 111, "eta": 221, "eta_prime": 331, "rho0": 113, "rho_pm": 213, "omega": 223, "phi": 333,
    "B_pm": 521, "B0": 511, "D_pm": 411, "D0": 421, "Ds": 431, "tau": 15,
}  # fmt: skip
"""PDG numbers of the mesons, and of the tau lepton; `rho_pm`, `B_pm`, `D_pm`, `Ds` and `tau` are sums of both charges, `B0` and `D0` of particle
and antiparticle."""
MESONS = ("pi0", "eta", "eta_prime", "rho0", "rho_pm", "omega", "phi")
"""Names of the light mesons, in the order of their tables."""
SETTINGS = ("SoftQCD:inelastic", "SoftQCD:all", "SoftQCD:nonDiffractive", "Angantyr:pCu")
"""Settings of PYTHIA 8 for which there are tables of light mesons."""
BEAUTY = "HardQCD:hardbbbar"
"""Setting of PYTHIA 8 for which there is a table of B mesons."""
_HEAVY = ("B_pm", "B0")

_FOLDER = Path(__file__).parent / "spectra"
# Ratios of spectra are smoothed over so many bins of p, then of p and pT. Each window is pulled towards the one before it,
# as strongly as by that many mesons in the smaller of the two samples.
_WINDOWS = (41, 15, 5)
_PT_WINDOW = 3
_PULL = 100.0


def meson_mass(meson: str) -> float:
    """Return the mass of a meson in MeV, the pole mass for the broad rho (PDG, from the package `particle`).

    Parameters
    ----------
    meson : str
        One of `PDG_NUMBERS`.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> from bdana.signal.meson_spectra import meson_mass
    >>> round(meson_mass("eta"), 1)
    547.9
    """
    if meson not in PDG_NUMBERS:
        raise ConfigError(f"no spectra of a meson '{meson}': there are {', '.join(PDG_NUMBERS)}")
    return MASS[PDG_NUMBERS[meson]]


def meson_width(meson: str) -> float:
    """Return the total width of a meson in MeV (PDG, from the package `particle`).

    Parameters
    ----------
    meson : str
        One of `PDG_NUMBERS`.

    Examples
    --------
    >>> from bdana.signal.meson_spectra import meson_width
    >>> f"{meson_width('B_pm'):.2e}"
    '4.02e-10'
    """
    return float(particle.Particle.from_pdgid(PDG_NUMBERS[meson]).width)  # type: ignore[arg-type]


def mesons_of(setting: str) -> tuple[str, ...]:
    """Return the names of the mesons in the table of a setting, in its order.

    Parameters
    ----------
    setting : str
        One of `SETTINGS`, or `BEAUTY`.
    """
    return _HEAVY if setting == BEAUTY else MESONS


def spectra_file(setting: str, beam_momentum: float) -> Path:
    """Return the path of the table of a setting, whether it exists or not.

    Parameters
    ----------
    setting : str
        One of `SETTINGS`, or `BEAUTY`.
    beam_momentum : float
        In MeV.
    """
    return _FOLDER / f"{setting.replace(':', '_')}_{beam_momentum / 1e3:g}GeV.txt"


def meson_spectra(setting: str = "SoftQCD:inelastic", beam_momentum: float = 400e3) -> MesonSpectra:
    """Return the spectra of mesons from protons in a dump.

    Parameters
    ----------
    setting : str
        One of `SETTINGS`, or `BEAUTY`.
    beam_momentum : float
        In MeV.

    Raises
    ------
    ConfigError
        When there is no such setting, or no table for this beam momentum.
    InputError
        When the table is damaged.

    Examples
    --------
    >>> from bdana.signal.meson_spectra import meson_spectra
    >>> f"{meson_spectra().multiplicity('pi0'):.1f}"
    '5.1'
    """
    if setting not in {*SETTINGS, BEAUTY}:
        known = ", ".join((*SETTINGS, BEAUTY))
        raise ConfigError(f"no meson spectra with the setting '{setting}': there are {known}")
    path = spectra_file(setting, beam_momentum)
    if not path.is_file():
        raise ConfigError(
            f"no meson spectra for a beam momentum of {beam_momentum / 1e3:g} GeV with {setting}: make them with "
            f"`python generators/meson_spectra.py --setting {setting} --beam-momentum {beam_momentum / 1e3:g}`"
        )
    return _read(path)


@dataclass(frozen=True, eq=False)
class MesonSpectra:
    """Numbers of mesons per interaction in bins of momentum and transverse momentum.

    Inside a bin of p the density changes linearly with log p, towards the neighbours; inside a bin of pT it is flat in
    pT^2. Below 2 GeV the bins are coarse, and the few mesons that fly backwards count as flying forward.

    Attributes
    ----------
    setting : str
        The setting of PYTHIA, one of `SETTINGS` or `BEAUTY`.
    beam_momentum : float
        In MeV.
    p_edges, pt_edges : ndarray, shape (P + 1,) and (T + 1,)
        Edges of the bins in MeV/c.
    counts : ndarray, shape (M, P, T)
        Mesons in the generated events, in the order of `mesons_of(setting)`.
    provenance : mapping
        Header of the table: program, its options with the seed, events, cross-section.
    """

    setting: str
    beam_momentum: float
    p_edges: NDArray[np.float64]
    pt_edges: NDArray[np.float64]
    counts: NDArray[np.float64]
    provenance: Mapping[str, Any] = field(repr=False)

    def multiplicity(self, meson: str) -> float:
        """Return the mean number of mesons in an interaction of the setting.

        Parameters
        ----------
        meson : str
            One of `mesons_of(setting)`.

        Raises
        ------
        ConfigError
        """
        return float(self.counts[self._index(meson)].sum() / self.provenance["interactions"])

    def draw(
        self, meson: str, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Draw mesons with momenta even in log p above 2 GeV; the weights carry the spectrum.

        Momenta are drawn evenly spread over the bins, which reduces the fluctuations of sums over weights.

        Parameters
        ----------
        meson : str
            One of `mesons_of(setting)`.
        n : int
        rng : Generator

        Returns
        -------
        p, pt, weight : ndarray, shape (n,)
            Momentum and transverse momentum in MeV/c, and weights of mean 1.

        Raises
        ------
        ConfigError

        Examples
        --------
        >>> import numpy as np
        >>> from bdana.signal.meson_spectra import meson_spectra
        >>> p, pt, weight = meson_spectra().draw("eta", 10_000, np.random.default_rng(1))
        >>> bool(abs(weight.mean() - 1) < 0.01)
        True
        """
        density = self._densities[self._index(meson)]
        bins, columns = density.cumulative_pt.shape
        at = rng.permutation((np.arange(n) + rng.random(n)) * (bins / max(n, 1)))
        row = np.minimum(at.astype(np.intp), bins - 1)
        within = at - row
        log_p = np.log(self.p_edges)
        p = np.exp(log_p[row] + within * np.diff(log_p)[row])
        weight = bins * (density.low[row] + within * (density.high - density.low)[row])

        # The rows of the cumulative distributions end to end, row i from i to i + 1.
        ends = (density.cumulative_pt + np.arange(bins)[:, np.newaxis]).ravel()
        column = np.minimum(
            np.searchsorted(ends, row + rng.random(n), side="right") - row * columns, columns - 1
        )
        squares = self.pt_edges**2
        pt = np.sqrt(squares[column] + rng.random(n) * np.diff(squares)[column])
        return p, np.minimum(pt, p), weight

    def density_ratio(
        self, other: MesonSpectra, meson: str, p: NDArray[np.float64], pt: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how many more mesons another table has at (p, pT), per inelastic interaction, shape (N,).

        Elastic events are left out of the number of interactions of both; non-diffractive interactions count as if all
        inelastic ones were such. Smoothed over neighbouring bins, more widely where there are few mesons.

        Parameters
        ----------
        other : MesonSpectra
        meson : str
            One of `mesons_of(setting)`.
        p, pt : ndarray, shape (N,)
            Momentum and transverse momentum in MeV/c.

        Raises
        ------
        ConfigError
            When the meson is unknown, or the tables do not have the same bins.
        """
        return _ratios(self, other)[(self._index(meson), *self._bins(p, pt))]

    def variation(
        self, meson: str, p: NDArray[np.float64], pt: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the smallest and largest `density_ratio` of the tables of the other settings to this one.

        This is the spread between the switches of the generator, and between proton and copper.

        Parameters
        ----------
        meson : str
            One of `mesons_of(setting)`.
        p, pt : ndarray, shape (N,)
            Momentum and transverse momentum in MeV/c.

        Returns
        -------
        low, high : ndarray, shape (N,)
            1 where there is no other table.

        Raises
        ------
        ConfigError
        """
        at = (self._index(meson), *self._bins(p, pt))
        low, high = self._spread
        return low[at], high[at]

    def _index(self, meson: str) -> int:
        known = mesons_of(self.setting)
        if meson not in known:
            raise ConfigError(f"no spectra of a meson '{meson}': there are {', '.join(known)}")
        return known.index(meson)

    def _bins(
        self, p: NDArray[np.float64], pt: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        row = np.searchsorted(self.p_edges[1:-1], p, side="right")
        return row, np.searchsorted(self.pt_edges[1:-1], pt, side="right")

    @cached_property
    def _densities(self) -> list[_Density]:
        return [_density(counts, np.diff(np.log(self.p_edges))) for counts in self.counts]

    @cached_property
    def _spread(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        others = [
            _ratios(self, meson_spectra(setting, self.beam_momentum))
            for setting in SETTINGS
            if mesons_of(setting) == mesons_of(self.setting)
            and setting != self.setting
            and spectra_file(setting, self.beam_momentum).is_file()
        ] or [np.ones_like(self.counts)]
        return np.min(others, axis=0), np.max(others, axis=0)


@dataclass(frozen=True)
class _Density:
    """Spectrum of one meson: share at the two ends of each bin of p (P,), and cumulative share in pT (P, T)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    cumulative_pt: NDArray[np.float64]


@cache
def _read(path: Path) -> MesonSpectra:
    """Read a table: a header in TOML behind #, then a row of counts for each bin of p of each meson."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    try:
        header = tomllib.loads("\n".join(line[2:] for line in lines if line.startswith("#")))
        p_edges, pt_edges = (1e3 * np.array(header[name]) for name in ("p_edges_gev", "pt_edges_gev"))
        rows = [line for line in lines if not line.startswith("#")]
        counts = np.array(" ".join(rows).split(), dtype=np.float64)
        mesons = mesons_of(header["setting"])
        shaped = counts.reshape(len(mesons), len(p_edges) - 1, len(pt_edges) - 1)
        beam_momentum = 1e3 * header["beam_momentum_gev"]
        return MesonSpectra(header["setting"], beam_momentum, p_edges, pt_edges, shaped, header)
    except (KeyError, ValueError) as err:  # what tomllib raises is a ValueError
        raise InputError(f"{path}: is not a table of meson spectra ({err}); make it anew with "
                         "generators/meson_spectra.py") from None  # fmt: skip


def _density(counts: NDArray[np.float64], widths: NDArray[np.float64]) -> _Density:
    """Return a spectrum that is linear in log p inside the bins, and keeps what is in each bin."""
    share = counts.sum(axis=1) / max(counts.sum(), 1.0)
    density = share / widths
    between = (density[:-1] + density[1:]) / 2.0
    # At both ends the line goes on.
    low = np.maximum(np.concatenate([[2.0 * density[0] - between[0]], between]), 0.0)
    high = np.maximum(np.concatenate([between, [2.0 * density[-1] - between[-1]]]), 0.0)
    middle = (low + high) / 2.0
    scale = np.divide(share, middle, out=np.zeros_like(share), where=middle > 0.0)
    # A bin without mesons has weight 0, so that its pT does not matter.
    content = np.where(counts.any(axis=1, keepdims=True), counts, 1.0)
    cumulative = np.cumsum(content, axis=1)
    return _Density(low * scale, high * scale, cumulative / cumulative[:, -1:])


@cache
def _ratios(used: MesonSpectra, other: MesonSpectra) -> NDArray[np.float64]:
    """Return the ratio of the densities per inelastic interaction in all bins, shape (7, P, T)."""
    if not (np.array_equal(used.p_edges, other.p_edges) and np.array_equal(used.pt_edges, other.pt_edges)):
        raise ConfigError(
            f"meson spectra of {used.setting} and {other.setting} have different bins: make both anew with "
            "`python generators/meson_spectra.py`"
        )
    each_used = 1.0 / used.provenance["inelastic_events"]
    each_other = 1.0 / other.provenance["inelastic_events"]
    pull = _PULL * max(each_used, each_other)
    numerator, denominator = each_other * other.counts, each_used * used.counts

    ratio = (numerator.sum(axis=(1, 2)) + pull) / (denominator.sum(axis=(1, 2)) + pull)
    ratio = np.broadcast_to(ratio[:, np.newaxis], used.counts.shape[:2])
    for size in _WINDOWS:
        above, below = (_window(of.sum(axis=2), size, 1) for of in (numerator, denominator))
        ratio = (above + pull * ratio) / (below + pull)
    above, below = (_window(_window(of, _WINDOWS[-1], 1), _PT_WINDOW, 2) for of in (numerator, denominator))
    return (above + pull * ratio[:, :, np.newaxis]) / (below + pull)


def _window(values: NDArray[np.float64], size: int, axis: int) -> NDArray[np.float64]:
    """Sum over neighbouring bins."""
    mean: NDArray[np.float64] = scipy.ndimage.uniform_filter1d(values, size, axis=axis, mode="constant")
    return np.maximum(size * mean, 0.0)  # rounding can leave a tiny negative number
