"""Progress is shown on a terminal, and nowhere else."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tokentrial.cli import common

DISPUTE = ("what-if", "--claim", "LE0-TAB-DIFF-2.reported.difference=+0.026")
RUN = ("run", "--print", "--cores", "1", "all")


def called(arguments: tuple[str, ...], terminal: bool) -> tuple[str, str]:
    """stdout and stderr of a command; terminal: whether stderr is one."""
    command = [sys.executable, "-m", "tokentrial", *arguments]
    if not terminal:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "110"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 10_000)
            except OSError:  # Linux says so at the end
                break
            if not part:
                break
            shown += part
        assert process.stdout is not None
        out = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0, shown
    return out, shown.decode()


def test_long_work_is_announced_on_a_terminal_alone() -> None:
    answer, shown = called(DISPUTE, terminal=True)
    assert "Judging the run again" in shown and "1 verdict would be another one" in answer
    assert called(DISPUTE, terminal=False)[1] == ""


def test_a_run_s_jobs_are_shown_on_a_terminal_alone() -> None:
    assert "--logger rich" in called(RUN, terminal=True)[0]
    assert "--logger" not in called(RUN, terminal=False)[0]
    assert called((*RUN, "--logger", "plain"), terminal=True)[0].count("--logger") == 1  # the user's own


def test_a_loop_is_the_same_with_and_without_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(common.watched([1, 2, 3], "Counting")) == [1, 2, 3]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(common.watched([1, 2, 3], "Counting")) == [1, 2, 3]


def test_the_test_s_terminal_is_one(tmp_path: Path) -> None:
    """Of the tests above: a command that does not ask would say the same to both."""
    ours, theirs = pty.openpty()
    assert os.isatty(theirs) and not os.isatty(os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR))
    os.close(ours)
    os.close(theirs)
