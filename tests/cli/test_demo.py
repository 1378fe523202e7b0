"""`bdana demo` from an empty folder, again, and where it must not work."""

import pytest

from tests.cli.test_select import bdana


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    return folder, bdana("demo", cwd=folder)


def test_it_simulates_selects_and_draws(made):
    folder, done = made
    assert done.returncode == 0, done.stderr
    for word in ("halo:", "signal:", "acceptance", "protons on target", "bdana-demo/output/plane.png"):
        assert word in done.stdout
    assert (folder / "bdana-demo" / "output" / "plane.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "bdana-demo" / "output" / "signal.csv").read_text().count(",SR\n") > 100


def test_its_last_line_works(made):
    folder, done = made
    command = done.stdout.strip().splitlines()[-1].partition("bdana select ")[2].split()
    again = bdana("select", *command, cwd=folder / "bdana-demo")
    assert again.returncode == 0, again.stderr
    assert "SR" in again.stdout


def test_a_second_demo_replaces_the_first_and_gives_the_same(made):
    folder, done = made
    (folder / "bdana-demo" / "left-over").write_text("")
    again = bdana("demo", cwd=folder)
    assert again.stdout == done.stdout
    assert not (folder / "bdana-demo" / "left-over").exists()


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("important")
    done = bdana("demo", "thesis", cwd=tmp_path)
    assert done.returncode == 2
    assert "was not made by a demo" in done.stderr
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "important"
