"""The common frame of all workflow scripts: output goes to the job's log, and a user's mistake is one line.

A job also ends with the run that started it, and two processes never work on the same job.
"""

import errno
import fcntl
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from tokentrial import checkout, fork_server, pieces
from tokentrial.errors import DamagedFile, InputError

RESULTS = Path("results")
REFERENCE = RESULTS / "reference"  # shipped with the code, so no run remakes it
LOGS = Path("logs")
USAGE = "usage"
WATCH_SECONDS = 0.5
CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def run(log: str, function: str, *, depends: Sequence[str] = (), keep: bool = True, **arguments: Any) -> None:
    """Calls a function of this library, by its full name and with plain data, as a job that writes ``log``.

    The function runs in a fork if the run has a fork server, else in this process: results, log and exit status are the
    same. A finished job writes its use of resources as one JSON object to logs/usage, under the name of its log:
    ``cpu_seconds`` (of this process and its fork), ``peak_rss_mib``, ``wall_seconds`` and ``mode``, ``fork`` or
    ``plain``. A job that an earlier sitting finished is taken from the folder of pieces, if there is one (see pieces).
    depends: files that the result depends on and the function does not ask for. keep: False for a job whose result
    depends on more than its arguments, such as the commit, and which is therefore no piece.
    """
    started, usage = time.monotonic(), _usage_file(Path(log))
    usage.unlink(missing_ok=True)
    arguments = json.loads(json.dumps(arguments))
    with logged(log) as (file, lock):
        kept = pieces.folder() if keep else None
        piece = "" if kept is None else pieces.key(function, {**arguments, "depends": list(depends)})
        if kept is not None and pieces.take(kept, piece, arguments):
            print(f"taken from {pieces.VARIABLE}: {piece}", file=file)
            return
        try:
            end = fork_server.ask(function, arguments, [1, 2, file.fileno(), lock.fileno()])
        except ConnectionError:
            raise InputError(
                f"{log}: the job's process ended with its fork server; the same command runs it again"
            ) from None
        if end is None:
            call(function, arguments)
        elif end.status < 0:
            raise InputError(f"{log}: the job's process was ended by {signal.Signals(-end.status).name}")
        if kept is not None and not (end and end.status):
            pieces.keep(kept, piece, function, arguments)
    if end is not None and end.status:
        sys.exit(end.status)
    _write_usage(usage, end, time.monotonic() - started)


def call(function: str, arguments: Mapping[str, Any]) -> None:
    """Calls a function of this library by its full name."""
    module, _, name = function.rpartition(".")
    if module.partition(".")[0] != "tokentrial":
        raise ValueError(f"{function}: expected a function of tokentrial")
    from tokentrial.provenance import git_commit

    git_commit()  # before the code of this commit is loaded
    getattr(importlib.import_module(module), name)(**arguments)


def _usage_file(log: Path) -> Path:
    """Returns logs/usage/a/b.json for logs/a/b.log, also below the prefix of a module."""
    parts = log.parts
    at = parts.index(LOGS.name) + 1 if LOGS.name in parts else len(parts) - 1
    return Path(*parts[:at], USAGE, *parts[at:]).with_suffix(".json")


def _write_usage(path: Path, end: fork_server.End | None, wall_seconds: float) -> None:
    """Writes the resources that this process and its fork, if there was one, used."""
    from tokentrial.provenance import cpu_seconds, peak_rss_mib

    used = {
        "cpu_seconds": round(cpu_seconds() + (end.cpu_seconds if end else 0.0), 3),
        "peak_rss_mib": round(end.peak_rss_mib if end else peak_rss_mib(), 1),
        "wall_seconds": round(wall_seconds, 3),
        "mode": "fork" if end else "plain",
    }
    with suppress(OSError):  # a full disk does not undo a finished job
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(used) + "\n", encoding="utf-8")


@contextmanager
def logged(log: str) -> Iterator[tuple[IO[str], IO[bytes]]]:
    """Runs a script's body with stdout and stderr in its log; yields the log and the file of the job's lock.

    Exceptions are handled as in :func:`told`.
    """
    terminal, parent = sys.stderr, os.getppid()
    with (
        _alone(Path(log), terminal) as lock,
        _opened(log) as file,
        _ending_with_the_run(parent),
        told(file, terminal),
    ):
        checkout.check_script()
        yield file, lock


@contextmanager
def told(file: IO[str], terminal: IO[str]) -> Iterator[None]:
    """Sends stdout and stderr to a log, and reports there if the body failed.

    An InputError, a full disk and Ctrl-C are one line, in the log and (except Ctrl-C) on the terminal, and the script
    exits with a non-zero status. A damaged result is set aside, so that the same command makes it again. Any other
    exception leaves its traceback in the log and is raised again.
    """
    with redirect_stdout(file), redirect_stderr(file):
        try:
            yield
        except KeyboardInterrupt:
            print("stopped", file=file)
            sys.exit(128 + 2)  # a shell's status for SIGINT
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
    """Opens a log that is written line by line; a full disk loses only the end of the log."""
    file = Path(log).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115 (closing it may fail)
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def set_aside(path: Path) -> Path | None:
    """Renames one of the run's own results, so that Snakemake remakes it; returns its new name, or None for others."""
    parts = Path(os.path.relpath(path)).parts  # below the working directory, or the prefix of a module in it
    if os.pardir in parts or RESULTS.name not in parts or (RESULTS.name, REFERENCE.name) in pairwise(parts):
        return None
    aside = path.with_name(f"{path.name}.damaged")
    with suppress(FileNotFoundError):  # another job that reads it was faster
        path.replace(aside)
    return aside


def _line(error: Exception) -> str | None:
    """Returns the line that tells a user about an error, or None if the error needs a traceback."""
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
def _alone(log: Path, terminal: IO[str]) -> Iterator[IO[bytes]]:
    """Waits until no process of an earlier run works on this job, and keeps later processes from beginning.

    The lock is on a file beside the log, since Snakemake deletes a log before the job runs again. The lock ends with
    the process that holds it, or with the last of those that share it. On a file system without locks, nothing is done.
    """
    with log.with_name(f".{log.name}.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"note: {log}: waits for this job's process of an earlier run to end", file=terminal, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass
        yield file


@contextmanager
def _ending_with_the_run(parent: int) -> Iterator[None]:
    """Ends this process as soon as the process that started it is gone.

    A killed Snakemake leaves its jobs running. Their later results would belong to a config that may have changed; a
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
    """Whether this is a job whose Snakemake ended before the job could ask for its parent process."""
    try:
        command = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:  # a system that does not tell
        return False
    return ".snakemake" in Path(sys.argv[0]).parts and b"snakemake" not in command
