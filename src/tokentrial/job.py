"""What every workflow script shares: output goes to the job's log, a user's mistake ends it with one line.

A job also ends with the run that started it, and two processes never work on the same job.
"""

import errno
import fcntl
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import IO

from tokentrial.errors import DamagedFile, InputError

RESULTS = Path("results")
REFERENCE = RESULTS / "reference"  # shipped with the code, so no run makes it again
WATCH_SECONDS = 0.5
CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Run a script's body with stdout and stderr in its log.

    An InputError, a full disk and Ctrl-C are one line, in the log and (but for Ctrl-C) on the terminal, and the script
    exits with a non-zero status; a damaged result is set aside, so that the same command makes it again. Any other
    exception leaves its traceback in the log and is raised again.
    """
    terminal, parent = sys.stderr, os.getppid()
    with (
        _alone(Path(log), terminal),
        _opened(log) as file,
        _ending_with_the_run(parent),
        redirect_stdout(file),
        redirect_stderr(file),
    ):
        try:
            yield
        except KeyboardInterrupt:
            print("stopped", file=file)
            sys.exit(128 + 2)  # as a shell says it of SIGINT
        except Exception as error:
            line = _line(error)
            if line is None:
                traceback.print_exc(file=file)
                raise
            for place in (file, terminal):
                with suppress(OSError):  # the disk that is full may be the log's
                    print(f"error: {line}", file=place)
            sys.exit(1)
        except BaseException:
            traceback.print_exc(file=file)
            raise


@contextmanager
def _opened(log: str) -> Iterator[IO[str]]:
    """A log that is written line by line; on a full disk its end is lost, and nothing more."""
    file = Path(log).open("w", buffering=1)  # noqa: SIM115 (closing it may fail)
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def set_aside(path: Path) -> Path | None:
    """Rename one of the run's own results, so that Snakemake makes it again; gives its new name, or None for others."""
    place = Path(os.path.relpath(path))
    if not place.is_relative_to(RESULTS) or place.is_relative_to(REFERENCE):
        return None
    aside = path.with_name(f"{path.name}.damaged")
    with suppress(FileNotFoundError):  # another job that reads it was faster
        path.replace(aside)
    return aside


def _line(error: Exception) -> str | None:
    """What a user has to know about an error, or None where that takes a traceback."""
    if isinstance(error, DamagedFile) and (aside := set_aside(error.path)) is not None:
        return f"{error.path}: {error.reason}; set aside as {aside.name}, the same command makes it anew"
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        return f"{error.filename or RESULTS}: cannot be written: {error.strerror}"
    if os.strerror(errno.ENOSPC) in str(error):  # a library's own exception for it
        return f"{RESULTS}: cannot be written: {os.strerror(errno.ENOSPC)}"
    return None


@contextmanager
def _alone(log: Path, terminal: IO[str]) -> Iterator[None]:
    """Wait until no process of an earlier run works on this job, and let no later one begin.

    The lock is on a file beside the log, since Snakemake deletes a log before the job runs again; it ends with the
    process that has it. A file system without locks is left alone.
    """
    with log.with_name(f".{log.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"note: {log}: waits for this job's process of an earlier run to end", file=terminal, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass
        yield


@contextmanager
def _ending_with_the_run(parent: int) -> Iterator[None]:
    """End this process at once when the one that started it is gone.

    A killed Snakemake leaves its jobs behind. What they would still write belongs to a config that may have changed; a
    checkpoint, if there is one, keeps their work.
    """
    if os.getppid() != parent or _is_orphan():
        os._exit(1)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            if os.getppid() != parent:
                os._exit(1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _is_orphan() -> bool:
    """Whether this is a job whose Snakemake was gone before the job could ask who started it."""
    try:
        command = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:  # a system that does not tell
        return False
    return ".snakemake" in Path(sys.argv[0]).parts and b"snakemake" not in command
