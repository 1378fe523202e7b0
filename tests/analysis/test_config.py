"""[channels] of analysis.toml: the single channel of [search] in another form, or several of them."""

import pytest

from bdana.analysis.config_file import read_config
from bdana.errors import ConfigError

HEAD = """
[analysis]
name = "x"
[regions.SR]
z_tax_min_m = 6.0
z_tax_max_m = 40.0
cda_tax_max_mm = 20.0
"""
MUMU = '[channels.mumu]\nselection = "dimuon"\nbackground = "combinatorial"\nprompt = "prompt"\n'
EE = '[channels.ee]\nselection = "dielectron"\nbackground = "combinatorial_ee"\n'


@pytest.fixture
def config(tmp_path):
    def read(text, *overrides):
        path = tmp_path / "analysis.toml"
        path.write_text(HEAD + text)
        return read_config(path, overrides)

    return read


def declared(config):
    return config.search.selection, config.search.background, config.search.prompt


def test_without_channels_search_is_the_one_channel(config):
    found = config('[search]\nselection = "dielectron"\n')
    assert declared(found) == ("dielectron", "combinatorial", None)
    assert found.search.channel is None


def test_one_channel_alone_is_chosen(config):
    found = config(EE)
    assert found.search.channel == "ee"
    assert declared(found) == ("dielectron", "combinatorial_ee", None)


def test_of_several_none_is_chosen_until_it_is_named(config):
    assert config(MUMU + EE).search.channel is None
    found = config(MUMU + EE, 'search.channel="mumu"')
    assert declared(found) == ("dimuon", "combinatorial", "prompt")
    assert found == config(MUMU + EE).of_channel("mumu")
    assert found.model_dump() == config(MUMU + EE + '[search]\nchannel = "mumu"\n').model_dump()


def test_what_a_freeze_writes_down_is_read_again(config):
    found = config(MUMU + EE, 'search.channel="ee"')
    assert type(found).model_validate(found.model_dump(mode="json", by_alias=True)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[search]\nchannel = "ee"\n', r"\[search\] channel: no channel 'ee': there are none"),
        (MUMU + EE + '[search]\nchannel = "pipi"\n', "no channel 'pipi': there are mumu, ee"),
        (MUMU + EE + '[search]\nselection = "dimuon"\n', r"\[search\] selection: belongs into \[channels.NAME\]"),
        (MUMU + EE + '[search]\nchannel = "ee"\nprompt = "prompt"\n', r"\[search\] prompt: belongs into"),
        (EE + '[search]\nbackground = "combinatorial"\n', r"\[search\] background: belongs into"),
        ('[channels.ee]\nselection = "dielectron"\n', r"\[channels.ee\] background: is missing"),
        (EE + 'colour = "blue"\n', r"\[channels.ee\] has no key 'colour'"),
        ('[channels]\nee = 3\n', r"\[channels\] ee = 3: must be a table"),
        ("channels = 3\n", "channels"),
        ('[channels."../x"]\nselection = "dielectron"\nbackground = "combinatorial_ee"\n', "channels"),
    ],
)  # fmt: skip
def test_wrong_channels_are_named(config, text, message):
    with pytest.raises(ConfigError, match=message):
        config(text)


DECLARED = '[systematics.scale]\neffect = {}\ncorrelated = true\nsource = "made up"\none_sided = {}\n'


@pytest.mark.parametrize("effect", [0.3, -0.3])
def test_a_systematic_that_moves_the_number_one_way_says_so(config, effect):
    made = config(DECLARED.format(effect, "true")).systematics["scale"]
    assert (made.effect, made.one_sided) == (effect, True)
    with pytest.raises(ConfigError, match="one_sided = true"):
        config(DECLARED.format(-0.3, "false"))
