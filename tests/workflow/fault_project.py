"""What the tests of faults share: a small config, runs that are disturbed, and what two runs have to have in common."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_project import Project, small_config

from tokentrial import results

# What a job measures about itself, not about its models.
MACHINE = [*results.TIMED]
PATIENCE = 300.0  # seconds that a test waits for something to happen


def signal_config() -> dict[str, Any]:
    """The small config with the experiment of signals alone: two data sets, two training jobs."""
    config = small_config()
    study = config["learned_encoding"]
    study |= {"scripts": {}, "experiments": {"signal": study["experiments"]["signal"]}}
    return config


def tables(project: Project) -> dict[str, pd.DataFrame]:
    """Every table of measurements and of arms, of jobs and collected; of costs, what says nothing of the machine."""
    results = project.folder / "results"
    paths = [path for kind in ("runs", "arms") for path in (results / kind).rglob("*.parquet")]
    paths += [path for kind in ("runs", "arms") if (path := results / f"{kind}.parquet").exists()]
    made = {path.relative_to(results).as_posix(): pd.read_parquet(path) for path in paths}
    return {name: table.drop(columns=MACHINE, errors="ignore") for name, table in made.items()}


def same_rows(one: Project, other: Project) -> None:
    """Both have the same tables with the same rows, to the last bit, and nothing unfinished beside them."""
    a, b = tables(one), tables(other)
    assert sorted(a) == sorted(b) and a
    for name in a:
        pd.testing.assert_frame_equal(a[name], b[name], check_exact=True, obj=name)
    assert left_over(one) == left_over(other) == []


def left_over(project: Project) -> list[Path]:
    """Checkpoints and temporary files."""
    files = [path for path in (project.folder / "results").rglob("*") if path.is_file()]
    return [path for path in files if "checkpoints" in path.parts or path.name.startswith(".")]


def wait_for(happened: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)


class Run:
    """Snakemake at work in a project, in a process group of its own, as a terminal starts it."""

    def __init__(self, project: Project, *targets: str, cores: int = 1) -> None:
        self.log = project.folder / "disturbed.log"
        self.project = project
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--cores", str(cores), *targets],
                cwd=project.folder,
                env={**os.environ, **project.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
                # A shell's background job, which these tests may be, ignores Ctrl-C, and so would its children.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def jobs(self) -> list[int]:
        """Processes of jobs: children that run a script, whose text is in memory by now."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                command = path.with_name("cmdline").read_bytes()
            except (OSError, IndexError):
                continue
            if parent == self.process.pid and b".snakemake/scripts" in command:
                found.append(int(path.parent.name))
        return found

    def works(self) -> bool:
        """Whether a job is at work; fails where the run has ended without one."""
        assert self.process.poll() is None, self.said
        return bool(self.jobs())

    def kill(self, *, group: bool) -> None:
        """SIGKILL, of Snakemake alone, whose jobs live on for a moment, or with its jobs."""
        if self.process.poll() is None:
            (os.killpg if group else os.kill)(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def interrupt(self) -> int:
        """Ctrl-C, which a terminal sends to the whole group; gives the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)


def unlock(project: Project) -> None:
    done = project.run("--unlock")
    assert done.returncode == 0, done.stdout + done.stderr


def alive(process: int) -> bool:
    """Whether a process, of whatever parent, still runs."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def mounting() -> None:
    """Skips a test where this account may not mount a file system of its own."""
    try:
        done = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs util-linux's unshare to mount a small disk")
    if done.returncode:
        pytest.skip("this account may not mount a small disk (root may)")
