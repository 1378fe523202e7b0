"""The freeze: everything that decides what an opening will show, written down for people to sign."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdana._version import __version__
from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.rules import append
from bdana.errors import BlindingError, ConfigError
from bdana.events.open_part import OpenPart
from bdana.pairing.estimate.paired_bunch import BOOTSTRAP_SEED
from bdana.regions import OUTSIDE
from bdana.sealing.manifest import (
    check_open_file,
    file_sha256,
    manifest_of,
    read_manifest,
    require_recorded,
)
from bdana.search.opened import data_period
from bdana.search.prompt_check import SEED
from bdana.search.run import run_open_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bdana.analysis import AnalysisFolder
    from bdana.blinding import Ledger, Policy
    from bdana.blinding.ledger import Row
    from bdana.pairing import PairEstimate

__all__ = [
    "FORMAT",
    "PARTS",
    "code_sha256",
    "counted_parts",
    "declared_parts",
    "declared_settings",
    "freeze",
    "freeze_document",
    "predicted_steps",
    "referred_files",
    "sealed_files",
]

FORMAT = 3
"""Format of a freeze; one of another format is not read. Since 2 `prediction` has `steps`, since 3 there are `manifests`."""
OUTPUTS = ("observed", "seen_before", "candidates", "events", "filled", "verdict")
"""What an opening writes down: counts by region, how many were open before, the candidates, the events of the first of them
to be displayed, what is histogrammed while they are selected, the agreement test."""
SEEDS = {"bootstrap": str(BOOTSTRAP_SEED), "prompt": str(SEED)}
"""Seeds of the search, as text: JSON holds no integer beyond 2^53."""
NOT_COMPARED = ("bdana", "packages")
"""Parts that may differ at the opening, when the numbers come out all the same."""
PARTS = (
    "format", "code", "config", "cuts", "analysis_hash", "policy", "agreement", "beside", "inputs", "sealed", "manifests", "outputs",
    "seeds", "prediction", "table", "conventions", "exposure", *NOT_COMPARED,
)  # fmt: skip
"""All parts of a freeze."""
PACKAGES = ("awkward", "hist", "numba", "numpy", "scipy", "uproot", "vector")


def freeze(
    ledger: Ledger, policy: Policy, person: str, key: Path, document: Mapping[str, Any], explains: str = ""
) -> Row:
    """Freeze an analysis: write down everything that decides what an opening will show.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
    person, key
        The author, who cannot be the opener, and the path of the SSH key.
    document : mapping
        Code state, cuts, regions, prediction with covariance, conventions, agreement tests, declared outputs, seeds (as
        text), policy, hashes of open and sealed inputs. The row's hash is what people sign.
    explains : str
        After a failed agreement test: why it failed, and what was changed.

    Raises
    ------
    BlindingError
        When a rule for freezes does not allow it.
    """
    body = {"frozen": dict(document)} | ({"explains": explains} if explains else {})
    return append(ledger, policy, "freeze", person, key, body)


def freeze_document(analysis: AnalysisFolder, policy: Policy) -> dict[str, Any]:
    """Run the search on what is open, and return everything that decides what an opening will show.

    Parameters
    ----------
    analysis : AnalysisFolder
    policy : Policy

    Raises
    ------
    BlindingError
        When the search is not declared, or a file of data is not the one that its manifest names.
    """
    counted = counted_parts(analysis)
    for path in _data_files(analysis):
        check_open_file(path, policy, whole=True)
        require_recorded(analysis.ledger, policy, manifest_of(path))
    return {
        **declared_parts(analysis, policy),
        "bdana": f"{__version__}, code {code_sha256()}",
        "packages": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        **counted,
    }


def code_sha256() -> str:
    """Return a hash of bdana's own files, which tells apart two states of the code with one version number."""
    package = Path(__file__).parents[1]
    files = sorted(
        p for kind in ("*.py", "*.toml") for p in package.rglob(kind) if "_template" not in p.parts
    )
    return sha256(canonical({str(path.relative_to(package)): file_sha256(path) for path in files}))


def declared_parts(analysis: AnalysisFolder, policy: Policy) -> dict[str, Any]:
    """Return the parts of a freeze that an analysis, its files and this bdana declare: the same at every opening.

    Parameters
    ----------
    analysis : AnalysisFolder
    policy : Policy
    """
    sources = [source for dataset in analysis.sample(*_samples(analysis)) for source in dataset.sources]
    for source in sources:
        if source.file is None:
            raise ConfigError(f"{source.path}: a freeze holds the hash of every file; copy the file here")
    files = {source.file for source in sources if source.file}
    periods = _periods(analysis, policy)
    return declared_settings(analysis, policy) | {
        "cuts": {name: model.model_dump(mode="json") for name, model in analysis.parameters().items()},
        "inputs": {file_sha256(path): path.name for path in sorted(files)},  # two files may have one name
        "sealed": {
            period: {
                stage: {path.name: file_sha256(path) for path in files}
                for stage, files in sealed_files(analysis, policy, period).items()
            }
            for period in periods
        },
        "manifests": {period: _manifests(analysis, policy, period) for period in periods},
    }


def declared_settings(analysis: AnalysisFolder, policy: Policy) -> dict[str, Any]:
    """Return the parts of a freeze that need neither data nor a run of the analysis's code.

    Parameters
    ----------
    analysis : AnalysisFolder
    policy : Policy
    """
    return {
        "format": FORMAT,
        "code": dict(analysis.modules.texts),
        "config": analysis.config.model_dump(mode="json", by_alias=True),
        "analysis_hash": analysis.hash,
        "policy": policy.sha256,
        "agreement": {name: stage.agreement_p_min for name, stage in policy.stages.items()},
        "beside": {str(path): file_sha256(analysis.folder / path) for path in referred_files(analysis)},
        "outputs": list(OUTPUTS),
        "seeds": dict(SEEDS),  # guard: freeze-has-seeds
    }


