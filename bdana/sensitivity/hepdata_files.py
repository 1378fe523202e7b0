"""Folders of HEPData tables: written in YAML, checked with HEPData's own validator, whole or not at all."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bdana.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bdana.sensitivity.bundle_tables import BundleTable

__all__ = ["require_hepdata", "write_submission", "write_text"]


def require_hepdata() -> None:
    """Raise an error unless the libraries that write and check HEPData tables are installed.

    Raises
    ------
    ConfigError
        When they are not.
    """
    _library("yaml")
    _library("hepdata_validator.full_submission_validator")


def write_submission(
    folder: Path,
    shown: Path,
    head: Mapping[str, Any],
    tables: Sequence[BundleTable],
    first_line: str = "",
) -> None:
    """Write submission.yaml and its tables into a folder, and check them with HEPData's validator.

    Parameters
    ----------
    folder : Path
        Where the files of `additional_resources` are already.
    shown : Path
        Name of the folder in error messages.
    head : mapping
        First document of submission.yaml: comment, additional_resources, record_ids.
    tables : sequence of BundleTable
    first_line : str
        A comment at the beginning of submission.yaml.

    Raises
    ------
    InputError
        When HEPData would not take the tables.
    ConfigError
        When the libraries for HEPData are not installed.
    """
    yaml = _library("yaml")

    def text(document: dict[str, Any], *, flow: bool | None) -> str:
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return str(
            yaml.dump(
                document,
                Dumper=dumper,
                sort_keys=False,
                default_flow_style=flow,
                width=120,
                allow_unicode=True,
            )
        )

    documents = [dict(head), *(_entry(table) for table in tables)]
    whole = first_line + "".join("---\n" + text(document, flow=False) for document in documents)
    write_text(folder / "submission.yaml", whole)
    for table in tables:
        write_text(folder / f"{table.name}.yaml", text(table.plain(), flow=None))
    _validate(folder, shown)


def write_text(path: Path, text: str) -> None:
    """Write a file of such a folder, and see it on the disk.

    Parameters
    ----------
    path : Path
    text : str
    """
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _library(name: str) -> Any:
    try:
        return import_module(name)  # an extra, so that nothing imports it before
    except ImportError:
        raise ConfigError(
            "HEPData tables are written with the libraries of HEPData, which are not installed: pip install 'bdana[export]'"
        ) from None


def _validate(folder: Path, shown: Path) -> None:
    module = _library("hepdata_validator.full_submission_validator")
    validator = module.FullSubmissionValidator()
    if not validator.validate(directory=str(folder)):
        messages = [message.message for found in validator.get_messages().values() for message in found]
        raise InputError(f"{shown}: HEPData does not take these tables: {'; '.join(messages[:3])}")


def _entry(table: BundleTable) -> dict[str, Any]:
    return {
        "name": table.title,
        "description": table.description,
        "keywords": [{"name": name, "values": list(values)} for name, values in table.keywords.items()],
        "data_file": f"{table.name}.yaml",
    }
