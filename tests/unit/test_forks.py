"""Work that forks do side by side is that of one process, in the same order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tokentrial import forks
from tokentrial.errors import InputError


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(processes: int) -> None:
    read = {place: place**2 for place in range(20)}  # no fork is sent it
    assert forks.over(range(20), lambda place: (place, read[place]), processes) == list(read.items())


def test_several_processes_work_and_this_one_alone_needs_none() -> None:
    assert set(forks.over(range(4), lambda _: os.getpid(), 1)) == {os.getpid()}
    assert os.getpid() not in forks.over(range(4), lambda _: os.getpid(), 2)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_the_one_that_the_work_raised(processes: int) -> None:
    def work(place: int) -> int:
        if place == 2:
            raise InputError("documents/001/claims.yaml: LE1: no such arm")
        return place

    with pytest.raises(InputError, match=r"documents/001/claims\.yaml: LE1: no such arm"):
        forks.over(range(4), work, processes)
    assert forks.over(range(2), work, processes) == [0, 1]


WAITS = """
import os, time
from pathlib import Path
from tokentrial import forks

def work(place):
    Path(f"{place}.tmp").write_text(str(os.getpid()))
    os.replace(f"{place}.tmp", f"{place}.process")
    if place:
        time.sleep(300)

forks.over(range(2), work, 2)
"""


def test_forks_end_with_a_process_that_was_killed(tmp_path: Path) -> None:
    """The one at work, and the one that waits for an item."""
    library = str(Path(forks.__file__).parents[1])
    parent = subprocess.Popen([sys.executable, "-c", WAITS], cwd=tmp_path, env={**os.environ, "PYTHONPATH": library})
    until(lambda: len(list(tmp_path.glob("*.process"))) == 2)
    made = {int(path.read_text()) for path in tmp_path.glob("*.process")}
    assert parent.poll() is None and made
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    until(lambda: not any(alive(process) for process in made))


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
