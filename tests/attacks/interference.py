"""Raw data that differ only inside closed envelopes, and everything that then becomes visible."""

import datetime as dt
import json
import shutil

import awkward as ak
import numpy as np

import bdana
from bdana.blinding import load_policy
from bdana.events import write_events
from bdana.events.files import forget_files
from bdana.sealing.seal_file import seal
from bdana.simulation import Beam, SimulationConfig, simulate
from tests.attacks.raw import dimuon_at
from tests.commands import bdana as bdana_command
from tests.searches import one_variable, sealing_of, search_folder, stage_secrets, with_clusters
from tests.synthetic import dimuon_event, diphoton_event, records

RUN = 11001
CLOSED = (0, 1, 10, 1000, "nan")
"""How many closed events the data hold: see `closed_events`."""
WITHOUT_CUTS = """
[n_minus_1.cda]
expression = "cda_fv"
label = "CDA of the two tracks"
unit = "mm"
bins = 20
min = 0.0
max = 1000.0

[n_minus_1.lav_veto]
function = "lav_dt"
label = "time to the nearest LAV hit"
unit = "ns"
bins = 20
min = 0.0
max = 100.0
"""
COMMANDS = (
    ("run",),
    ("select", "data/run{ending}"),
    ("select", "data/run{ending}", "--json", "--set", "selection.dimuon.acceptance=false"),
    ("select", "data/nothing.root"),
)


class Frozen(dt.datetime):
    """A clock that stands: times are one of the named normalisations."""

    @classmethod
    def now(cls, tz=None):
        return cls(2021, 11, 1, tzinfo=tz)


def closed_events(number, rng, gate, stages=None, first=900_000):
    """Return closed events in time, with pairs from all over the envelopes of some stages (of all): five, one of each.

    Their event numbers begin with `first`. "nan" gives ten, of which nobody knows the track quality, nor of some the charge: they are most secret.
    """
    total = 10 if number == "nan" else number
    order = rng.permutation(gate.names if stages is None else stages)
    made = []
    for i in range(total):
        z, cda = point_of(order[i % len(order)], rng, gate.envelopes)
        event = dimuon_at(
            first + i, z, cda, rng.normal(0.5e-3, 0.03e-3, 2), rng.uniform(110e3, 170e3), run=RUN
        )
        event["trigger"] = int(rng.choice([1, 2, 3]))
        if number == "nan":
            event["tracks"][i % 2] |= {
                "chi2": float("nan"),
                "charge": event["tracks"][i % 2]["charge"] * (i % 3 > 0),
            }
        made.append(event)
    if made:
        levels = gate.secrecy(records(made))
        found = {0} if number == "nan" else {gate.names.index(stage) for stage in order[:total]}
        assert set(levels.tolist()) == found
    return made


def closed_clusters(number, rng, gate, first=950_000):
    """Return events closed by a pair of clusters, with pairs from all over the envelopes: five, one of each.

    "nan" gives ten, of which nobody knows the energy, place or time of a cluster: they are most secret.
    """
    total = 10 if number == "nan" else number
    order = rng.permutation(gate.names)
    made = []
    for i in range(total):
        mass, radius = point_of(order[i % len(order)], rng, gate.clusters.envelopes)
        turn = rng.uniform(0.0, 2.0 * np.pi)
        centre = radius * np.cos(turn), radius * np.sin(turn) - 22.0
        event = diphoton_event(
            first + i, mass=mass, z=142.5e3, centre=centre, energies=rng.uniform(20e3, 60e3, 2), run=RUN
        )
        event["trigger"] = int(rng.choice([0, 1, 2, 3]))
        if number == "nan":
            event["lkr"][i % 2][("energy", "x", "y", "time")[i % 4]] = float("nan")
        made.append(event)
    if made:
        levels = gate.secrecy(records(made))
        expected = {0} if number == "nan" else {gate.names.index(stage) for stage in order[:total]}
        assert set(levels.tolist()) <= set(range(len(gate.names)))
        assert expected <= set(levels.tolist())
    return made


def point_of(stage, rng, envelopes):
    """Draw a point, such as (z_TAX, CDA_TAX; mm), inside the envelope of a stage and no more secret one."""
    place = envelopes.names.index(stage)
    box = envelopes.boxes[place]
    while True:
        z, cda = rng.uniform(*box.ends), rng.uniform(0.0, box.top)
        if envelopes.secrecy([z], [cda])[0] == place:
            return z, cda


