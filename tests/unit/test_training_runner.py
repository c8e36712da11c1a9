"""The runner of training jobs, on a task that only counts: what it keeps, what a cut attempt costs, what it refuses."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.results import Measurement
from tokentrial.training import checkpoint
from tokentrial.training.checkpoint import Saved
from tokentrial.training.runner import Runner, Task, digest_of_arrays, digest_of_files, identity

SPEC = json.dumps({"study": "learned_encoding", "condition": "learned_encoding/count/done-right/a"}, sort_keys=True)
STEPS = 5


class Cut(Exception):
    """An attempt that ends here."""


class Counting(Task):
    """Each part takes five steps, and adds the steps of all parts so far; ``cut`` ends the attempt at one of them."""

    def __init__(self, parts: str = "abc", cut: tuple[str, int] | None = None) -> None:
        super().__init__("count", list(parts))
        self.cut, self.total, self.taken = cut, torch.zeros(1), list[str]()

    def work(self, part: str, state: Saved | None, runner: Runner) -> None:
        step = 0 if state is None else int(state.tensors["step"])
        while step < STEPS:
            if (part, step) == self.cut:
                raise Cut
            self.step(part, step)
            step += 1
            if runner.due():
                runner.save(Saved({"step": torch.tensor(step)}, {"in": part}))
        self.rows.append(Measurement(part, 0, "test", None, "cross_entropy", float(self.total), "nats"))
        self.costs.append({"arm": part, "seeds": 1, "steps": step, "wall_seconds": runner.part_clock.seconds()})

    def step(self, part: str, step: int) -> None:
        self.taken.append(f"{part}{step}")
        self.total += 1

    def saved(self) -> Saved:
        return Saved({"total": self.total})

    def restore(self, saved: Saved) -> None:
        self.total = saved.tensors["total"]


Attempt = Callable[..., Counting]


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    """One attempt at the job; a later one finds what an earlier one left."""

    def go(cut: tuple[str, int] | None = None, seconds: float = 0.0, content: str = "data", **options: Any) -> Counting:
        runner, task = Runner(SPEC, [], str(tmp_path / "kept"), seconds, **options), Counting(cut=cut)
        runner.run(task, content)
        runner.write(str(tmp_path / "runs"), str(tmp_path / "arms"))
        return task

    return go


def values(folder: Path) -> list[float]:
    return [row["value"] for row in results.read(folder / "runs", results.RUNS).to_pylist()]


def test_an_undisturbed_job_does_every_part_once_and_leaves_nothing(attempt: Attempt, tmp_path: Path) -> None:
    task = attempt()
    assert task.taken == [f"{part}{step}" for part in "abc" for step in range(STEPS)]
    assert values(tmp_path) == [5.0, 10.0, 15.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arms", "runs"]


@pytest.mark.parametrize("cut", [("a", 0), ("a", 3), ("b", 0), ("b", 1), ("c", 4)])
def test_a_cut_job_goes_on_at_the_step_that_was_cut(attempt: Attempt, tmp_path: Path, cut: tuple[str, int]) -> None:
    with pytest.raises(Cut):
        attempt(cut)
    assert not (tmp_path / "runs").exists()
    task = attempt()
    steps = [f"{part}{step}" for part in "abc" for step in range(STEPS)]
    assert task.taken == steps[steps.index(f"{cut[0]}{cut[1]}") :]
    assert values(tmp_path) == [5.0, 10.0, 15.0]
    assert all(isinstance(row, Measurement) for row in task.rows)
    assert list(pd.read_parquet(tmp_path / "arms")["arm"]) == ["a", "b", "c"]


def test_until_a_checkpoint_is_due_there_is_none(attempt: Attempt, tmp_path: Path) -> None:
    with pytest.raises(Cut):
        attempt(("c", 4), seconds=1e9)
    assert not (tmp_path / "kept").exists()
    assert len(attempt(seconds=1e9).taken) == 3 * STEPS


def test_what_the_checkpoint_holds(attempt: Attempt, tmp_path: Path) -> None:
    with pytest.raises(Cut):
        attempt(("b", 2))
    saved, whose = checkpoint.read(tmp_path / "kept/state.safetensors")
    assert whose == identity(SPEC, [], "data")
    assert (saved.values["finished"], saved.values["part"]) == (1, {"in": "b"})
    assert [row[0] for row in saved.values["rows"]] == ["a"]
    assert (saved.tensors["task/total"], saved.tensors["part/step"]) == (7, 2)


def test_between_two_parts_no_part_is_in_work(
    attempt: Attempt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Cut):
        attempt(("b", 0))
    saved, _ = checkpoint.read(tmp_path / "kept/state.safetensors")
    assert (saved.values["finished"], saved.values["part"]) == (1, None)
    assert capsys.readouterr().err == ""
    attempt()
    assert capsys.readouterr().err == "count: goes on, 1 of 3 parts are finished\n"


def test_data_that_changed_are_refused_or_passed_over(attempt: Attempt, tmp_path: Path) -> None:
    with pytest.raises(Cut):
        attempt(("b", 2))
    with pytest.raises(InputError, match=r"state\.safetensors: checkpoint of another config, data or version"):
        attempt(content="other")
    assert (tmp_path / "kept/state.safetensors").is_file()


def test_a_checkpoint_that_is_passed_over_stays_until_the_job_is_done(attempt: Attempt, tmp_path: Path) -> None:
    with pytest.raises(Cut):
        attempt(("b", 2), passes_over=True)
    with pytest.raises(Cut):
        attempt(("c", 2), content="other", passes_over=True)
    assert len(list((tmp_path / "kept").iterdir())) == 2
    task = attempt(passes_over=True)
    assert task.taken[0] == "b2"
    assert not (tmp_path / "kept").exists()


def test_the_identity_is_of_spec_data_and_the_codes_content(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text("a = 1\n")
    second.write_text("b = 1\n")
    known = identity(SPEC, [str(first), str(second)], "data")
    assert known == identity(SPEC, [str(first), str(second)], "data")
    second.write_text("b = 2\n")
    others = [identity(SPEC, [str(first), str(second)], "data"), identity(SPEC, [str(first)], "data")]
    others += [identity(SPEC.replace("count", "other"), [], "data"), identity(SPEC, [], "data", "model")]
    assert len({known, *others}) == 5


def test_digests_tell_content_and_not_the_order_of_names(tmp_path: Path) -> None:
    one, other = torch.arange(3).numpy(), torch.arange(4).numpy()
    assert digest_of_arrays({"a": one, "b": other}) == digest_of_arrays({"b": other, "a": one})
    assert digest_of_arrays({"a": one}) != digest_of_arrays({"a": other})
    for name, text in (("x", "ab"), ("y", "c"), ("v", "a"), ("w", "bc")):
        (tmp_path / name).write_text(text)
    assert digest_of_files([tmp_path / "x", tmp_path / "y"]) != digest_of_files([tmp_path / "v", tmp_path / "w"])


class Timed(Counting):
    """Counting with a clock of its own: 100 seconds to set up, 10 for every step."""

    now = 0.0

    def __init__(self, cut: tuple[str, int] | None = None) -> None:
        super().__init__(cut=cut)
        Timed.now += 100.0

    def step(self, part: str, step: int) -> None:
        super().step(part, step)
        Timed.now += 10.0


def test_clocks_count_the_work_of_all_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint every 30 s: the part that is cut has 20 s in it and takes another 30; setting up is the job's."""
    monkeypatch.setattr(time, "perf_counter", lambda: Timed.now)
    monkeypatch.setattr(Timed, "now", 0.0)
    written: list[float] = []
    write = checkpoint.write
    monkeypatch.setattr(checkpoint, "write", lambda *saved: (written.append(Timed.now), write(*saved)))

    def attempt(cut: tuple[str, int] | None = None) -> tuple[Timed, Runner]:
        runner = Runner(SPEC, [], str(tmp_path / "kept"), 30.0)
        task = Timed(cut)
        with nullcontext() if cut is None else pytest.raises(Cut):
            runner.run(task)
        return task, runner

    attempt(("b", 4))
    assert written == [110.0, 140.0, 170.0]  # the first is overdue; the last is in part b, after two steps
    task, runner = attempt()
    assert [cost["wall_seconds"] for cost in task.costs] == [50.0, 50.0, 50.0]
    assert runner.clock.seconds() == 100.0 + 70.0 + 100.0 + 80.0
