"""A training job from files to files: the adapter between a condition's spec and its two result tables."""

import json
from collections.abc import Sequence

import pandas as pd

from tokentrial.data.dataset import read_dataset
from tokentrial.results import Measurement
from tokentrial.studies.results import write_job
from tokentrial.training.condition import train_condition
from tokentrial.training.finished_arms import FinishedArms, identity


def run_condition(
    spec: str, data: str, reference: str, code: Sequence[str], checkpoints: str, runs: str, arms: str
) -> None:
    """Train the condition of the canonical JSON ``spec`` on the data set and write its rows and its arms' costs.

    code: the library files that the job runs. A killed job goes on after the last arm that it finished, as long as
    spec, data and code are the same, and gives the same rows.
    """
    design = json.loads(spec)
    finished = FinishedArms(checkpoints, identity(spec, (data, reference, *code)))
    trained, levels = train_condition(design, read_dataset(data, reference), finished)
    rows = [row for arm in trained for row in arm.rows] + levels
    costs = [{"arm": arm.name, "seeds": design["seeds"], **arm.costs, "wall_seconds": arm.seconds} for arm in trained]
    write_job(design, spec, pd.DataFrame(rows, columns=Measurement._fields), pd.DataFrame(costs), runs, arms)
    finished.clear()
