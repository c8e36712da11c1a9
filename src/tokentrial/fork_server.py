"""A fork server: jobs of a local run start as forks of a process that has imported their libraries once.

Importing torch and the modules that its optimisers load takes about three seconds of CPU time, and a run has hundreds
of jobs; a fork takes a hundredth of this time. Snakemake starts each job's script as a separate process, as always. The
script does not import torch: it sends the name of a library function and its arguments to the server, waits, and ends
as the fork ends.

    Snakemake -- script .. asks ..> server -- fork, which runs the function

The server imports other people's libraries and no module of this project that affects a number, so each fork loads the
code that its script would load, and starts from the same state. If anything is unusual (another system or environment,
a library that starts threads, no server), the script runs the function itself, with the same results.

A fork ends with its script and with its server; the server ends with Snakemake. ``multiprocessing.forkserver`` serves
the children of one Python program through pickles; here the requests come from Snakemake's children, in JSON.
"""

import atexit
import gc
import importlib
import json
import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import tokentrial
from tokentrial.rusage import peak_mib

SWITCH = "TOKENTRIAL_FORK"  # 0: no server
ADDRESS = "TOKENTRIAL_FORK_SERVER"  # set for the jobs of a run that has one
# Libraries that a server imports. torch itself loads _dynamo late, at the first step of an optimiser.
TORCH = ("torch", "torch._dynamo", "pandas", "pyarrow.parquet", "safetensors.torch", "filelock")
REPORT = ("pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.figure", "jinja2", "pydantic", "typst", "yaml")
LIBRARIES = {
    "torch": (*TORCH, "pooch", "tokenizers"),
    "transformers": (*TORCH, "huggingface_hub", "transformers.modeling_utils", "transformers.models.auto"),
    "report": REPORT,
}
# The server of a function, by the package that it is in; all others need torch.
SERVERS = {"cramming": "transformers", "run": "report", "claims": "report", "report": "report"}
# Of the server "report" alone, whose jobs share their work among processes (see forks) and not among threads.
THREADS = {f"{name}_NUM_THREADS" for name in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")} | {"VECLIB_MAXIMUM_THREADS"}
# Turns off the thread of pyarrow's second allocator, which nothing uses: the thread would be missing in a fork.
WITHOUT_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}

STARTED, INTERRUPT = b"started", b"interrupt"
LARGEST = 2**20  # bytes of a message; the system sends up to about 200,000
PATIENCE = 5.0  # seconds that a server waits for a script's request
WATCH_SECONDS = 0.5


class End(NamedTuple):
    """The end of a fork: its exit status, or minus the signal that ended it, and its CPU seconds and peak memory."""

    status: int
    cpu_seconds: float
    peak_rss_mib: float


# In Snakemake's process


def start() -> None:
    """Starts the servers of this process and tells jobs their address; a server imports nothing before a request."""
    os.environ.pop(ADDRESS, None)  # of another run that this one may be part of
    if os.environ.get(SWITCH) == "0" or not _possible():
        return
    name = f"tokentrial-{secrets.token_hex(16)}"
    for kind, libraries in LIBRARIES.items():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(_address(name, kind))
            listener.listen()
            server = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(listener.fileno()), *libraries],
                stdin=subprocess.PIPE,  # closed when this process ends in any way
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C reaches a fork through its script
            )
        atexit.register(_end, server)
    os.environ[ADDRESS] = name


def _possible() -> bool:
    """Whether this system is a Linux that is new enough."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends a server and waits, so that no process is left and its resources count for this process's children."""
    try:
        server.communicate(timeout=30)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        server.kill()


def _address(name: str, kind: str) -> str:
    """Returns an address without a file, which disappears with the listening process."""
    return f"\0{name}-{kind}"


# In a job's script


def ask(function: str, arguments: Mapping[str, Any], descriptors: Sequence[int]) -> End | None:
    """Lets a fork run the function and returns its end; None if no server takes the job.

    descriptors: stdout, stderr, the job's log and its lock. Ctrl-C is passed on to the fork. Raises ConnectionError if
    the server ends before the job.
    """
    if ADDRESS not in os.environ:
        return None
    kind = SERVERS.get(function.split(".")[1], "torch")
    environment = dict(os.environ)
    if kind == "report":
        environment |= dict.fromkeys(THREADS & environment.keys(), "1")
    request = {"function": function, "arguments": arguments, "argv": sys.argv, "folder": str(Path.cwd())}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        try:
            server.connect(_address(os.environ[ADDRESS], kind))
            socket.send_fds(server, [json.dumps({**request, "origin": _origin(environment)}).encode()], descriptors)
            if server.recv(LARGEST) != STARTED:
                return None
        except OSError:
            return None
        try:
            answer = server.recv(LARGEST)
        except KeyboardInterrupt:
            server.send(INTERRUPT)
            answer = server.recv(LARGEST)
        if not answer:
            raise ConnectionResetError("the fork server is gone")
        return End(*json.loads(answer))


