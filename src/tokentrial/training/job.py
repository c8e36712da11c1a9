"""A job of small models: from a condition's spec to its two result tables. Each part of the job is an arm."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokentrial.data.dataset import Dataset, read_dataset
from tokentrial.training import condition
from tokentrial.training.checkpoint import Saved
from tokentrial.training.runner import Runner, Task, digest_of_files


class SmallModels(Task):
    """The arms of a condition."""

    def __init__(self, design: Mapping[str, Any], dataset: Dataset) -> None:
        super().__init__(design["condition"], list(design["arms"]))
        self.job = condition.begin(design, dataset)

    def work(self, part: str, state: Saved | None, runner: Runner) -> None:
        arm = condition.train_arm(self.job, part)
        self.rows += arm.rows
        self.costs.append({"arm": part, "seeds": self.job.spec["seeds"], **arm.costs, "wall_seconds": arm.seconds})

    def restore(self, saved: Saved) -> None:
        for cost in self.costs:
            self.log(f"{cost['arm']}: was finished before")


def run_condition(
    spec: str, data: str, reference: str, code: Sequence[str], checkpoints: str, runs: str, arms: str
) -> None:
    """Trains the condition of the canonical JSON ``spec`` on the data set and writes its rows and its arms' costs.

    code: the library files that the job runs. If spec, data and code are unchanged, a killed job continues after its
    last finished arm and writes the same rows.
    """
    runner = Runner(spec, code, checkpoints, seconds=0.0, passes_over=True)
    dataset = read_dataset(data, reference)
    task = SmallModels(runner.design, dataset)
    runner.run(task, digest_of_files((data, reference)))
    task.rows += condition.levels(runner.design, dataset)
    runner.write(runs, arms)
