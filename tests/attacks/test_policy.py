"""Attacks on blinding/policy.toml: whatever would leave something open, or somebody alone with it, is refused."""

import base64
import shutil

import pytest

import bdana
from bdana.analysis import template_folder
from bdana.blinding import load_policy
from bdana.errors import BlindingError, ConfigError
from tests.attacks.search import Search
from tests.blinding.people import ROLES, policy_text, ssh_key

REGIONS = bdana.load(template_folder()).regions
CR1 = "[stages.CR1]\nz_tax_min_m = -17.0\nz_tax_max_m = 62.0\ncda_tax_max_mm = 280.0\n"
APPROVAL = "[stages.SR.approval]\nanalyst = 1\nreviewer = 1\nconvenor = 1\n"


def loaded(folder, text):
    (folder / "blinding").mkdir()
    (folder / "blinding" / "policy.toml").write_text(text)
    return load_policy(folder, REGIONS)


def stage(old, new):
    """Return an edit of the stage CR1."""
    return CR1, CR1.replace(old, new)


ATTACKS = {
    "unknown key at the top": ("[pair]", "bypass = true\n[pair]", r"no key 'bypass'"),
    "unknown key of the pair": ("max_dt_ns = 10.0", "max_dt_ns = 10.0\nopen_sr = 1", r"\[\S*pair\] has no key 'open_sr'"),
    "unknown key of a stage": (*stage("\ncda", "\nopen = true\ncda"), r"\[\S*stages\.CR1\] has no key 'open'"),
    "unknown key of a person": ('role = "convenor"', 'role = "convenor"\nadmin = true', r"\[\S*people\.con\] has no key 'admin'"),
    "unknown key of a period": ("data_runs", "open = true\ndata_runs", r"\[\S*periods\.2021\] has no key 'open'"),
    "unknown role": ('role = "convenor"', 'role = "boss"', r"\[\S*people\.con\] role = .*: must be 'analyst'"),
    "unknown role in a clause": ("convenor = 1", "boss = 1", r"\[stages\.SR\.approval\] boss"),
    "nobody in a clause": ("reviewer = 1", "reviewer = 0", r"\[\S*approval\] reviewer = .*: must be 1 or more"),
    "a fraction of a person": ("reviewer = 1", "reviewer = 0.5", r"\[\S*approval\] reviewer = .*: must be a whole number"),
    "true for one person": ("reviewer = 1", "reviewer = true", r"\[\S*approval\] reviewer = .*: must be a whole number"),
    "analysts alone": (APPROVAL, "[stages.SR.approval]\nanalyst = 2\n", "must ask for an analyst, who requests, and"),
    "reviewers alone": (APPROVAL, "[stages.SR.approval]\nreviewer = 2\n", "must ask for an analyst, who requests, and"),
    "no clause": (APPROVAL, "[stages.SR.approval]\n", r"\[\S*stages\.SR\] approval = .*: must hold at least 1 value"),
    "clause of two convenors": ("convenor = 1", "convenor = 2", r"\[stages.SR\] asks for 2 convenor, but \[people\] has 1"),
    "clause of three reviewers": ("reviewer = 1", "reviewer = 3", r"\[stages.SR\] asks for 3 reviewer, but \[people\] has 2"),
    "person of another spelling": ("[people.rea]", "[people.ROB]", r"ROB stands in \[people\] twice"),
    "person declared twice": ("[people.rea]", "[people.rob]", "not TOML"),
    "person with a path for a name": ("[people.rea]", '[people."../rea"]', "is part of file names"),
    "person with a look-alike name": ("[people.rea]", '[people."rоb"]', "is part of file names"),
    "person without a key": ("[people.rea]", '[people.max]\nrole = "analyst"\n[people.rea]', r"\[\S*max\] ssh_key: is missing"),
    "NaN for a border": (*stage("62.0", "nan"), r"\[\S*stages\.CR1\] z_tax_max_m = .*: must be a finite number"),
    "infinity for a border": (*stage("62.0", "inf"), r"\[\S*stages\.CR1\] z_tax_max_m = .*: must be a finite number"),
    "text for a border": (*stage("62.0", "'62.0'"), r"\[\S*stages\.CR1\] z_tax_max_m = .*: must be a number"),
    "true for a time": ("max_dt_ns = 10.0", "max_dt_ns = true", r"\[\S*pair\] max_dt_ns = .*: must be a number"),
    "negative time": ("max_dt_ns = 10.0", "max_dt_ns = -10.0", r"\[\S*pair\] max_dt_ns = .*: must be above 0"),
    "no time at all": ("max_dt_ns = 10.0", "max_dt_ns = -0.0", r"\[\S*pair\] max_dt_ns = .*: must be above 0"),
    "chi2 of zero": ("max_chi2 = 50.0", "max_chi2 = 0.0", r"\[\S*pair\] max_chi2 = .*: must be above 0"),
    "negative envelope": (*stage("280.0", "-280.0"), r"\[\S*stages\.CR1\] cda_tax_max_mm = .*: must be above 0"),
    "empty envelope": (*stage("62.0", "-17.0"), "region CR1 is empty"),
    "region half a metre outside": (*stage("-17.0", "-14.5"), "region CR1 leaves its closed envelope"),
    "region outside in CDA": (*stage("280.0", "269.0"), "region CR1 leaves its closed envelope"),
    "envelopes that cross": (*stage("62.0", "80.0"), "region CR1 is not inside CR2"),
    "envelope wider than the next": (*stage("280.0", "441.0"), "region CR1 is not inside CR2"),
    "skipped stage": (CR1, "", "region CR1 has no stage"),
    "stage without region": (CR1, CR1 + CR1.replace("CR1", "CRX").replace("280", "270"), "CRX. has no region"),
    "stage named twice": (CR1, CR1 + CR1, "not TOML"),
    "capacity of nothing": (CR1, CR1 + "capacity_kib = 0\n", r"capacity_kib = .*: must be above 0"),
    "runs the wrong way round": ("[[11000, 12000]]", "[[12000, 11000]]", "holds no run: write the first run first"),
    "runs in two periods": ("[[11000, 12000]]", "[[11000, 12000]]\n[periods.2022]\ndata_runs = [[12000, 13000]]",
                            "run 12000 is in .periods.2021. and again in .periods.2022."),
    "period without runs": ("[[11000, 12000]]", "[]", r"data_runs = .*: must hold at least 1 value"),
    "beam line without direction": ("direction = [0.0, 0.0, 1.0]", "direction = [0, -0.0, 0]", "must not be zero"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), ATTACKS.values(), ids=ATTACKS)
