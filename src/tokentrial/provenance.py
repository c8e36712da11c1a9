"""The provenance of a number: code version, library versions, device."""

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
    """Returns the commit of the running checkout (see checkout.commit) at the time of this process's first call.

    A job calls this function before it imports its code, so later changes of the checkout do not matter.
    """
    return checkout.commit()


def versions() -> str:
    """Returns the versions of Python, this library and the packages behind the numbers, as one line."""
    names = ("torch", "numpy", "scipy", "statsmodels", "pandas", "pyarrow", "snakemake")
    packages = [f"{name} {version(name)}" for name in names]
    # tokentrial's version is that of the code, which may differ from the installed version
    return ", ".join([f"python {platform.python_version()}", f"tokentrial {tokentrial.__version__}", *packages])


def device_name(device: str) -> str:
    """Returns the name that the processor or GPU reports."""
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
    """Returns the CPU seconds that this process and its ended children have used so far."""
    process, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return process.ru_utime + process.ru_stime + children.ru_utime + children.ru_stime


def peak_rss_mib() -> float:
    """Returns this process's largest resident memory so far.

    Linux reports this value for the process alone; ``ru_maxrss`` begins with the memory of the parent process.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return peak_mib(resource.getrusage(resource.RUSAGE_SELF))


def digest(text: str) -> str:
    """Returns the first 12 hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
