"""What every job does beside its science: it logs, fails in one line or with a traceback, and says where it ran."""

import hashlib
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tokentrial import provenance
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


# Provenance


def test_the_commit_is_that_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    git("init")
    (tmp_path / "code.py").write_text("x = 1")
    git("add", "code.py")
    git("commit", "--message=one")
    git("tag", "v1")  # a tag does not stand in for the commit
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    assert provenance.git_commit() == git("rev-parse", "HEAD")
    (tmp_path / "new.py").write_text("not tracked")
    assert provenance.git_commit() == git("rev-parse", "HEAD")
    (tmp_path / "code.py").write_text("x = 2")
    assert provenance.git_commit() == git("rev-parse", "HEAD") + "-dirty"


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_commit() == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))  # not even a git
    assert provenance.git_commit() == "unknown"


def test_versions_are_one_line() -> None:
    found = dict(entry.split(" ") for entry in provenance.versions().split(", "))
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"tokentrial", "torch", "numpy", "scipy", "pandas", "pyarrow", "snakemake"} < set(found)
    assert all(re.match(r"\d+\.\d+", version) for version in found.values())


def test_the_processor_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(provenance.device_name("cpu")) > 2

    def unreadable(self: Path, *rest: object) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", unreadable)  # a system without /proc
    assert len(provenance.device_name("cpu")) > 2


def test_a_digest_is_the_start_of_sha_256() -> None:
    assert provenance.digest("a ü") == hashlib.sha256("a ü".encode()).hexdigest()[:12]
