"""What one whole run of the pipeline costs: CPU-seconds of all its processes, by rule and by study.

The project is copied without its results, and Snakemake runs in the copy as a user would run it. Measured:

* the whole run: CPU-seconds of every process that Snakemake started and of those that these left behind (this process
  adopts them and waits for them, and the kernel adds up what was waited for), wall seconds, and the peak memory of the
  largest process;
* each rule's jobs: CPU-seconds, wall seconds, largest memory. A job's own account in ``logs/usage`` is exact. Without
  one, Snakemake's benchmark line is used; ``~`` marks rules with such jobs. psutil looks at a job every half second for
  15 seconds and then every 30 seconds, and what comes after the last look is missing. So the mean rate up to the last
  look is taken for the whole job. Seven busy loops of 1 to 50 seconds on a busy machine used 13.9 CPU-seconds by their
  own account; their benchmarks say 10.5, this estimate 14.1, and single jobs are up to 17 % off where the last look was
  long ago, jobs of a second by half;
* the rest of the whole: Snakemake itself, and jobs without either file;
* each study's share of the machine's matrix-multiply rate: FLOPs by formula (``tokentrial.flops`` says what they cover)
  over the CPU-seconds of the study's training jobs, against one thread's float32 product of two matrices of 1,024 x
  1,024 (median of several, by CPU time, before the run). Released scripts and statistics have no formula.

The result is written as JSON to ``measured.json`` in the folder that is kept, or to ``--output``.

Run: ``python benchmarks/run.py [--configfile config/smoke.yaml] [--cores 2] [--folder CHECKOUT] [--keep COPY]
[--output FILE] [--against FOLDER_OR_FILE] [target]``. Without arguments it is the smoke run, a few minutes;
``--configfile config/config.yaml`` is the default run. ``--against`` prints an earlier result, this one and their ratio
by rule. ``--finished FOLDER [--tree-cpu SECONDS]`` reads a run that has ended and runs nothing; ``--without-lookup``
counts the FLOPs of small models as the code of the first shipped run computed them.
"""

import argparse
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tokentrial import checkout
from tokentrial.rusage import peak_mib

ROOT = Path(__file__).parents[1]
PARTS = (*checkout.READ, "profiles")
RESULT = "measured.json"
SET_CHILD_SUBREAPER = 36  # prctl(2)
LEFT_BEHIND = 30  # seconds that processes may outlive Snakemake
OFTEN, OFTEN_UNTIL, SELDOM = (
    0.5,
    15.0,
    30.0,
)  # seconds between looks of Snakemake's benchmark, and the last frequent one
GEMM_SIZE, GEMM_REPEATS = 1024, 9
REST = "Snakemake itself and jobs without a benchmark"
WHOLE = "whole run"


@dataclass(frozen=True)
class Usage:
    """What one job took; ``exact`` if the kernel counted its CPU-seconds, else they are an estimate."""

    job: str
    rule: str
    cpu: float
    wall: float
    mib: float
    exact: bool


@dataclass
class Total:
    """What the jobs of a rule took together; ``mib`` is the largest job's."""

    jobs: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    mib: float = 0.0
    exact: bool = True

    def add(self, usage: Usage) -> None:
        self.jobs += 1
        self.cpu += usage.cpu
        self.wall += usage.wall
        self.mib = max(self.mib, usage.mib)
        self.exact &= usage.exact


@dataclass
class Share:
    """The matrix products of a study's training jobs: how many jobs were counted, FLOPs, CPU-seconds."""

    jobs: int = 0
    flops: float = 0.0
    cpu: float = 0.0


@dataclass
class Measured:
    """A whole run; seconds and memory of the tree are None where nobody measured them."""

    rules: dict[str, Total] = field(default_factory=dict)
    studies: dict[str, Share] = field(default_factory=dict)
    cpu: float | None = None
    wall: float | None = None
    mib: float | None = None
    gemm: float | None = None  # FLOP per CPU-second of one thread

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Measured":
        """From the file that :meth:`write` wrote, or from a folder that has it or is a finished run."""
        if path.is_dir() and not (path / RESULT).is_file():
            return cls(by_rule(usages(path)))
        values = json.loads((path / RESULT if path.is_dir() else path).read_text(encoding="utf-8"))
        values["rules"] = {name: Total(**total) for name, total in values["rules"].items()}
        values["studies"] = {name: Share(**share) for name, share in values["studies"].items()}
        return cls(**values)


def last_look(seconds: float) -> float:
    """When Snakemake's benchmark last looked at a job of so many wall seconds."""
    if seconds < OFTEN_UNTIL:
        return seconds // OFTEN * OFTEN
    return OFTEN_UNTIL + (seconds - OFTEN_UNTIL) // SELDOM * SELDOM


def estimated_cpu(seconds: float, cpu_time: float) -> float:
    """CPU-seconds of a job of so many wall seconds, from those that its benchmark saw up to its last look."""
    looked = last_look(seconds)
    return cpu_time * seconds / looked if looked else cpu_time


