"""Snakemake in forks of a process that has imported it: a test run starts it hundreds of times, over a second each.

A fork is Snakemake as ``python -m snakemake`` starts it: folder, variables, arguments, exit status, and the copy of the
library that ``PYTHONPATH`` names, of which the server imports nothing. Tests of signals, places and environments start
it themselves, and so does `run` where variables decide how Python or a library starts.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

LIBRARIES = ("snakemake.cli", "pandas", "pydantic", "scipy.stats", "yaml")
AT_START = ("PYTHON", "LC_", "LANG", "LD_", "OMP_", "MKL_", "OPENBLAS_", "JE_", "MALLOC_")
"""How variables begin that are read when Python or a library starts."""
SECONDS = 1800  # against a hang; no run lasts so long, even beside much else


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs Snakemake in a folder with exactly these variables."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    if _at_start(environment) != _at_start(os.environ):
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    server = _server()
    with tempfile.TemporaryDirectory() as made:
        said = [Path(made) / name for name in ("stdout", "stderr")]
        request = {"argv": list(arguments), "folder": str(folder), "environment": dict(environment)}
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps({**request, "said": [str(path) for path in said]}) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, "the server of Snakemake is gone"
        return subprocess.CompletedProcess(command, int(answer), *(path.read_text(encoding="utf-8") for path in said))


def cpu_seconds() -> float:
    """CPU-seconds of the server and of the children that it waited for, with theirs; zero without a server."""
    if _server.cache_info().currsize == 0:
        return 0.0
    descriptor = os.open(f"/proc/{_server().pid}/stat", os.O_RDONLY)  # tests may replace methods of Path
    stat = os.read(descriptor, 4096).decode().rpartition(")")[2].split()
    os.close(descriptor)
    return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    chosen = {name: value for name, value in environment.items() if name.startswith(AT_START)}
    return {name: value for name, value in chosen.items() if name not in ("PYTHONPATH", "OMP_NUM_THREADS")}


@cache
def _server() -> subprocess.Popen[str]:
    """Starts the server of this process, which ends with it, when its stdin closes."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    without_thread = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # pyarrow's, which a fork would not have
    return subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**environment, **one_thread, **without_thread},
        text=True,
    )


def _serve() -> None:
    """Answers each request, a line of stdin, with the exit status of a fork."""
    base = sys.path[1:]  # without this folder
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line), base)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(request: dict[str, Any], base: Sequence[str]) -> None:
    """Runs Snakemake in this process and ends with it."""
    nothing, *said = (
        os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600) for path in (os.devnull, *request["said"])
    )
    for descriptor, of in enumerate((nothing, *said)):
        os.dup2(of, descriptor)
        os.close(of)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["snakemake", *request["argv"]]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [str(Path.cwd()), *paths, *base]
    importlib.invalidate_caches()
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _serve()
