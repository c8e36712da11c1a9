"""The runner of training jobs: does the parts of a job one after the other, from files to files, and can resume.

Each kind of job is a :class:`Task`: small models (:mod:`tokentrial.training.job`), language models
(:mod:`tokentrial.training.language_job`), cramming (:mod:`tokentrial.cramming.job`) and pretraining
(:mod:`tokentrial.cramming.pretraining`). The task knows its parts and their rows; everything else is here.

While a job runs, its state is in ``<checkpoints>/state.safetensors``, outside the files that Snakemake deletes before
it retries a job:

    finished, rows, costs    of the finished parts
    seconds                  of the job and of the current part, earlier attempts included
    task                     other values that the task needs from its finished parts (Task.saved)
    part                     the state of the current part (Runner.save); null between two parts
"""

import hashlib
import json
import shutil
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd
import torch

from tokentrial import provenance
from tokentrial.results import Measurement
from tokentrial.training import checkpoint
from tokentrial.training.checkpoint import Saved, prefixed
from tokentrial.training.writing import write_job

SECONDS = 60.0  # most seconds of work that a kill may cost


class Task(ABC):
    """A kind of training job: its parts, the work on a part, and the results.

    name: written before each line in the log; parts: in the order of the work; rows: of the type ``row``; costs: keys
    are columns of results.ARMS.
    """

    row: type[Any] = Measurement  # a NamedTuple

    def __init__(self, name: str, parts: Sequence[Any]) -> None:
        self.name, self.parts = name, parts
        self.rows: list[Any] = []
        self.costs: list[dict[str, Any]] = []

    @abstractmethod
    def work(self, part: Any, state: Saved | None, runner: "Runner") -> None:
        """Does a part and adds its rows and costs.

        state: the last state that this part gave to ``runner.save`` in a killed attempt, from which it continues; None
        if the part starts.
        """

    def saved(self) -> Saved:
        """Returns values that later parts and the end of the job need from earlier parts, besides rows and costs."""
        return Saved()

    def restore(self, saved: Saved) -> None:  # noqa: B027 (some tasks have nothing to restore)
        """Restores a state that :meth:`saved` returned; rows and costs are already restored."""

    def log(self, message: str) -> None:
        print(f"{self.name}: {message}", file=sys.stderr, flush=True)


class Clock:
    """A clock of the seconds of work; before: seconds of earlier attempts."""

    def __init__(self, before: float = 0.0) -> None:
        self.before, self.started = before, time.perf_counter()

    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started


class Runner:
    """One job: does its task's parts, and keeps their results in its checkpoint until they are written.

    spec: canonical JSON; code: the library files that the job runs; seconds: between two checkpoints. A checkpoint of
    another config, data or code is refused, since hours of work may be in it. With ``passes_over``, for parts that take
    seconds, such a checkpoint is ignored and the job starts anew.
    """

    def __init__(
        self, spec: str, code: Sequence[str], checkpoints: str, seconds: float = SECONDS, passes_over: bool = False
    ) -> None:
        self.spec, self.design, self.code = spec, json.loads(spec), code
        self.folder, self.passes_over = Path(checkpoints), passes_over
        self.checkpoint_seconds, self.saved_at = seconds, time.perf_counter()
        self.clock = Clock()
        self.finished = 0  # number of finished parts

    def run(self, task: Task, *content: str) -> None:
        """Does every part that is not finished yet; content: digests of the data that the job reads.

        Raises InputError for a checkpoint of another job (see the class).
        """
        self.task, self.identity = task, identity(self.spec, self.code, *content)
        self.path = self.folder / (self.identity if self.passes_over else "") / "state.safetensors"
        self.part_clock = Clock()
        state = self._resume()
        for part in task.parts[self.finished :]:
            task.work(part, state, self)
            self.finished, self.part_clock, state = self.finished + 1, Clock(), None
            if self.finished < len(task.parts) and self.due():
                self.save()

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.perf_counter() - self.saved_at >= self.checkpoint_seconds

    def save(self, state: Saved | None = None) -> None:
        """Writes the checkpoint, whole or not at all; state: of the current part."""
        task_state, task = self.task.saved(), self.task
        values = {
            "finished": self.finished,
            "rows": task.rows,
            "costs": task.costs,
            "seconds": [self.clock.seconds(), self.part_clock.seconds()],
            "task": task_state.values,
            "part": state.values if state else None,
        }
        tensors = prefixed("task", task_state.tensors) | prefixed("part", state.tensors if state else {})
        checkpoint.write(self.path, Saved(tensors, values), self.identity)
        self.saved_at = time.perf_counter()

    def _resume(self) -> Saved | None:
        """Restores the checkpoint, if there is one, and returns the state of the interrupted part, if there was one."""
        saved = checkpoint.resume(self.path, self.identity, self.task.log)
        if saved is None:
            return None
        values = saved.values
        self.finished = values["finished"]
        self.clock.before, self.part_clock.before = values["seconds"]
        self.task.rows = [self.task.row(*row) for row in values["rows"]]
        self.task.costs = values["costs"]
        self.task.restore(Saved(saved.under("task"), values["task"]))
        self.task.log(f"goes on, {self.finished} of {len(self.task.parts)} parts are finished")
        return None if values["part"] is None else Saved(saved.under("part"), values["part"])

    def write(self, runs: str, arms: str) -> None:
        """Writes the task's rows and costs, and removes the checkpoint."""
        rows = pd.DataFrame(self.task.rows, columns=self.task.row._fields)
        write_job(self.design, self.spec, rows, pd.DataFrame(self.task.costs), runs, arms)
        self.clear()

    def clear(self) -> None:
        """Removes the checkpoint of a job whose results are written, and all checkpoints that were passed over."""
        shutil.rmtree(self.folder, ignore_errors=True)


def identity(spec: str, code: Sequence[str], *content: str) -> str:
    """Returns a digest of everything that decides a job's bits: its spec, its data, its code and torch's version."""
    return provenance.digest(json.dumps([spec, *content, digest_of_files(code), torch.__version__]))


def digest_of_files(paths: Iterable[str | Path]) -> str:
    """Returns a digest of the content of these files, in this order."""
    total = hashlib.sha256()
    for path in paths:
        with Path(path).open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def digest_of_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Returns a digest of the content of these arrays, independent of the order of their names."""
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
