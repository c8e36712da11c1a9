"""Resource usage of processes, as the operating system reports it."""

import resource
import sys

PER_MIB = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes on macOS, KiB elsewhere


def peak_mib(used: resource.struct_rusage) -> float:
    """Returns the largest resident memory in MiB of a process, or of the largest of several."""
    return used.ru_maxrss / PER_MIB
