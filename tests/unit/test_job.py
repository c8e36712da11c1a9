"""What every job does beside its science: it logs, fails in one line or with a traceback, and says where it ran."""

import errno
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from tokentrial import provenance
from tokentrial.errors import DamagedFile, InputError
from tokentrial.job import logged, set_aside


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


@pytest.mark.parametrize("failure", [ValueError("ours"), OSError(2, "No such file"), MemoryError("too big")])
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


def test_ctrl_c_is_one_word(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, logged(str(log)):
        raise KeyboardInterrupt
    assert (caught.value.code, log.read_text(), capsys.readouterr()) == (130, "stopped\n", ("", ""))


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b.txt"), "a/b.txt: cannot be written: No space left on"),
        (OSError(errno.EROFS, "Read-only file system", "a"), "a: cannot be written: Read-only file system"),
        (RuntimeError("Io(No space left on device (os error 28))"), "results: cannot be written: No space left on"),
    ],
)
def test_a_full_disk_is_one_line(failure: Exception, line: str, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, logged(str(log)):
        raise failure
    assert caught.value.code == 1
    assert log.read_text().startswith(f"error: {line}") and log.read_text().count("\n") == 1
    assert capsys.readouterr().err == log.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_on_the_full_disk_does_not_hide_the_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.symlink_to("/dev/full")
    with pytest.raises(SystemExit), logged(str(log)):
        raise InputError("results: cannot be written: No space left on device")
    assert capsys.readouterr().err == "error: results: cannot be written: No space left on device\n"


# Damaged files


@pytest.mark.parametrize(
    ("name", "aside"),
    [
        ("results/runs/a/b.parquet", True),
        ("results/reference/runs.parquet", False),
        ("elsewhere/runs.parquet", False),
        ("results/../runs.parquet", False),
    ],
)
def test_only_the_runs_own_results_are_set_aside(
    name: str, aside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    (tmp_path / "results").mkdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("damaged")
    with pytest.raises(SystemExit), logged("job.log"):
        raise DamagedFile(name, "its checksum does not fit")
    line = capsys.readouterr().err
    assert line == Path("job.log").read_text()
    assert path.exists() != aside
    if aside:
        assert line.endswith("; set aside as b.parquet.damaged, the same command makes it anew\n")
        assert Path(f"{name}.damaged").read_text() == "damaged"
    else:
        assert line == f"error: {name}: its checksum does not fit; delete it and run again\n"


def test_an_absolute_path_is_set_aside_too_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "results/x.parquet"
    path.parent.mkdir()
    path.touch()
    assert set_aside(path) == tmp_path / "results/x.parquet.damaged"
    assert set_aside(path) == tmp_path / "results/x.parquet.damaged"  # two jobs read it at the same time
    assert [entry.name for entry in path.parent.iterdir()] == ["x.parquet.damaged"]


# Processes

JOB = """
import sys, time
from tokentrial.job import logged
with logged(sys.argv[1]):
    print("at work", flush=True)
    time.sleep(60)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def test_a_job_ends_with_the_process_that_started_it(log: Path) -> None:
    """Or else an orphan would write its results over those of the run after it."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, JOB, str(log)])
    try:
        wait_for_text(log, "at work\n")
    finally:
        parent.kill()
        parent.wait()
    with log.with_name(".job.log.lock").open() as file:
        started = time.monotonic()
        fcntl.flock(file, fcntl.LOCK_EX)  # the job's own lock is given back when it ends
        assert time.monotonic() - started < 30  # of the 60 seconds that it had to go


def test_a_job_that_starts_as_an_orphan_does_nothing(tmp_path: Path) -> None:
    """Its Snakemake was killed while the job was still loading its libraries."""
    script = tmp_path / ".snakemake/scripts/job.py"
    script.parent.mkdir(parents=True)
    script.write_text(JOB.replace("time.sleep(60)", "pass"))
    for name, status in (("snakemake.py", 0), ("other.py", 1)):  # who starts it, by its command line
        (tmp_path / "who").mkdir(exist_ok=True)
        starter = tmp_path / "who" / name
        # the job comes in a variable, since its path has Snakemake's name too
        start = "subprocess.run([sys.executable, *os.environ['JOB'].split()])"
        starter.write_text(f"import os, subprocess, sys; sys.exit({start}.returncode)")
        environment = {**os.environ, "JOB": f"{script} {tmp_path / 'job.log'}"}
        done = subprocess.run([sys.executable, name], cwd=starter.parent, env=environment, check=False)
        assert done.returncode == status, name
        assert (tmp_path / "job.log").read_text() == ("at work\n" if status == 0 else "")


def test_two_processes_never_work_on_one_job(log: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", JOB, str(log)])
    second = None
    try:
        wait_for_text(log, "at work\n")
        second = subprocess.Popen([sys.executable, "-c", JOB, str(log)], stderr=subprocess.PIPE, text=True)
        assert second.stderr is not None
        assert second.stderr.readline() == f"note: {log}: waits for this job's process of an earlier run to end\n"
        assert log.read_text() == "at work\n"  # not emptied yet
        first.send_signal(signal.SIGSTOP)
        log.unlink()  # as Snakemake does before it runs a job again
        time.sleep(0.5)
        assert not log.exists()
        first.kill()
        wait_for_text(log, "at work\n")
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()


def wait_for_text(path: Path, text: str) -> None:
    until = time.monotonic() + 60
    while not path.exists() or path.read_text() != text:
        assert time.monotonic() < until, path.read_text() if path.exists() else "no file"
        time.sleep(0.02)


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


def test_versions_are_one_line() -> None:
    found = dict(entry.split(" ") for entry in provenance.versions().split(", "))
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"tokentrial", "torch", "numpy", "scipy", "pandas", "pyarrow", "snakemake"} < set(found)
    assert all(re.match(r"\d+\.\d+", version) for version in found.values())


def test_the_processor_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(provenance.device_name("cpu")) > 2

    def unreadable(self: Path, *rest: object, **named: object) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", unreadable)  # a system without /proc
    assert len(provenance.device_name("cpu")) > 2


def test_a_digest_is_the_start_of_sha_256() -> None:
    assert provenance.digest("a ü") == hashlib.sha256("a ü".encode()).hexdigest()[:12]
