"""Where a number comes from: code version, library versions, device."""

import hashlib
import platform
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path

from tokentrial.rusage import peak_mib


def git_commit() -> str:
    """The commit of the checkout that runs, ``-dirty`` where tracked files differ from it; 'unknown' outside git."""
    folder = Path(__file__).parent
    try:
        command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> str:
    """Versions of what the numbers depend on, as one line."""
    names = ("tokentrial", "torch", "numpy", "scipy", "statsmodels", "pandas", "pyarrow", "snakemake")
    found = [f"{name} {version(name)}" for name in names]
    return ", ".join([f"python {platform.python_version()}", *found])


def device_name(device: str) -> str:
    """The processor or GPU as it names itself."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return named[0] if named else platform.machine()


def cpu_seconds() -> float:
    """What this process and its ended children have used of processors so far."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_rss_mib() -> float:
    """This process's largest resident memory so far.

    As Linux states it for the process alone: ``ru_maxrss`` begins with what the process had that started it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return peak_mib(resource.getrusage(resource.RUSAGE_SELF))


def digest(text: str) -> str:
    """The first 12 hex digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
