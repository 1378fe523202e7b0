"""Skims of sealed data: their manifest is not signed, but names the signed ones that they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bdana._version import __version__
from bdana.atomic import write_bytes
from bdana.blinding.canonical import canonical
from bdana.errors import InputError
from bdana.sealing.manifest import OPEN, described, file_sha256, manifest_of, skim_parents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["check_skim_name", "write_skim_manifest"]


def check_skim_name(skim: Path) -> None:
    """Refuse a name that a skim of sealed data cannot have.

    Parameters
    ----------
    skim : Path

    Raises
    ------
    InputError
        When it would not be read as data, or is that of sealed data.
    """
    if not skim.name.endswith(OPEN):  # guard: skim-is-called-data
        raise InputError(
            f"{skim}: a skim of sealed data is read with its manifest, so call it {skim.stem}{OPEN}"
        )
    manifest = manifest_of(skim)
    if manifest.with_name(f"{manifest.name}.sig").exists():  # guard: skim-replaces-nothing
        raise InputError(f"{skim}: belongs to {manifest}, which production signed; choose another name")


def write_skim_manifest(skim: Path, sources: Sequence[Path], selection: str, analysis_hash: str) -> Path:
    """Write the manifest of a skim, and copy the signed manifests of its sources beside it.

    Parameters
    ----------
    skim : Path
        The file, complete.
    sources : sequence of Path
        Open files, or skims of them, that it was made from.
    selection : str
        The selection that its events passed.
    analysis_hash : str
        Of the analysis with that selection.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    InputError
        When another manifest of the name of one of the sources lies beside the skim.
    """
    signed: dict[str, Path] = {}
    for source in sources:
        manifest = manifest_of(source)
        parents = skim_parents(manifest) or {manifest.name: ""}
        signed |= {name: manifest.with_name(name) for name in parents}
    for name, path in signed.items():
        _copy(path, skim.with_name(name))
        _copy(path.with_name(f"{name}.sig"), skim.with_name(f"{name}.sig"))
    document: dict[str, Any] = {
        "format": 1,
        "bdana": __version__,
        "parents": {name: file_sha256(path) for name, path in signed.items()},
        "selection": selection,
        "analysis": analysis_hash,
        "open": described(skim),
    }
    written = manifest_of(skim)
    write_bytes(written, canonical(document))
    return written


def _copy(path: Path, to: Path) -> None:
    content = path.read_bytes()
    if not to.exists():
        write_bytes(to, content)
    elif to.read_bytes() != content:  # guard: manifests-do-not-mix
        raise InputError(f"{to}: is another manifest than {path}; write the skim to another folder")
