"""The released scripts as a study: their own seed, further seeds, and the reference levels of their data."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tokentrial.data.generate import generate
from tokentrial.released import SEED, run_script
from tokentrial.released.focused_scaling import CELLS
from tokentrial.results import Measurement
from tokentrial.training.reference import reference_rows

# Tokens in a window of each kind of data in the released generator (protocol A3).
WINDOW = {"simple": 8, "complex": 3, "structured": 8, "semi_random": 6}


def run_replicates(spec: Mapping[str, Any]) -> pd.DataFrame:
    """Returns rows of results.RUNS without ``study``: ``spec['seeds']`` runs of a script, from its own seed, 42, on.

    Each cell of a script with several cells has its own condition, ``<condition>/<cell>``. The first seed's rows are
    the script's own; the replicates of later seeds follow, so that the seed column counts runs.
    """
    rows: list[tuple[str, Measurement]] = []
    cells: dict[str, str] = {}
    for index in range(spec["seeds"]):
        measured = run_script(spec["script"], spec["last_cell"], SEED + index)
        first = min(row.seed for row in measured)
        per_script = len({row.seed for row in measured})
        for row in measured:
            condition = f"{spec['condition']}/{row.cell}" if row.cell else spec["condition"]
            cells[condition] = row.cell
            rows.append((condition, row.measurement._replace(seed=row.seed - first + index * per_script)))
    for condition, cell in cells.items():
        rows += [(condition, row) for row in _levels(spec, cell)]
    return pd.DataFrame([(condition, *row) for condition, row in rows], columns=["condition", *Measurement._fields])


def _levels(spec: Mapping[str, Any], cell: str) -> list[Measurement]:
    """Returns floors and ceilings of the script's own data, over at least ten draws of its source or one per seed."""
    data, context = _data(spec["script"], cell)
    if data is None:
        return []  # the academic validation has no data at all
    return reference_rows(generate(data, SEED, max(spec["seeds"], 10)).reference, context)


def _data(script: str, cell: str) -> tuple[dict[str, Any] | None, str]:
    """Returns a script's data as keys of data.generate, and whether its model sees one token or the whole history."""
    sizes = {"train": 200, "validation": 1, "test": 200, "targets": "all"}
    if script == "corrected":
        markov = {"source": "markov", "vocab_size": 50, "length": 9, "chains": "per_split"}
        return markov | sizes | {"targets": "last"}, "history"
    patterns = {"source": "patterns", "variant": "released", **sizes}
    if script == "pure-python":
        return patterns | {"kind": "proof_of_concept", "vocab_size": 20, "length": 8}, "token"
    if script == "focused-scaling":
        vocabulary, _, kind = CELLS[cell]
        return patterns | {"kind": kind, "vocab_size": vocabulary, "length": WINDOW[kind]}, "token"
    return None, "token"
