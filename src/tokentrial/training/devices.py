"""The GPU of a job: one of those that it can see, by a lock that its process holds until it ends.

Snakemake counts GPUs but assigns none, so jobs that run side by side share them out here: the process that holds a
device's lock uses the device. The locks are flock's, which the kernel releases when the process ends in any way.

A lock names its device by UUID, since the number of a device differs between processes: it depends on the order in
CUDA_VISIBLE_DEVICES and on the devices that a Slurm job may see. Devices that Slurm gave to a job belong to this job,
or are shared with others on purpose. The lock's name then includes the job's number, so only the processes of one job
exclude each other.
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

SECONDS = 1.0  # between two checks of devices that are all taken
# Variables that Slurm sets if it has given GPUs, or shares of a GPU, to a job or to a step of a job (srun's manual).
GIVEN_BY_SLURM = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_SHARDS_ON_NODE")
MIG = "MIG-"  # slices of a GPU (multi-instance GPU)

_held: dict[str, FileLock] = {}  # name of a device -> its lock, until the process ends


def visible() -> list[str]:
    """Returns the ids in CUDA_VISIBLE_DEVICES (``0``, ``GPU-<uuid>``, ``MIG-<uuid>``); if unset, all device numbers.

    The variable is read as CUDA reads it: empty means none, and an entry that is no id (such as -1) hides all later
    entries.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return [str(number) for number in range(_count())]
    ids = (part.strip() for part in listed.split(","))
    return list(takewhile(re.compile(r"\d+|(GPU|MIG)-\S+").fullmatch, ids))


def show_one_slice() -> None:
    """If MIG slices are listed, claims one and hides the others: CUDA gives a process only the first listed slice.

    Call this before CUDA starts, since CUDA reads CUDA_VISIBLE_DEVICES once.
    """
    ids = visible()
    if ids and all(name.startswith(MIG) for name in ids):
        os.environ["CUDA_VISIBLE_DEVICES"] = ids[claim(ids)]


def names() -> list[str]:
    """Returns the UUIDs of the devices that torch numbers 0, 1, ...; the listed id for a MIG slice."""
    ids = visible()
    if ids and all(name.startswith(MIG) for name in ids):
        return ids[: _count()]
    import torch

    return [str(torch.cuda.get_device_properties(number).uuid) for number in range(_count())]


def _count() -> int:
    """Returns the number of devices that torch sees."""
    import torch  # takes seconds, and the locks do not need it

    return torch.cuda.device_count()


def claim(names: Sequence[str], seconds: float = SECONDS) -> int:
    """Claims a device for this process until it ends, and returns the device's position in ``names``.

    This is the device that the process already holds, else the first free device. If all are taken, the function writes
    one line to the log and checks again every ``seconds`` seconds until a device is free. Raises InputError if the
    locks' folder cannot be used.
    """
    for position, name in enumerate(names):
        if name in _held:
            return position
    folder = lock_folder()
    # only flock: a lock by the existence of a file would outlive a killed process
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
    """Whether the lock was free and now belongs to this process."""
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
    """Returns the name of the file of a device's lock."""
    job = os.environ.get("SLURM_JOB_ID")
    prefix = f"job-{job}-" if job and any(key in os.environ for key in GIVEN_BY_SLURM) else ""
    return re.sub(r"[^0-9a-z-]", "_", f"{prefix}{name.lower()}") + ".lock"


def lock_folder() -> Path:
    """Returns the folder that all of the user's processes on this machine share and nobody else can write to.

    Raises InputError if the folder may be somebody else's trap: a link, another owner, or open to others.
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
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or mode & 0o077:
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a link or file"
        said = f"found {kind} of user {status.st_uid} with mode {mode:o}"
        raise InputError(f"{path}: {said}, expected a folder of your own with mode 700; remove it or set TMPDIR")
    return path
