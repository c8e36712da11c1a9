"""Writes results/conditions.parquet and results/methods.parquet."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokentrial import real_text, results
from tokentrial.run import conditions as conditions_
from tokentrial.run import methods as methods_
from tokentrial.run.columns import CONDITIONS, METHODS
from tokentrial.schema.declared import Study


def write(
    arms: str,
    studies: Mapping[str, Mapping[str, Any]],
    plan: Sequence[Mapping[str, Any]],
    conditions: str,
    methods: str,
) -> None:
    """Describes every condition and arm in the table of arms.

    arms: the table of all arms; studies: study -> its names, see schema.study_files.names; plan: see
    conditions.planned; conditions, methods: the files to write. Raises InputError for a file that cannot be used, and
    for a condition that is not in the plan.
    """
    rows = results.read(arms, results.ARMS).to_pandas()
    declared = {study: Study.model_validate(names) for study, names in studies.items()}
    described = conditions_.table([dict(row) for row in plan], declared, rows, real_text.title(rows))
    whole = {name: "Int64" for name in CONDITIONS.names if CONDITIONS.field(name).type == "int64"}
    results.write(conditions, results.table(described.astype(whole), CONDITIONS))
    results.write(methods, results.table(methods_.table(declared, rows).astype({"ratio": "Int64"}), METHODS))
