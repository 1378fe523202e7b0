"""blinding/policy.toml: what is accepted, and what each mistake is told."""

import shutil

import pytest

import bdana
from bdana.analysis import template_folder
from bdana.blinding import load_policy
from bdana.errors import ConfigError

REGIONS = bdana.load(template_folder()).regions
TEXT = (template_folder() / "blinding" / "policy.toml").read_text()


def policy(tmp_path, text, regions=REGIONS):
    (tmp_path / "blinding").mkdir()
    (tmp_path / "blinding" / "policy.toml").write_text(text)
    return load_policy(tmp_path, regions)


def stage(name, z_min, z_max, cda):
    return f"[stages.{name}]\nz_tax_min_m = {z_min}\nz_tax_max_m = {z_max}\ncda_tax_max_mm = {cda}\n"


def test_no_file_is_no_policy(tmp_path):
    assert load_policy(tmp_path, REGIONS) is None


def test_the_shipped_envelopes_are_the_regions_with_a_guard_band(tmp_path):
    envelopes = policy(tmp_path, TEXT).envelopes
    for region, box in zip(REGIONS.boxes, envelopes.boxes, strict=True):
        assert box.name == region.name
        assert (region.z_min - box.z_min, box.z_max - region.z_max, box.cda_max - region.cda_max) == (
            2000,
            2000,
            10,
        )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max_chi2 = 50.0", "max_chi = 50.0", r"\[pair\] max_chi2: is missing.*has no key 'max_chi': did you mean"),
        ("[pair]", "open = true\n[pair]", "no key 'open'"),
        ("max_dt_ns = 10.0", "max_dt_ns = nan", r"\[pair\] max_dt_ns = nan"),
        ("min_p_gev = 5.0", "min_p_gev = -1.0", r"\[pair\] min_p_gev = -1"),
        ("[0.0, 0.0, 1.0]", "[0.0, 0.0, 0.0]", "beam_line_direction = .*must not be zero"),
        (stage("CR1", -17.0, 62.0, 280.0), "", r"region CR1 has no stage: add \[stages.CR1\]"),
        (stage("CR1", -17.0, 62.0, 280.0), stage("CR1", -17.0, 62.0, 280.0) + stage("XX", -16.0, 61.0, 270.0),
         r"\[stages.XX\] has no region"),
        (stage("CR1", -17.0, 62.0, 280.0), stage("CR1", -14.0, 62.0, 280.0), "region CR1 leaves its closed envelope"),
        (stage("CR1", -17.0, 62.0, 280.0), stage("CR1", -17.0, 62.0, 269.0), "region CR1 leaves its closed envelope"),
        (stage("CR1", -17.0, 62.0, 280.0), stage("CR1", -17.0, 62.0, 500.0), "region CR1 is not inside CR2"),
        (stage("CR1", -17.0, 62.0, 280.0), stage("CR1", 62.0, -17.0, 280.0), "region CR1 is empty"),
        ("[pair]", "[pair", "policy.toml: not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path, old, new, message):
    assert TEXT.count(old) == 1
    with pytest.raises(ConfigError, match=message):
        policy(tmp_path, TEXT.replace(old, new))


def test_stages_in_another_order_are_refused(tmp_path):
    head, *stages = TEXT.partition("\n# Until somebody")[0].split("[stages.")
    with pytest.raises(ConfigError, match="is not inside"):
        policy(tmp_path, head + "".join(f"[stages.{text}\n" for text in reversed(stages)))


def test_the_example_of_the_shipped_policy_is_one(tmp_path, publics):
    shipped, mark, example = TEXT.partition("# [people.anna]")
    lines = (mark + example).splitlines()
    assert all(line.startswith("#") for line in lines)
    text = shipped + "\n".join(line[1:].strip() for line in lines)
    for name, public in (("anna", "ann"), ("rob", "rob"), ("carla", "con")):
        text = text.replace(f"ssh-ed25519 AAAA... {name}@lab", publics[public])
    made = policy(tmp_path, text)
    assert {name: person.role for name, person in made.people.items()} == {
        "anna": "analyst", "rob": "reviewer", "carla": "convenor",
    }  # fmt: skip
    assert made.stages["SR"].approval == {"analyst": 1, "reviewer": 1, "convenor": 1}
    assert made.stages["CR"].approval == {"analyst": 1, "reviewer": 1}


def test_a_region_moved_out_by_a_setting_is_refused(tmp_path):
    folder = tmp_path / "analysis"
    shutil.copytree(template_folder() / "blinding", folder / "blinding")
    for part in ("selections", "backgrounds"):
        shutil.copytree(template_folder() / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(template_folder() / "analysis.toml", folder)
    analysis = bdana.load(folder, ["regions.SR.z_tax_max_m=43.0"])
    with pytest.raises(ConfigError, match="region SR leaves its closed envelope"):
        _ = analysis.gate
