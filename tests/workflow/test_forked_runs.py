"""The fork server in a real run: the same rows as without it, and a run that loses a process can go on."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from fault_project import Run, alive, same_rows, unlock, wait_for
from small_project import Project, copied

from tokentrial import fork_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the fork server is for Linux"),
]

TARGETS = ("results/runs.parquet", "results/arms.parquet")
LOG = "logs/train/learned_encoding/signal/done-right/ordered.log"


@pytest.fixture(scope="module")
def plain(untouched: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy that was built without a server."""
    project = copied(untouched, tmp_path_factory.mktemp("plain"))
    project.environment[fork_server.SWITCH] = "0"
    project.build(*TARGETS)
    return project


def modes(project: Project) -> set[str]:
    """How the jobs of a project started."""
    return {json.loads(path.read_text())["mode"] for path in (project.folder / "logs/usage").rglob("*.json")}


def processes(project: Project) -> list[int]:
    """The servers of runs in a project's folder, and their forks."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink() == project.folder and b"fork_server" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def forks(project: Project) -> list[int]:
    """The forks at work, children of a server."""
    together = processes(project)
    parents = {}
    for process in together:
        try:
            parents[process] = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return [process for process, parent in parents.items() if parent in together]


def a_fork_at_work(run: Run) -> int:
    """A fork of a run that has just begun a training job."""
    log = run.project.folder / LOG
    wait_for(lambda: run.process.poll() is not None or (log.exists() and forks(run.project)), "a training job")
    assert run.process.poll() is None, run.said
    return forks(run.project)[0]


def test_the_same_rows_with_and_without_a_server(untouched: Project, plain: Project, tmp_path: Path) -> None:
    project = copied(untouched, tmp_path)
    project.build(*TARGETS)
    assert (modes(project), modes(plain)) == ({"fork"}, {"plain"})
    same_rows(project, plain)
    assert processes(project) == []  # the run waited for its servers


def test_a_killed_run_leaves_no_process(untouched: Project, plain: Project, tmp_path: Path) -> None:
    project = copied(untouched, tmp_path)
    run = Run(project, *TARGETS)
    fork = a_fork_at_work(run)
    run.kill(group=False)  # Snakemake alone: not the script, which ends by itself, nor servers and forks
    wait_for(lambda: not alive(fork) and not processes(project), "the end of all processes")
    unlock(project)
    project.build(*TARGETS)
    same_rows(project, plain)


@pytest.mark.parametrize("which", ["fork", "server"])
def test_a_killed_process_fails_its_job_in_one_line(
    which: str, untouched: Project, plain: Project, tmp_path: Path
) -> None:
    """And the same command goes on, with a new server."""
    project = copied(untouched, tmp_path)
    run = Run(project, *TARGETS)
    fork = a_fork_at_work(run)
    server = int(Path(f"/proc/{fork}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(fork if which == "fork" else server, signal.SIGKILL)
    assert run.process.wait(300) == 1
    [line] = {line for line in run.said.splitlines() if line.startswith("error: ")}
    assert line.startswith(f"error: {LOG}: the job's process")
    assert processes(project) == []
    project.build(*TARGETS)
    assert modes(project) == {"fork"}
    same_rows(project, plain)
