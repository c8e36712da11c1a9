"""Where an encoder is tried: conditions of the shipped design, with the shipped rows that are there."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from tokentrial import config as settings
from tokentrial import results
from tokentrial.checkout import ROOT
from tokentrial.errors import InputError
from tokentrial.run import columns, shipped_run
from tokentrial.studies import rates
from tokentrial.trial.checks import Sizes

STUDY = "learned_encoding"
WAY = "done-right"
ON = "compression/v100"
"""Where an encoder is tried first: experiment and data set; a Zipfian Markov chain of 100 tokens with a known floor."""
TEXT = "transformer/bpe"
"""Where it is tried next: a Transformer on the BPE tokens of WikiText-2 (trial.text)."""
WITNESS = "learned"
"""The shipped arm that is trained again."""
HEAD = "token_mlp"
"""The task model of the conditions; one that sees several tokens has other bounds."""
MIDDLE = 8
"""The ratio for encoders whose bits do not depend on the width."""

Spec = dict[str, Any]


@dataclass(frozen=True)
class Shipped:
    """The config of the shipped run with its plan, and the tables of the shipped run."""

    config: Spec
    planned: rates.Plan
    applied: rates.Applied
    runs: pd.DataFrame
    arms: pd.DataFrame
    conditions: pd.DataFrame
    methods: pd.DataFrame


@dataclass(frozen=True)
class Place:
    """The conditions of an experiment, data set and task model by ratio, with their data and the shipped rows."""

    on: str
    study: str
    experiment: str
    config: Spec
    specs: Mapping[int, Spec]
    source: Spec
    runs: pd.DataFrame
    arms: pd.DataFrame
    conditions: pd.DataFrame
    methods: pd.DataFrame

    def sizes(self, ratio: int) -> Sizes:
        spec = self.specs[ratio]
        return Sizes(spec["vocab_size"], spec["width"], spec["full_width"])

    @property
    def middle(self) -> int:
        """The ratio that stands for all where the width does not matter."""
        return min(self.specs, key=lambda ratio: (abs(ratio - MIDDLE), ratio))

    @property
    def witness(self) -> str:
        """The shipped arm that is trained again."""
        return WITNESS if WITNESS in self.specs[self.middle]["arms"] else next(iter(self.specs[self.middle]["arms"]))


@cache
def read_shipped(root: Path = ROOT) -> Shipped:
    """Returns what ships. Raises InputError where the checkout's design is not that of the shipped rows."""
    config = shipped_run.config_of(root)
    plan = rates.plan(config)
    searched = rates.read(root / rates.FILE)
    tables = (
        *(("runs", results.RUNS), ("arms", results.ARMS)),
        *(("conditions", columns.CONDITIONS), ("methods", columns.METHODS)),
    )
    frames = {table: _read(root / "results/reference" / f"{table}.parquet", schema) for table, schema in tables}
    applied = rates.applied(searched, plan, config["search"]["doublings"], lambda: plan)
    return Shipped(config, plan, applied, **frames)


def place(on: str, root: Path = ROOT, study: str = STUDY, head: str = HEAD) -> Place:
    """Returns the conditions ``<experiment>/<data>`` of small models, done right, as the shipped run has them.

    Raises InputError for a name that is none, and where the checkout's design is not that of the shipped rows.
    """
    known = read_shipped(root)
    conditions, specs = known.conditions, known.applied.conditions
    fair = (conditions["study"] == study) & (conditions["way"] == WAY) & (conditions["head"] == head)
    titles = (conditions["experiment"] + "/" + conditions["data"]).where(fair)
    if on not in set(titles.dropna()):
        names = [*titles.dropna().unique(), TEXT]
        raise InputError(f"--on: {settings.unknown_key(on, names).removeprefix('unknown key ')}")
    rows = conditions[titles == on]
    if missing := [name for name in rows["condition"] if name not in specs]:
        where = root / "results/reference"
        raise InputError(f"{where}: found the condition {missing[0]}, expected those of studies/{study}.yaml")
    chosen = {int(row["ratio"]): dict(specs[row["condition"]]) for row in rows.to_dict("records")}
    names = list(rows["condition"])
    source = known.planned.datasets[chosen[min(chosen)]["dataset"]]["source"]
    return Place(
        on,
        study,
        str(rows["experiment"].iloc[0]),
        known.config,
        chosen,
        source,
        known.runs[known.runs["condition"].isin(names)],
        known.arms[known.arms["condition"].isin(names)],
        rows,
        known.methods[known.methods["study"] == study],
    )


def _read(path: Path, schema: pa.Schema) -> pd.DataFrame:
    frame: pd.DataFrame = results.read(path, schema).to_pandas()
    return frame
