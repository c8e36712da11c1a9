"""File times in the future, which remain after a clock was set back.

Snakemake compares the times of files. A result from "tomorrow" looks newer than every file made from now on: a job that
reads it is refused or runs again and again, and a job whose input changed does not run.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

NANOSECONDS = 1_000_000_000
TOLERANCE = 1 * NANOSECONDS  # a file server's clock may be a little ahead


def settle(folders: Iterable[str | Path]) -> int:
    """Gives every file below the folders whose time lies in the future a past time; returns the number of files.

    The order of all times is kept: future times move, one after the other, between the newest past time and now, since
    the files were in fact made before now. Files that cannot be changed, as on a read-only disk, stay as they are.
    """
    now = time.time_ns()
    times = {path: at for folder in folders for path, at in _times(str(folder))}
    late = {path: at for path, at in times.items() if at > now + TOLERANCE}
    if not late:
        return 0
    newest = max((at for at in times.values() if at <= now), default=now - NANOSECONDS)
    places = {at: place for place, at in enumerate(sorted(set(late.values())), start=1)}
    settled = 0
    for path, at in late.items():
        mended = newest + (now - newest) * places[at] // len(places)
        try:
            os.utime(path, ns=(mended, mended))
            settled += 1
        except OSError:
            continue
    return settled


def _times(folder: str) -> Iterator[tuple[str, int]]:
    """Yields files and folders below a folder with their times of change; a rule's output may be a folder."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _times(entry.path)
                with suppress(OSError):  # gone in between, or a link to nothing
                    yield entry.path, entry.stat().st_mtime_ns
    except OSError:  # no such folder
        return
