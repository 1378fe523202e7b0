"""Sealing: closed events leave the data, encrypted, and signed manifests say which files are sealed."""

from typing import TYPE_CHECKING

from bdana.on_demand import on_demand

if TYPE_CHECKING:
    from bdana.sealing.manifest import ManifestAdmission

__all__ = ["ManifestAdmission"]

__getattr__ = on_demand(__name__, {"manifest": ("ManifestAdmission",)})