def usages(folder: Path) -> list[Usage]:
    """What each job of a finished run took, sorted by job: its own account, or else its benchmark's last line."""
    found = {}
    for path in sorted((folder / "logs/benchmarks").rglob("*.jsonl")):
        job = str(path.relative_to(folder / "logs/benchmarks").with_suffix(""))
        record = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        seen, memory = (0.0 if record[key] == "NA" else float(record[key]) for key in ("cpu_time", "max_rss"))
        wall = float(record["s"])
        found[job] = Usage(job, record["rule_name"], estimated_cpu(wall, seen), wall, memory, exact=False)
    for path in sorted((folder / "logs/usage").rglob("*.json")):
        job = str(path.relative_to(folder / "logs/usage").with_suffix(""))
        record = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        rule = record.get("rule") or (found[job].rule if job in found else job.partition("/")[0])
        values = [float(record[key]) for key in ("cpu_seconds", "wall_seconds", "peak_rss_mib")]
        found[job] = Usage(job, rule, *values, exact=True)
    return [found[job] for job in sorted(found)]


def by_rule(jobs: Iterable[Usage]) -> dict[str, Total]:
    """rule -> its jobs together, those with the most CPU-seconds first."""
    totals: dict[str, Total] = {}
    for usage in jobs:
        totals.setdefault(usage.rule, Total()).add(usage)
    return dict(sorted(totals.items(), key=lambda item: -item[1].cpu))


def table(measured: Measured) -> list[str]:
    """The lines of the table by rule."""
    lines = [f"{'rule':<46} {'jobs':>5} {'CPU s':>9} {'wall s':>9} {'MiB':>7}"]
    for name, total in measured.rules.items():
        mark = " " if total.exact else "~"
        lines.append(f"{name:<46} {total.jobs:>5} {total.cpu:>9.1f}{mark}{total.wall:>9.1f} {total.mib:>7,.0f}")
    if measured.cpu is not None:
        lines.append(f"{REST:<46} {'':>5} {rest(measured):>9.1f}")
        wall = "" if measured.wall is None else f"{measured.wall:9.1f}"
        memory = "" if measured.mib is None else f"{measured.mib:7,.0f}"
        lines.append(f"{WHOLE:<46} {'':>5} {measured.cpu:>9.1f} {wall:>9} {memory:>7}".rstrip())
    return lines


def rest(measured: Measured) -> float:
    """CPU-seconds of the whole tree without the jobs of the table."""
    return (measured.cpu or 0.0) - sum(total.cpu for total in measured.rules.values())


def share_table(measured: Measured) -> list[str]:
    """The lines of the table by study: what its matrix products are of what one thread could do meanwhile."""
    if measured.gemm is None or not measured.studies:
        return []
    lines = [f"one thread multiplies {GEMM_SIZE} x {GEMM_SIZE} float32 matrices at {measured.gemm / 1e9:.1f} GFLOP/s"]
    lines.append(f"{'study':<46} {'jobs':>5} {'CPU s':>9} {'GFLOP':>9} {'GFLOP/s':>9} {'share':>6}")
    for name, share in measured.studies.items():
        rate = share.flops / share.cpu if share.cpu else 0.0
        lines.append(
            f"{name:<46} {share.jobs:>5} {share.cpu:>9.1f} {share.flops / 1e9:>9,.1f} {rate / 1e9:>9.2f} "
            f"{rate / measured.gemm:>6.1%}"
        )
    return lines


def comparison(old: Measured, new: Measured) -> list[str]:
    """The lines that show old and new CPU-seconds by rule, and new over old."""
    lines = [f"{'rule':<46} {'old s':>9} {'new s':>9} {'ratio':>6}"]
    sides = [{name: total.cpu for name, total in side.rules.items()} for side in (old, new)]
    for side, measured in zip(sides, (old, new), strict=True):
        if measured.cpu is not None:
            side |= {REST: rest(measured), WHOLE: measured.cpu}
    before, after = sides
    names = sorted({*before, *after} - {REST, WHOLE}, key=lambda name: -max(before.get(name, 0), after.get(name, 0)))
    for name in [*names, *(name for name in (REST, WHOLE) if name in before or name in after)]:
        shown = [f"{side[name]:.1f}" if name in side else "-" for side in sides]
        ratio = f"{after[name] / before[name]:.2f}" if name in after and before.get(name) else "-"
        lines.append(f"{name:<46} {shown[0]:>9} {shown[1]:>9} {ratio:>6}")
    return lines


def copy_project(source: Path, folder: Path) -> None:
    """A checkout's parts, without results, in a new folder."""
    folder.mkdir(parents=True)
    for part in PARTS:
        if (source / part).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source / part, folder / part, ignore=ignore)
        elif (source / part).exists():  # an earlier version may lack a part
            shutil.copy2(source / part, folder / part)


