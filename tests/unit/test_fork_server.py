"""The fork server: what a fork is given, when a job runs by itself instead, and that nothing outlives anything."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tokentrial import fork_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server is for Linux")

# Stands for a library whose import takes long.
LIBRARY = """
import os
importer, value = os.getpid(), None
"""
JOBS = """
import json, os, sys, time
from pathlib import Path
import slow_library
from tokentrial.errors import InputError

def tell(path):
    said = {"importer": slow_library.importer, "process": os.getpid(), "argv": sys.argv, "folder": os.getcwd()}
    said |= {"environment": dict(os.environ), "value": slow_library.value}
    slow_library.value = "carried over"
    Path(path).write_text(json.dumps(said))
    print("in the log")
    os.write(1, b"on stdout")
    os.write(2, b"on stderr")

def wait(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(120)

def mistake():
    raise InputError("config: seeds: found 0, expected at least 1")

def fault():
    raise RuntimeError("a fault")

def leave(status):
    sys.exit(status)

def fill(mib):
    block = bytearray(mib * 2**20)
    block[::4096] = b"1" * len(block[::4096])

def compute(seconds):
    while time.process_time() < seconds:
        pass

def nothing(text=""):
    pass
"""
# Does what Snakemake does: starts the servers, then a script for each line that it reads.
RUN = """
import json, os, subprocess, sys
from tokentrial import fork_server
fork_server.LIBRARIES = {"torch": json.loads(sys.argv[1]), "transformers": []}
fork_server.start()
script = "import json, sys; from tokentrial.job import run; run(sys.argv[1], sys.argv[2], **json.load(sys.stdin))"
for line in sys.stdin:
    number, environment, name, arguments = json.loads(line)
    command = [sys.executable, "-c", script, f"logs/{number}.log", name]
    with open(f"{number}.out", "w") as out, open(f"{number}.err", "w") as err:
        pipes = {"stdin": subprocess.PIPE, "stdout": out, "stderr": err, "text": True}
        job = subprocess.Popen(command, env={**os.environ, **environment}, **pipes)
    job.stdin.write(json.dumps(arguments))
    job.stdin.close()
    print(job.pid, flush=True)
    print(job.wait(), flush=True)
"""


class Run:
    """A process that starts servers and, one after the other, scripts."""

    def __init__(self, folder: Path, libraries: tuple[str, ...] = ("slow_library",), **environment: str) -> None:
        """folder: where it works; it holds a copy of what it needs of the library."""
        self.folder, self.jobs = folder, 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, json.dumps(libraries)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell's background job, which these tests may be, ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def start(self, function: str, *, environment: dict[str, str] | None = None, **arguments: Any) -> int:
        """The process of a script. environment: what it has beside the run's."""
        self.jobs += 1
        assert self.process.stdin is not None
        call = [self.jobs, environment or {}, f"tokentrial.jobs.{function}", arguments]
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        return self.reads()

    def reads(self) -> int:
        """The next number that the run writes: after a script's process its exit status."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def does(self, function: str, *, environment: dict[str, str] | None = None, **arguments: Any) -> int:
        """The exit status of a script."""
        self.start(function, environment=environment, **arguments)
        return self.reads()

    def tells(self, **environment: str) -> dict[str, Any]:
        """What the function ``tell`` says of the process that it runs in."""
        assert self.does("tell", path="told.json", environment=environment) == 0
        said: dict[str, Any] = json.loads((self.folder / "told.json").read_text())
        return said

    def works(self) -> tuple[int, int]:
        """A script that waits, and the process that waits for it."""
        path = self.folder / "process"
        path.unlink(missing_ok=True)
        script = self.start("wait", path=str(path))
        wait_for(lambda: path.is_file() and path.read_text(), "a job")
        return script, int(path.read_text())

    def servers(self) -> list[int]:
        """The processes of servers and forks."""
        return [process for process in processes(self.folder) if process != self.process.pid]

    def file(self, kind: str) -> str:
        """What the last job said: ``out``, ``err`` or ``log``."""
        name = f"logs/{self.jobs}.log" if kind == "log" else f"{self.jobs}.{kind}"
        return (self.folder / name).read_text()

    @property
    def used(self) -> dict[str, Any]:
        """What the last job used."""
        found: dict[str, Any] = json.loads((self.folder / f"logs/usage/{self.jobs}.json").read_text())
        return found

    def ends(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


def processes(folder: Path) -> list[int]:
    """Servers of runs in a folder, and their forks."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
        except OSError:
            continue
        if b"tokentrial.fork_server" in command and f"PYTHONPATH={folder}".encode() in environment.split(b"\0"):
            found.append(int(path.name))
    return found


def wait_for(happened: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)


def state(process: int) -> str:
    """As Linux abbreviates it: T for stopped; none of a process that has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0].replace("Z", "")
    except OSError:
        return ""


def stopped(process: int) -> bool:
    return all(state(int(path.name)) == "T" for path in Path(f"/proc/{process}/task").iterdir())


def gone(process: int) -> bool:
    return not state(process)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package = tmp_path / "tokentrial"
    package.mkdir()
    for name in ("__init__", "checkout", "errors", "fork_server", "job", "pieces", "provenance", "rusage"):
        shutil.copy(Path(fork_server.__file__).with_name(f"{name}.py"), package)
    (package / "jobs.py").write_text(JOBS)
    (tmp_path / "slow_library.py").write_text(LIBRARY)
    (tmp_path / "logs").mkdir()
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    started = Run(folder)
    yield started
    started.process.kill()
    started.process.wait()
    wait_for(lambda: not processes(folder), "the end of all")


# What a fork is given


def test_a_job_runs_in_a_fork_of_the_process_that_imported_the_libraries(run: Run) -> None:
    first, second = run.tells(), run.tells()
    assert first["importer"] == second["importer"] in run.servers()
    assert len({first["process"], second["process"], first["importer"]}) == 3
    assert run.used["mode"] == "fork"
    assert second["value"] is None  # the first job's, if it ran in the process that imported


def test_a_fork_is_as_its_script(run: Run, folder: Path) -> None:
    said = run.tells()
    assert (run.file("out"), run.file("err"), run.file("log")) == ("on stdout", "on stderr", "in the log\n")
    assert said["argv"] == ["-c", "logs/1.log", "tokentrial.jobs.tell"]
    assert said["folder"] == str(folder)
    by_itself = Run(folder, TOKENTRIAL_FORK="0")
    alone = by_itself.tells()
    by_itself.ends()
    differ = {fork_server.ADDRESS, fork_server.SWITCH, "PYTEST_CURRENT_TEST"}
    kept = [{k: v for k, v in one["environment"].items() if k not in differ} for one in (said, alone)]
    assert kept[0] == kept[1]
    assert said["argv"] == alone["argv"]


def test_a_fork_ends_as_its_script_would(run: Run) -> None:
    assert run.does("mistake") == 1
    line = "error: config: seeds: found 0, expected at least 1\n"
    assert (run.file("err"), run.file("log")) == (line, line)
    assert run.does("fault") == 1
    for kind in ("err", "log"):
        assert run.file(kind).startswith("Traceback") and run.file(kind).endswith("RuntimeError: a fault\n")
    assert run.does("leave", status=7) == 7
    assert not list((run.folder / "logs/usage").glob("*"))  # only a finished job says what it used


def test_a_fork_runs_the_code_as_it_is_now(run: Run, folder: Path) -> None:
    """The server has imported none of it, so an edit during a run is seen as it is without a server."""
    assert run.does("leave", status=0) == 0
    code = folder / "tokentrial/jobs.py"
    code.write_text(code.read_text().replace("sys.exit(status)", "sys.exit(status + 3)"))
    assert run.does("leave", status=0) == 3
    run.tells()
    assert run.used["mode"] == "fork"


def test_a_job_says_what_it_used_itself(run: Run) -> None:
    """Its own peak of memory: not that of a job before it, nor of the processes that started it."""
    peaks = []
    for mib in (400, 0):
        assert run.does("fill", mib=mib) == 0
        peaks.append(run.used["peak_rss_mib"])
    assert peaks[0] - peaks[1] == pytest.approx(400, abs=20)
    assert run.does("compute", seconds=0.5) == 0
    assert 0.5 <= run.used["cpu_seconds"] < 1.5
    assert run.used["wall_seconds"] > 0.4


# When a job runs by itself


def test_a_job_with_another_environment_runs_by_itself(run: Run) -> None:
    assert run.tells()["importer"] in run.servers()
    assert run.does("nothing", environment={"OMP_NUM_THREADS": "3"}) == 0
    assert run.used["mode"] == "plain"
    run.tells()
    assert run.used["mode"] == "fork"


def test_a_switch_turns_the_servers_off(folder: Path) -> None:
    run = Run(folder, TOKENTRIAL_FORK="0")
    said = run.tells()
    assert said["importer"] == said["process"] and run.used["mode"] == "plain"
    assert 0 < run.used["cpu_seconds"] < 5 and 0 < run.used["peak_rss_mib"] < 200
    assert processes(folder) == []
    run.ends()


def test_after_a_library_that_starts_a_thread_jobs_run_by_themselves(folder: Path) -> None:
    """A fork has the thread that forked and no other."""
    (folder / "threads.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()"
    )
    run = Run(folder, ("threads",))
    said = run.tells()
    assert said["importer"] == said["process"] and run.used["mode"] == "plain"
    run.ends()


def test_a_library_that_is_missing_is_the_jobs_own_affair(folder: Path) -> None:
    run = Run(folder, ("no_such_library", "slow_library"))
    assert run.tells()["importer"] in run.servers()
    run.ends()


def test_a_request_that_is_too_long_is_the_scripts_own(run: Run) -> None:
    assert run.does("nothing", text="x" * 2**20) == 0
    assert run.used["mode"] == "plain"


def test_what_is_no_request_is_refused(run: Run) -> None:
    """And the server goes on."""
    address = run.tells()["environment"][fork_server.ADDRESS]
    for message in (b"{", b"[]", b"{}", b'{"origin": {}}', b"\xff"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
            server.connect(fork_server._address(address, "torch"))
            server.send(message)
            assert server.recv(10) == b""
    run.tells()
    assert run.used["mode"] == "fork"


def test_without_a_server_jobs_run_by_themselves(run: Run) -> None:
    wait_for(lambda: len(run.servers()) == 2, "the servers")
    for server in run.servers():
        os.kill(server, signal.SIGKILL)
    said = run.tells()
    assert said["importer"] == said["process"] and run.used["mode"] == "plain"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_nobody_else_is_served(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run.tells()
    ask = """if 1:
        import json, os, sys
        from tokentrial import fork_server
        os.setuid(65534)
        fork_server._origin = lambda _: json.loads(sys.argv[1])
        print(fork_server.ask("tokentrial.jobs.nothing", {}, [1, 2, os.dup(1), os.dup(1)]))
    """
    origin = {"python": sys.executable, "library": str(run.folder / "tokentrial/__init__.py")}
    origin |= {"environment": said["environment"]}
    for code, answer in ((ask.replace("os.setuid(65534)", "pass"), "End(status=0"), (ask, "None")):
        command = [sys.executable, "-c", code, json.dumps(origin)]
        done = subprocess.run(command, cwd="/", env=said["environment"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(answer)


def test_functions_of_others_are_not_run(folder: Path) -> None:
    from tokentrial.job import call

    with pytest.raises(ValueError, match="expected a function of tokentrial"):
        call("os.system", {"command": "true"})


# Ends


def test_a_fork_ends_with_its_script(run: Run) -> None:
    script, fork = run.works()
    os.kill(script, signal.SIGKILL)
    wait_for(lambda: gone(fork), "the fork's end")
    assert run.reads() == -signal.SIGKILL
    assert run.tells()["importer"] in run.servers()  # the server goes on


def test_servers_and_forks_end_with_the_run(run: Run, folder: Path) -> None:
    script, fork = run.works()
    assert fork in run.servers() and len(run.servers()) == 3
    run.process.kill()
    wait_for(lambda: gone(script) and not processes(folder), "the end of all")


def test_nothing_is_left_of_a_run_that_ends_by_itself(folder: Path) -> None:
    run = Run(folder)
    run.tells()
    before = set(folder.rglob("*"))
    run.ends()
    assert run.process.returncode == 0
    assert processes(folder) == []  # at once: the run waits for them
    assert set(folder.rglob("*")) == before


def test_a_killed_fork_is_a_failed_job(run: Run) -> None:
    _, fork = run.works()
    os.kill(fork, signal.SIGKILL)
    assert run.reads() == 1
    line = "error: logs/1.log: the job's process was ended by SIGKILL\n"
    assert (run.file("err"), run.file("log")) == (line, line)


def test_a_killed_server_is_a_failed_job(run: Run) -> None:
    importer = run.tells()["importer"]
    _, fork = run.works()
    os.kill(importer, signal.SIGKILL)
    assert run.reads() == 1
    assert run.file("err").count("\n") == 1 and "ended with its fork server" in run.file("err")
    assert run.file("log") == run.file("err")
    wait_for(lambda: gone(fork), "the fork's end")
    run.tells()
    assert run.used["mode"] == "plain"


def test_ctrl_c_reaches_the_fork(run: Run) -> None:
    script, fork = run.works()
    assert os.getpgid(script) == run.process.pid != os.getpgid(fork)
    os.kill(script, signal.SIGINT)
    assert run.reads() == 130
    assert (run.file("log"), run.file("err")) == ("stopped\n", "")
    assert gone(fork)


def test_a_job_waits_for_the_fork_of_an_earlier_run(run: Run, folder: Path) -> None:
    """Fork and script share the job's lock, so it is free when the last of them has ended."""
    script, fork = run.works()
    os.kill(fork, signal.SIGSTOP)
    wait_for(lambda: stopped(fork), "all threads of the fork to stop")
    os.kill(script, signal.SIGKILL)
    assert run.reads() == -signal.SIGKILL
    later = Run(folder)
    later.start("nothing")
    wait_for(lambda: "waits for this job's process of an earlier run" in later.file("err"), "the second job")
    assert not gone(fork)
    os.kill(fork, signal.SIGCONT)
    assert later.reads() == 0
    assert gone(fork)
    later.ends()


def test_two_runs_have_servers_of_their_own(run: Run, folder: Path) -> None:
    other = Run(folder)
    assert run.tells()["importer"] != other.tells()["importer"]
    run.ends()
    assert other.tells()["importer"] in processes(folder)
    other.ends()


# The libraries

IMPORTS = """
import importlib, json, os, sys
os.environ.update(json.loads(sys.argv[1]))
for name in sys.argv[2:]:
    importlib.import_module(name)
import torch
state = torch.random.get_rng_state()
torch.manual_seed(torch.initial_seed())
same = bool((state == torch.random.get_rng_state()).all())
print(json.dumps([len(os.listdir("/proc/self/task")), torch.cuda.is_initialized(), same]))
"""


def test_every_package_has_a_server() -> None:
    assert set(fork_server.SERVERS.values()) <= set(fork_server.LIBRARIES)
    packages = {path.name for path in Path(fork_server.__file__).parent.iterdir() if path.is_dir()}
    assert set(fork_server.SERVERS) <= packages


@pytest.mark.parametrize("kind", fork_server.LIBRARIES)
def test_the_libraries_can_be_imported_before_a_fork(kind: str) -> None:
    """They are there, start no thread and no GPU, and draw nothing from torch's generator."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    before = json.dumps({**threads, **fork_server.WITHOUT_THREAD})
    command = [sys.executable, "-c", IMPORTS, before, *fork_server.LIBRARIES[kind]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [1, False, True]
