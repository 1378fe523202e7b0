"""Tables, fields and defaults of analysis.toml."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from bdana.analysis.plot_config import PlotConfig
from bdana.analysis.publication_config import ExportConfig, ReportConfig
from bdana.analysis.signal_config import SignalConfig
from bdana.errors import ConfigError
from bdana.events.exposure import check_protons
from bdana.events.kinds import Kind, Trigger
from bdana.events.remote_config import RemoteConfig
from bdana.mistakes import PlacedError, did_you_mean
from bdana.reconstruction import Line
from bdana.regions import BoxTable, ClusterBoxTable, Regions
from bdana.selection import Variable, WithoutCut
from bdana.strict import StrictModel

__all__ = [
    "AnalysisConfig",
    "BeamLine",
    "ChannelConfig",
    "ClusterConfig",
    "ExposureConfig",
    "General",
    "MassWindowsConfig",
    "Region",
    "SampleConfig",
    "SystematicConfig",
    "VariableConfig",
    "WithoutCutConfig",
]

Point = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class General(StrictModel):
    """Table [analysis]: name of the analysis and geometry of the detector."""

    name: str = Field(description="title on tables, plots and reports")
    detector: str = Field(
        default="na62", description="shipped geometry, or a .toml file of the analysis folder"
    )


class BeamLine(StrictModel):
    """Table [beam_line]: the line that di-lepton momenta are extrapolated back to."""

    point_mm: Point | None = Field(
        default=None,
        description="a point of the line; by default where the beam hits the dump of the detector",
    )
    direction: Point = Field(default=(0.0, 0.0, 1.0), description="its direction, of any length")

    def require_direction(self) -> None:
        """Raise ValueError when the line has none."""
        if not any(self.direction):
            raise ValueError("beam_line.direction must not be zero")

    def line(self, point_mm: Point) -> Line:
        """Return the line through a point, in mm.

        Parameters
        ----------
        point_mm : tuple of float
        """
        return Line(np.array(point_mm), np.array(self.direction))


class Region(BoxTable):
    """Table [regions.NAME]: a box of the (z_TAX, CDA_TAX) plane, borders excluded."""


class ClusterRegion(ClusterBoxTable):
    """Table [cluster_regions.NAME]: a box of mass and distance of the centre of two clusters, borders excluded."""


class SampleConfig(StrictModel):
    """Table [samples.NAME]: files that are read as one sample."""

    kind: Kind = Field(description="data, mc or pseudo")
    files: Annotated[list[str], Field(min_length=1)] = Field(
        description="ROOT files, globs and @lists, relative to the analysis folder"
    )
    layout: str | None = Field(
        default=None,
        alias="schema",
        description="shipped schema or .toml file; by default the one that matches",
    )
    trigger: Trigger = Field(default="any", description="H2, Q1 (and not H2) or any; others are not read")
    good_runs: str | None = Field(default=None, description="good-run list, relative to the analysis folder")
    weight: Annotated[float, Field(gt=0)] = Field(default=1.0, description="factor to every event weight")
    year: int | None = Field(default=None, description="of data taking, for tables")
    channel: str | None = Field(default=None, description="what the sample holds, for tables")


class VariableConfig(StrictModel):
    """Table [variables.NAME]: axis of the candidate quantity NAME, or of a formula, in histograms and plots."""

    expression: str = Field(
        default="",
        description="formula of the quantities of a candidate in mm, ns, MeV, where NAME is none of them",
    )
    function: str = Field(
        default="", description="one of the `quantities` of the selection, in place of an expression"
    )
    label: str = Field(description="text of the axis, without unit")
    unit: str = Field(
        description="unit of min, max and the axis, of the dimension of the quantity, such as mm or GeV"
    )
    bins: Annotated[int, Field(gt=0)]
    min: float
    max: float

    def variable(self, name: str) -> Variable:
        """Return the variable with its axis.

        Parameters
        ----------
        name : str

        Raises
        ------
        ConfigError
            When it is no quantity of a candidate, its unit is of another dimension, or the axis is empty.
        """
        return Variable(
            name, self.label, self.unit, self.bins, self.min, self.max, self.expression, self.function
        )


class WithoutCutConfig(VariableConfig):
    """Table [n_minus_1.NAME]: a variable of pairs that pass all cuts but one, whether they pass this one or not."""

    cut: str = Field(default="", description="the cut that is left out; by default NAME")
    borders: list[str] = Field(
        default=[],
        description="parameters of the selection where the cut lies; `-max_dt_ns` is the same below zero",
    )


class SystematicConfig(StrictModel):
    """Table [systematics.NAME]: a relative uncertainty of the combinatorial background in all regions."""

    effect: Annotated[float, Field(ge=-1, le=1)] = Field(
        description="relative, 0.13 for 13%; below zero of a source that can only lower the number"
    )
    correlated: bool = Field(description="whether it moves all regions together")
    source: str = Field(description="where the number comes from")
    one_sided: bool = Field(default=False, description="whether it moves the number only as the effect says")

    @model_validator(mode="after")
    def _direction(self) -> Self:
        if self.effect < 0 and not self.one_sided:
            raise ValueError(
                "an effect below zero needs one_sided = true: it is the size of both directions otherwise"
            )
        return self


class ChannelConfig(StrictModel):
    """Table [channels.NAME]: a selection that is searched, with its backgrounds."""

    selection: str = Field(description="module of selections/")
    background: str = Field(description="module of backgrounds/")
    prompt: str | None = Field(
        default=None,
        description="module of backgrounds/ whose in-time component is bounded in the open regions",
    )


class ExposureConfig(StrictModel):
    """Table [exposure]: which numbers of the exposure are meant, though no accelerator is known to have them."""

    unusual: list[Literal["pot", "live_time_s", "downscale"]] = Field(
        default=[],
        description="protons, live times or downscales of bursts whose limits of plausibility are off; stated in the report",
    )


class MassWindowsConfig(StrictModel):
    """Table [search.mass_windows]: the signal region in windows around candidate masses."""

    masses_mev: tuple[Positive, Positive] = Field(
        default=(220.0, 700.0), description="first and last candidate mass"
    )
    step_sigmas: Positive = Field(
        default=1.0, description="from one candidate mass to the next, in mass resolutions, assumed"
    )
    half_width_sigmas: Positive = Field(
        default=2.0, description="half width of a window, in mass resolutions, assumed"
    )
    resolution_mev: Annotated[list[tuple[Positive, Positive]], Field(min_length=1)] = Field(
        default=[(220.0, 0.4), (411.0, 2.0), (700.0, 3.2)],
        description="masses and resolutions in MeV, a straight line between them, assumed: a thin beam and a flat spectrum",
    )
    measured_at_mev: list[Positive] = Field(
        default=[],
        description="masses at which simulated signal of [signal] measures the resolution, in place of resolution_mev",
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for name, values in (
            ("masses_mev", list(self.masses_mev)),
            ("measured_at_mev", self.measured_at_mev),
            ("resolution_mev", [mass for mass, _ in self.resolution_mev]),
        ):
            if any(after <= before for before, after in pairwise(values)):
                raise ValueError(f"{name}: masses must ascend")
        return self


class SearchConfig(StrictModel):
    """Table [search]: which sample is compared with which prediction; without [channels] also the one channel."""

    data: str | None = Field(default=None, description="the sample whose candidates are counted")
    single_tracks: str | None = Field(
        default=None,
        description="the sample of single tracks of the same bursts, for the combinatorial background",
    )
    selection: str = Field(default="dimuon", description="module of selections/")
    background: str = Field(default="combinatorial", description="module of backgrounds/")
    prompt: str | None = Field(
        default=None,
        description="module of backgrounds/ whose in-time component is bounded in the open regions",
    )
    joint: list[str] = Field(default=[], description="regions that are judged together in the table")
    mass_windows: MassWindowsConfig | None = Field(
        default=None, description="windows of mass in the signal region; by default it is one count"
    )
    channel: str | None = Field(
        default=None, description="the one of [channels] that is searched alone; by default all are"
    )


class ClusterConfig(StrictModel):
    """Table [cluster]: the batch system whose jobs are the workers of `--executor dask`; no part of the analysis."""

    system: Literal["htcondor", "slurm"] = Field(description="batch system")
    jobs: Annotated[int, Field(gt=0)] = Field(description="number of jobs")
    cores: Annotated[int, Field(gt=0)] = Field(
        default=1, description="of each job; as many workers run in it"
    )
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?[kMGT]i?B$")] = Field(
        default="2GB", description="of each job"
    )
    options: dict[str, Any] = Field(
        default={},
        description="what else dask-jobqueue takes for the system, such as disk, queue or walltime",
    )


class AnalysisConfig(StrictModel):
    """All tables of analysis.toml."""

    analysis: General
    beam_line: BeamLine = BeamLine()
    regions: dict[str, Region] = Field(description="nested, innermost first")
    cluster_regions: dict[str, ClusterRegion] = Field(
        default={}, description="those of selections of clusters, of the same names"
    )
    samples: dict[str, SampleConfig] = Field(default={}, description="what is read")
    exposure: ExposureConfig = ExposureConfig()
    search: SearchConfig = SearchConfig()
    channels: dict[Annotated[str, Field(pattern=r"^\w[\w-]*$")], ChannelConfig] = Field(
        default={}, description="selections that are searched side by side"
    )
    signal: SignalConfig | None = Field(default=None, description="the new particle that is searched for")
    variables: dict[str, VariableConfig] = Field(default={}, description="what is histogrammed")
    n_minus_1: dict[Annotated[str, Field(pattern=r"^\w[\w-]*$")], WithoutCutConfig] = Field(
        default={}, description="what is histogrammed without one of the cuts"
    )
    selection: dict[str, dict[str, Any]] = Field(
        default={}, description="values that differ from the defaults in selections/NAME.py"
    )
    background: dict[str, dict[str, Any]] = Field(
        default={}, description="values that differ from the defaults in backgrounds/NAME.py"
    )
    systematics: dict[str, SystematicConfig] = Field(
        default={}, description="uncertainties of the prediction that are not measured by it"
    )
    remote: RemoteConfig = Field(
        default=RemoteConfig(), exclude=True
    )  # of the place, not of the analysis: in no hash

    # Where work is done changes no hash and no freeze.
    cluster: ClusterConfig | None = Field(
        default=None, exclude=True, description="batch system of `--executor dask`"
    )
    plot: PlotConfig = Field(
        default=PlotConfig(), exclude=True, description="how figures look"
    )  # no number changes

    # How results are told changes none of them.
    report: ReportConfig = Field(default=ReportConfig(), exclude=True)
    export: ExportConfig = Field(default=ExportConfig(), exclude=True)

    @model_serializer(mode="wrap")
    def _without_clusters(self, serialised: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the regions of clusters where there are none: an analysis of tracks keeps its hash."""
        values: dict[str, Any] = serialised(self)
        return {name: value for name, value in values.items() if name != "cluster_regions" or value}

    @model_validator(mode="before")
    @classmethod
    def _choose_channel(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Put the values of the channel that is searched into [search]; a single one need not be named."""
        channels, search = values.get("channels") or {}, values.get("search", {})
        if not (isinstance(channels, dict) and isinstance(search, dict)):
            return values  # refused as such
        name = search.get("channel") or (next(iter(channels)) if len(channels) == 1 else None)
        if name is not None and name not in channels:
            raise PlacedError(
                ("search", "channel"), f"no channel '{name}': {did_you_mean(str(name), channels)}"
            )
        written = channels[name] if name is not None else {}
        if not channels or not isinstance(written, dict):
            return values
        chosen = {key: written[key] for key in ChannelConfig.model_fields if key in written}
        for key in ChannelConfig.model_fields:
            # A freeze holds [search] with the values of its channel.
            if key in search and (name is None or search[key] != chosen.get(key)):
                raise PlacedError(("search", key), "belongs into [channels.NAME] when there are channels")
        return values if name is None else values | {"search": search | {"channel": name} | chosen}

    def of_channel(self, name: str) -> AnalysisConfig:
        """Return the configuration of the search of one channel alone, as `search.channel` set to it makes it.

        Parameters
        ----------
        name : str
            One of `channels`.
        """
        chosen = {"channel": name} | dict(self.channels[name])
        return self.model_copy(update={"search": self.search.model_copy(update=chosen)})

    def partition(self) -> Regions:
        """Return the regions in mm."""
        return Regions(tuple(region.box(name) for name, region in self.regions.items()))

    def cluster_partition(self) -> Regions | None:
        """Return the regions of pairs of clusters; None where analysis.toml has none.

        Raises
        ------
        PlacedError
            When they have not the names of the other regions.
        ConfigError
            As for `partition`.
        """
        if self.cluster_regions and list(self.cluster_regions) != list(self.regions):
            raise PlacedError(
                ("cluster_regions", ""),
                f"must have the names of [regions] in the same order, innermost first: {', '.join(self.regions)}",
            )
        boxes = tuple(region.box(name) for name, region in self.cluster_regions.items())
        return Regions(boxes) if boxes else None

    def require_samples(self) -> None:
        """Raise an error when [search] names samples or regions that do not exist.

        Raises
        ------
        PlacedError
            Naming them.
        """
        for key in ("data", "single_tracks"):
            name = getattr(self.search, key)
            if name is not None and name not in self.samples:
                raise PlacedError(("search", key), f"no sample '{name}': {did_you_mean(name, self.samples)}")
        if self.search.single_tracks and self.search.data == self.search.single_tracks:
            raise PlacedError(("search", "single_tracks"), "must be another sample than search.data")
        for name in self.search.joint:
            if name not in self.regions:
                raise PlacedError(
                    ("search", "joint"), f"no region '{name}': {did_you_mean(name, self.regions)}"
                )

    def require_protons(self) -> None:
        """Raise an error when [signal] has protons on target that no search has, unless [exposure] says they are meant.

        Raises
        ------
        PlacedError
            Naming the limits.
        """
        if self.signal is None:
            return
        try:
            check_protons(self.signal.pot, "pot =", self.exposure.unusual)
        except ConfigError as err:
            raise PlacedError(("signal", "pot"), str(err)) from None

    def histogrammed(self) -> dict[str, Variable]:
        """Return the variables that are histogrammed, by name.

        Raises
        ------
        PlacedError
            When a name is no quantity of a candidate, its unit is of another dimension, or an axis is empty.
        """
        found = {}
        for name, v in self.variables.items():
            try:
                found[name] = v.variable(name)
            except ConfigError as err:
                raise PlacedError(("variables", name, ""), str(err)) from None
        return found

    def without_cuts(self) -> dict[str, WithoutCut]:
        """Return the distributions without one of the cuts, by name. Raises as `histogrammed`.

        Raises
        ------
        PlacedError
            When a variable is no quantity of a candidate, its unit is of another dimension, or an axis is empty.
        """
        found = {}
        for name, v in self.n_minus_1.items():
            try:
                found[name] = WithoutCut(v.cut or name, v.variable(name), tuple(v.borders))
            except ConfigError as err:
                raise PlacedError(("n_minus_1", name, ""), str(err)) from None
        return found
