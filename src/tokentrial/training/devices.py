"""Which GPU a job computes on: one of those that it can see, by a lock that its process holds until it ends.

Snakemake counts GPUs but hands none out, so jobs that run side by side settle it here: who has a device's lock has the
device. The locks are flock's, which the kernel drops with their process, however that ends.

A device goes by its UUID: its number differs between processes, with the order in CUDA_VISIBLE_DEVICES and with the
devices that a Slurm job may see. Devices that Slurm gave to a job are that job's own, or shared with others on purpose,
so there the name of the lock has the job's number: only the processes of one job exclude each other.
"""

import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from filelock import FileLock, Timeout

from tokentrial.errors import InputError

SECONDS = 1.0  # between two looks at devices that are all taken
# What Slurm sets where it has given GPUs, or shares of one, to a job or a step of it (srun's manual).
GIVEN_BY_SLURM = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_SHARDS_ON_NODE")
MIG = "MIG-"  # slices of a GPU (multi-instance GPU)

_held: dict[str, FileLock] = {}  # name of a device -> its lock, until the process ends


def visible() -> list[str]:
    """The ids in CUDA_VISIBLE_DEVICES (``0``, ``GPU-<uuid>``, ``MIG-<uuid>``); without it all devices, by number.

    Read as CUDA does: empty means none, and what is no id (such as -1) hides everything after it.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return [str(number) for number in range(_count())]
    ids = (part.strip() for part in listed.split(","))
    return list(takewhile(re.compile(r"\d+|(GPU|MIG)-\S+").fullmatch, ids))


def show_one_slice() -> None:
    """Where MIG slices are listed, claim one and show it alone: CUDA gives a process the first listed slice only.

    To be called before CUDA starts, which reads CUDA_VISIBLE_DEVICES once.
    """
    ids = visible()
    if ids and all(name.startswith(MIG) for name in ids):
        os.environ["CUDA_VISIBLE_DEVICES"] = ids[claim(ids)]


def names() -> list[str]:
    """The UUIDs of the devices that torch numbers 0, 1, ...; a MIG slice that is listed goes by its id."""
    ids = visible()
    if ids and all(name.startswith(MIG) for name in ids):
        return ids[: _count()]
    import torch

    return [str(torch.cuda.get_device_properties(number).uuid) for number in range(_count())]


def _count() -> int:
    """How many devices torch numbers."""
    import torch  # takes seconds, and the locks do without

    return torch.cuda.device_count()


def claim(names: Sequence[str], seconds: float = SECONDS) -> int:
    """The position in ``names`` of a device that is this process's own from now until it ends.

    The one it has already, or the first that is free, or else whichever comes free first: with one line in the log, it
    looks again every so many ``seconds``. Raises InputError where the locks' folder cannot be used.
    """
    for position, name in enumerate(names):
        if name in _held:
            return position
    folder = lock_folder()
    # flock or nothing: a lock that is a mere file would outlive a killed process
    locks = [FileLock(folder / lock_name(name), thread_local=False, fallback_to_soft=False) for name in names]
    waiting = False
    while True:
        for position, (name, lock) in enumerate(zip(names, locks, strict=True)):
            if _taken(lock):
                _held[name] = lock
                return position
        if not waiting:
            print(
                f"GPU: all {len(names)} visible are taken by other jobs; waiting for one", file=sys.stderr, flush=True
            )
            waiting = True
        time.sleep(seconds)


def _taken(lock: FileLock) -> bool:
    """Whether the lock was free and is this process's now."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise InputError(
            f"{lock.lock_file}: cannot be locked ({error}); set TMPDIR to a folder on a local disk"
        ) from None
    return True


def lock_name(name: str) -> str:
    """The file of a device's lock."""
    job = os.environ.get("SLURM_JOB_ID")
    own = f"job-{job}-" if job and any(key in os.environ for key in GIVEN_BY_SLURM) else ""
    return re.sub(r"[^0-9a-z-]", "_", f"{own}{name.lower()}") + ".lock"


def lock_folder() -> Path:
    """The folder that all of the user's processes on this machine share and nobody else can write to.

    Raises InputError for one that may be somebody else's trap: a link, another owner, open to others.
    """
    path = Path(tempfile.gettempdir()) / f"tokentrial-{os.getuid()}"
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise InputError(
            f"{path}: cannot be made ({error.strerror}); set TMPDIR to a folder that can be written"
        ) from None
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or mode & 0o077:
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a link or file"
        said = f"found {kind} of user {found.st_uid} with mode {mode:o}"
        raise InputError(f"{path}: {said}, expected a folder of your own with mode 700; remove it or set TMPDIR")
    return path
