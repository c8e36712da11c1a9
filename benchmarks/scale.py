"""How planning, a run with nothing to do, and collecting grow with the number of conditions, and a run with its jobs.

The project is copied, and an overlay of the default config gives four of its designs more data sets and ratios, so that
they have N conditions together; the rest of the default run is there as well. Snakemake runs in the copy as a user
would run it:

1. plan: ``snakemake --dry-run --quiet all``, nothing built;
2. no-op: ``snakemake --cores 1``, everything built, which has to say "Nothing to be done";
3. collect: ``tokentrial.collect`` on the N conditions' measurements, in a fresh process; the rows are counted.

Real: config, schema, rules, the DAG of all jobs, and the metadata records, which Snakemake's own persistence layer
writes for every job of its own DAG (params, inputs, checksums), so that the no-op compares them all. Made up: nothing
is trained. The N conditions have Parquet files of the declared schemas, written and checked as a job's are, with random
values; what other rules make is a line of text, since planning looks at no file's content.

Each process's wall seconds, CPU seconds and peak memory are those the kernel counted; the load is of the whole machine
when it ended. "x linear" is CPU seconds a condition over those at the first N: 1 where they grow as N does, below 1
where they grow more slowly.

Before these, the scheduler: Snakemake really runs N jobs that each touch a file (``--cores 2``), with the project's own
``onstart``, which takes Snakemake's default limit of job starts off (``docs/upstream.md``), and with ``--no-hooks``, so
with the limit. For each run: the largest number of threads of Snakemake's process, its own CPU seconds (both sampled
ten times a second from /proc), those of the whole tree (wait4), wall seconds, load.

Run: ``python benchmarks/scale.py [--jobs 300 1000] [--conditions 1000 3000 10000] [--rows 1000] [--folder FOLDER]``. A
folder that is named is kept, with copies of the project. ``--jobs 0`` leaves the scheduler out, ``--conditions 0`` the
rest. The stage takes a minute or two; ``--jobs 1000 3000`` takes ten, beside much else.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tokentrial import checkout
from tokentrial.rusage import peak_mib
from tokentrial.schema import study_files

ROOT = Path(__file__).parents[1]
PARTS = (*checkout.READ, "profiles")
OVERLAY = "config/scale.yaml"
STUDY = "learned_encoding"
DESIGNS = ("markov/as-described", "markov/done-right", "compression/as-described", "baselines/as-described")
WIDTH = 2**4 * 3**4
RATIOS = [ratio for ratio in range(1, WIDTH + 1) if WIDTH % ratio == 0]  # 25
ARMS = ("learned", "full", "unigram")  # in the files that are made
HEAD = "conditions stage           rows   wall s    CPU s  x linear     MiB   load"
JOBS_HEAD = "      jobs limit   threads  own CPU s  tree CPU s   wall s   load"
TRIVIAL = "trivial.smk"
TRIVIAL_RULES = """
configfile: "config/config.yaml"
include: "workflow/rules/places.smk"
include: "workflow/rules/common.smk"
rule all:
    default_target: True
    input: [f"trivial/{number}" for number in range(%d)]
rule trivial:
    output: "trivial/{number}"
    shell: "touch {output}"
"""
WANTED = "wanted at 10,000: plan and no-op 60 s and 2,048 MiB; 10 million rows collected in 30 s and 4,096 MiB"


@dataclass(frozen=True)
class Cost:
    """What one process took, and the machine's load (mean of a minute) when it ended."""

    wall: float
    cpu: float
    mib: float
    load: float


