"""`bdana simulate` as a user types it."""

import json

import pytest

from tests.commands import bdana


def test_the_file_holds_what_the_json_says(tmp_path):
    done = bdana(
        "simulate", "out.root", "--pot", "1e14", "--bursts", "3", "--seed", "5", "--json",
        "--set", "beam.intensity_rms=0.6", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["config"]["beam"]["intensity_rms"] == 0.6
    assert document["events"] > 100
    read = bdana("select", tmp_path / "out.root", "--kind", "mc", "--json", cwd=tmp_path)
    assert json.loads(read.stdout)["cutflow"][0]["events"] == document["events"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "data"], "choose mc, pseudo or signal"),
        (["--kind", "signal"], "go together"),
        (["--mass", "411"], "go together"),
        (["--kind", "signal", "--mass", "100"], "mumu opens at 211"),
        (["--kind", "signal", "--mass", "411", "--spectrum", "hard"], "choose flat, all, bremsstrahlung"),
        (["--set", "beam.ripple=2.0"], "between 0 and 1"),
        (["--bursts", "0"], "at least one burst"),
    ],
)
def test_mistakes_are_named(arguments, words, tmp_path):
    done = bdana("simulate", "out.root", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())
