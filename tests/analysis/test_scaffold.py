"""`bdana init` makes an analysis that is the packaged one, and never overwrites."""

import shutil
from pathlib import Path

import pytest

import bdana
from bdana.analysis import scaffold, template_folder
from bdana.errors import InputError


def test_a_new_folder_is_the_packaged_analysis(tmp_path):
    made = scaffold(tmp_path / "new" / "search")
    assert all(path.exists() for path in made)
    assert bdana.load(tmp_path / "new" / "search").hash == bdana.load(template_folder()).hash
    assert not list((tmp_path / "new").rglob("__pycache__"))


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "selections").mkdir()
    with pytest.raises(InputError, match="is there already; nothing was changed"):
        scaffold(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["selections"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        scaffold(tmp_path / "file" / "search")


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(source, target, **options):
        if Path(source).name == "policy.toml":
            raise OSError(28, "No space left on device")
        return copy(source, target, **options)

    copy = shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", full)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    for name in ("mine", "new"):
        with pytest.raises(InputError, match="No space left on device"):
            scaffold(tmp_path / name)
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes.txt"]
