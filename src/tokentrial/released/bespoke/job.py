"""The job of a released bespoke script, from its specification to its result files."""

import json

import pandas as pd
import torch

from tokentrial.released.bespoke import run_script
from tokentrial.results import Measurement
from tokentrial.training.device import keep_freed_memory
from tokentrial.training.writing import write_job


def run_script_job(spec: str, runs: str, arms: str) -> None:
    """Runs the script of the canonical JSON ``spec`` on one thread and writes its rows and its arms' costs."""
    design = json.loads(spec)
    keep_freed_memory()
    torch.set_num_threads(1)
    report = run_script(design)
    rows = pd.DataFrame(
        [(condition, *row) for condition, row in report.rows], columns=["condition", *Measurement._fields]
    )
    costs = pd.DataFrame(
        [{"condition": condition, "arm": arm, **cost} for (condition, arm), cost in report.costs.items()]
    )
    write_job(design, spec, rows, costs, runs, arms)
