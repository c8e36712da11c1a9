"""The command ``tokentrial``, called as from a shell but in this process."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tokentrial.cli.main import main


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int


Command = Callable[..., Said]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command with these arguments, at 110 columns."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["tokentrial", *arguments])
        monkeypatch.delenv("COLUMNS", raising=False)
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return Said(*capsys.readouterr(), code)

    return run


def refused(said: Said) -> str:
    """The one line of an error of the input; nothing else was printed."""
    assert said.code == 2 and said.out == "" and said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err.removeprefix("error: ").strip()
