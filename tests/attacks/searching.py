"""A search by commands from the seal to an opened CR3, and all there is to see of it, with the hashes named."""

import json
import re
import shutil

import pyrage

import bdana
from bdana.blinding import load_policy
from bdana.blinding.canonical import sha256
from bdana.blinding.ledger import Ledger
from tests.attacks.interference import World, run
from tests.blinding.people import IDENTITIES, everybody_joins_with_keys

STEPS = (
    ("blinding freeze", "ann"),
    ("blinding rehearse", "ann"),
    ("blinding request CR3 --opener rob", "ann"),
    ("blinding open CR3", "rob"),
    ("blinding open CR2", "rob"),
    ("blinding request SR --opener rob", "ann"),
    ("blinding withdraw CR3 late", "ann"),
    ("run", None),
    ("background data/run.open.root", None),
    ("report", None),
    ("plot", None),
    ("select data/run.open.root", None),
    ("select data/run.open.root --kind mc", None),
    ("schema check data/run.open.root", None),
    ("blinding status", None),
    ("blinding status --json", None),
    ("blinding verify", None),
)
"""What is typed after `bdana`, and by whom."""
REFUSED = {
    "blinding open CR2", "blinding request SR --opener rob", "blinding withdraw CR3 late",
    "select data/run.open.root --kind mc",
}  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z| UTC)?")
CHANGED = re.compile(r"(?<= )\d{19} \d{19} \d+(?=\")")
"""When a file was changed, in ns, and where it lies on the disk, as output/last_run.json has it after its size."""
TEXT = {".json", ".html", ".csv", ".md", ".toml", ".py", ".receipts", ""}


class SearchWorld(World):
    """An analysis whose people have joined; every world starts from the same ledger with the same keys.

    Parameters
    ----------
    folder : Path
    keys : mapping
    config : Path
        Where the people's own files lie.
    prompt : bool
        Whether there is a prompt background, which takes time.
    """

    def __init__(self, folder, keys, config, *, prompt=False):
        super().__init__(folder, keys, sealed=True, prompt=prompt)
        self.config = config
        policy = load_policy(folder, bdana.load(folder).regions)
        self.ledger = Ledger(folder / "blinding" / "ledger")
        everybody_joins_with_keys(policy, self.ledger, keys)
        self.joined = folder.parent / "joined"
        shutil.copytree(self.ledger.folder, self.joined)
        self.locked = pyrage.passphrase.encrypt(str(IDENTITIES["rob"]).encode(), "secret")

    def clear(self):
        super().clear()
        shutil.rmtree(self.ledger.folder)
        shutil.copytree(self.joined, self.ledger.folder)
        shutil.rmtree(self.config, ignore_errors=True)
        (self.config / "bdana").mkdir(parents=True)
        (self.config / "bdana" / "rob.age").write_bytes(self.locked)

    def seal(self, raw):
        words = f"seal data/{raw.name} --period 2021 --out data"
        self.seen = {"seal": self.step(words, "bob")}

    def step(self, words, person):
        signing = ["--person", person, "--key", str(self.keys[person])] if person else []
        return run(self.folder, [*words.split(), *signing])

    def search(self, captured, rehearsed):
        """Type all commands; without rehearsal the row is written that says there was one. Return all there is to see.

        Parameters
        ----------
        captured : callable
            Returns what processes wrote to the streams of this one.
        rehearsed : bool
        """
        seen = self.seen
        for words, person in STEPS:
            if words == "blinding rehearse" and not rehearsed:
                freeze = self.ledger.of_kind("freeze")[-1].hash
                self.ledger.append("rehearse", person, self.keys[person], {"freeze": freeze})
                continue
            seen[words] = (*self.step(words, person), *captured())
        for base in (self.folder, self.config):
            for path in sorted(base.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    seen[str(path.relative_to(base))] = self.content(path)
        tokens = self.tokens()
        return {named(name, tokens): named(value, tokens) for name, value in seen.items()}

    def content(self, path):
        if self.ledger.folder in path.parents and path.name[0].isdigit() and path.suffix != ".sig":
            return json.dumps(without_ciphertext(json.loads(path.read_text())))
        if path.suffix in TEXT:
            return path.read_text()
        return super().content(path)

    def tokens(self):
        """Return what each value is that may differ: hashes of sealed files and what follows from them, and raw data's.

        Signatures follow from what is signed, and so do their hashes. Outputs have times and the ledger's head in them, and
        are compared themselves.
        """
        path = self.folder / "data" / "run.manifest.json"
        document = json.loads(path.read_text())
        found = {sha256(path.read_bytes()): "<manifest>", document["raw_sha256"]: "<raw data>"}
        signatures = [*self.folder.glob("data/*.sig"), *self.ledger.folder.glob("*.sig")]
        found |= {sha256(file.read_bytes()): "<signature>" for file in signatures}
        outputs = [file for file in (self.folder / "output").rglob("*") if file.is_file()]
        found |= {sha256(file.read_bytes()): f"<output {file.name}>" for file in outputs}
        found |= {entry["sha256"]: f"<sealed {stage}>" for stage, entry in document["sealed"].items()}
        rows = self.ledger.rows()
        found |= {row.hash: f"<row {row.number} {row.kind}>" for row in rows}
        return found | {row.hash[:16]: f"<row {row.number}>" for row in rows}


def without_ciphertext(value):
    """Hide what is encrypted to a person: key parts and links, of random bytes and length."""
    if isinstance(value, dict):
        return {
            k: "<encrypted>" if k in {"link", "sealed"} and isinstance(v, str) else without_ciphertext(v)
            for k, v in value.items()
        }
    return [without_ciphertext(v) for v in value] if isinstance(value, list) else value


def named(value, tokens):
    """Put the names of hashes in their place, and hide times."""
    if isinstance(value, tuple):
        return tuple(named(part, tokens) for part in value)
    if not isinstance(value, str):
        return value
    for digest, token in tokens.items():
        value = value.replace(digest, token)
    return CHANGED.sub("<changed>", TIME.sub("<time>", value))
