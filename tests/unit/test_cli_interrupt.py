"""Ctrl-C ends a command with all its processes, and the jobs that were finished are kept."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

PATIENCE = 600.0  # seconds, on a machine that does much else
LEARNED = "results/runs/learned_encoding"
FAST = [f"{LEARNED}/complexity/{name}.parquet" for name in ("as-described/simple", "done-right/structured")]
CHECK = ("spot-check", "--minutes", "0.6", "--seed", "6", "--cores", "1")
ENVIRONMENT = {**os.environ, "TOKENTRIAL_WIKITEXT2": ""}
STOPPED = 130

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]


def drawn() -> list[str]:
    """The jobs that the check draws, of which each takes longer than a signal."""
    command = [sys.executable, "-m", "tokentrial", *CHECK, "--plan"]
    said = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    jobs = [f"results/runs/{line}.parquet" for line in said.splitlines() if re.fullmatch(r"[\w./-]+/[\w./-]+", line)]
    assert len(jobs) > 1, said
    return jobs


def incomplete(folder: Path, job: str) -> bool:
    """Whether Snakemake has not recorded yet that a job is finished."""
    return (folder / ".snakemake/incomplete" / base64.urlsafe_b64encode(job.encode()).decode()).exists()


def running(processes: list[int]) -> list[int]:
    """Those of them that still run after a moment, which a job takes to see that its run has ended."""
    until = time.monotonic() + 3
    while left := [each for each in processes if Path(f"/proc/{each}").exists()]:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return left


class Started:
    """A command in a session of its own, as a terminal starts it."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tokentrial", *arguments],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell's background job, which these tests may be, ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def alive(self) -> list[int]:
        """The command's processes that run, of whatever session: itself and all below it."""
        parents, found = {}, [self.process.pid]
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, parent, *_ = path.read_text().rpartition(")")[2].split()
                if state != "Z":
                    parents[int(path.parent.name)] = int(parent)
        for process in found:
            found += [child for child, parent in parents.items() if parent == process]
        return [process for process in found if process in parents]

    def finished(self, folder: Path, jobs: list[str]) -> Path:
        """A job that is finished, as soon as another one runs."""
        until = time.monotonic() + PATIENCE
        while True:
            done = [job for job in jobs if (folder / job).exists() and not incomplete(folder, job)]
            logs = [folder / job.replace("results/runs", "logs/train").replace("parquet", "log") for job in jobs]
            if done and sum(log.exists() for log in logs) > len(done):
                return folder / done[0]
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until, "no job was finished"
            time.sleep(0.05)


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    """Starts a command, and leaves no process of it behind."""
    commands: list[Started] = []

    def started(*arguments: str) -> Started:
        commands.append(Started(*arguments))
        return commands[-1]

    yield started
    for command in commands:
        for process in command.alive():
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        command.process.wait()


def kept(first: Path, folder: Path, jobs: list[str]) -> None:
    """The first job is not planned again; each other one is, unless it was as fast as the signal."""
    assert first.is_file()
    command = [sys.executable, "-m", "tokentrial", "run", "-n", "--cores", "1", "--directory", str(folder), *jobs]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    for job in jobs:
        words = f"Training {job.removeprefix('results/runs/').removesuffix('.parquet')}"
        assert words in said or (folder / job).exists()
        assert words not in said or folder / job != first


@pytest.mark.parametrize(
    "by", ["terminal", pytest.param("kill", marks=pytest.mark.slow), pytest.param("hang up", marks=pytest.mark.slow)]
)
def test_ctrl_c_ends_a_spot_check_whole(by: str, start: Callable[..., Started], tmp_path: Path) -> None:
    jobs = drawn()
    command = start(*CHECK, "--folder", str(tmp_path))
    first = command.finished(tmp_path, jobs)
    processes = command.alive()
    assert len(processes) > 1
    if by == "terminal":
        os.killpg(command.process.pid, signal.SIGINT)
    else:  # a signal to the command alone
        command.process.send_signal(signal.SIGINT if by == "kill" else signal.SIGHUP)
    out, err = command.process.communicate(timeout=PATIENCE)
    assert (command.process.returncode, out) == (STOPPED, ""), err
    assert err.endswith(f"stopped; --folder {tmp_path} goes on from the jobs that are finished\n")
    assert "Traceback" not in err, err
    assert not running(processes)
    kept(first, tmp_path, jobs)


def test_ctrl_c_ends_a_run_whole(start: Callable[..., Started], tmp_path: Path) -> None:
    command = start("run", "--cores", "1", "--directory", str(tmp_path), *FAST)
    first = command.finished(tmp_path, FAST)
    processes = command.alive()
    assert len(processes) > 1
    os.killpg(command.process.pid, signal.SIGINT)
    _, err = command.process.communicate(timeout=PATIENCE)
    assert command.process.returncode != 0 and "Traceback" not in err
    assert not running(processes)
    kept(first, tmp_path, FAST)


def test_ctrl_c_ends_a_dispute(start: Callable[..., Started]) -> None:
    command = start("what-if", "--margins")
    time.sleep(4)  # it reads the run
    os.killpg(command.process.pid, signal.SIGINT)
    out, err = command.process.communicate(timeout=PATIENCE)
    assert (command.process.returncode, out) == (STOPPED, "")
    assert "Traceback" not in err
