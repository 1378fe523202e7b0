"""Sealing: closed events leave the data, encrypted, and signed manifests say which files are sealed."""

from bdana.sealing.manifest import SealedData, UnsealedData

__all__ = ["SealedData", "UnsealedData"]
