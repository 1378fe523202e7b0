"""`bdana limit` as a user types it: one count, several channels, and what is refused."""

import json

import pytest

from bdana.statistics.combination import CountedChannel, combined_limit
from bdana.statistics.poisson import Background
from tests.commands import bdana

CHANNELS = ("--channel", "mumu:1:0.016:0.002:0.45", "--channel", "ee:0:0.2:0.1:0.1")


def document(*arguments):
    done = bdana("limit", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_one_count_has_an_observed_and_an_expected_limit():
    found = document("--observed", "1", "--background", "0.016", "--background-error", "0.002")
    assert found["limits"]["cls"] == pytest.approx([0, 3.874], abs=5e-4)
    assert found["expected"]["cls"]["limits"] == pytest.approx([2.303] * 5, abs=5e-4)


def test_channels_have_one_limit_on_the_signal_of_all():
    channels = [
        CountedChannel("mumu", 1, Background(0.016, 0.002), 0.45), CountedChannel("ee", 0, Background(0.2, 0.1), 0.1),
    ]  # fmt: skip
    found = document(*CHANNELS, "--efficiency-error", "0.2", "--method", "cls", "--method", "bayes")
    for method in ("cls", "bayes"):
        expected = combined_limit(channels, 0.9, 0.2, method)
        assert found["limits"][method] == pytest.approx([0, expected.high])
        assert found["conventions"][method] == expected.convention
    assert found["shares"] == pytest.approx({"mumu": 0.45 / 0.55, "ee": 0.1 / 0.55})


def test_errors_of_channels_move_together_unless_said_otherwise(tmp_path):
    wide = ("--channel", "mumu:3:1.0:0.8:1", "--channel", "ee:0:2.0:1.0:1")
    together, independent = document(*wide), document(*wide, "--independent")
    assert together["limits"]["cls"][1] != pytest.approx(independent["limits"]["cls"][1], rel=0.01)
    path = tmp_path / "covariance.csv"
    path.write_text("name,mumu,ee\nmumu,0.64,0\nee,0,1\n")
    assert document(*wide, "--covariance", path)["limits"] == independent["limits"]
    path.write_text("name,mumu,ee\nmumu,0.64,0.8\nee,0.8,1\n")
    assert document(*wide, "--covariance", path)["limits"]["cls"] == pytest.approx(together["limits"]["cls"])


def test_error_and_share_may_be_left_out():
    channels = "mumu:1:0.5:0:1", "ee:0:0.2:0:3"
    whole = document("--channel", channels[0], "--channel", channels[1])
    assert document("--channel", "mumu:1:0.5", "--channel", channels[1])["limits"] == whole["limits"]


def test_the_table_has_the_limit_of_all_channels_and_of_each():
    done = bdana("limit", *CHANNELS)
    row = next(line.split() for line in done.stdout.splitlines() if line.split()[:1] == ["cls"])
    total, mumu, ee = map(float, row[1:])
    assert mumu + ee == pytest.approx(total, rel=1e-3)
    assert mumu / ee == pytest.approx(4.5, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--observed", "1", "--background", "1", "--efficiency-error", "20"], "is 20: it is relative, so give a number"),
        ([*CHANNELS, "--efficiency-error", "20"], "is 20: it is relative, so give a number"),
        ([*CHANNELS, "--observed", "1"], "leave out --observed"),
        ([*CHANNELS, "--export", "x.csv"], "leave out --observed"),
        ([*CHANNELS, "--background-prior", "gamma"], "leave out --observed"),
        ([*CHANNELS, "--method", "classical"], "unknown method 'classical' for channels: one of cls, bayes"),
        (["--channel", "mumu:1"], "--channel mumu:1: write NAME:OBSERVED:BACKGROUND"),
        (["--channel", ":1:0.1"], "--channel :1:0.1: write NAME:OBSERVED:BACKGROUND"),
        (["--channel", "mumu:1:0.1:0:1:1"], "write NAME:OBSERVED:BACKGROUND"),
        (["--channel", "mumu:1:x"], "could not convert string to float: 'x'; write NAME"),
        (["--channel", "mumu:1.5:0.1"], "the observed count is 1.5"),
        (["--channel", "mumu:1:0.1", "--channel", "mumu:1:0.1"], "each with a name of its own"),
        ([*CHANNELS, "--independent", "--covariance", "x.csv"], "either --covariance or --independent"),
        ([*CHANNELS, "--covariance", "x.csv"], "x.csv: cannot be read"),
        (["--background", "1", "--independent"], "belong to --channel"),
        ([], "give --background B, or --channel"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(arguments, message):
    done = bdana("limit", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


PAPER = ("--background", "0.016", "--background-error", "0.002")
MASSES = ("--candidate-mass", "411", "--candidate-mass", "700")


def test_methods_stand_side_by_side_by_default():
    found = json.loads(bdana("limit", *PAPER, "--observed", "1", "--json").stdout)
    assert list(found["limits"]) == ["cls", "bayes", "feldman_cousins"]
    assert found["limits"]["feldman_cousins"] == pytest.approx([0.089, 4.341], abs=1e-3)
    many = bdana("limit", "--background", "4000", "--json")
    assert list(json.loads(many.stdout)["expected"]) == ["cls", "bayes"]
    assert "feldman_cousins left out" in many.stderr
    channels = json.loads(bdana("limit", "--channel", "mumu:1:0.016", "--json").stdout)
    assert list(channels["limits"]) == ["cls", "bayes"]


def test_limits_in_windows_of_mass():
    found = json.loads(
        bdana("limit", *PAPER, *MASSES, "--observed", "1", "--event-mass", "411", "--json").stdout
    )
    high = [row["limits"]["cls"][1] for row in found["windows"]]
    assert high == pytest.approx([3.874, 2.303], abs=1e-3)
    assert (found["at_mass_mev"], found["p_local"]) == (411.0, pytest.approx(0.01587, abs=1e-5))
    flat = json.loads(
        bdana("limit", *PAPER, *MASSES, "--event-mass", "411", "--mass-range", "200:1400", "--json").stdout
    )
    assert flat["windows"][0]["expected"] == pytest.approx(0.016 * 8 / 1200)
    closed = bdana("limit", *PAPER, *MASSES)
    assert closed.returncode == 0, closed.stderr
    assert "closed" in closed.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--event-mass", "411"), "belong to --candidate-mass"),
        (
            (*MASSES, "--observed", "2", "--event-mass", "411"),
            "2 events are observed, but --event-mass is given 1",
        ),
        ((*MASSES, "--resolution", "411"), "--resolution 411: write MASS:SIGMA"),
        ((*MASSES, "--mass-range", "a:b"), "--mass-range a:b: write LOW:HIGH"),
        ((*MASSES, "--mass-range", "500:600"), "is not inside the spectrum"),
        ((*MASSES, "--export", "x.csv"), "--export has no windows"),
        (("--candidate-mass", "-5"), "--candidate-mass -5: give a mass"),
    ],
)
def test_impossible_windows_are_refused(arguments, message):
    done = bdana("limit", *PAPER, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


TOGETHER = (*CHANNELS, *MASSES, "--event-mass", "mumu:411")


def test_windows_of_mass_of_several_channels():
    found = document(*TOGETHER, "--resolution", "ee:411:5", "--mass-range", "200:800")
    near, far = found["windows"]
    assert (near["observed"], far["observed"], near["channels"]["mumu"]["observed"]) == (1, 0, 1)
    ends = [[part[end] for end in ("low_mev", "high_mev")] for part in near["channels"].values()]
    assert ends == [[407.0, 415.0], [401.0, 421.0]]
    assert near["channels"]["ee"]["expected"] == pytest.approx(0.2 * 20 / 600)
    assert far["limits"]["bayes"] == pytest.approx([0, 2.303], abs=1e-3)
    assert near["limits"]["bayes"][1] > 3.5
    shown = bdana("limit", *TOGETHER)
    assert shown.returncode == 0, shown.stderr
    assert "smallest local p" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*CHANNELS, "--event-mass", "mumu:411"), "belong to --candidate-mass"),
        ((*CHANNELS, *MASSES, "--event-mass", "411"), "--event-mass 411: write NAME:MASS"),
        ((*CHANNELS, *MASSES), "1 events are observed, but --event-mass is given 0"),
        ((*TOGETHER, "--event-mass", "pipi:411"), "the channels are mumu, ee"),
        ((*TOGETHER, "--mass-range", "mumu:200:800"), "for every channel, or for none"),
        ((*TOGETHER, "--resolution", "ee:411:a"), "--resolution ee:411:a: write [NAME:]MASS:SIGMA"),
        ((*PAPER, *MASSES, "--event-mass", "mumu:411"), "NAME:MASS belongs to --channel"),
        ((*PAPER, *MASSES, "--mass-range", "1:2", "--mass-range", "1:3"), "is given twice"),
    ],
)
def test_impossible_windows_of_channels_are_refused(arguments, message):
    done = bdana("limit", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
