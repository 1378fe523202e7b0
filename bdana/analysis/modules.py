"""Import of the analysis' own Python from exactly the text that was hashed.

The modules appear as `bdana_analysis_<hash>.selections.dimuon`: two versions of an analysis never mix in one
process, relative imports work, nothing is put on sys.path, and no stale bytecode is used.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bdana.display import short_repr
from bdana.errors import ConfigError, UserCodeError
from bdana.strict import read_text
from bdana.user_code import ANALYSIS_PACKAGE, raise_user_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType, ModuleType

__all__ = ["FOLDERS", "AnalysisModules"]

FOLDERS = ("selections", "backgrounds")
"""The folders of an analysis that hold Python."""


@dataclass(frozen=True)
class AnalysisModules:
    """Python source of an analysis.

    Attributes
    ----------
    folder : Path
        The analysis folder.
    texts : mapping of str to str
        Text of every module by its path within the folder ("selections/dimuon.py").
    """

    folder: Path
    texts: Mapping[str, str]

    __repr__ = short_repr

    @classmethod
    def read(cls, folder: Path) -> AnalysisModules:
        """Read every module of the folders in `FOLDERS`.

        Parameters
        ----------
        folder : Path

        Raises
        ------
        ConfigError
            When a folder or a file in it cannot be read.
        """
        for name in FOLDERS:
            if (folder / name).is_dir() and not os.access(folder / name, os.R_OK | os.X_OK):
                raise ConfigError(f"{folder / name}: no permission to read this folder")
        paths = sorted(path for name in FOLDERS for path in (folder / name).rglob("*.py"))
        inside = ((path.relative_to(folder), path) for path in paths)
        # No module has a name with a dot: editors and macOS keep files of their own there.
        seen = {
            part.as_posix(): path for part, path in inside if not any(p.startswith(".") for p in part.parts)
        }
        return cls(folder, {name: read_text(path) for name, path in seen.items()})

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of every module's text."""
        return {path: hashlib.sha256(text.encode()).hexdigest() for path, text in self.texts.items()}

    @cached_property
    def package(self) -> str:
        """Name of the package the modules are imported under."""
        identity = "\n".join(
            [str(self.folder), *(f"{path}:{digest}" for path, digest in self.hashes.items())]
        )
        return f"{ANALYSIS_PACKAGE}{hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]}"

    def names(self, folder: str) -> list[str]:
        """Return the names of the modules of one folder.

        Parameters
        ----------
        folder : str
            One of `FOLDERS`.
        """
        return list(self._names.get(folder, ()))

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in map(Path, self.texts):
            if not path.stem.startswith("_"):
                found.setdefault(path.parent.as_posix(), []).append(path.stem)
        return found

    def load(self, folder: str, name: str) -> ModuleType:
        """Import one module.

        Parameters
        ----------
        folder : str
            One of `FOLDERS`.
        name : str

        Raises
        ------
        ConfigError
            When there is no such module.
        UserCodeError
            When importing it fails, with file and line.
        """
        if name not in self.names(folder):
            there = self.names(folder)
            near = f"; did you mean '{close[0]}'?" if (close := get_close_matches(name, there, 1)) else ""
            raise ConfigError(
                f"no {folder}/{name}.py in {self.folder}; there are: {', '.join(there) or 'none'}{near}"
            )
        if not any(
            isinstance(finder, _Finder) and finder.modules.package == self.package for finder in sys.meta_path
        ):
            sys.meta_path.append(_Finder(self))
        what = f"{folder}/{name}.py cannot be imported"
        try:
            return importlib.import_module(f"{self.package}.{folder}.{name}")
        except SyntaxError as err:
            text = (err.text or "").strip()
            place = f"{err.filename or self.folder / folder / f'{name}.py'}:{err.lineno or 1}"
            raise UserCodeError(f"{place}: {what}: {err.msg}" + (f": {text}" if text else "")) from err
        except (Exception, SystemExit) as err:  # noqa: BLE001 - whatever their code does
            raise_user_error(err, what, package=self.package)


@dataclass(frozen=True)
class _Finder(importlib.abc.MetaPathFinder):
    modules: AnalysisModules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        package, *parts = fullname.split(".")
        if package != self.modules.package:
            return None
        inside = "/".join(parts)
        file, init = f"{inside}.py", f"{inside}/__init__.py"
        if file in self.modules.texts:
            return self._spec(fullname, file, is_package=False)
        if init in self.modules.texts:
            return self._spec(fullname, init, is_package=True)
        if not parts or any(text.startswith(f"{inside}/") for text in self.modules.texts):
            return importlib.machinery.ModuleSpec(fullname, None, is_package=True)  # a folder
        return None

    def _spec(self, fullname: str, file: str, *, is_package: bool) -> importlib.machinery.ModuleSpec:
        origin = str(self.modules.folder / file)
        loader = _TextLoader(fullname, origin, self.modules.texts[file])
        spec = importlib.machinery.ModuleSpec(fullname, loader, origin=origin, is_package=is_package)
        spec.has_location = True
        return spec


class _TextLoader(importlib.machinery.SourceFileLoader):
    """Loader that compiles the text that was hashed; tracebacks and tools still see the file's path."""

    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def get_source(self, fullname: str) -> str:
        del fullname
        return self._text

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        code: CodeType = compile(self._text, self.path, "exec", dont_inherit=True)
        return code
