"""A run of the tests ends with the time of every file, then pytest's own line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FILES = ["tests/contract/test_no_code_from_data.py", "tests/unit/test_clock.py"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_time_of_every_file_is_printed(root: Path, workers: str) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--numprocesses", workers, *FILES]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, table = done.stdout.partition("seconds    CPU-s  tests  file\n")
    *rows, last = table.splitlines()
    times = {name: (float(wall), float(cpu), int(tests)) for wall, cpu, tests, name in map(str.split, rows)}
    assert sorted(times) == sorted([*FILES, "total"]) and list(times)[-1] == "total"
    assert re.fullmatch(rf"{times['total'][2]} passed in .*", last)
    for column in range(3):
        assert times["total"][column] == pytest.approx(sum(times[name][column] for name in FILES), abs=0.2)
    assert times["total"][1] > 0  # parsing the library takes a moment
