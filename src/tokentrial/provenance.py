"""Where a number comes from: code version, library versions, device."""

import functools
import hashlib
import platform
import resource
from importlib.metadata import version
from pathlib import Path

import tokentrial
from tokentrial import checkout
from tokentrial.rusage import peak_mib


@functools.cache
def git_commit() -> str:
    """The commit of the checkout that runs, see checkout.commit: as it was when this process first asked.

    A job asks before it imports the code that it runs, so a checkout that moves on meanwhile changes nothing.
    """
    return checkout.commit()


def versions() -> str:
    """Versions of what the numbers depend on, as one line."""
    names = ("torch", "numpy", "scipy", "statsmodels", "pandas", "pyarrow", "snakemake")
    found = [f"{name} {version(name)}" for name in names]
    # tokentrial's own is that of the code, which need not be the installed one
    return ", ".join([f"python {platform.python_version()}", f"tokentrial {tokentrial.__version__}", *found])


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
