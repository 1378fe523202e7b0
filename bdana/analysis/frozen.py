"""What a freeze writes down of an analysis, and the analysis that comes out of a freeze again."""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from pydantic import ValidationError

import bdana
from bdana._version import __version__
from bdana.analysis.analysis import Analysis
from bdana.analysis.config import AnalysisConfig
from bdana.analysis.modules import AnalysisModules
from bdana.analysis.opened import data_period, ledger_of
from bdana.analysis.prompt_check import SEED
from bdana.analysis.search import run_closed
from bdana.blinding import load_policy
from bdana.blinding.canonical import canonical, differences, sha256
from bdana.blinding.manifest import (
    check_open_file,
    check_sealed_file,
    file_sha256,
    manifest_of,
    read_manifest,
    require_keys,
    require_recorded,
)
from bdana.blinding.previous import EventId, event_ids
from bdana.counts import Predicted
from bdana.engine import SelectionTask, SerialExecutor, run_selection
from bdana.errors import BlindingError
from bdana.events import EventArrays
from bdana.pairing.estimate import BOOTSTRAP_SEED
from bdana.regions import OUTSIDE
from bdana.statistics.poisson import Background, p_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bdana.blinding import Policy
    from bdana.events import Dataset
    from bdana.selection import Candidates

__all__ = [
    "code_sha256",
    "declared_settings",
    "freeze_document",
    "outputs_of",
    "reproduce",
    "sealed_files",
    "thaw",
]

FORMAT = 1
"""Of the document; another one is not read."""
OUTPUTS = ("observed", "seen_before", "candidates", "verdict")
"""What an opening writes down: candidates by region, how many were open before, their rows, the agreement test."""
SEEDS = {"bootstrap": str(BOOTSTRAP_SEED), "prompt": str(SEED)}
"""As text: JSON holds no integer beyond 2^53."""
SHOWN = ("bdana", "packages")
"""What is written down and shown, and may be another at the opening: the numbers must come out all the same."""
PARTS = (
    "format", "code", "config", "cuts", "analysis_hash", "policy", "agreement", "beside", "inputs", "sealed", "outputs", "seeds",
    "prediction", "table", "conventions", "exposure", *SHOWN,
)  # fmt: skip
"""All parts of a freeze."""
PACKAGES = ("awkward", "hist", "numba", "numpy", "scipy", "uproot", "vector")


def freeze_document(analysis: Analysis, policy: Policy) -> dict[str, Any]:
    """Run the search on what is open, and return everything that decides what an opening will show.

    Raises
    ------
    BlindingError
        When the search is not declared, or a file of data is not the one that its manifest names.
    """
    counted = _counted(analysis)
    (dataset,) = analysis.sample(str(analysis.config.search.data))
    for source in dataset.sources if dataset.kind == "data" else ():
        check_open_file(source.path, policy, whole=True)
        require_recorded(ledger_of(analysis), manifest_of(source.path))
        require_keys(ledger_of(analysis), policy, manifest_of(source.path))
    return {
        **_declared(analysis, policy),
        "bdana": f"{__version__}, code {code_sha256()}",
        "packages": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        **counted,
    }


def code_sha256() -> str:
    """Return a hash of the framework's own files: two versions of one number differ in it."""
    package = Path(bdana.__file__).parent
    files = sorted(
        p for kind in ("*.py", "*.toml") for p in package.rglob(kind) if "_template" not in p.parts
    )
    return sha256(canonical({str(path.relative_to(package)): file_sha256(path) for path in files}))


def _declared(analysis: Analysis, policy: Policy) -> dict[str, Any]:
    """Return what an analysis, its files and this bdana say, which must be the same at every opening."""
    files = {path for d in analysis.sample(*_samples(analysis)) for path in map(Path, d.files)}
    return declared_settings(analysis, policy) | {
        "cuts": {name: model.model_dump(mode="json") for name, model in analysis.parameters().items()},
        "inputs": {file_sha256(path): path.name for path in sorted(files)},  # two files may have one name
        "sealed": {
            period: {
                stage: {path.name: file_sha256(path) for path in files}
                for stage, files in sealed_files(analysis, policy, period).items()
            }
            for period in _periods(analysis, policy)
        },
    }


def declared_settings(analysis: Analysis, policy: Policy) -> dict[str, Any]:
    """Return what of a freeze can be told without a look at data, and without running code of the analysis."""
    return {
        "format": FORMAT,
        "code": dict(analysis.modules.texts),
        "config": analysis.config.model_dump(mode="json", by_alias=True),
        "analysis_hash": analysis.hash,
        "policy": policy.sha256,
        "agreement": {name: stage.agreement_p_min for name, stage in policy.stages.items()},
        "beside": {str(path): file_sha256(analysis.folder / path) for path in _beside(analysis)},
        "outputs": list(OUTPUTS),
        "seeds": dict(SEEDS),
    }


