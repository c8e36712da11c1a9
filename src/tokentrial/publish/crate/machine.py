"""What a run ran on: processor, memory, system, packages. Nothing here names a person, a folder or a host."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.markers import Marker

from tokentrial import provenance

LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)(?: *; *([^\\\n]+))?", re.MULTILINE)


def hardware() -> dict[str, Any]:
    """The processor as it names itself, its cores (all, and those this process may use), memory in GiB."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": provenance.device_name("cpu"),
        "cores": os.cpu_count(),
        "cores_allowed": allowed,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def system() -> dict[str, str]:
    """Operating system, architecture and C library; the kernel's release without a site's own suffix."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        name = platform.system()
    kernel = re.match(r"[\d.]*", platform.release())
    return {
        "name": name,
        "kernel": f"{platform.system()} {kernel.group() if kernel else ''}".strip(),
        "architecture": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
    }


def locked(path: Path) -> dict[str, str]:
    """Package -> the version that a lock file pins for this Python and system; empty where there is no lock file."""
    pins = LOCKED.findall(path.read_text(encoding="utf-8")) if path.is_file() else []
    return {name: pinned for name, pinned, marker in pins if not marker or Marker(marker.strip()).evaluate()}


def installed(names: dict[str, str]) -> dict[str, str | None]:
    """Package -> the version that is installed, None where it is not."""
    return {name: _version(name) for name in sorted(names, key=str.lower)}


def is_locked(found: str | None, pinned: str) -> bool:
    """Whether an installed version is the pinned one; as for pip, 2.13.0+cpu is 2.13.0 where no build is pinned."""
    return found is not None and pinned in (found, found.partition("+")[0])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
