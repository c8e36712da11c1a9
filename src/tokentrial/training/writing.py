"""What every job writes: its measurements and its arms' costs, with where they come from."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from tokentrial import provenance, results


def peak_memory(device: str) -> float:
    """The process's largest resident memory so far in MiB; on a GPU what its tensors took there at most.

    CUDA's own context and the workspaces of its libraries come on top of the latter.
    """
    if device == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated() / 2**20)
    return provenance.peak_rss_mib()


def machine(device: str) -> dict[str, Any]:
    """Where the numbers of this process are made, and by which code (see results.ARMS)."""
    return {
        "peak_memory_mib": peak_memory(device),
        "device": provenance.device_name(device),
        "versions": provenance.versions(),
        "git_commit": provenance.git_commit(),
    }


def write_job(
    design: dict[str, Any],
    spec: str,
    rows: pd.DataFrame,
    costs: pd.DataFrame,
    runs: str,
    arms: str,
    known: Mapping[str, Any] | None = None,
) -> None:
    """Write a job's two tables; rows and costs without a condition get the job's own.

    known: facts of the machine and code that made the numbers, where that is not this process.
    """
    common: dict[str, Any] = {"study": design["study"]} | (
        {} if "condition" in rows else {"condition": design["condition"]}
    )
    made: dict[str, Any] = {
        **(machine(design.get("device", "cpu")) if known is None else known),
        "config_hash": provenance.digest(spec),
    }
    complete = costs.assign(**common, **made).reindex(columns=results.ARMS.names)
    for name in results.ARMS.names:
        if pa.types.is_integer(results.ARMS.field(name).type):
            complete[name] = complete[name].astype("Int64")
    final = rows.assign(**common).astype({"step": "Int32"})[results.RUNS.names]
    results.write(arms, results.table(complete, results.ARMS))
    results.write(runs, results.table(final, results.RUNS))