def thaw(folder: Path, frozen: Mapping[str, Any]) -> Analysis:
    """Return the analysis as it was frozen: from the texts of the freeze, not from what lies in the folder now.

    Raises
    ------
    BlindingError
        When the freeze is of another format, contradicts itself, or a file that the texts refer to has changed.
    """
    wrong = sorted(frozen.keys() ^ set(PARTS))
    if wrong:
        raise BlindingError(f"refused: parts of the freeze are missing or unknown: {', '.join(wrong)}")
    if frozen["format"] != FORMAT:
        raise BlindingError(
            f"refused: this is bdana {__version__}, which does not read a freeze of format {frozen['format']}"
        )
    # Canonical JSON sorts names, and regions are listed from the innermost outwards.
    inwards = [name for name in frozen["prediction"]["regions"] if name != OUTSIDE]
    if set(inwards) != set(frozen["config"]["regions"]):
        raise BlindingError("refused: the freeze predicts other regions than its configuration has")
    regions = {name: frozen["config"]["regions"][name] for name in inwards}
    try:
        config = AnalysisConfig.model_validate(frozen["config"] | {"regions": regions})
    except ValidationError:
        raise BlindingError(
            f"refused: this is bdana {__version__}, which does not read a freeze of bdana {frozen['bdana']}; install that"
        ) from None
    analysis = Analysis(folder, config, AnalysisModules(folder, frozen["code"]), ())
    if analysis.hash != frozen["analysis_hash"]:
        raise BlindingError("refused: the freeze does not give the analysis that it names")
    for name, digest in frozen["beside"].items():
        if file_sha256(folder / name) != digest:
            raise BlindingError(f"refused: {name} changed since the freeze; put the frozen one back")
    return analysis


def reproduce(analysis: Analysis, frozen: Mapping[str, Any]) -> None:
    """Write everything of a freeze down again, the open-region table with it.

    Parameters
    ----------
    analysis : Analysis
        The frozen one.
    frozen : mapping
        The freeze.

    Raises
    ------
    BlindingError
        Unless all but the versions of packages comes out bit for bit, from the same files under the same policy.
    """
    policy = load_policy(analysis.folder, analysis.regions)
    if policy is None:
        raise BlindingError(f"refused: {analysis.folder} has no blinding/policy.toml")
    declared = _declared(analysis, policy)
    for digest, name in declared["inputs"].items():
        if digest not in frozen["inputs"]:
            raise BlindingError(f"refused: {name} is not the file that was frozen")
    changed = differences({key: frozen[key] for key in declared}, declared)
    if changed:
        raise BlindingError(f"refused: not as it was frozen: {', '.join(changed)}; freeze again")
    found = _counted(analysis)
    for key, value in found.items():
        if canonical(value) != canonical(frozen[key]):
            raise BlindingError(
                f"refused: the frozen {key} does not come out again here; install the package versions of the freeze "
                f"({', '.join(f'{name} {number}' for name, number in frozen['packages'].items())})"
            )


def outputs_of(
    analysis: Analysis, frozen: Mapping[str, Any], stage: str, chunks: Sequence[ak.Array]
) -> dict[str, Any]:
    """Select the events of an opened stage and return the declared outputs, with the verdict.

    Parameters
    ----------
    analysis : Analysis
        The frozen one.
    frozen : mapping
        The freeze.
    stage : str
    chunks : sequence of ak.Array
        Its events.

    Raises
    ------
    BlindingError
        When something fails, by its kind alone: a message could carry a closed value.
    """
    names = list(analysis.regions.names)
    shown = names[names.index(stage) :]
    # The mark of production is no column of an event: no selection sees it.
    seen = {e for c in chunks if "seen_before" in ak.fields(c) for e in event_ids(c[c.seen_before])}
    events = [chunk[[name for name in ak.fields(chunk) if name != "seen_before"]] for chunk in chunks]
    try:
        found = _select(analysis, events) if events else None
    except Exception as err:  # noqa: BLE001 - whatever it is, its message may hold a closed value
        raise BlindingError(
            f"refused: the frozen selection fails on the events: {type(err).__name__}"
        ) from None
    counts = {name: int(np.count_nonzero(found.region == name)) if found else 0 for name in shown}
    if found is not None and not np.isin(found.region, shown).all():
        raise BlindingError(f"refused: a candidate of {stage} lies in a region that is not open")
    outputs = {
        "observed": counts,
        "seen_before": _seen_before(found, seen),
        "candidates": found.rows() if found is not None else [],
        "verdict": _verdict(frozen, stage, counts[stage]),
    }
    return {name: outputs[name] for name in frozen["outputs"]}


