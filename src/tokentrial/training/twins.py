"""A job whose training equals that of another job: it copies the other's rows and costs under its own names."""

import json

from tokentrial import results
from tokentrial.training.writing import write_job


def write_twin(spec: str, origin: str, trained_runs: str, trained_arms: str, runs: str, arms: str) -> None:
    """Writes the two tables of the canonical JSON ``spec`` from those of ``origin``, ``<condition>/<arm>``.

    The arm's costs are those of the training; ``trained_as`` says that the training took place once. Raises InputError
    for a table that cannot be read.
    """
    design = json.loads(spec)
    arm = origin.rpartition("/")[2]
    rows = results.read(trained_runs, results.RUNS).to_pandas()
    costs = results.read(trained_arms, results.ARMS).to_pandas()
    for table in (rows, costs):
        table["arm"] = table["arm"].replace({arm: design["arm"]})
    columns = [name for name in results.ARMS.names if name not in ("study", "condition", "config_hash", "trained_as")]
    machine_columns = ("peak_memory_mib", "device", "versions", "git_commit")
    known = {name: costs[name].iloc[0] for name in machine_columns}
    write_job(
        design,
        spec,
        rows.drop(columns=["study", "condition"]),
        costs[[name for name in columns if name not in machine_columns]].assign(trained_as=origin),
        runs,
        arms,
        known,
    )
