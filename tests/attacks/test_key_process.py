"""Little code shares its memory with a key: what may be imported in the process that decrypts."""

import json
import sys
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from bdana.errors import InputError
from bdana.opening.isolated import run_isolated
from bdana.opening.key_process import Job
from tests.blinding.people import IDENTITIES

EXECUTED = SimpleNamespace(__module__="builtins", __name__="exec")
CODE = """
import json, sys
from bdana.errors import InputError
from bdana.opening.key_process import decrypted
_, contents = decrypted(json.loads({job!r}), {{}})
assert [len(content) > 0 for content in contents.values()] == [True]
raise InputError(" ".join(sys.modules))
"""
PACKAGES = {
    "annotated_types", "bdana", "bottleneck", "cryptography", "hepunits", "numpy", "pydantic", "pydantic_core", "pyrage", "rfc8785",
    "sshsig", "typing_extensions", "typing_inspection",
}  # fmt: skip
"""What may be imported beside Python's own modules. scipy comes where the verdict of an earlier opening is checked."""
ROOMS = {"blinding", "opening", "sealing", "statistics"}
"""Packages of bdana of which something may be imported: the rules, the steps, decryption, and what a verdict is judged by."""
OF_ROOMS = {
    "opening.isolated", "opening.key_process", "opening.steps", "sealing.sealed_file", "statistics.background", "statistics.poisson",
    "statistics.systematic",
}  # fmt: skip
ALONE = {
    "_version", "display", "errors", "lengths", "mistakes", "observed", "on_demand", "regions", "rounding", "strict", "text_files",
}  # fmt: skip


def test_little_is_imported_where_there_is_a_key(search):
    (search.ledger.folder.parent / "blinding" / "ledger").symlink_to(search.ledger.folder)
    folder, request = str(search.ledger.folder.parent), search.request("CR3")
    files = {"CR3": [str(search.files["CR3"])]}
    job = Job(folder, folder, "rob", str(search.keys["rob"]), "2021", (request.hash,), files)
    text = json.dumps(asdict(job) | {"secret": str(IDENTITIES["rob"])})
    with pytest.raises(InputError) as told:
        run_isolated(EXECUTED, CODE.format(job=text), plain=False)
    assert search.opening.opened() == ["CR3"]
    imported = str(told.value).split()
    roots = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert {root for root in roots if not root.startswith("_")} - PACKAGES == set()
    own = {name.removeprefix("bdana.") for name in imported if name.startswith("bdana.")}
    assert {name for name in own if not name.startswith("blinding")} - ROOMS - OF_ROOMS - ALONE == set()