def sealed_files(analysis: Analysis, policy: Policy, period: str) -> dict[str, list[Path]]:
    """Return the encrypted files of the search's data, of a period, by stage; none for data that are not sealed.

    Raises
    ------
    BlindingError
        When one is not the file that its manifest names, or two have one name, by which the freeze knows them.
    """
    found: dict[str, list[Path]] = {stage: [] for stage in policy.stages}
    (dataset,) = analysis.sample(str(analysis.config.search.data))
    for path in map(Path, dataset.files if dataset.kind == "data" else ()):
        manifest = read_manifest(manifest_of(path), policy)
        if manifest["period"] == period:
            for stage, files in found.items():
                named = manifest["sealed"][stage]
                files.append(path.with_name(named["name"]))
                check_sealed_file(files[-1], named)
    names = [path.name for files in found.values() for path in files]
    for name in names:
        if names.count(name) > 1:
            raise BlindingError(
                f"refused: two sealed files are called {name}; give the inputs different names"
            )
    return found


def _counted(analysis: Analysis) -> dict[str, Any]:
    """Return prediction and open-region table, which must come out the same at every opening."""
    search = analysis.config.search
    if search.data is None or search.single_tracks is None:
        raise BlindingError(
            f"refused: [search] of {analysis.folder / 'analysis.toml'} names no data and single_tracks to freeze"
        )
    run = run_closed(analysis, search.data)
    if run.table is None or run.estimate is None:
        raise BlindingError("refused: the search makes no table")
    estimate = run.estimate
    table = run.table.to_dict()
    return {
        "prediction": {
            "regions": list(estimate.regions),
            "expected": estimate.expected.tolist(),
            "error": estimate.total_error.tolist(),
            "upper_limit_90": [predicted.upper_limit for predicted in estimate.predicted.values()],
            "statistical_covariance": estimate.covariance.tolist(),
            "systematic_covariance": estimate.systematic_covariance.tolist(),
        },
        "table": table,
        "conventions": {
            "agreement": "p(L <= Lobs) of a control region is at least agreement_p_min of its stage in the policy"
        },
        "exposure": {"pot": run.exposure.pot, "bursts": run.exposure.bursts} if run.exposure else None,
    }


def _periods(analysis: Analysis, policy: Policy) -> list[str]:
    period = data_period(analysis, policy)
    return list(policy.periods) if period is None else [period]


def _samples(analysis: Analysis) -> list[str]:
    search = analysis.config.search
    return [str(search.data), str(search.single_tracks)]


def _beside(analysis: Analysis) -> list[Path]:
    """Return the files of the folder that the configuration refers to: geometry, layouts, good-run lists."""
    names = [analysis.config.analysis.detector]
    for sample in analysis.config.samples.values():
        names += [name for name in (sample.layout, sample.good_runs) if name]
    return [Path(name) for name in dict.fromkeys(names) if (analysis.folder / name).is_file()]


def _select(analysis: Analysis, chunks: Sequence[ak.Array]) -> Candidates:
    search = analysis.config.search
    (dataset,) = analysis.sample(str(search.data))
    opened: Dataset = replace(
        dataset, sources=(EventArrays(ak.concatenate(list(chunks)), name="opened events"),), gate=None
    )
    chosen, par = analysis.selection(search.selection)
    setup = analysis.setup_for(dataset, search.selection, any_detector=chosen.any_detector)
    columns = (*chosen.needs(par), *filter(opened.has, chosen.optional))
    task = SelectionTask(analysis, setup, search.selection, columns, opened)
    return run_selection(task, SerialExecutor()).candidates


def _seen_before(found: Candidates | None, seen: set[EventId]) -> dict[str, int]:
    """Count by region the candidates of events that were open before a reprocessing."""
    if found is None:
        return {}
    ids = zip(found.run.tolist(), found.burst.tolist(), found.event.tolist(), strict=True)
    return dict(
        Counter(region for event, region in zip(ids, found.region.tolist(), strict=True) if event in seen)
    )


def _verdict(frozen: Mapping[str, Any], stage: str, observed: int) -> dict[str, Any]:
    prediction = frozen["prediction"]
    place = prediction["regions"].index(stage)
    expected = Predicted(*(prediction[key][place] for key in ("expected", "error", "upper_limit_90")))
    p = p_values(observed, Background.of(expected))
    verdict = expected.to_dict() | {"observed": observed, "p_n": p.p_n, "p_l": p.p_l}
    if place == 0:
        return verdict  # the signal region is a result, not a test
    return verdict | {"agrees": bool(p.p_l >= frozen["agreement"][stage])}