def sealed_files(analysis: AnalysisFolder, policy: Policy, period: str) -> dict[str, list[Path]]:
    """Return the sealed files of the search's data, of a period, by stage; none for data that are not sealed.

    Parameters
    ----------
    analysis : AnalysisFolder
    policy : Policy
    period : str

    Raises
    ------
    BlindingError
        When one is not the file that its manifest names, or two have one name, by which the freeze knows them.
    """
    found: dict[str, list[Path]] = {stage: [] for stage in policy.stages}
    for path in _data_files(analysis):
        manifest = read_manifest(manifest_of(path), policy)
        if manifest["period"] == period:
            for stage, files in found.items():
                named = manifest["sealed"][stage]
                file = path.with_name(named["name"])
                # Anybody can encrypt to the public key of a stage.
                if not file.is_file() or file_sha256(file) != named["sha256"]:  # guard: sealed-by-production
                    raise BlindingError(
                        f"refused: {file} is absent, or not the file that its manifest names; copy it again with its manifest"
                    )
                files.append(file)
    names = [path.name for files in found.values() for path in files]
    for name in names:
        if names.count(name) > 1:
            raise BlindingError(
                f"refused: two sealed files are called {name}; give the inputs different names"
            )
    return found


def counted_parts(analysis: AnalysisFolder) -> dict[str, Any]:
    """Return the parts of a freeze that are counted, prediction and open-region table: the same at every opening.

    Parameters
    ----------
    analysis : AnalysisFolder

    Raises
    ------
    BlindingError
        When the search is not declared.
    """
    search = analysis.config.search
    if search.data is None or search.single_tracks is None:
        raise BlindingError(
            f"refused: [search] of {analysis.folder / 'analysis.toml'} names no data and single_tracks to freeze"
        )
    run = run_open_part(analysis, search.data)
    if run.table is None or run.estimate is None:
        raise BlindingError("refused: the search makes no table")
    estimate = run.estimate.whole
    numbers = list(estimate.predicted.values())
    down = [number.error_down for number in numbers]
    table = run.table.to_dict()
    return {
        "prediction": {
            "regions": list(estimate.regions),
            "expected": estimate.expected.tolist(),
            "error": [number.error for number in numbers],
            **({} if all(error is None for error in down) else {"error_down": down}),
            "upper_limit_90": [number.upper_limit for number in numbers],
            "statistical_covariance": estimate.covariance.tolist(),
            "systematic_covariance": estimate.systematic_covariance.tolist(),
            "steps": predicted_steps(analysis, estimate),
        },
        "table": table,
        "conventions": {
            "agreement": "p(L <= Lobs) of what is open of a control region when it is opened, against the prediction of that in "
            "`steps`, is at least agreement_p_min of its stage in the policy",
            "steps": "expected after the opening of each stage: of open regions in what is open of them, of closed ones in all",
        },
        "exposure": {"pot": run.exposure.pot, "bursts": run.exposure.bursts} if run.exposure else None,
    }


def predicted_steps(analysis: AnalysisFolder, estimate: PairEstimate) -> dict[str, dict[str, Any]]:
    """Return what is expected by region after the opening of each stage, which opens guard bands in other regions too.

    Parameters
    ----------
    analysis : AnalysisFolder
    estimate : PairEstimate

    Returns
    -------
    dict
        By stage and region, as `Predicted.to_dict` gives it: what the table has then, and what the verdict is judged on.
    """
    gate, steps = analysis.gate, {}
    stages = [box.name for box in reversed(analysis.regions.boxes)]
    for last, stage in enumerate(stages, 1):
        opened = dict.fromkeys([*stages[:last], OUTSIDE], stages[:last])
        then = estimate.restricted_to(OpenPart(gate, opened) if gate else None)
        steps[stage] = {name: predicted.to_dict() for name, predicted in then.predicted.items()}
    return steps


def _periods(analysis: AnalysisFolder, policy: Policy) -> list[str]:
    period = data_period(analysis, policy)
    return list(policy.periods) if period is None else [period]


def _data_files(analysis: AnalysisFolder) -> list[Path]:
    (dataset,) = analysis.sample(str(analysis.config.search.data))
    return [Path(path) for path in dataset.files] if dataset.kind == "data" else []


def _manifests(analysis: AnalysisFolder, policy: Policy, period: str) -> dict[str, str]:
    """Return the name of each manifest of the search's data, of a period, by its hash: two may have one name."""
    paths = [manifest_of(path) for path in _data_files(analysis)]
    return {file_sha256(path): path.name for path in paths if read_manifest(path, policy)["period"] == period}


def _samples(analysis: AnalysisFolder) -> list[str]:
    search = analysis.config.search
    return [str(search.data), str(search.single_tracks)]


def referred_files(analysis: AnalysisFolder) -> list[Path]:
    """Return the files of the folder that the configuration refers to: geometry, layouts, good-run lists.

    Parameters
    ----------
    analysis : AnalysisFolder
    """
    names = [analysis.config.analysis.detector]
    for sample in analysis.config.samples.values():
        names += [name for name in (sample.layout, sample.good_runs) if name]
    return [Path(name) for name in dict.fromkeys(names) if (analysis.folder / name).is_file()]
