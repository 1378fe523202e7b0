"""Text files that people write: with or without a byte order mark, in UTF-8, or refused by name."""

import shutil

import pytest

import bdana
from bdana.errors import ConfigError
from bdana.events import load_schema, shipped_schemas
from bdana.strict import read_toml

MARK = b"\xef\xbb\xbf"


def test_a_mark_of_byte_order_changes_nothing(tmp_path):
    folder = tmp_path / "ana"
    bdana.analysis.scaffold(folder)
    shutil.copy(shipped_schemas()["flat"], folder / "mine.toml")
    plain = bdana.load(folder)
    config, policy, layout = plain.config, plain.policy, load_schema(str(folder / "mine.toml"))
    for path in [*folder.rglob("*.toml"), *folder.rglob("*.py")]:
        path.write_bytes(MARK + path.read_bytes())
    marked = bdana.load(folder)
    assert (marked.config, marked.policy.stages) == (config, policy.stages)
    assert marked.selection("dimuon")[1] == plain.selection("dimuon")[1]
    assert load_schema(str(folder / "mine.toml")) == layout


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a = \xe9", "UTF-8"), ("a = 1".encode("utf-16"), "UTF-8"), (b"a = 1\nb = = 2", r"not TOML: .*line 2")],
)
def test_what_is_no_toml_is_refused_with_its_name(tmp_path, content, said):
    (tmp_path / "t.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"t\.toml: .*{said}"):
        read_toml(tmp_path / "t.toml")
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read"):
        read_toml(tmp_path / "no.toml")
