"""Snakemake's scheduler as this project starts it: no thread is left by each finished job."""

import os
import subprocess
import sys
import time
from pathlib import Path

from small_project import Project

JOBS = 60
RULES = f"""
configfile: "config/config.yaml"
include: "workflow/rules/places.smk"
include: "workflow/rules/common.smk"
rule all:
    default_target: True
    input: [f"trivial/{{number}}" for number in range({JOBS})]
rule trivial:
    output: "trivial/{{number}}"
    shell: "touch {{output}}"
"""
LIMIT_REACHED = "Job rate limit reached, waiting for free slots."


def run_trivial(project: Project, *options: str) -> tuple[int, str]:
    """The largest number of threads of a Snakemake that runs trivial jobs under the project's hooks; what it said."""
    (project.folder / "trivial.smk").write_text(RULES)
    log, threads = project.folder / "said.txt", 0
    command = [sys.executable, "-m", "snakemake", "--snakefile", "trivial.smk", "--cores", "2", *options]
    with log.open("w") as said:
        environment = {**os.environ, **project.environment}
        child = subprocess.Popen(command, cwd=project.folder, env=environment, stdout=said, stderr=said)
        while child.poll() is None:
            status = Path(f"/proc/{child.pid}/status").read_text()
            threads = max(threads, int(status.partition("Threads:")[2].split()[0]))
            time.sleep(0.05)
    assert child.returncode == 0, log.read_text()
    return threads, log.read_text()


def test_threads_do_not_grow_with_finished_jobs(project: Project) -> None:
    """Without the hooks they do: if they did not, Snakemake would have mended this, and the hook could go.

    A limit over ten seconds, so that threads of all jobs are there together on a busy machine too.
    """
    threads, _ = run_trivial(project)
    assert threads < 15
    more, _ = run_trivial(project, "--no-hooks", "--forceall", "--max-jobs-per-timespan", "100/10s")
    assert more > JOBS / 2 > threads


def test_a_limit_that_the_user_sets_is_kept(project: Project) -> None:
    six = [f"trivial/{number}" for number in range(6)]
    _, said = run_trivial(project, "--max-jobs-per-timespan", "3/4s", "--", *six)
    assert LIMIT_REACHED in said