def copy_project(folder: Path, conditions: int) -> None:
    """The checkout's parts and the overlay in a new folder."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source, target = ROOT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, target)
    (folder / "studies/rates.json").unlink()  # of other designs: each condition would be told as not searched
    (folder / OVERLAY).write_text(yaml.safe_dump(overlay(conditions), sort_keys=False), encoding="utf-8")


def overlay(conditions: int) -> dict[str, Any]:
    """A config overlay with which the designs have this many conditions together."""
    count, rest = divmod(conditions, len(DESIGNS) * len(RATIOS))
    if rest or not count:
        sys.exit(f"error: --conditions: found {conditions}, expected a multiple of {len(DESIGNS) * len(RATIOS)}")
    designs = study_files.default(ROOT)[STUDY]["experiments"]
    changed: dict[str, Any] = {}
    for name in DESIGNS:
        part, way = name.split("/")
        (source,) = designs[part][way]["data"].values()  # the first data set; those that are added differ in size
        data = {f"more-{k}": {**source, "train": source["train"] + k} for k in range(1, count)}
        design = {"full_width": WIDTH, "ratios": RATIOS, "heads": designs[part][way]["heads"][:1], "data": data}
        changed.setdefault(part, {})[way] = design
    # written without aliases
    return json.loads(json.dumps({STUDY: {"experiments": changed}}))  # type: ignore[no-any-return]


def measured(command: list[str], folder: Path, watch: Callable[[int], None] = lambda pid: None) -> tuple[Cost, str]:
    """The cost of a command that must succeed in a folder, with the folder's own library, and what it said.

    watch: called in a thread with the id of the process, and waited for once the process has ended.
    """
    log = folder / "said.txt"
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    with log.open("wb") as said:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
        watching = threading.Thread(target=watch, args=(child.pid,))
        watching.start()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # its id stays its own until the watcher has ended
        watching.join()
        _, status, usage = os.wait4(child.pid, 0)  # of this child and what it waited for
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    text = log.read_text(errors="replace", encoding="utf-8")
    if child.returncode:
        sys.exit(f"error: {' '.join(command)} failed in {folder}:\n{text[-3000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak_mib(usage), os.getloadavg()[0]), text


def snakemake(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *arguments, "--configfile", OVERLAY]


def this_script(*arguments: str) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), *arguments]


def measure(folder: Path, conditions: int, rows: int, first: dict[str, float]) -> None:
    """All stages at one size, in a new folder: prints a line for each.

    first: stage -> CPU seconds a condition at the first size; filled in by it.
    """

    def show(stage: str, cost: Cost, collected: str = "") -> None:
        linear = cost.cpu / conditions / first.setdefault(stage, cost.cpu / conditions)
        print(
            f"{conditions:>10,} {stage:<8} {collected:>11} {cost.wall:8.1f} {cost.cpu:8.1f} {linear:9.2f} "
            f"{cost.mib:7,.0f} {cost.load:6.1f}",
            flush=True,
        )

    copy_project(folder, conditions)
    show("plan", measured(snakemake("--dry-run", "--quiet", "all"), folder)[0])
    cost, jobs = measured(this_script("--inside", "build", "--rows", str(rows)), folder)
    print(f"{conditions:>10,} conditions are {int(jobs):,} jobs, made up in {cost.cpu:.0f} CPU s", flush=True)
    cost, said = measured(snakemake("--cores", "1"), folder)
    if "Nothing to be done" not in said:
        sys.exit(f"error: {folder}: a second run has something to do:\n{said[-3000:]}")
    show("no-op", cost)
    cost, count = measured(this_script("--inside", "collect"), folder)
    if int(count) != conditions * rows:
        sys.exit(f"error: {folder}: collected {count} rows, expected {conditions * rows}")
    show("collect", cost, f"{int(count):,}")


@dataclass
class Watched:
    """A process's largest number of threads, and its own CPU seconds, both up to its last tenth of a second."""

    threads: int = 0
    cpu: float = 0.0

    def watch(self, pid: int) -> None:
        """Look at the process until it has ended."""
        ticks = os.sysconf("SC_CLK_TCK")
        while True:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()  # from the third on: proc(5)
            if fields[0] == b"Z":
                return
            self.threads = max(self.threads, int(fields[17]))
            self.cpu = (int(fields[11]) + int(fields[12])) / ticks
            time.sleep(0.1)


def run_trivial(folder: Path, jobs: int) -> None:
    """Run trivial jobs in a new folder, without Snakemake's limit of job starts and with it: prints a line for each."""
    copy_project(folder, len(DESIGNS) * len(RATIOS))
    (folder / TRIVIAL).write_text(TRIVIAL_RULES % jobs, encoding="utf-8")
    for limit, options in (("none", []), ("100/1s", ["--no-hooks"])):
        shutil.rmtree(folder / "trivial", ignore_errors=True)
        seen = Watched()
        command = [sys.executable, "-m", "snakemake", "--snakefile", TRIVIAL, "--cores", "2", *options]
        cost, _ = measured(command, folder, seen.watch)
        line = f"{jobs:>10,} {limit:<6} {seen.threads:>8,} {seen.cpu:10.1f} {cost.cpu:11.1f} {cost.wall:8.1f}"
        print(f"{line} {cost.load:6.1f}", flush=True)