def test_a_policy_that_opens_too_much_is_refused(tmp_path, keys, old, new, message):
    text = policy_text(keys)
    assert old in text
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, text.replace(old, new, 1))


def test_stages_in_another_order_than_the_regions(tmp_path, keys):
    swapped = policy_text(keys).replace("[stages.CR2]", "[stages.X]").replace("[stages.CR1]", "[stages.CR2]")
    with pytest.raises(ConfigError, match="list the stages in that order"):
        loaded(tmp_path, swapped.replace("[stages.X]", "[stages.CR1]"))


def with_key(keys, line, name="rea"):
    return policy_text(keys).replace(keys[name].with_suffix(".pub").read_text().strip(), line)


def longer(line):
    """Return a public key with bytes behind its end, which some programs overlook."""
    kind, raw, *_ = line.split(" ")
    return f"{kind} {base64.b64encode(base64.b64decode(raw) + bytes(3)).decode()} x"


def test_one_key_under_two_names(tmp_path, keys, publics):
    with pytest.raises(ConfigError, match="rea and rob have the same SSH key"):
        loaded(tmp_path, with_key(keys, publics["rob"]))


def test_one_key_with_another_comment(tmp_path, keys, publics):
    kind, raw, _ = publics["rob"].split(" ")
    with pytest.raises(ConfigError, match="rea and rob have the same SSH key"):
        loaded(tmp_path, with_key(keys, f"{kind}   {raw} somebody else"))


