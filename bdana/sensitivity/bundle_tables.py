"""Tables of the bundle for reinterpretation, laid out as HEPData has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bdana.statistics.expected import expected_limit
from bdana.statistics.limits import cls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bdana.analysis import AnalysisFolder
    from bdana.sensitivity.bundle import Bins, MassTables
    from bdana.statistics.regions_csv import CountedRegion

__all__ = ["TABLES", "BundleTable", "SearchCounts", "TableColumn", "bundle_tables"]

TABLES = ("acceptance", "spectra", "particle", "experiment", "counts", "covariance")
"""Names of the tables; the last only where a covariance is given."""
PLANNED, BURSTS = "[signal] pot of analysis.toml", "burst table of the data"
"""Where a number of protons is from."""


@dataclass(frozen=True)
class SearchCounts:
    """What the search counted, as the bundle states it.

    Attributes
    ----------
    regions : tuple of CountedRegion
        The innermost region of the analysis, and any others.
    protons : float
        On target.
    level : float
        Confidence level of the exclusion.
    covariance : ndarray, shape (R, R), optional
        Of the expected backgrounds, in the order of the regions.
    exposure : str
        Where the number of protons is from.
    """

    regions: tuple[CountedRegion, ...]
    protons: float
    level: float = 0.9
    covariance: NDArray[np.float64] | None = None
    exposure: str = PLANNED

    @classmethod
    def of_protons(
        cls, regions: tuple[CountedRegion, ...], protons: float | None, planned: float, level: float = 0.9
    ) -> Self:
        """Return counts with the protons of the bursts they were counted in, where these are known.

        Parameters
        ----------
        regions, level
            As for the class.
        protons : float or None
            Of the burst table.
        planned : float
            Those of [signal] pot.
        """
        return (
            cls(regions, planned, level) if protons is None else cls(regions, protons, level, exposure=BURSTS)
        )


@dataclass(frozen=True)
class TableColumn:
    """A column of a table.

    Attributes
    ----------
    name : str
    values : sequence
        Numbers or texts, or pairs of the edges of bins.
    unit : str
    errors : sequence of float, or of (float, float)
        Errors of the values, or upper and lower errors, both positive; empty where they have none.
    label : str
        What they are of: `stat`, or `total`.
    """

    name: str
    values: Sequence[Any]
    unit: str = ""
    errors: Sequence[float | tuple[float, float]] = ()
    label: str = "stat"

    def plain(self) -> dict[str, Any]:
        """Return the column as HEPData's schema has it."""
        header = {"name": self.name} | ({"units": self.unit} if self.unit else {})
        if self.errors:
            # HEPData takes no error of 0, that of a bin without particles.
            rows = [
                {"value": value}
                | ({"errors": [_size(error) | {"label": self.label}]} if np.any(error) else {})
                for value, error in zip(self.values, self.errors, strict=True)
            ]
        else:
            rows = [
                {"low": value[0], "high": value[1]} if isinstance(value, tuple) else {"value": value}
                for value in self.values
            ]
        return {"header": header, "values": rows}


def _size(error: float | tuple[float, float]) -> dict[str, Any]:
    if not isinstance(error, tuple):
        return {"symerror": error}
    return {"asymerror": {"plus": error[0], "minus": -error[1]}}


@dataclass(frozen=True)
class BundleTable:
    """A table of the bundle.

    Attributes
    ----------
    name : str
        One of `TABLES`: the file is NAME.yaml.
    title, description : str
    independent, dependent : tuple of TableColumn
    keywords : mapping of str to sequence
        HEPData's own: reactions, observables, cmenergies, phrases.
    """

    name: str
    title: str
    description: str
    independent: tuple[TableColumn, ...]
    dependent: tuple[TableColumn, ...]
    keywords: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return the table as HEPData's schema has it."""
        return {
            "independent_variables": [column.plain() for column in self.independent],
            "dependent_variables": [column.plain() for column in self.dependent],
        }


def bundle_tables(
    analysis: AnalysisFolder, mode: str, bins: Bins, masses: Sequence[MassTables], counts: SearchCounts
) -> list[BundleTable]:
    """Return the tables of the bundle.

    Parameters
    ----------
    analysis : AnalysisFolder
    mode : str
        Decay mode that is searched for.
    bins : Bins
    masses : sequence of MassTables
    counts : SearchCounts
    """
    return [
        _acceptance(bins, masses),
        _spectra(bins, masses),
        _particle(mode, masses),
        _experiment(analysis, counts),
        _counts(counts),
        *_covariance(counts),
    ]


def _digits(values: NDArray[np.float64], digits: int = 4) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values.ravel().tolist()]


def _grid(masses: Sequence[MassTables], *edges: tuple[float, ...]) -> tuple[list[float], list[list[Any]]]:
    """Return masses and bins of a table whose last column runs fastest."""
    bins = [list(pairwise(each)) for each in edges]
    places = np.indices([len(masses), *(len(each) for each in bins)]).reshape(len(edges) + 1, -1).tolist()
    columns = [[each[i] for i in at] for each, at in zip(bins, places[1:], strict=True)]
    return [masses[i].mass for i in places[0]], columns


def _acceptance(bins: Bins, masses: Sequence[MassTables]) -> BundleTable:
    mass, (energy, angle, z) = _grid(masses, bins.energy_gev, bins.angle_mrad, bins.z_m)
    return BundleTable(
        "acceptance",
        "Acceptance x efficiency",
        "Probability that a decay to the channel is selected in the signal region, for particles that are flat in the "
        "logarithm of the energy, in the angle to the beam and in the z of the decay inside each bin, uniform in azimuth, "
        "and decay isotropically. Simulated with the detector's response.",
        (
            TableColumn("mass", mass, "MeV"),
            TableColumn("energy", energy, "GeV"),
            TableColumn("angle", angle, "mrad"),
            TableColumn("z", z, "m"),
        ),
        (
            TableColumn(
                "acceptance x efficiency",
                _digits(np.array([each.acceptance for each in masses])),
                errors=_digits(np.array([each.acceptance_error for each in masses]), 2),
            ),
        ),
    )