def _origin(environment: Mapping[str, str]) -> dict[str, Any]:
    """Returns the facts in which a job and a server must agree, so that a fork equals the job's own process."""
    return {"python": sys.executable, "library": tokentrial.__file__, "environment": dict(environment)}


# In a server


class Fork(NamedTuple):
    """A job at work: its process, and the connection to its script."""

    process: int
    script: socket.socket


class Server:
    """A process with one thread and no other work: imports the libraries for its first job and forks for each job."""

    def __init__(self, listener: socket.socket, libraries: Sequence[str]) -> None:
        self.listener = listener
        self.libraries = libraries
        self.origin: dict[str, Any] | None = None  # of the first job; the libraries were imported in its environment
        self.forks: dict[int, Fork] = {}  # by a descriptor that can be read as soon as the process has ended

    def serve(self) -> None:
        """Answers requests until the process that started this server is gone; then ends the running forks."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while sys.stdin.fileno() not in (ready := self._ready()):
            for ended in ready & self.forks.keys():
                os.close(ended)
                _report(self.forks.pop(ended))
            if self.listener.fileno() in ready:
                script, _ = self.listener.accept()
                script.settimeout(PATIENCE)
                try:
                    self._answer(script)
                except (OSError, ValueError, KeyError, TypeError):  # the script is gone, or no script
                    script.close()
        for fork in self.forks.values():
            os.kill(fork.process, signal.SIGKILL)
            os.waitpid(fork.process, 0)

    def _ready(self) -> set[int]:
        """Waits for events and returns their descriptors."""
        poll = select.poll()
        for descriptor in (sys.stdin.fileno(), self.listener.fileno(), *self.forks):
            poll.register(descriptor, select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll()}

    def _answer(self, script: socket.socket) -> None:
        """Forks for a job, or refuses the job by closing the connection without a message."""
        _, user, _ = struct.unpack("3i", script.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        message, descriptors, _, _ = socket.recv_fds(script, LARGEST, 4)
        try:
            request = json.loads(message)
            if user != os.getuid() or not self._suits(request["origin"]):
                script.close()
                return
            script.send(STARTED)  # the script never runs the function itself from here on
            process = os.fork()
            if not process:
                self._work(script, descriptors, request)
            self.forks[os.pidfd_open(process)] = Fork(process, script)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _suits(self, origin: dict[str, Any]) -> bool:
        """Whether a fork equals the job's own process: the same Python, library and environment; no other thread."""
        if self.origin is None and origin == _origin(origin["environment"]):
            self._import(origin["environment"])
            self.origin = origin
        return origin == self.origin and len(list(Path("/proc/self/task").iterdir())) == 1

    def _import(self, environment: Mapping[str, str]) -> None:
        """Imports the libraries in a job's environment, which sets their number of threads."""
        _set_environment({**environment, **WITHOUT_THREAD})
        for name in self.libraries:
            with suppress(ImportError):  # the job that needs it says so
                importlib.import_module(name)
        _set_environment(environment)
        gc.collect()
        gc.freeze()  # a fork's garbage collector then does not touch, and so copy, shared objects

    def _work(self, script: socket.socket, descriptors: Sequence[int], request: Mapping[str, Any]) -> NoReturn:
        """Runs the function in this fork and ends the process as the script would end."""
        status = 1
        try:
            stdout, stderr, log, _ = descriptors
            self.listener.close()
            for ended, other in self.forks.items():
                os.close(ended)
                other.script.close()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            status = _run(script, log, request)
        except KeyboardInterrupt:  # before the job's log was open
            status = 128 + 2
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)


def _set_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _report(fork: Fork) -> None:
    """Tells a script how its fork ended."""
    _, status, used = os.wait4(fork.process, 0)
    end = End(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, peak_mib(used))
    with suppress(OSError), fork.script:
        fork.script.send(json.dumps(end).encode())


# In a fork


def _run(script: socket.socket, log: int, request: Mapping[str, Any]) -> int:
    """Runs the function as a job's script would, and returns the exit status."""
    from tokentrial.job import call, told  # only now, so that they are the present code

    sys.argv = request["argv"]
    os.chdir(request["folder"])
    with suppress(OSError):
        Path("/proc/self/comm").write_bytes(request["function"].rpartition(".")[2].encode())  # its name in a list
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(script, os.getppid()), daemon=True).start()
    try:
        with open(log, "w", encoding="utf-8", buffering=1) as file, told(file, sys.stderr):
            call(request["function"], request["arguments"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _end_with(script: socket.socket, server: int) -> None:
    """Ends this process as soon as its script or the server is gone, and passes on the script's Ctrl-C."""
    poll = select.poll()
    poll.register(script, select.POLLIN)
    while os.getppid() == server:
        if poll.poll(WATCH_SECONDS * 1000):
            with suppress(OSError):
                if script.recv(LARGEST) == INTERRUPT:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                    continue
            break
    os._exit(1)


if __name__ == "__main__":
    Server(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]).serve()
