"""What a job costs that has next to nothing to do: in a fork of the fork server, and in a process of its own.

One condition of the learned-encoding study with one seed and one step: CPU seconds of the script and its fork, without
the lines that Snakemake puts at the head of a script (0.1 s). Both kinds take turns. A server's imports, which a run
pays once, are left out.

Run: ``python benchmarks/job_start.py [--repeats 10]``
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tokentrial import fork_server
from tokentrial.data.generate import write_dataset
from tokentrial.schema import study_files
from tokentrial.studies.small_models import conditions, datasets

CONDITION = "learned_encoding/compression/done-right/v20-ratio-8"
SCRIPT = "import json, sys; from tokentrial.job import run; run(sys.argv[1], sys.argv[2], **json.loads(sys.argv[3]))"
FUNCTION = "tokentrial.training.job.run_condition"


def smallest(folder: Path) -> dict[str, Any]:
    """The arguments of a training job with one seed and one step, and its data."""
    config = study_files.default(Path(__file__).parents[1])
    spec = conditions(config)[CONDITION]
    arms = {"learned": spec["arms"]["learned"]}
    training = {**spec["training"], "learning_rates": [0.01], "steps": 1, "evaluations": 1}
    source = {**datasets(config)[spec["dataset"]], "seeds": 1}
    data = {name: str(folder / f"{name}.parquet") for name in ("data", "reference")}
    write_dataset(json.dumps(source), spec["dataset"], **data)
    results = {name: str(folder / f"{name}.parquet") for name in ("runs", "arms")}
    job = json.dumps({**spec, "seeds": 1, "arms": arms, "training": training}, sort_keys=True)
    return {"spec": job, **data, "code": [], "checkpoints": str(folder / "checkpoints"), **results}


def job(folder: Path, arguments: dict[str, Any], mode: str) -> float:
    """CPU seconds of one job, as it says itself."""
    switched = {fork_server.ADDRESS: ""} if mode == "plain" else {}
    command = [sys.executable, "-c", SCRIPT, "logs/job.log", FUNCTION, json.dumps(arguments)]
    subprocess.run(command, cwd=folder, env={**os.environ, **switched}, check=True)
    used = json.loads((folder / "logs/usage/job.json").read_text(encoding="utf-8"))
    assert used["mode"] == mode, used
    return float(used["cpu_seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    os.environ["OMP_NUM_THREADS"] = "1"
    fork_server.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        arguments = smallest(folder)
        job(folder, arguments, "fork")  # the server imports its libraries
        seconds: dict[str, list[float]] = {"plain": [], "fork": []}
        for _ in range(repeats):
            for mode, taken in seconds.items():
                taken.append(job(folder, arguments, mode))
    for mode, taken in seconds.items():
        spread = f"{min(taken):.2f} to {max(taken):.2f}"
        print(f"{mode}: {statistics.mean(taken):.2f} CPU-s a job, {spread} (n = {repeats})")


if __name__ == "__main__":
    main()
