"""The pipeline on a real Slurm cluster: the profile as docs/cluster.md has it adapted, and what a cluster does to jobs.

The cluster is started on this machine by tests/slurm/cluster, which needs root and Debian's slurmctld, slurmd, munge.
"""

import asyncio
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import snakemake_executor_plugin_slurm
from small_project import ROOT, VARIABLE, Project, copy_project, every_study_config, save_every
from snakemake_executor_plugin_slurm.job_status_query import (
    query_job_status,
    query_job_status_sacct,
    query_job_status_squeue,
)

from tokentrial import results

pytestmark = pytest.mark.slow

CLUSTER = ROOT / "tests" / "slurm" / "cluster"
PROGRAMS = ("slurmctld", "slurmd", "munged")
DATABASE = ("slurmdbd", "mariadbd", "mariadb-install-db")
PROFILE = "profiles/slurm/profile.v9+.yaml"
# What docs/cluster.md lets a user adapt: its commented lines as the test cluster needs them.
PARTITION = "slurm_partition: compute"
SMALL = ("- released_bespoke=released", "- train=train", "- full_language_model=models", "- language_model=models")
MACHINE = [*results.TIMED, "git_commit"]
TARGETS = ("results/runs.parquet", "results/arms.parquet")
LEFT_BEHIND = shutil.ignore_patterns("results", ".snakemake", "logs")
LANGUAGE_MODEL = "language_models/mask/done-right/bpe/full"  # and written for the Transformer, too


