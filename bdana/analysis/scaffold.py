"""`bdana init`: a new analysis folder, copied from the packaged one."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from bdana.analysis.folder import template_folder
from bdana.errors import ConfigError, InputError

__all__ = ["PARTS", "experiments", "scaffold"]

PARTS = (
    ".gitattributes",
    "analysis.toml",
    "selections",
    "backgrounds",
    "blinding/README.md",
    "blinding/policy.toml",
    "output/README.md",
)
"""Files and folders of the packaged analysis that are copied into a new one; its ledger and results are not."""


EXAMPLES = "experiments"
"""Folder of the analyses of other experiments; what one does not have is that of the packaged analysis."""


def experiments() -> list[str]:
    """Return the names of the experiments that an analysis can be made for, besides that of the packaged one."""
    return sorted(path.name for path in (template_folder() / EXAMPLES).iterdir() if path.is_dir())


def scaffold(folder: str | Path, experiment: str | None = None) -> list[Path]:
    """Copy the packaged analysis, or that of another experiment, into a folder, which is made if it is not there.

    Parameters
    ----------
    folder : path
        Where the new analysis will lie; other files in it are left alone.
    experiment : str, optional
        One of `experiments`.

    Returns
    -------
    list of Path
        What was made.

    Raises
    ------
    ConfigError
        When there is no analysis of that experiment.
    InputError
        When something of an analysis is there already, or the folder cannot be written.
    """
    where, template = Path(folder), template_folder()
    if experiment is not None and experiment not in experiments():
        raise ConfigError(
            f"no analysis of the experiment '{experiment}': there are na62, {', '.join(experiments())}; for another one, "
            "make a geometry file (docs/detectors.md)"
        )
    own = template / EXAMPLES / experiment if experiment else template
    for part in PARTS:
        if (where / part).exists() and part != ".gitattributes":  # a repository may have its own
            raise InputError(f"{where / part} is there already; nothing was changed")
    new = not where.exists()
    try:
        where.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            source, target = own / part, where / part
            source = source if source.exists() else template / part
            if target.name == ".gitattributes" and target.exists():
                continue
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(source, target)
    except OSError as err:
        _remove(where, whole=new)
        # A folder that could not be copied lists (from, to, why) for each file.
        reason = err.args[0][0][2] if isinstance(err, shutil.Error) else err.strerror
        raise InputError(f"{where}: cannot be written ({reason})") from None
    return [where / part for part in PARTS]


def _remove(where: Path, *, whole: bool) -> None:
    """Take away what was copied so far, and nothing else."""
    for part in (where,) if whole else tuple(where / part for part in PARTS):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):
                part.unlink()
