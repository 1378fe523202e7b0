"""`bdana background` as a user types it, and what it says of the prompt fit."""

from bdana.cli.background import share_text
from bdana.upstream import PromptShare
from tests.commands import bdana


def test_the_text_of_the_fit_names_the_cuts_that_are_left_out():
    share = PromptShare(
        pairs=29, prompt=3.1, prompt_low=1.3, prompt_high=5.4, prompt_quantiles=(2.0, 4.0, 6.0), contained=1.0,
        fraction=0.19, low=0.08, high=0.34, upper_limit=0.42, level=0.9,
    )  # fmt: skip
    said = share_text(share, ("trigger_time", "lav_veto"))
    assert "without trigger_time, lav_veto: " in said
    assert said.endswith(share.text)


def test_one_replica_is_refused_before_any_file_is_read():
    done = bdana("background", "missing.root", "--bootstrap", "1")
    assert done.returncode == 2
    assert "at least 2 replicas" in done.stderr
