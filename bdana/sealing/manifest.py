"""Manifests: what production signed about the files that it sealed, and the check that data have one."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from bdana.blinding.canonical import parse
from bdana.blinding.rules import append
from bdana.blinding.signing import verify
from bdana.blinding.stage_keys import stage_recipients
from bdana.errors import BlindingError
from bdana.events.containers import root_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bdana.blinding.ledger import Ledger, Row
    from bdana.blinding.policy import Policy

__all__ = [
    "MANIFEST",
    "OPEN",
    "ManifestAdmission",
    "check_open_file",
    "described",
    "file_sha256",
    "manifest_of",
    "open_uuid",
    "read_manifest",
    "record_manifests",
    "require_recorded",
    "skim_parents",
]

Found = TypeVar("Found")
SETTLED_S = 10.0
"""Seconds after a change in which another one may leave the same time: more than the steps of clocks of file systems, up to
2 s, and than the clock of a server is mostly behind. A time that is ahead counts as new."""
MANIFEST = ".manifest.json"
OPEN = ".open.root"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file.

    Parameters
    ----------
    path : Path
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_uuid(policy: Policy, checksums: str) -> uuid.UUID:
    """Return the UUID of an open file, made of its content so that it does not depend on closed events.

    Parameters
    ----------
    policy : Policy
        What its events were judged by.
    checksums : str
        Those of all its columns, as `write_events` gives them.
    """
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{policy.sha256}:{checksums}")  # guard: identity-of-open-events


def described(opened: Path) -> dict[str, Any]:
    """Return what a manifest says of an open file: name, SHA-256, size in bytes and UUID.

    Parameters
    ----------
    opened : Path
    """
    return {
        "name": opened.name,
        "sha256": file_sha256(opened),
        "size": opened.stat().st_size,
        "uuid": str(root_uuid(opened)),
    }


def manifest_of(opened: Path) -> Path:
    """Return the path of the manifest of an open file, which lies beside it.

    Parameters
    ----------
    opened : Path

    Examples
    --------
    >>> from pathlib import Path
    >>> manifest_of(Path("run11000.open.root")).name
    'run11000.manifest.json'
    """
    return opened.with_name(f"{opened.name.removesuffix(OPEN)}{MANIFEST}")


def read_manifest(path: Path, policy: Policy) -> Mapping[str, Any]:
    """Read a manifest and check that production signed it for this policy, or a former one that closed the same.

    Parameters
    ----------
    path : Path
    policy : Policy

    Raises
    ------
    BlindingError
        When it is absent, changed, not signed by production, made with another policy, or of a skim.
    """
    if skim_parents(path) is not None:  # guard: no-skim-is-sealed
        raise BlindingError(
            f"refused: {path} is of a skim; sealed events belong to the open files that it was made from, so name those"
        )
    try:
        text = path.read_bytes()
        signature = path.with_name(f"{path.name}.sig").read_bytes()
        document: Mapping[str, Any] = parse(text)
        then = policy.alike.get(document["policy"])
        person = (then or policy).people.get(document["person"])  # guard: signer-then
    except (OSError, ValueError, KeyError, TypeError):
        raise BlindingError(
            f"refused: {path} or its signature is absent or damaged; data are read with the manifest of `bdana seal`"
        ) from None
    if person is None or not person.production or not verify(text, signature, person.ssh_key):
        raise BlindingError(  # guard: manifest-is-signed
            f"refused: {path} is not signed by anybody with the mark `production` in the policy"
        )
    if then is None:  # guard: manifest-of-this-policy
        raise BlindingError(
            f"refused: {path} was made with another blinding/policy.toml; seal the raw data again"
        )
    return document


def skim_parents(path: Path) -> dict[str, str] | None:
    """Return name and SHA-256 of the signed manifests that the manifest of a skim names; None if it is of no skim.

    Parameters
    ----------
    path : Path
    """
    try:
        document = parse(path.read_bytes())
    except (OSError, ValueError):
        return None
    parents = document.get("parents") if isinstance(document, dict) else None
    return parents if isinstance(parents, dict) and parents else None


def _read_skim_manifest(path: Path, parents: Mapping[str, str], policy: Policy) -> Mapping[str, Any]:
    """Read the manifest of a skim and check those that it was made from, which lie beside it."""
    for name, digest in parents.items():
        parent = path.parent / name
        if parent.parent != path.parent or not parent.is_file() or file_sha256(parent) != digest:
            raise BlindingError(  # guard: parents-as-named
                f"refused: {parent}, which {path} was made from, is absent or another; copy it beside, with its signature"
            )
        read_manifest(parent, policy)  # guard: parents-are-valid
    document: Mapping[str, Any] = parse(path.read_bytes())
    return document


def record_manifests(
    ledger: Ledger, policy: Policy, person: str, key: Path, manifests: Sequence[Path]
) -> Row:
    """Write the names and hashes of manifests, and the hashes of their sealed files, into the ledger, in a row `seal`.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
    person, key
        Who records them, and the path of the SSH key.
    manifests : sequence of Path

    Raises
    ------
    BlindingError
        When a manifest is not valid, or the person is not production.
    """
    found = {}
    for path in manifests:
        document = read_manifest(path, policy)
        sealed = {stage: file["sha256"] for stage, file in document["sealed"].items()}
        found[path.name] = {"period": document["period"], "sha256": file_sha256(path), "sealed": sealed}
    return append(ledger, policy, "seal", person, key, {"policy": policy.sha256, "manifests": found})


def require_recorded(ledger: Ledger, policy: Policy, manifest: Path) -> None:
    """Refuse a manifest that no row `seal` names, and one of files that were sealed with other keys than there are now.

    Parameters
    ----------
    ledger : Ledger
    policy : Policy
    manifest : Path

    Raises
    ------
    BlindingError
        Saying how it is recorded, or when the keys of its period were made again since, or there are none.
    """
    digest = file_sha256(manifest)
    rows = ledger.of_kind("seal")
    recorded = [one for row in rows for one in row.body["manifests"].values()]
    if not any(one["sha256"] == digest and "sealed" in one for one in recorded):  # guard: recorded-with-files
        raise BlindingError(
            f"refused: the ledger does not know {manifest} with its sealed files; `bdana blinding record {manifest.name}` writes it down"
        )
    document = read_manifest(manifest, policy)
    if document.get("keys") != stage_recipients(ledger, policy, document["period"]):
        raise BlindingError(  # guard: keys-in-force
            f"refused: {manifest} is of files that were sealed with other keys than period {document['period']} has now; seal "
            "the raw data again"
        )


@dataclass(frozen=True)
class ManifestAdmission:
    """Admission by manifests: data are read with one, and what one names as data is read as nothing else.

    Workers get it with the gate.

    Attributes
    ----------
    folders : tuple of Path
        Where the manifests of the analysis lie, besides the folder of each file.
    policy : Policy, optional
        The one that data are sealed for; None while nothing is sealed.
    """

    folders: tuple[Path, ...] = ()
    policy: Policy | None = None

    @property
    def sealed(self) -> bool:
        """Whether data are sealed, so that they are read with a manifest only."""
        return self.policy is not None

    @property
    def has_manifests(self) -> bool:
        """Whether there are manifests of the analysis that files are to be compared with."""
        return any(f.is_file() for folder in self.folders for f in folder.glob(f"*{MANIFEST}"))

    def check(self, path: Path, kind: str) -> None:
        """Refuse data that are not the open file of a manifest, and data under another name.

        Parameters
        ----------
        path, kind
            As for `Admission.check`.
        """
        if kind == "data" and self.policy:
            check_open_file(path, self.policy)  # guard: data-are-sealed
        if kind != "data":
            _refuse_raw(path, kind, {path.parent, *self.folders})  # guard: data-in-any-folder


def check_open_file(path: Path, policy: Policy, *, whole: bool = False) -> None:
    """Refuse data that are not the open file of a manifest beside it.

    Parameters
    ----------
    path : Path
        The file that is to be read as data.
    policy : Policy
    whole : bool
        As freeze and opening ask: compare the SHA-256 of the file too, not only name, size and UUID, and take no skim.

    Raises
    ------
    BlindingError
        When there is no manifest, it is not valid, or the file is not the one that it names.
    """
    if not path.name.endswith(OPEN):
        raise BlindingError(
            f"refused: {path} is not sealed: data are read from NAME{OPEN} files that `bdana seal` makes; if it is "
            "simulation, say so with --kind mc"
        )
    manifest = manifest_of(path)
    parents = None if whole else skim_parents(manifest)  # guard: no-skim-is-frozen
    document = _read_skim_manifest(manifest, parents, policy) if parents else read_manifest(manifest, policy)
    opened = document.get("open")
    named = opened if isinstance(opened, dict) else {}
    there = path.is_file() and (path.name, path.stat().st_size) == (named.get("name"), named.get("size"))
    same = there and str(root_uuid(path)) == named.get("uuid")  # guard: file-of-the-manifest
    if not same or (whole and file_sha256(path) != named.get("sha256")):  # guard: whole-file-compared
        raise BlindingError(
            f"refused: {path} is not the file that its manifest names; copy it again with its manifest"
        )


def _refuse_raw(path: Path, kind: str, folders: set[Path]) -> None:
    """Refuse a file whose hash stands in a manifest of these folders as that of raw data or of an open file."""
    manifests = sorted(f for folder in folders for f in _manifests_in(folder) if f.is_file())
    if not manifests or not path.is_file():
        return
    own = _found_of(path, _sha256_of)
    for manifest in manifests:
        # Its signature is not checked: a forged manifest could only make this refuse more.
        if own.encode() in manifest.read_bytes():  # guard: raw-under-any-name
            raise BlindingError(
                f"refused: {path} is data and not {kind}, since {manifest} names it; leave out --kind {kind}"
            )


def _manifests_in(folder: Path) -> tuple[Path, ...]:
    """Return what is called a manifest in a folder, which is listed once for all files that are asked about."""
    try:
        return _found_of(folder, _listed)
    except OSError:
        return ()


def _found_of(path: Path, find: Callable[..., Found]) -> Found:
    """Return find(path), found before where the path is in the same state, and a later change would have shown."""
    state = path.stat()
    own: tuple[int, ...]
    own = state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns  # guard: found-as-it-is
    if time.time() - state.st_ctime < SETTLED_S:  # guard: later-change-shows
        own = (*own, time.monotonic_ns())
    return find(path, *own)


@lru_cache(maxsize=64)
def _listed(folder: Path, *state: int) -> tuple[Path, ...]:  # noqa: ARG001 - in another state it may hold others
    return tuple(folder.glob(f"*{MANIFEST}"))


@lru_cache(maxsize=4096)
def _sha256_of(path: Path, *state: int) -> str:  # noqa: ARG001 - in another state it may be another file
    return file_sha256(path)
