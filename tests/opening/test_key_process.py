"""What the process that opens stages says when something fails."""

import io
import json
import sys
from dataclasses import asdict

import pytest

from bdana.errors import BlindingError, InputError, UserCodeError
from bdana.opening import key_process

JOB = key_process.Job("ana", "ana", "rita", "key", "2021", (), {}, "secret")


def user_error():
    error = UserCodeError("dimuon.py:3: cut cda: ValueError: event 77")
    error.__cause__ = ValueError("event 77")
    return error


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (user_error(), 2, "the code of the analysis fails with ValueError;"),
        (UserCodeError("cut cda returns 77"), 2, "the code of the analysis fails with UserCodeError;"),
        (ValueError("event 77"), 1, "the opening failed with ValueError;"),
        (InputError("no such file"), 2, "no such file"),
        (BlindingError("refused: a reason"), 3, "refused: a reason"),
    ],
)
def test_a_failure_tells_no_value(monkeypatch, capsys, error, status, says):
    def fail(_):
        sys.stdout.write("77")  # as a cut may do
        raise error

    monkeypatch.setattr(key_process, "open_here", fail)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asdict(JOB))))
    assert key_process.main() == status
    said = capsys.readouterr()
    assert said.out.startswith(says)
    assert "77" not in said.out + said.err
