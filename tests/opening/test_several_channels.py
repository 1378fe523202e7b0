"""An analysis of two channels: each is frozen and opened by itself, and its table shows its own openings alone."""

import shutil

import pytest

import bdana
from bdana.errors import ConfigError
from bdana.opening.freeze import counted_parts, declared_settings
from bdana.opening.thaw import thaw
from bdana.search.channels import by_channel
from bdana.search.opened import opened_regions
from tests.attacks.search import Search
from tests.searches import analysis_folder

ONE = 'selection = "dimuon"\nbackground = "combinatorial"\nprompt = "prompt"\n'
CHANNELS = """
[channels.mumu]
selection = "dimuon"
background = "combinatorial"

[channels.ee]
selection = "dielectron"
background = "combinatorial_ee"
"""


@pytest.fixture
def search(tmp_path, keys):
    return Search(tmp_path, keys)


@pytest.fixture
def analysis(tmp_path, search):
    folder = analysis_folder(tmp_path / "analysis", edit=lambda text: text.replace(ONE, "") + CHANNELS)
    shutil.copy(tmp_path / "blinding" / "policy.toml", folder / "blinding")
    return bdana.load(folder)


def opened(search, analysis):
    """Give the regions that each channel's table shows as opened."""
    shutil.copytree(search.ledger.folder, analysis.folder / "blinding" / "ledger")
    return {name: opened_regions(part) for name, part in by_channel(analysis).items()}


def test_each_channel_is_opened_with_its_own_freeze(search, analysis):
    for number, (name, stages) in enumerate({"mumu": ("CR3", "CR2"), "ee": ("CR3",)}.items(), 1):
        part = by_channel(analysis)[name]
        channel = part.config.search.selection
        search.freeze(channel=channel, analysis_hash=part.hash)
        for stage in stages:
            shown = {"observed": {stage: number}}
            search.open(search.request(stage, channel=channel), shown=lambda _, shown=shown: shown)
    found = opened(search, analysis)
    assert {name: [(r.name, r.observed) for r in regions] for name, regions in found.items()} == {
        "mumu": [("CR3", 1), ("CR2", 1)],
        "ee": [("CR3", 2)],
    }
    assert all(r.frozen_before and r.same for regions in found.values() for r in regions)


def test_all_channels_at_once_are_not_frozen(analysis):
    with pytest.raises(ConfigError, match="has the channels mumu, ee, and this is done for one at a time"):
        counted_parts(
            bdana.load(
                analysis.folder,
                overrides=[
                    'samples.d={kind="mc", files=["d.root"]}',
                    'samples.s={kind="mc", files=["s.root"]}',
                    'search.data="d"',
                    'search.single_tracks="s"',
                ],
            )
        )


def test_the_freeze_of_a_channel_is_the_analysis_of_that_channel_again(analysis):
    part = by_channel(analysis)["ee"]
    regions = [*part.config.regions, "outside"]
    frozen = dict.fromkeys(
        ("cuts", "inputs", "sealed", "manifests", "table", "exposure", "bdana", "packages", "conventions")
    )
    frozen |= declared_settings(part, part.policy) | {"prediction": {"regions": regions}}
    again = thaw(analysis.folder, frozen)
    assert again.hash == part.hash
    assert again.config.search.selection == "dielectron"
    assert again.config.search.background == "combinatorial_ee"