def _spectra(bins: Bins, masses: Sequence[MassTables]) -> BundleTable:
    mass, (energy, angle) = _grid(masses, bins.energy_gev, bins.angle_mrad)
    names = dict.fromkeys(name for each in masses for name in each.spectra)
    closed = np.zeros(bins.shape[:2])
    columns = [
        TableColumn(
            f"d2N/dlog(E)dangle, {name}",
            _digits(np.array([each.spectra.get(name, closed) for each in masses])),
            "1/mrad",
            _digits(np.array([each.spectra_errors.get(name, closed) for each in masses]), 2),
        )
        for name in names
    ]
    mean = TableColumn("mean energy", _digits(np.array([each.mean_energy for each in masses]), 5), "GeV")
    return BundleTable(
        "spectra",
        "Spectra of the particle",
        "Particles made for each proton on target and squared coupling, by production process, in the bins of the "
        "acceptance: log is the natural logarithm. Errors are those of the number of particles drawn. The mean energy is "
        "that of all processes together.",
        (
            TableColumn("mass", mass, "MeV"),
            TableColumn("energy", energy, "GeV"),
            TableColumn("angle", angle, "mrad"),
        ),
        (*columns, mean),
    )


def _particle(mode: str, masses: Sequence[MassTables]) -> BundleTable:
    return BundleTable(
        "particle",
        "Width and branching ratio",
        f"Total width of the particle at coupling 1, proportional to the squared coupling, and its branching ratio to {mode}.",
        (TableColumn("mass", [each.mass for each in masses], "MeV"),),
        (
            TableColumn(
                "total width at coupling 1", _digits(np.array([each.width for each in masses]), 7), "MeV"
            ),
            TableColumn("branching ratio", _digits(np.array([each.ratio for each in masses]), 7)),
        ),
    )


def _signal_count(counts: SearchCounts, error: float) -> tuple[int, float, str]:
    """Return the count of the limit, the limit and its convention: of the observed count, or the median expected one."""
    region = counts.regions[0]
    n = region.observed
    if n is None:
        n = expected_limit(region.background, counts.level, error).counts[2]
    found = cls(n, region.background, counts.level, error)
    return n, found.high, found.convention


def _experiment(analysis: AnalysisFolder, counts: SearchCounts) -> BundleTable:
    config, background = analysis.signal, counts.regions[0].background
    n, limit, convention = _signal_count(counts, config.pot_error)
    seen = "observed" if counts.regions[0].observed is not None else "median expected: not observed yet"
    x, y, z = analysis.beam_point_mm
    rows: list[tuple[str, float, str]] = [
        ("protons on target", counts.protons, ""),
        ("error of protons", config.pot_error, "relative"),
        ("count", n, "events"),
        ("background", background.expected, "events"),
        ("background error", background.errors[0], "events"),
        ("background error down", background.errors[1], "events"),
        ("exponential prior", int(background.prior == "exponential"), ""),
        ("confidence level", counts.level, ""),
        ("limit", float(f"{limit:.5g}"), "signal events"),
        ("x of production", 1e-3 * x, "m"),
        ("y of production", 1e-3 * y, "m"),
        ("z of production", 1e-3 * (z + config.depth_mm), "m"),
        ("lowest coupling", config.couplings[0], ""),
        ("highest coupling", config.couplings[1], ""),
    ]
    return BundleTable(
        "experiment",
        "Experiment and limit",
        f"Numbers behind the exclusion. The protons on target are from: {counts.exposure}. The count is that of region {counts.regions[0].name}, {seen}. The limit on the number "
        f"of signal events: {convention}. exponential prior is 1 where no background event was seen, so that its error has "
        "that form, and 0 otherwise. z of production is the mean; couplings are scanned between the lowest and the highest.",
        (TableColumn("quantity", [row[0] for row in rows]),),
        (
            TableColumn("value", [row[1] for row in rows]),
            TableColumn("unit", [row[2] or "-" for row in rows]),
        ),
    )


def _counts(counts: SearchCounts) -> BundleTable:
    return BundleTable(
        "counts",
        "Counts",
        "Expected background and observed count of each region; the signal region is the first. Counts of closed regions "
        "are not known.",
        (TableColumn("region", [region.name for region in counts.regions]),),
        (
            TableColumn(
                "observed",
                ["closed" if region.observed is None else region.observed for region in counts.regions],
                "events",
            ),
            TableColumn("background", [region.background.expected for region in counts.regions], "events"),
            TableColumn(
                "background error", [region.background.errors[0] for region in counts.regions], "events"
            ),
            TableColumn(
                "background error down", [region.background.errors[1] for region in counts.regions], "events"
            ),
        ),
    )


def _covariance(counts: SearchCounts) -> list[BundleTable]:
    if counts.covariance is None:
        return []
    names = [region.name for region in counts.regions]
    return [
        BundleTable(
            "covariance",
            "Covariance of the backgrounds",
            "Covariance of the expected backgrounds of the regions.",
            (
                TableColumn("region", [one for one in names for _ in names]),
                TableColumn("other region", [other for _ in names for other in names]),
            ),
            (TableColumn("covariance", _digits(counts.covariance, 6), "events squared"),),
        )
    ]