def run(folder: Path, arguments: list[str]) -> tuple[float, float, float]:
    """(CPU-seconds of all processes, wall seconds, MiB of the largest process) of a Snakemake that must succeed."""
    if ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        print("note: processes that outlive their parents are not counted here", file=sys.stderr)
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (folder / "said.txt").open("wb") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments], cwd=folder, env=environment, stdout=said, stderr=said
        )
    code = wait_for_all(child.pid)
    wall = time.perf_counter() - start
    child.returncode = code
    if code:
        said_last = (folder / "said.txt").read_text(errors="replace", encoding="utf-8")[-3000:]
        sys.exit(f"error: snakemake {' '.join(arguments)} failed in {folder}:\n{said_last}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, peak_mib(after)


def wait_for_all(main: int) -> int:
    """Wait for the main child and for whatever it left behind; returns the main child's exit code."""
    code, ended = 0, None
    while True:
        try:
            pid, status = os.waitpid(-1, 0 if ended is None else os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == main:
            code, ended = os.waitstatus_to_exitcode(status), time.perf_counter()
        elif pid == 0 and ended is not None:
            if time.perf_counter() - ended > LEFT_BEHIND:
                print("note: a process still runs after Snakemake's end and is not counted", file=sys.stderr)
                return code
            time.sleep(0.05)


def gemm_rate() -> float:
    """FLOP per CPU-second of a float32 product of square matrices on one thread, the median of several."""
    import torch

    torch.set_num_threads(1)
    left, right = torch.randn(2, GEMM_SIZE, GEMM_SIZE).unbind(0)
    rates = []
    for _ in range(GEMM_REPEATS + 1):
        start = time.process_time()
        left @ right
        rates.append(2 * GEMM_SIZE**3 / (time.process_time() - start))
    return statistics.median(rates[1:])  # the first one sets up


def studies(folder: Path, jobs: Iterable[Usage], lookup: bool) -> dict[str, Share]:
    """study -> the matrix products of those of its jobs that have a formula; see tokentrial.flops."""
    from tokentrial import flops

    shares: dict[str, Share] = {}
    for usage in jobs:
        benchmark = folder / "logs/benchmarks" / f"{usage.job}.jsonl"
        if usage.rule not in flops.RULES or not benchmark.is_file():
            continue
        spec = json.loads(json.loads(benchmark.read_text(encoding="utf-8").splitlines()[-1])["params"]["spec"])
        share = shares.setdefault(spec["study"], Share())
        share.jobs += 1
        share.cpu += usage.cpu
        share.flops += flops.of_job(usage.rule, spec, folder, lookup)
    return dict(sorted(shares.items()))


def measure(options: argparse.Namespace, folder: Path) -> Measured:
    """Run the pipeline in a new folder and measure it."""
    copy_project(options.folder, folder)
    gemm = gemm_rate()
    configfile = str((options.folder / options.configfile).resolve())
    arguments = ["--cores", str(options.cores), "--configfile", configfile, "--", options.target]
    cpu, wall, mib = run(folder, arguments)
    jobs = usages(folder)
    return Measured(by_rule(jobs), studies(folder, jobs, not options.without_lookup), cpu, wall, mib, gemm)


def finished(folder: Path, tree_cpu: float | None, lookup: bool) -> Measured:
    """A run that has ended, with the CPU-seconds that somebody else measured of its whole tree."""
    jobs = usages(folder)
    if not jobs:
        sys.exit(f"error: --finished: {folder}: found no file in logs/benchmarks or logs/usage, expected some")
    return Measured(by_rule(jobs), studies(folder, jobs, lookup), tree_cpu, gemm=gemm_rate())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("target", nargs="?", default="all")
    parser.add_argument("--configfile", default="config/smoke.yaml", help="below the checkout; default: the smoke run")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=ROOT, help="the checkout to measure")
    parser.add_argument("--keep", type=Path, help="the new folder that the run is made in and kept in")
    parser.add_argument("--output", type=Path, help=f"the result's JSON file (default: {RESULT} in the run's folder)")
    parser.add_argument("--against", type=Path, help="an earlier result, or the folder that it or a finished run is in")
    parser.add_argument("--finished", type=Path, help="read this run, which has ended, and run nothing")
    parser.add_argument("--tree-cpu", type=float, help="CPU-seconds of the whole finished run")
    parser.add_argument("--without-lookup", action="store_true", help="small models' code is that of the first run")
    options = parser.parse_args()
    old = None if options.against is None else Measured.read(options.against)  # before a run that takes minutes
    if options.finished is not None:
        new = finished(options.finished, options.tree_cpu, not options.without_lookup)
        output = options.output
    else:
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.keep or Path(temporary) / "run"
            new = measure(options, folder)
        output = options.output or (options.keep and options.keep / RESULT)
    if output is not None:
        new.write(output)
    lines = [*table(new), "", *share_table(new)]
    print("\n".join([*lines, "", *comparison(old, new)] if old is not None else lines).rstrip())


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
