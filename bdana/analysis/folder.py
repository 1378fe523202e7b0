"""An analysis folder: what it declares, and its samples, read through the blinding gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bdana.analysis.config_file import read_config
from bdana.analysis.declarations import Declarations
from bdana.analysis.modules import AnalysisModules
from bdana.display import shortened
from bdana.errors import ConfigError
from bdana.mistakes import did_you_mean
from bdana.on_demand import late_module

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bdana import blinding, engine, events, sealing
    from bdana.analysis.config import SampleConfig
    from bdana.blinding import Ledger, Policy
    from bdana.engine import SelectionTask
    from bdana.events import Dataset, Files, Gate, GoodRuns
    from bdana.regions import AnyBox, Regions
    from bdana.selection import Setup
else:
    blinding, engine, events, sealing = (
        late_module(f"bdana.{room}") for room in ("blinding", "engine", "events", "sealing")
    )

__all__ = ["AnalysisFolder", "Handling", "find_analysis", "template_folder"]


def template_folder() -> Path:
    """Return the folder of the packaged analysis: in an installed wheel, or the repository of an editable install."""
    package = Path(__file__).parents[1]
    packaged = package / "_template"
    return packaged if packaged.is_dir() else package.parent


def find_analysis(start: Path | None = None) -> Path | None:
    """Find the analysis folder: the nearest one upwards with an analysis.toml; None when there is none.

    Parameters
    ----------
    start : Path, optional
        Where to begin; by default the working directory.

    Examples
    --------
    >>> from bdana.analysis import find_analysis, template_folder
    >>> find_analysis(template_folder() / "selections") == template_folder().resolve()
    True
    """
    here = (start or Path()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "analysis.toml").is_file()), None)


@dataclass(frozen=True)
class Handling:
    """What is done about files that cannot be read, memory and interruptions; it changes nothing else in a result.

    Attributes
    ----------
    allow_bad_files : bool
        Whether files that cannot be read are left out with the protons of their bursts; else they are an error.
    memory_limit : int or None
        Bytes that a process may take, about.
    checkpoints : Path or None
        Folder of results of finished chunks, from which an interrupted run goes on.
    """

    allow_bad_files: bool = False
    memory_limit: int | None = None
    checkpoints: Path | None = None


@dataclass(frozen=True)
class AnalysisFolder(Declarations):
    """Declarations of an analysis folder, and its samples, read through the blinding gate.

    Attributes
    ----------
    folder, config, modules, overrides
        As for `Declarations`.
    handling : Handling
        What is done about bad files, memory and interruptions: no part of the analysis.
    """

    handling: Handling = Handling()

    @classmethod
    def read(cls, folder: Path, overrides: Sequence[str] = ()) -> Self:
        """Read and check analysis.toml, and read the modules of a folder.

        Parameters
        ----------
        folder : Path
        overrides : sequence of str
            `KEY=VALUE` with a dotted key of analysis.toml and a TOML value.

        Raises
        ------
        ConfigError
            When there is no analysis there, or something in it is wrong.
        """
        path = folder / "analysis.toml"
        if not path.is_file():
            raise ConfigError(
                f"{folder}: no analysis.toml there; `bdana select` outside an analysis folder uses the packaged one"
            )
        config = read_config(path, overrides)
        analysis = cls(folder, config, AnalysisModules.read(folder), tuple(overrides))
        if problems := analysis.tables_without_module():
            raise ConfigError("\n".join(problems))
        return analysis

    def __repr__(self) -> str:
        samples = ", ".join(self.config.samples) or "none"
        return shortened(
            f"{type(self).__name__}({self.config.analysis.name!r} in {self.folder}, samples: {samples})"
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Workers get the place and the hash, not the code: they read it themselves, once.
        return _read_again, (self.folder, self.overrides, self.hash)

    @property
    def policy(self) -> Policy | None:
        """Blinding policy in force, checked against the regions; None when there is none.

        Raises
        ------
        ConfigError
            When it is wrong or does not cover the regions.
        BlindingError
            When it is not the one that the ledger says is in force.
        """
        return blinding.load_policy(self.folder, self.regions, self.cluster_regions)

    @property
    def ledger(self) -> Ledger:
        """Blinding ledger of the folder."""
        return blinding.Ledger(self.folder / "blinding" / "ledger")

    @property
    def gate(self) -> Gate | None:
        """Blinding gate: what the policy keeps closed in data; None without a policy. Raises as `policy`."""
        policy = self.policy
        if policy is None:
            return None
        files = [file for s in self.config.samples.values() if s.kind == "data" for file in s.files]
        folders = tuple(sorted({(self.folder / file.removeprefix("@")).parent for file in files}))
        admission = sealing.ManifestAdmission(folders, policy if policy.people else None)
        return policy.gate(self.detector, admission)  # guard: folder-gate

    def plane_of(self, selection: str, closed: Collection[str] = ()) -> tuple[Regions, list[AnyBox]]:
        """Return the regions of the plane that a selection is counted in, and the envelopes of those that are closed.

        Parameters
        ----------
        selection : str
            Its name: of tracks or of clusters.
        closed : collection of str
            Names of the closed regions; guard bands are included.
        """
        gate, regions = self.gate if closed else None, self.cluster_regions
        if self.selection(selection)[0].good_cluster is None or regions is None:
            return self.regions, [box for box in gate.envelopes.boxes if box.name in closed] if gate else []
        rule = gate.clusters if gate else None
        return regions, [box for box in rule.envelopes.boxes if box.name in closed] if rule else []

    def dataset(
        self,
        files: Files,
        *,
        kind: str = "data",
        schema: str | None = None,
        all_bursts: bool = False,
        good_runs: str | Path | None = None,
    ) -> Dataset:
        """Open files as one dataset, read through the blinding gate of the analysis.

        Parameters
        ----------
        files, kind, schema, all_bursts, good_runs
            As for `Analysis.select`.

        Raises
        ------
        BdanaError
            Whatever is wrong, by file and name.

        Examples
        --------
        >>> import bdana
        >>> from bdana.events import EventArrays
        >>> from bdana.simulation import SimulationConfig, simulate
        >>> events, bursts = simulate(SimulationConfig(pot=7e13, bursts=1), seed=1)
        >>> dataset = bdana.load().dataset([EventArrays(events, bursts)], kind="pseudo")
        >>> dataset.kind, dataset.exposure.bursts
        ('pseudo', 1)
        """
        return events.Dataset.open(
            files,
            kind=kind,
            schema=schema,
            all_bursts=all_bursts,
            good_runs=self._good_runs(good_runs),
            gate=self.gate,
            unusual=self.config.exposure.unusual,
            remote=self.config.remote,
            allow_bad_files=self.handling.allow_bad_files,
            memory_limit=self.handling.memory_limit,
        )

    def layout_of(self, sample: SampleConfig) -> str | None:
        """Return the schema of a sample: shipped, by name, or the path of a .toml file; None when files are to tell.

        Parameters
        ----------
        sample : SampleConfig
        """
        layout = sample.layout
        return str(self.folder / layout) if layout and layout.endswith(".toml") else layout

    def selected_samples(self) -> list[str]:
        """Return the names of the two-track samples of analysis.toml, which a search selects.

        Raises
        ------
        ConfigError
            When there is none.
        """
        names = [name for name in self.config.samples if name != self.config.search.single_tracks]
        if not names:
            raise ConfigError(
                f"{self.folder / 'analysis.toml'} names no sample to select: add [samples.<name>] with kind and files"
            )
        return names

    def sample(self, *names: str, all_bursts: bool = False) -> list[Dataset]:
        """Open samples of analysis.toml by name.

        Parameters
        ----------
        *names : str
        all_bursts : bool
            Use all bursts, not only the good ones.

        Raises
        ------
        ConfigError
            When there is no such sample.
        BdanaError
            When a file of it is wrong.
        """
        opened = []
        for name in names:
            if name not in self.config.samples:
                raise ConfigError(
                    f"no sample '{name}' in {self.folder / 'analysis.toml'}: {did_you_mean(name, self.config.samples)}"
                )
            sample = self.config.samples[name]
            dataset = events.Dataset.open(
                sample.files,
                kind=sample.kind,
                schema=self.layout_of(sample),
                all_bursts=all_bursts,
                good_runs=self._good_runs(self.folder / sample.good_runs if sample.good_runs else None),
                unusual=self.config.exposure.unusual,
                trigger=sample.trigger,
                weight=sample.weight,
                gate=self.gate,
                folder=self.folder,
                remote=self.config.remote,
                allow_bad_files=self.handling.allow_bad_files,
                memory_limit=self.handling.memory_limit,
            )
            opened.append(dataset)
        return opened

    def _good_runs(self, path: str | Path | None) -> GoodRuns | None:
        return None if path is None else events.GoodRuns.read(Path(path), self.config.exposure.unusual)

    def selection_task(
        self,
        dataset: Dataset,
        selection: str,
        left_out: tuple[str, ...] = (),
        opened: Collection[str] = (),
    ) -> SelectionTask:
        """Return the task that selects candidates from each chunk of a dataset.

        Parameters
        ----------
        dataset : Dataset
        selection : str
            Name of a module of selections/.
        left_out : tuple of str
            Cuts that the loose candidates need not pass.
        opened : collection of str
            Closed regions that were opened: what the dataset holds there is histogrammed too.

        Raises
        ------
        ConfigError
            When there is no such selection or cut, or the selection needs another geometry.
        MissingColumnError
            When a file lacks a column that the selection needs.
        """
        chosen, par = self.selection(selection)
        chosen.require_cuts(left_out)
        is_open = [name for name in self.regions.names if name in opened or name not in dataset.closed]
        distributions = self.distributions(selection, is_open)
        needs = chosen.needs(par, distributions.functions)
        columns = dataset.columns(needs, chosen.optional, selection)
        setup = self.setup_for(dataset, selection, any_detector=chosen.any_detector)
        return engine.SelectionTask(
            self, setup, selection, columns, dataset, left_out, self.handling.checkpoints, distributions
        )

    def setup_for(self, dataset: Dataset, selection: str, *, any_detector: bool = False) -> Setup:
        """Return detector, beam line and regions for a dataset; no beam line for files of another geometry.

        Parameters
        ----------
        dataset : Dataset
        selection : str
            Name of a module of selections/, for the error message.
        any_detector : bool
            Whether the selection allows files of another geometry.

        Raises
        ------
        ConfigError
            When the selection needs the analysis' geometry and the files are of another one.
        """
        others = dataset.detectors - {self.detector.name}
        if others and not any_detector:
            raise ConfigError(
                f"{dataset.files[0]}: measured with the geometry {', '.join(sorted(others))}, but selection {selection} of "
                f"{self.folder} is for {self.detector.name}; set analysis.detector and [beam_line] to yours"
            )
        return replace(self.setup, beam_line=None) if others else self.setup


@lru_cache(maxsize=2)
def _read_again(folder: Path, overrides: tuple[str, ...], expected: str) -> AnalysisFolder:
    analysis = AnalysisFolder.read(folder, overrides)
    if analysis.hash != expected:
        raise ConfigError(f"the analysis in {folder} changed while it was running; start again")
    return analysis