def build(rows: int) -> None:
    """Make all outputs of the plan in the working folder and Snakemake's record of each; prints the number of jobs."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, ExecutionSettings, OutputSettings, Quietness, ResourceSettings

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        plan = api.workflow(
            resource_settings=ResourceSettings(cores=1), config_settings=ConfigSettings(configfiles=[Path(OVERLAY)])
        )
        plan.dag()
        workflow = plan._workflow  # what `snakemake` itself goes on with; its API has no step between plan and run
        workflow.execution_settings = ExecutionSettings()
        workflow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=False)
        workflow._build_dag()
        workflow.iocache.deactivate()  # files appear from now on
        write = writer(rows)
        jobs = [job for level in workflow.dag.toposorted() for job in level]
        for job in jobs:
            for path in job.output:
                write(Path(path))
            workflow.async_run(workflow.persistence.finished(job))
    print(len(jobs))


def writer(rows: int) -> Callable[[Path], None]:
    """A function that makes a file: tables of a job's schemas where the designs' jobs write, else a line of text."""
    import pyarrow as pa

    from tokentrial import results

    tables = {"runs": results.table(measurements(rows), results.RUNS), "arms": results.table(arms(), results.ARMS)}
    designs = tuple(f"{STUDY}/{design}/" for design in DESIGNS)
    spare = Path("spare.parquet")

    def write(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kind, _, condition = str(path.with_suffix("")).removeprefix("results/").partition("/")
        if kind not in tables or not condition.startswith(designs):
            path.write_text("made by benchmarks/scale.py\n", encoding="utf-8")
            return
        table = tables[kind]
        place = table.schema.get_field_index("condition")
        results.write(spare, table.set_column(place, table.field(place), pa.repeat(condition, len(table))))
        spare.rename(path)

    return write


def measurements(rows: int) -> Any:
    """Measurements as a job has them: arms by seeds by steps, values at random; a pandas.DataFrame."""
    import numpy as np
    import pandas as pd

    number = np.arange(rows)
    step = number // (len(ARMS) * 10)
    columns: dict[str, Any] = {"study": STUDY, "condition": "", "arm": np.array(ARMS)[number % len(ARMS)]}
    columns |= {"seed": number // len(ARMS) % 10, "split": np.where(step == 0, "test", "validation")}
    columns["step"] = pd.array([value or None for value in step.tolist()], dtype="Int32")  # null: the final value
    columns |= {"metric": "cross_entropy", "value": np.random.default_rng(42).normal(3, 1, rows), "unit": "nats"}
    return pd.DataFrame(columns)


def arms() -> Any:
    """The costs of a job's arms, those not known null; a pandas.DataFrame."""
    import pandas as pd

    from tokentrial import results

    known = {"study": STUDY, "condition": "", "seeds": 10, "wall_seconds": 1.0, "peak_memory_mib": 300.0}
    known |= {"device": "cpu", "versions": "{}", "git_commit": "none", "config_hash": "none"}
    return pd.DataFrame([{"arm": arm, **known} for arm in ARMS]).reindex(columns=results.ARMS.names)


def collect() -> None:
    """Collect the designs' measurements in the working folder; prints the number of rows."""
    import pyarrow.parquet as pq

    from tokentrial import collect, results

    output = "collected.parquet"
    inputs = [str(path) for design in DESIGNS for path in sorted(Path("results/runs", STUDY, design).iterdir())]
    collect.collect(inputs, output, results.RUNS)
    print(pq.read_metadata(output).num_rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[300, 1000], help="trivial jobs that are really run")
    parser.add_argument("--conditions", type=int, nargs="+", default=[1000, 3000, 10000])
    parser.add_argument("--rows", type=int, default=1000, help="measurements of each condition")
    parser.add_argument("--folder", type=Path, help="keep the copies here (default: a temporary folder)")
    parser.add_argument("--inside", choices=["build", "collect"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside == "build":
        build(options.rows)
    elif options.inside == "collect":
        collect()
    else:
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.folder or Path(temporary)
            if any(options.jobs):
                print(JOBS_HEAD, flush=True)
                for jobs in options.jobs:
                    run_trivial(folder / f"jobs-{jobs}", jobs)
            if any(options.conditions):
                print(HEAD, flush=True)
                first: dict[str, float] = {}
                for count in options.conditions:
                    measure(folder / str(count), count, options.rows, first)
                print(WANTED)


if __name__ == "__main__":
    main()
