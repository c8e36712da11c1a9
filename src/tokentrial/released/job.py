"""The job of a released script, from its specification to its result files."""

import json
import time

from tokentrial.released.replicates import run_replicates
from tokentrial.training.writing import write_job


def run_script_job(spec: str, runs: str, arms: str) -> None:
    """Runs a released script and its further seeds, and writes rows and costs; only the arms' time is known."""
    design = json.loads(spec)
    started = time.perf_counter()
    rows = run_replicates(design)
    seconds = time.perf_counter() - started
    measured = rows[~rows["arm"].str.startswith("reference.")]
    costs = measured.groupby(["condition", "arm"], sort=False)["seed"].nunique().rename("seeds").reset_index()
    write_job(design, spec, rows, costs.assign(wall_seconds=seconds / len(costs)), runs, arms)