@contextmanager
def started(folder: Path, programs: Collection[str], **settings: str) -> Iterator[dict[str, str]]:
    """The environment in which this machine is a cluster of one node with four processors."""
    path = f"{folder}/bin:{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    if os.geteuid() != 0 or missing:
        reason = f"{', '.join(missing)} not installed" if missing else "not root"
        pytest.skip(f"no Slurm cluster can be started: {reason}")
    # More memory than there is: jobs ask for several times what these small ones take.
    environment = {**os.environ, "CPUS": "4", "MEMORY": "64000", "PATH": path, **settings}
    begun = subprocess.run([CLUSTER, "start", folder], env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    try:
        yield {"PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}
    finally:
        subprocess.run([CLUSTER, "stop", folder], env=environment, check=True)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster without accounting."""
    with started(tmp_path_factory.mktemp("cluster"), PROGRAMS) as environment:
        yield environment


@pytest.fixture
def accounting_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster with accounting, so that sacct answers."""
    with started(tmp_path_factory.mktemp("cluster"), (*PROGRAMS, *DATABASE), ACCOUNTING="yes") as environment:
        yield environment


def adapt(project: Project, lines: Collection[str]) -> None:
    """The edits of docs/cluster.md: uncomment lines of the profile."""
    path = project.folder / PROFILE
    text = path.read_text()
    for line in lines:
        text, count = re.subn(rf"# ({re.escape(line)})", r"\1", text)
        assert count == 1, line
    path.write_text(text)


@contextmanager
def on_the_cluster(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Snakemake submitting to the cluster, as the user types it; it asks for states more often than by default."""
    quick = ("--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "5")
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *quick, *arguments]
    log = (project.folder / "submitted.log").open("a")
    with log:
        started = subprocess.Popen(
            command,
            cwd=project.folder,
            env={**os.environ, **project.environment},
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def said(project: Project) -> str:
    return (project.folder / "submitted.log").read_text()


def ended(project: Project, running: subprocess.Popen[str], seconds: float) -> None:
    """Wait for a run, which must succeed."""
    status = running.wait(timeout=seconds)
    assert status == 0, said(project)[-20_000:]


def asked(project: Project, *command: str) -> str:
    """What one of Slurm's programs answers."""
    environment = {**os.environ, **project.environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def jobs(project: Project) -> list[dict[str, str]]:
    """All jobs that the cluster remembers, as scontrol lists them."""
    lines = asked(project, "scontrol", "--oneliner", "show", "job").splitlines()
    return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines if line.startswith("JobId=")]


def states(project: Project) -> dict[str, list[str]]:
    """The ids of all jobs, by what the cluster says of them."""
    found = defaultdict(list)
    for job in jobs(project):
        found[job["JobState"]].append(job["JobId"])
    return found


def same_rows(one: Path, other: Path) -> int:
    """Two results folders have the same measurements and costs to the last bit; how many measurements."""
    for name, schema in (("runs", results.RUNS), ("arms", results.ARMS)):
        a, b = (results.read(folder / f"{name}.parquet", schema).to_pandas() for folder in (one, other))
        a, b = a.drop(columns=MACHINE, errors="ignore"), b.drop(columns=MACHINE, errors="ignore")
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    return len(results.read(one / "runs.parquet", results.RUNS))


# The whole pipeline


def on_a_copy(project: Project, folder: Path, cluster: dict[str, str]) -> Project:
    """A copy with nothing made, which submits to the cluster."""
    shutil.copytree(project.folder, folder, ignore=LEFT_BEHIND)
    return Project(folder, **{**project.environment, "PYTHONPATH": str(folder / "src")}, **cluster)


def test_every_study_has_the_same_rows_on_the_cluster(
    cluster: dict[str, str], every_study: Project, tmp_path: Path
) -> None:
    """docs/cluster.md literally: a job or two of every rule, small jobs in groups, the report at the end."""
    project = on_a_copy(every_study, tmp_path / "project", cluster)
    adapt(project, [PARTITION, *SMALL])
    with on_the_cluster(project, "--", "all") as submitting:
        ended(project, submitting, 1500)
    assert same_rows(project.folder / "results", every_study.folder / "results") > 500
    assert (project.folder / "results/report.pdf").read_bytes().startswith(b"%PDF")
    submitted = jobs(project)
    assert {job["JobState"] for job in submitted} == {"COMPLETED"}
    planned = int(re.findall(r"^total +(\d+)$", said(project), re.MULTILINE)[0])
    assert len(submitted) < planned / 2  # small jobs shared allocations
    assert not list((project.folder / "results").rglob(".*"))
    again = project.run("--profile", "profiles/slurm", "--dry-run", "--", "all")
    assert "Nothing to be done" in again.stdout + again.stderr


# Faults


@pytest.fixture(scope="session")
def undisturbed(text: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The rules that the faults hit, run on this machine; language models leave a checkpoint every second."""
    config = every_study_config()
    for study in ("learned_encoding", "bespoke"):
        config[study] |= {"scripts": {}, "experiments": {}}
    del config["cramming"]["experiments"]["controls"]
    config["language_models"]["experiments"]["transformer"]["done-right"][
        "arms"
    ] = []  # the full model, and int8 of its table
    config["language_models"]["training"]["done-right"] |= {"epochs": 10}
    project = copy_project(tmp_path_factory.mktemp("undisturbed"), config)
    project.environment[VARIABLE] = text
    save_every(project, 1.0)
    project.build(*TARGETS)
    return project


def until(project: Project, what: str, found: Callable[[], list[Any]], seconds: float = 300) -> list[Any]:
    """Ask every half second until something is found."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen in {seconds} s\n{said(project)[-5000:]}")


def running(project: Project, rule: str, but: Collection[str] = ()) -> list[str]:
    """The ids of running jobs of a rule; the executor names it in the job's comment."""
    lines = asked(project, "squeue", "--noheader", "--states", "R", "--format", "%i %k").splitlines()
    found = [line.split() for line in lines]
    return [job for job, comment, *_ in found if comment.startswith(f"rule_{rule}_wildcards") and job not in but]


def checkpoints(project: Project, later: float = 0) -> list[Path]:
    """The checkpoint of the full language model, if there is one written later than this time."""
    folder = project.folder / "results/checkpoints" / LANGUAGE_MODEL
    return [path for path in folder.glob("*.safetensors") if path.stat().st_mtime > later]


def output(project: Project, job: str) -> str:
    """What a job and the Snakemake in it have printed so far."""
    return "".join(path.read_text() for path in (project.folder / "logs/slurm").rglob(f"{job}.log"))


def test_jobs_that_the_cluster_stops_end_with_the_same_rows(
    cluster: dict[str, str], undisturbed: Project, tmp_path: Path
) -> None:
    """Snakemake killed and started again; jobs over their time, over their memory, cancelled; the node drained."""
    project = on_a_copy(undisturbed, tmp_path / "project", cluster)
    adapt(project, [PARTITION])
    node = asked(project, "sinfo", "--noheader", "--format", "%n").strip()
    too_little = ("pretrain:mem_mb=250*attempt**3", "full_language_model:runtime=2*attempt")
    arguments = ("--retries", "5", "--set-resources", *too_little, "--", *TARGETS)
    training = "full_language_model"

    with on_the_cluster(project, *arguments):
        orphan = until(project, "a training job", lambda: running(project, training))[0]
        until(project, "its checkpoint", lambda: checkpoints(project))
        # Stopped, a job stays at that point, and later runs out of time, on a machine of any speed.
        asked(project, "scancel", "--signal=STOP", orphan)
        asked(project, "scontrol", "update", f"JobId={orphan}", "TimeLimit=60")
    # Killed there: its jobs stay in the queue, as after a crash of the login node.
    assert project.run("--unlock").returncode == 0

    earlier = {job["JobId"] for job in jobs(project)}
    with on_the_cluster(project, *arguments) as second:
        heir = until(project, "its next job", lambda: running(project, training, but=earlier))[0]
        until(project, "that it waits", lambda: re.findall("waits for this job's", output(project, heir)))
        asked(project, "scancel", orphan)
        until(project, "the orphan's end", lambda: states(project)["CANCELLED"])
        now = time.time()
        until(project, "five seconds of training", lambda: checkpoints(project, now + 5))
        asked(project, "scancel", "--signal=STOP", heir)
        until(project, "the end of its time", lambda: states(project)["TIMEOUT"])
        # Its table is what int8 quantises.
        earlier = {job["JobId"] for job in jobs(project)}
        cancelled = until(project, "int8", lambda: running(project, "language_model", but=earlier), 600)[0]
        asked(project, "scancel", cancelled)
        asked(project, "scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
        drained = asked(project, "sinfo", "--noheader", "--format", "%T").strip()
        time.sleep(5)
        asked(project, "scontrol", "update", f"NodeName={node}", "State=RESUME")
        ended(project, second, 1500)

    assert drained.startswith("drain")
    assert same_rows(project.folder / "results", undisturbed.folder / "results") > 100
    assert "SLURM status is: 'TIMEOUT'" in said(project)
    assert "SLURM status is: 'CANCELLED'" in said(project)
    found = states(project)
    assert {"TIMEOUT", "FAILED", "CANCELLED", "COMPLETED"} <= set(found), found
    daemon = Path(cluster["SLURM_CONF"]).parent / "log/slurmd"
    assert "exceeded memory limit" in daemon.read_text()  # the one that failed
    log = project.folder / f"logs/full_language_model/{LANGUAGE_MODEL}.log"
    assert "goes on from step" in log.read_text()  # not from the start
    assert not list((project.folder / "results").rglob(".*"))
    assert not [path for path in (project.folder / "results/checkpoints").rglob("*") if path.is_file()]


def test_why_the_profile_asks_squeue(accounting_cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """sacct names who cancelled a job, which the executor does not take for an end; squeue says what it knows.

    Should this fail with a later version of the executor, the profile may ask sacct, which tells reasons too.
    """
    for name, value in accounting_cluster.items():
        monkeypatch.setenv(name, value)
    command = ("sbatch", "--parsable", "--job-name", "trial", "--output", "/dev/null", "--wrap", "sleep 600")
    job = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def state(query: str, awaited: str) -> str:
        """A job's state as the executor reads it, once it is the awaited one."""
        end = time.monotonic() + 60
        while True:
            found, _ = asyncio.run(query_job_status(query, logging.getLogger()))
            told: str = (found or {}).get(job, "")
            if told.startswith(awaited):
                return told
            assert time.monotonic() < end, told
            time.sleep(0.5)

    sacct, squeue = query_job_status_sacct("trial"), query_job_status_squeue("trial")
    assert state(sacct, "RUNNING") == state(squeue, "RUNNING")
    subprocess.run(("scancel", job), check=True)
    assert state(squeue, "CANCELLED") == "CANCELLED"
    assert state(sacct, "CANCELLED") == "CANCELLED by 0"
    executor = Path(snakemake_executor_plugin_slurm.__file__).read_text()
    assert '"CANCELLED",' in executor and "CANCELLED by" not in executor
