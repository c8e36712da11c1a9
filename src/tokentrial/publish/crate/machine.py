"""The machine of a run: processor, memory, system, packages. No value names a person, a folder or a host."""

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
    """Returns the processor's reported name, its cores (all, and those that this process may use), memory in GiB."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": provenance.device_name("cpu"),
        "cores": os.cpu_count(),
        "cores_allowed": allowed,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def system() -> dict[str, str]:
    """Returns operating system, architecture and C library; the kernel's release is without a site's own suffix."""
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
    """Returns by package the version that a lock file pins for this Python and system; empty without a lock file."""
    pins = LOCKED.findall(path.read_text(encoding="utf-8")) if path.is_file() else []
    return {name: pinned for name, pinned, marker in pins if not marker or Marker(marker.strip()).evaluate()}


def installed(names: dict[str, str]) -> dict[str, str | None]:
    """Returns the installed version by package, None if the package is not installed."""
    return {name: _version(name) for name in sorted(names, key=str.lower)}


def is_locked(installed_version: str | None, pinned: str) -> bool:
    """Whether an installed version is the pinned one; as in pip, 2.13.0+cpu matches 2.13.0 if no build is pinned."""
    return installed_version is not None and pinned in (installed_version, installed_version.partition("+")[0])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