def test_one_key_with_bytes_behind_it(tmp_path, keys, publics):
    with pytest.raises(ConfigError, match="is not the ssh-ed25519 key it says it is"):
        loaded(tmp_path, with_key(keys, longer(publics["rob"])))


def test_one_rsa_key_with_a_needless_zero(tmp_path, keys):
    kind, raw, *_ = ssh_key(tmp_path, "rsa", "rsa").with_suffix(".pub").read_text().split(" ")
    blob = base64.b64decode(raw)
    start = 4 + len(kind) + 4 + int.from_bytes(blob[4 + len(kind) : 8 + len(kind)], "big")
    modulus = bytes(1) + blob[start + 4 :]
    padded = blob[:start] + len(modulus).to_bytes(4, "big") + modulus
    loaded(tmp_path, with_key(keys, f"{kind} {raw}"))  # the key itself is fine
    shutil.rmtree(tmp_path / "blinding")
    with pytest.raises(ConfigError, match="is not the ssh-rsa key it says it is"):
        loaded(tmp_path, with_key(keys, f"{kind} {base64.b64encode(padded).decode()}"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sk-ssh-ed25519@openssh.com AAAA token", "lives in a FIDO token and cannot be used"),
        ("sk-ecdsa-sha2-nistp256@openssh.com AAAA token", "lives in a FIDO token and cannot be used"),
        ("ssh-dss AAAA old", "key type 'ssh-dss' cannot be used"),
        ("ecdsa-sha2-nistp256 AAAA", "key type 'ecdsa-sha2-nistp256' cannot be used"),
        ("ssh-ed25519 AAAA", "is not the ssh-ed25519 key it says it is"),
        ("ssh-ed25519 no-base64!", r"ssh_key"),
        ("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAA", "is not the ssh-rsa key it says it is"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "key type '-----BEGIN' cannot be used"),
        ("", "key type '' cannot be used"),
    ],
    ids=["fido", "fido-ecdsa", "dsa", "ecdsa", "cut", "no-base64", "other-type", "private", "empty"],
)
def test_keys_that_cannot_be_used(tmp_path, keys, line, message):
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, with_key(keys, line))


def test_the_policy_under_attack_is_accepted(tmp_path, keys):
    assert list(loaded(tmp_path, policy_text(keys)).people) == list(ROLES)


EDITS = {
    "no people": lambda text: text[: text.index("[people.")],
    "no periods": lambda text: (
        text[: text.index("[periods.")] if text.index("[periods.") > text.index("[people.") else text
    ),
    "other runs": lambda text: text.replace("data_runs = [[11000, 12000]]", "data_runs = [[1, 2]]"),
    "a shorter time": lambda text: text.replace("max_dt_ns = 10.0", "max_dt_ns = 1e-9"),
    "a wider quality cut": lambda text: text.replace("max_chi2 = 50.0", "max_chi2 = 1e-9"),
    "a smaller quorum": lambda text: text.replace(APPROVAL, ""),
    "another envelope": lambda text: text.replace(CR1, CR1.replace("62.0", "61.0")),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_policy_opens_nothing_once_there_are_keys(tmp_path, keys, edit):
    search = Search(tmp_path, keys)
    path = tmp_path / "blinding" / "policy.toml"
    text = path.read_text()
    assert EDITS[edit](text) != text
    path.write_text(EDITS[edit](text))
    load_policy(tmp_path, REGIONS)  # nobody has made keys here
    search.ledger.folder.rename(tmp_path / "blinding" / "ledger")
    with pytest.raises(BlindingError, match="is not the one that people signed and keys were made for"):
        load_policy(tmp_path, REGIONS)
    path.write_text(text)
    load_policy(tmp_path, REGIONS)


def test_a_policy_that_is_gone_opens_nothing_once_there_are_keys(tmp_path, keys):
    search = Search(tmp_path, keys)
    (tmp_path / "blinding" / "policy.toml").unlink()
    assert load_policy(tmp_path, REGIONS) is None
    search.ledger.folder.rename(tmp_path / "blinding" / "ledger")
    with pytest.raises(BlindingError, match="is not there, though the ledger has keys"):
        load_policy(tmp_path, REGIONS)
