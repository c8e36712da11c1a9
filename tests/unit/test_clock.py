"""Files from the future get times that have passed, in the order that they had."""

import os
import time
from pathlib import Path

from tokentrial import clock

HOUR = 3600 * 10**9


def made(folder: Path, **hours: float) -> dict[str, Path]:
    """Files by name, each this many hours from now."""
    now, paths = time.time_ns(), {}
    for name, distance in hours.items():
        paths[name] = folder / f"{name}/{name}.txt"
        paths[name].parent.mkdir(parents=True, exist_ok=True)
        paths[name].touch()
        at = now + int(distance * HOUR)
        os.utime(paths[name], ns=(at, at))
    return paths


def test_the_order_of_all_files_is_kept(tmp_path: Path) -> None:
    paths = made(tmp_path, old=-5, last=-1, first=2, second=3, twin=3, third=90)
    before = {name: path.stat().st_mtime_ns for name, path in paths.items()}
    assert clock.settle([tmp_path]) == 4
    after = {name: path.stat().st_mtime_ns for name, path in paths.items()}
    assert (after["old"], after["last"]) == (before["old"], before["last"])
    assert after["last"] < after["first"] < after["second"] < after["third"] <= time.time_ns()
    assert after["twin"] - after["second"] == before["twin"] - before["second"] or after["twin"] > after["second"]
    assert clock.settle([tmp_path]) == 0


def test_times_that_have_passed_are_left_alone(tmp_path: Path) -> None:
    paths = made(tmp_path, old=-5, now=0)
    before = [path.stat().st_mtime_ns for path in paths.values()]
    assert clock.settle([tmp_path, tmp_path / "nowhere"]) == 0
    assert [path.stat().st_mtime_ns for path in paths.values()] == before


def test_one_order_for_all_folders(tmp_path: Path) -> None:
    """A module that is older than the result made from it stays so."""
    module, result = made(tmp_path / "src", module=1)["module"], made(tmp_path / "results", result=2)["result"]
    clock.settle([tmp_path / "src", tmp_path / "results"])
    assert module.stat().st_mtime_ns < result.stat().st_mtime_ns <= time.time_ns()


def test_a_folder_and_a_dead_link(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    later = time.time_ns() + HOUR
    os.utime(tmp_path / "model", ns=(later, later))
    assert clock.settle([tmp_path]) == 1
    assert (tmp_path / "model").stat().st_mtime_ns <= time.time_ns()
