"""Candidates: the pairs that pass a selection, as columns, and their CSV and ROOT tables."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

import awkward as ak
import hepunits
import numpy as np

from bdana.atomic import temporary_beside, write_atomically
from bdana.display import html_table, shortened
from bdana.errors import ConfigError
from bdana.events.writing import make_container
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import uproot
    from numpy.typing import NDArray

    from bdana.events.writing import ContainerKind
    from bdana.reconstruction import ClusterPairs, Pairs
    from bdana.regions import Regions
else:
    uproot = late_module("uproot")

__all__ = ["CSV_COLUMNS", "UNITS", "Candidates"]


@dataclass(frozen=True)
class Candidates:
    """Selected pairs in input order; every attribute has shape (N,), in the unit that `units` tells.

    Of pairs of clusters `z_vertex` is where photons of the mass hypothesis begin, `cda_tax` the distance of the centre from the
    beam line at the calorimeter, `mass` that at the reference point, and `p_plus` and `p_minus` are the two energies, the larger
    one first; they have neither `cda_fv` nor `z_tax`.

    Attributes
    ----------
    run, burst, event : ndarray of int
        Where the candidate was found.
    z_vertex, cda_fv : ndarray of float
        The decay vertex's z and the distance of closest approach of the two tracks, in mm.
    z_tax, cda_tax : ndarray of float
        Where the di-lepton line comes closest to the beam line, and how close, in mm.
    mass : ndarray of float
        Invariant mass in MeV/c2.
    dt : ndarray of float
        t(+) - t(-) in ns.
    p_plus, p_minus : ndarray of float
        Momenta in MeV/c.
    region : ndarray of str
        Region of (z_tax, cda_tax); `undefined` where that is not finite.
    weight : ndarray of float
        Event weight.
    """

    run: NDArray[np.int64]
    burst: NDArray[np.int64]
    event: NDArray[np.int64]
    z_vertex: NDArray[np.float64]
    cda_fv: NDArray[np.float64]
    z_tax: NDArray[np.float64]
    cda_tax: NDArray[np.float64]
    mass: NDArray[np.float64]
    dt: NDArray[np.float64]
    p_plus: NDArray[np.float64]
    p_minus: NDArray[np.float64]
    region: NDArray[np.str_]
    weight: NDArray[np.float64]

    @classmethod
    def of_pairs(cls, pairs: Pairs, regions: Regions) -> Candidates:
        """Compute the candidates' quantities from selected pairs; `dt` is NaN for tracks without times.

        Parameters
        ----------
        pairs : Pairs
        regions : Regions
        """
        timed = pairs.plus.has("time")
        return cls(
            run=np.asarray(pairs.event.run),
            burst=np.asarray(pairs.event.burst),
            event=np.asarray(pairs.event.event),
            z_vertex=pairs.z_vertex,
            cda_fv=pairs.cda,
            z_tax=pairs.z_tax,
            cda_tax=pairs.cda_tax,
            mass=pairs.mass,
            dt=pairs.dt if timed else np.full(len(pairs), np.nan),
            p_plus=pairs.plus.p,
            p_minus=pairs.minus.p,
            region=regions.classify(pairs.z_tax, pairs.cda_tax),
            weight=np.asarray(pairs.event.weight),
        )

    @classmethod
    def of_cluster_pairs(cls, pairs: ClusterPairs, regions: Regions) -> Candidates:
        """Compute the candidates' quantities from selected pairs of clusters.

        Parameters
        ----------
        pairs : ClusterPairs
        regions : Regions
            Those of pairs of clusters.
        """
        nothing = np.full(len(pairs), np.nan)
        return cls(
            run=np.asarray(pairs.event.run),
            burst=np.asarray(pairs.event.burst),
            event=np.asarray(pairs.event.event),
            z_vertex=pairs.z_vertex,
            cda_fv=nothing,
            z_tax=nothing,
            cda_tax=pairs.centre_distance,
            mass=pairs.mass,
            dt=pairs.dt,
            p_plus=pairs.first.energy,
            p_minus=pairs.second.energy,
            region=regions.classify(pairs.mass, pairs.centre_distance),
            weight=np.asarray(pairs.event.weight),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Candidates]) -> Candidates:
        """Join candidates in the order given.

        Parameters
        ----------
        parts : sequence of Candidates
        """
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def rows(self) -> list[dict[str, Any]]:
        """Return the candidates as plain values with the names and units of the CSV; None where there is no value."""
        columns = [column.tolist() for column in self.columns().values()]
        return [
            {
                header: None if isinstance(value, float) and not np.isfinite(value) else value
                for header, value in zip(CSV_COLUMNS, row, strict=True)
            }
            for row in zip(*columns, strict=True)
        ]

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the CSV by header, each in its unit, shape (N,)."""
        return {
            header: getattr(self, name) / unit if unit else getattr(self, name)
            for header, (name, unit) in CSV_COLUMNS.items()
        }

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Candidates:
        """Rebuild candidates of data, each of weight 1, from the plain values of `rows`.

        Parameters
        ----------
        rows : sequence of mapping
        """
        columns: dict[str, Any] = {"weight": np.ones(len(rows))}
        for header, (name, unit) in CSV_COLUMNS.items():
            values = [row[header] for row in rows]
            if unit:
                columns[name] = np.array([np.nan if value is None else value for value in values]) * unit
            else:
                columns[name] = np.array(values, dtype=np.str_ if name == "region" else np.int64)
        return cls(**columns)

    def take(self, where: NDArray[Any]) -> Candidates:
        """Return the candidates at the given places (indices or mask).

        Parameters
        ----------
        where : ndarray
        """
        return Candidates(**{f.name: getattr(self, f.name)[where] for f in fields(self)})

    def __len__(self) -> int:
        return len(self.run)

    def __repr__(self) -> str:
        regions = Counter(self.region.tolist())
        where = ", ".join(f"{name} {number}" for name, number in sorted(regions.items()))
        return shortened(f"Candidates({len(self)} in mm, ns, MeV{f': {where}' if where else ''})")

    def _repr_html_(self) -> str:
        headers, rows = list(CSV_COLUMNS), self.take(np.arange(min(len(self), SHOWN))).rows()
        more = f", the first {SHOWN} of them" if len(self) > SHOWN else ""
        cells = [["" if value is None else f"{value:.6g}" if isinstance(value, float) else f"{value}" for value in row.values()]
                 for row in rows]  # fmt: skip
        return html_table(headers, cells, f"{len(self)} candidates{more}")

    def to_awkward(self) -> ak.Array:
        """Return the candidates as records with the names and units of the attributes; `.attrs["units"]` tells the units.

        Examples
        --------
        >>> from bdana.selection import Candidates
        >>> table = Candidates.of_rows([]).to_awkward()
        >>> len(table), table.attrs["units"]["mass"]
        (0, 'MeV')
        """
        columns = {f.name: ak.Array(getattr(self, f.name)) for f in fields(self)}
        return ak.zip(columns, depth_limit=1, attrs={"units": dict(UNITS)})

    def to_pandas(self) -> pd.DataFrame:
        """Return the candidates as a data frame with the names and units of the attributes; `.attrs["units"]` tells them.

        Raises
        ------
        ConfigError
            When pandas is not installed.
        """
        try:
            make = import_module("pandas").DataFrame
        except ImportError:
            raise ConfigError(
                "candidates as a data frame need pandas: pip install 'bdana[pandas]', or use to_awkward()"
            ) from None
        frame = make({f.name: getattr(self, f.name) for f in fields(self)})
        frame.attrs["units"] = dict(UNITS)
        return frame

    @property
    def units(self) -> dict[str, str]:
        """Units of the attributes that have one, by name."""
        return dict(UNITS)

    def write_csv(self, path: Path, remark: str = "") -> None:
        """Write one CSV row for each candidate, floats in shortest exact form, empty where there is no value.

        Parameters
        ----------
        path : Path
        remark : str
            What readers must know: a first line that begins with `#`.
        """
        columns = [map(_text, column.tolist()) for column in self.columns().values()]
        with write_atomically(path) as file:
            if remark:
                file.write(f"# {remark}\n")
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(CSV_COLUMNS)
            rows.writerows(zip(*columns, strict=True))

    def write_root(
        self, path: Path, *, container: ContainerKind = "ttree", provenance: Mapping[str, Any] | None = None
    ) -> None:
        """Write the table `candidates` with the columns of the CSV and `weight`; NaN where there is no value.

        Parameters
        ----------
        path : Path
            The file; it appears when it is complete.
        container : {"ttree", "rntuple"}
            How ROOT stores it.
        provenance : mapping, optional
            Plain values, kept as JSON in the object `provenance` of the file.
        """
        columns = self.columns() | {"weight": self.weight}
        table = {name: ak.Array(column) for name, column in columns.items()}
        with (
            temporary_beside(path) as temporary,
            uproot.recreate(temporary, compression=uproot.ZSTD(1)) as file,
        ):
            make_container(file, "candidates", table, container).extend(table)
            if provenance is not None:
                file["provenance"] = json.dumps(dict(provenance), allow_nan=False)


