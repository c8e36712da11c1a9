"""What a script says when it fails: one line for a user's mistake, a traceback for ours."""

import sys
import warnings
from pathlib import Path

import pytest

from tokentrial.errors import InputError
from tokentrial.job import logged


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "job.log"


def test_output_goes_to_the_log(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logged(str(log)):
        print("to stdout")
        print("to stderr", file=sys.stderr)
        assert log.read_text() == "to stdout\nto stderr\n"  # line by line: a long job can be watched
    assert log.read_text() == "to stdout\nto stderr\n"
    assert capsys.readouterr() == ("", "")


def test_a_mistake_is_one_line_in_the_log_and_on_the_terminal(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, logged(str(log)):
        print("step 1")
        raise InputError("config: seeds: found 0, expected at least 1")
    assert caught.value.code == 1
    assert log.read_text() == "step 1\nerror: config: seeds: found 0, expected at least 1\n"
    assert capsys.readouterr() == ("", "error: config: seeds: found 0, expected at least 1\n")


@pytest.mark.parametrize("failure", [ValueError("ours"), KeyboardInterrupt(), MemoryError("too big")])
def test_other_failures_leave_a_traceback_and_go_on_up(
    failure: BaseException, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(failure)) as caught, logged(str(log)):
        print("step 1")
        raise failure
    assert caught.value is failure
    text = log.read_text()
    assert text.startswith("step 1\nTraceback (most recent call last):\n")
    assert f'File "{__file__}"' in text
    assert text.splitlines()[-1].startswith(type(failure).__name__)
    assert capsys.readouterr() == ("", "")  # whoever runs the script reports it


def test_a_new_run_starts_a_new_log(log: Path) -> None:
    for text in ("first, and longer", "second"):
        with logged(str(log)):
            print(text)
    assert log.read_text() == "second\n"


def test_the_streams_are_given_back(log: Path) -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(ValueError, match="ours"), logged(str(log)):
        raise ValueError("ours")
    assert (sys.stdout, sys.stderr) == before


def test_warnings_are_in_the_log(log: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *rest: print(f"warning: {message}", file=sys.stderr)
        with logged(str(log)):
            warnings.warn("slow path", stacklevel=1)
    assert log.read_text() == "warning: slow path\n"
