"""Sealing: closed events leave the data, encrypted, and signed manifests say which files are sealed."""

from bdana.sealing.manifest import ManifestAdmission

__all__ = ["ManifestAdmission"]
