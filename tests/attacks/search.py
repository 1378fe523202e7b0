"""A search with people, keys and sealed files, without a selection: what the protocol is attacked on."""

from copy import copy

import awkward as ak

import bdana
from bdana.analysis import template_folder
from bdana.blinding import load_policy
from bdana.blinding.canonical import canonical, sha256
from bdana.blinding.ledger import Ledger
from bdana.blinding.rules import append
from bdana.blinding.stage_keys import stage_recipients
from bdana.opening.freeze import freeze
from bdana.opening.steps import Opening
from bdana.sealing.sealed_file import encrypt_events, events_of
from tests.blinding.people import IDENTITIES, everybody_joins_with_keys, policy_text
from tests.searches import STAGES

REGIONS = bdana.load(template_folder()).regions


def open_here(opening, person, key, identity, request, sealed, show):
    """Open a stage in this process, with any function of its events as the selection."""

    def decrypt():
        return opening.decrypt(person, key, identity, request, sealed)

    return opening.run(person, key, request, decrypt, lambda contents: show(events_of(contents)))


def show(chunks):
    return {"observed": sum(len(chunk) for chunk in chunks)}


class Search:
    """A whole search with people, keys, sealed files and a freeze by ann."""

    def __init__(self, folder, keys, edit=str):
        (folder / "blinding").mkdir()
        (folder / "blinding" / "policy.toml").write_text(edit(policy_text(keys)))
        self.policy = load_policy(folder, REGIONS)
        self.ledger = Ledger(folder / "ledger")
        self.keys = keys
        everybody_joins_with_keys(self.policy, self.ledger, keys)
        self.files = {}
        self.seal(folder)
        self.opening = Opening(self.ledger, self.policy, "2021")

    def seal(self, folder):
        """Write the sealed file of each stage, with one event more than that of the one before."""
        publics = stage_recipients(self.ledger, self.policy, "2021")
        for i, stage in enumerate(STAGES):
            events = [ak.Array([{"event": n} for n in range(i + 1)])]
            self.files[stage] = folder / f"run.{stage}.age"
            self.files[stage].write_bytes(encrypt_events(events, publics[stage], 8192))

    def with_ledger(self, folder):
        """Return the same search with another ledger."""
        other = copy(self)
        other.ledger = Ledger(folder)
        other.opening = Opening(other.ledger, self.policy, "2021")
        return other

    def at(self, folder):
        """Return the search as it lies in a copy of its folder."""
        made = self.with_ledger(folder / "ledger")
        made.files = {stage: folder / path.name for stage, path in self.files.items()}
        return made

    def read(self, stage):
        """Return the hash of the sealed file of a stage by its name."""
        return {self.files[stage].name: sha256(self.files[stage].read_bytes())}

    def recorded(self):
        """Return hash and name of what stands for the manifest of the sealed files, recorded once."""
        files = {stage: sha256(path.read_bytes()) for stage, path in self.files.items()}
        named = {"period": "2021", "sha256": sha256(canonical(files)), "sealed": files}
        if not any(named in row.body["manifests"].values() for row in self.ledger.of_kind("seal")):
            body = {"manifests": {"run.manifest.json": named}}
            append(self.ledger, self.policy, "seal", "bob", self.keys["bob"], body)
        return {named["sha256"]: "run.manifest.json"}

    def freeze(self, person="ann", channel="mumu", explains="", **more):
        sealed = {stage: self.read(stage) for stage in self.files}
        document = {
            "format": 3,
            "manifests": {"2021": self.recorded()},
            "sealed": {"2021": sealed},
            "policy": self.policy.sha256,
            "prediction": {"regions": [], "expected": [], "error": [], "upper_limit_90": []},
            "seed": "1",
            "config": {"search": {"selection": channel}},
            **more,
        }
        row = freeze(self.ledger, self.policy, person, self.keys[person], document, explains)
        append(self.ledger, self.policy, "rehearse", person, self.keys[person], {"freeze": row.hash})
        return row

    def request(self, stage, person="ann", opener="rob", channel="mumu"):
        return self.opening.request(person, self.keys[person], IDENTITIES[person], stage, channel, opener)

    def approve(self, request, person="con"):
        return self.opening.approve(person, self.keys[person], IDENTITIES[person], request)

    def open(self, request, person="rob", shown=show):
        files = [self.files[request.body["stage"]]]
        return open_here(self.opening, person, self.keys[person], IDENTITIES[person], request, files, shown)

    def open_up_to(self, last):
        for stage in STAGES[: STAGES.index(last) + 1]:
            self.open(self.request(stage))
