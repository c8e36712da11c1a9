"""Results of made-up runs for the tests of the rules: values by condition, arm and seed, put through the statistics."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import views

from tokentrial import results
from tokentrial.claims.rules import Results
from tokentrial.run import methods
from tokentrial.run.columns import CONDITIONS, METHODS, Condition, Method
from tokentrial.run.statistics import compare_arms, summarise
from tokentrial.run.view import records

SETTINGS = {"confidence": 0.95, "resamples": 100, "equivalence_margin": 0.05}
BOUNDS = {"floor": 1.0, "unigram": 3.0, "chance": 4.0}  # margin: 0.05 x (4 - 1) = 0.15 nats
SEEDS = 10

Values = float | Sequence[float]


def around(mean: float, spread: float = 0.01, seeds: int = SEEDS, phase: int = 0) -> list[float]:
    """Values with exactly this mean, and a standard deviation near ``spread``; another phase, another order."""
    wave = np.sin(2.1 * np.arange(seeds) + 1.7 * phase)
    return list(mean + spread * 1.4 * (wave - wave.mean()))


def rows(
    condition: str,
    arm: str,
    values: Values,
    metric: str = "cross_entropy",
    split: str = "test",
    step: float | None = None,
) -> list[dict[str, Any]]:
    """Rows of results.RUNS, one per seed."""
    found = [values] * SEEDS if isinstance(values, float) else values
    made = {"study": condition.split("/")[0], "condition": condition, "arm": arm, "split": split, "step": step}
    return [made | {"seed": seed, "metric": metric, "value": value, "unit": "nats"} for seed, value in enumerate(found)]


def made(
    arms: Mapping[str, Mapping[str, Values]],
    cells: Mapping[str, Mapping[str, Any]] | None = None,
    costs: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
    more: Sequence[Mapping[str, Any]] = (),
    metric: str = "cross_entropy",
    bounds: Mapping[str, float] = BOUNDS,
) -> Results:
    """Results of these conditions (condition -> arm -> values by seed), each with floor, unigram and chance.

    cells: what tells the conditions apart; costs: columns of results.ARMS by condition and arm; more: further rows.
    """
    runs = [
        row for condition, found in arms.items() for arm in found for row in rows(condition, arm, found[arm], metric)
    ]
    for condition, found in arms.items():
        seeds = max(len(v) if not isinstance(v, float) else SEEDS for v in found.values())
        for bound, level in bounds.items():
            runs += rows(condition, f"reference.{bound}", [level] * seeds, metric)
    frame = pd.DataFrame([*runs, *more], columns=results.RUNS.names[:-1])
    known = frame[~frame["arm"].str.startswith("reference.")][["study", "condition", "arm"]].drop_duplicates()
    listed = known.to_dict("records")
    table = [row | dict((costs or {}).get((row["condition"], row["arm"]), {})) for row in listed]
    told = {
        condition: {"data": condition.rsplit("/", 1)[-1], **(cells or {}).get(condition, {})}
        for condition in arms
        if "/as-released/" not in condition and not condition.startswith("real_model/")  # names tell all of these
    }
    described = {
        "conditions": views.conditions(known["condition"], told),
        "methods": methods.table(views.studies(), known),
    }
    of_condition = {row["condition"]: Condition(**row) for row in records(described["conditions"], CONDITIONS)}
    of_arm = {(row["study"], row["arm"]): Method(**row) for row in records(described["methods"], METHODS)}
    released = [name for name, row in of_condition.items() if row.way == "as-released"]
    return Results(
        frame,
        pd.DataFrame(table, columns=results.ARMS.names),
        summarise(frame, released, 0.95),
        compare_arms(frame, of_condition, of_arm, SETTINGS, 1),
        **described,
    )
