"""The tables that every job writes: its measurements and its arms' costs, with their provenance."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from tokentrial import provenance, results


def peak_memory(device: str) -> float:
    """Returns the process's largest resident memory so far in MiB; for a GPU, the most that its tensors took there.

    The GPU's value does not include CUDA's own context and the workspaces of its libraries.
    """
    if device == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated() / 2**20)
    return provenance.peak_rss_mib()


def machine(device: str) -> dict[str, Any]:
    """Returns the machine and the code that make this process's numbers (see results.ARMS)."""
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
    """Writes a job's two tables; rows and costs without a condition get the job's condition.

    known: facts of the machine and code that made the numbers, if another process made them.
    """
    common: dict[str, Any] = {"study": design["study"]} | (
        {} if "condition" in rows else {"condition": design["condition"]}
    )
    provenance_columns: dict[str, Any] = {
        **(machine(design.get("device", "cpu")) if known is None else known),
        "config_hash": provenance.digest(spec),
    }
    complete = costs.assign(**common, **provenance_columns).reindex(columns=results.ARMS.names)
    for name in results.ARMS.names:
        if pa.types.is_integer(results.ARMS.field(name).type):
            complete[name] = complete[name].astype("Int64")
    final = rows.assign(**common).astype({"step": "Int32"})
    results.write(arms, results.table(complete, results.ARMS))
    results.write(runs, results.table(final, results.RUNS))
