"""`bdana init`: a new analysis folder, copied from the packaged one."""

from __future__ import annotations

import shutil
from pathlib import Path

from bdana.analysis.folder import template_folder
from bdana.errors import InputError

__all__ = ["PARTS", "scaffold"]

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


def scaffold(folder: str | Path) -> list[Path]:
    """Copy the packaged analysis into a folder, which is made if it is not there.

    Parameters
    ----------
    folder : path
        Where the new analysis will lie; other files in it are left alone.

    Returns
    -------
    list of Path
        What was made.

    Raises
    ------
    InputError
        When something of an analysis is there already, or the folder cannot be written.
    """
    where, template = Path(folder), template_folder()
    for part in PARTS:
        if (where / part).exists() and part != ".gitattributes":  # a repository may have its own
            raise InputError(f"{where / part} is there already; nothing was changed")
    try:
        where.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            source, target = template / part, where / part
            if target.name == ".gitattributes" and target.exists():
                continue
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(source, target)
    except OSError as err:
        raise InputError(f"{where}: cannot be written ({err.strerror})") from None
    return [where / part for part in PARTS]
