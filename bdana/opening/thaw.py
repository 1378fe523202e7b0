"""The analysis rebuilt from a freeze, and the check that it still gives the frozen numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bdana._version import __version__
from bdana.analysis import AnalysisFolder
from bdana.analysis.config import AnalysisConfig
from bdana.analysis.modules import AnalysisModules
from bdana.blinding.canonical import canonical, differences
from bdana.errors import BlindingError
from bdana.opening.freeze import FORMAT, PARTS, counted_parts, declared_parts
from bdana.regions import OUTSIDE
from bdana.sealing.manifest import file_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["reproduce", "thaw"]


def thaw(folder: Path, frozen: Mapping[str, Any]) -> AnalysisFolder:
    """Return the analysis as it was frozen: from the texts of the freeze, not from what lies in the folder now.

    Parameters
    ----------
    folder : Path
    frozen : mapping
        The freeze.

    Raises
    ------
    BlindingError
        When the freeze is of another format, contradicts itself, or a file that the texts refer to has changed.
    """
    wrong = sorted(frozen.keys() ^ set(PARTS))
    if wrong:  # guard: freeze-has-all-parts
        raise BlindingError(f"refused: parts of the freeze are missing or unknown: {', '.join(wrong)}")
    if frozen["format"] != FORMAT:  # guard: freeze-format
        raise BlindingError(
            f"refused: this is bdana {__version__}, which does not read a freeze of format {frozen['format']}: freeze again"
        )
    # Canonical JSON sorts names, and regions are listed from the innermost outwards.
    inwards = [name for name in frozen["prediction"]["regions"] if name != OUTSIDE]
    if set(inwards) != set(frozen["config"]["regions"]):  # guard: predicts-its-regions
        raise BlindingError("refused: the freeze predicts other regions than its configuration has")
    tables = (name for name in ("regions", "cluster_regions") if name in frozen["config"])
    nested = {table: {name: frozen["config"][table][name] for name in inwards} for table in tables}
    try:
        config = AnalysisConfig.model_validate(frozen["config"] | nested)
    except ValidationError:  # guard: freeze-version
        raise BlindingError(
            f"refused: this is bdana {__version__}, which does not read a freeze of bdana {frozen['bdana']}; install that"
        ) from None
    analysis = AnalysisFolder(folder, config, AnalysisModules(folder, frozen["code"]), ())
    if analysis.hash != frozen["analysis_hash"]:  # guard: code-as-frozen
        raise BlindingError("refused: the freeze does not give the analysis that it names")
    for name, digest in frozen["beside"].items():
        if file_sha256(folder / name) != digest:  # guard: beside-as-frozen
            raise BlindingError(f"refused: {name} changed since the freeze; put the frozen one back")
    return analysis


def reproduce(analysis: AnalysisFolder, frozen: Mapping[str, Any]) -> None:
    """Check that everything in a freeze, the open-region table too, comes out again.

    Parameters
    ----------
    analysis : AnalysisFolder
        The frozen one.
    frozen : mapping
        The freeze.

    Raises
    ------
    BlindingError
        Unless all but the versions of packages comes out bit for bit, from the same files under the same policy.
    """
    policy = analysis.policy
    if policy is None:  # guard: opening-has-a-policy
        raise BlindingError(f"refused: {analysis.folder} has no blinding/policy.toml")
    declared = declared_parts(analysis, policy)
    for digest, name in declared["inputs"].items():
        if digest not in frozen["inputs"]:  # guard: input-as-frozen
            raise BlindingError(f"refused: {name} is not the file that was frozen")
    changed = differences({key: frozen[key] for key in declared}, declared)
    if changed:  # guard: rest-as-frozen
        raise BlindingError(f"refused: not as it was frozen: {', '.join(changed)}; freeze again")
    found = counted_parts(analysis)
    if "error_down" not in frozen["prediction"]:  # frozen before downward errors were written down
        found["prediction"].pop("error_down", None)
    for key, value in found.items():
        if canonical(value) != canonical(frozen[key]):  # guard: counted-as-frozen
            raise BlindingError(
                f"refused: the frozen {key} does not come out again here; install the package versions of the freeze "
                f"({', '.join(f'{name} {number}' for name, number in frozen['packages'].items())})"
            )