def open_data(gate, seed, downscale=20_000.0):
    """Return simulated halo without its closed events, with pairs from beside the TAX, and its bursts."""
    halo = SimulationConfig(pot=6e15, bursts=6, run=RUN, truth=False, beam=Beam(downscale=downscale))
    events, bursts = simulate(halo, seed)
    rng = np.random.default_rng(seed)
    beside = [
        dimuon_event(800_000 + i, run=RUN, vertex=(300.0 + x, 40.0, 140e3), origin=(800.0, -22.0, 23_070.0))
        for i, x in enumerate(rng.normal(0.0, 40.0, 30))
    ]
    events = mixed(events[[name for name in ak.fields(events) if name != "weight"]], beside, rng)
    return events[gate.secrecy(events) == len(gate.names)], bursts


def mixed(events, extra, rng):
    """Put extra events in at random places; the others keep their order."""
    if not extra:
        return events
    added = records(extra)
    added = added[ak.fields(events)]
    keys = np.concatenate([np.arange(len(events)), rng.uniform(-1, len(events), len(added))])
    return ak.to_packed(ak.concatenate([events, added])[np.argsort(keys, kind="stable")])


class World:
    """An analysis folder whose raw data are replaced again and again, all under the same names.

    The prompt background takes most of the time, so that it may be left out.
    """

    def __init__(self, folder, keys, *, sealed, prompt=True, clusters=False, pdf=False):
        self.folder, self.keys, self.sealed = folder, keys, sealed
        self.ending = ".open.root" if sealed else ".root"

        def edit(text):
            return one_variable(text if prompt else text.replace('prompt = "prompt"\n', "")) + WITHOUT_CUTS

        search_folder(folder, f"data/run{self.ending}", keys=keys if sealed else None, edit=edit, pdf=pdf)
        (folder / "data").mkdir()
        if clusters:  # alone, and without an estimate
            with_clusters(folder)
            settings = folder / "analysis.toml"
            text = settings.read_text().replace('single_tracks = "singles"\n', "")
            settings.write_text(text.replace('selection = "dimuon"', 'selection = "diphoton"'))
        analysis = bdana.load(folder)
        self.gate = load_policy(folder, analysis.regions).gate(analysis.detector)
        self.secrets = stage_secrets(self.gate.names)

    def put(self, events, bursts):
        """Write data, sealed if the analysis is; what the raw file was is then gone."""
        self.clear()
        raw = self.folder / "data" / "run.root"
        write_events(raw, [events], bursts)
        if self.sealed:
            self.seal(raw)
            raw.unlink()

    def clear(self):
        shutil.rmtree(self.folder / "output", ignore_errors=True)
        for old in (self.folder / "data").glob("run*"):
            old.unlink()
        forget_files()

    def seal(self, raw):
        seal(raw, raw.parent, sealing_of(bdana.load(self.folder), self.keys, self.secrets))

    def visible(self, commands=COMMANDS):
        """Run commands and return all there is to see, normalised: streams, exit codes, names, sizes and bytes."""
        seen = {}
        for command in commands:
            arguments = [part.format(ending=self.ending) for part in command]
            seen[" ".join(command)] = run(self.folder, arguments)
        if self.sealed:  # what says that it is simulation is refused, and tells nothing either
            seen["as mc"] = run(self.folder, ["select", f"data/run{self.ending}", "--kind", "mc"])
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                seen[str(path.relative_to(self.folder))] = self.content(path)
        return seen

    def content(self, path):
        if path.suffix in {".age", ".sig"}:
            return path.stat().st_size  # encrypted, or a signature of what holds hashes of the encrypted
        if path.name.endswith(".manifest.json"):
            document = json.loads(path.read_text())
            document["raw_sha256"] = len(document["raw_sha256"])
            for entry in document["sealed"].values():
                entry["sha256"] = len(entry["sha256"])
            return path.stat().st_size, document
        if (
            path.name == "last_run.json"
        ):  # times of the inputs, hashes of their manifests, and the size of raw data
            document, inputs = json.loads(path.read_text()), str(self.folder / "data")
            return {
                part: {
                    name: "an input" if name.startswith(inputs) else found for name, found in of_files.items()
                }
                if isinstance(of_files, dict)
                else of_files
                for part, of_files in document.items()
            }
        if path.name == "run.root":
            return "raw data, before the seal"
        return path.read_bytes()


def run(folder, arguments):
    """Run a command in a folder; return exit code, stdout and stderr."""
    done = bdana_command(*arguments, cwd=folder, typed="secret\n")
    return done.returncode, done.stdout, done.stderr


def differences(one, other):
    """Name what differs between two views."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
