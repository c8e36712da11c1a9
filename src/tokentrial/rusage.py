"""What the operating system says a process has used."""

import resource
import sys

PER_MIB = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes on macOS, KiB elsewhere


def peak_mib(used: resource.struct_rusage) -> float:
    """The largest resident memory of a process, or of the largest of several, in MiB."""
    return used.ru_maxrss / PER_MIB