CSV_COLUMNS: dict[str, tuple[str, Any]] = {
    "run": ("run", None),
    "burst": ("burst", None),
    "event": ("event", None),
    "z_vertex_m": ("z_vertex", hepunits.m),
    "cda_fv_mm": ("cda_fv", hepunits.mm),
    "z_tax_m": ("z_tax", hepunits.m),
    "cda_tax_mm": ("cda_tax", hepunits.mm),
    "mass_mev": ("mass", hepunits.MeV),
    "dt_ns": ("dt", hepunits.ns),
    "p_plus_gev": ("p_plus", hepunits.GeV),
    "p_minus_gev": ("p_minus", hepunits.GeV),
    "region": ("region", None),
}
"""CSV header -> (attribute, unit it is written in; None for what is written as it is)."""


UNITS = {
    "z_vertex": "mm", "cda_fv": "mm", "z_tax": "mm", "cda_tax": "mm", "mass": "MeV", "dt": "ns", "p_plus": "MeV",
    "p_minus": "MeV",
}  # fmt: skip
"""Units of the attributes of `Candidates`, of masses and momenta with c = 1."""
SHOWN = 10
"""Candidates that a notebook shows."""


def _text(value: float | str) -> str:
    if isinstance(value, float):
        return repr(value) if np.isfinite(value) else ""
    return str(value)
