"""The rows and costs of a cramming job: one set of rows for each text at a length, one row of costs for each kind."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tokentrial.cramming import controls
from tokentrial.cramming.decode import Reader
from tokentrial.cramming.design import Batch
from tokentrial.cramming.names import GROWN
from tokentrial.cramming.texts import Texts
from tokentrial.training.runner import Task

UNITS = {
    **dict.fromkeys(("accuracy", "accuracy_without"), "fraction"),
    **dict.fromkeys(("cross_entropy", "cross_entropy_without"), "nats"),
    "greedy_exact": "1",
    "greedy_prefix": "tokens",
    "steps": "steps",
    "solved_step": "steps",
}
# Of texts at the lengths of the search. Other names, so that means over texts of a length are over all texts of a kind.
SEARCH_UNITS = {"search_accuracy": "fraction", "search_exact": "1", "search_steps": "steps"}
# Beside float32's own, if the vectors were searched in bfloat16: what bfloat16 says, at the same vectors or earlier.
ROUNDED_UNITS = {"accuracy_bfloat16": "fraction", "solved_step_bfloat16": "steps"}
PROBE_UNITS = {
    "arithmetic_bits": "bits",
    "number_bits": "bits",
    "vector_bits": "bits",
    "dimensions": "1",
    "subspace_bits": "bits",
    "line_accuracy": "fraction",
    "line_solved": "1",
    "line_cosine": "1",
    "following_cross_entropy": "nats",
    "following_cross_entropy_text": "nats",
    "following_cross_entropy_without": "nats",
}
ALL_UNITS = UNITS | SEARCH_UNITS | ROUNDED_UNITS | {GROWN: "1"} | PROBE_UNITS


class Row(NamedTuple):
    """A row of runs.parquet: a measurement and its condition."""

    condition: str
    arm: str
    seed: int
    split: str
    step: int | None
    metric: str
    value: float | None
    unit: str
    text: str | None = None  # digest of the text; None for facts of the model


class Recorded(Task):
    """A task that adds rows of texts and costs of batches."""

    row = Row

    def __init__(self, design: Mapping[str, Any], reader: Reader, texts: Texts, parts: Sequence[Any]) -> None:
        super().__init__(design["condition"], parts)
        self.design, self.reader, self.texts = design, reader, texts

    def add_text(self, batch: Batch, kind: str, index: int, values: Mapping[str, float | None]) -> None:
        """Adds a row for each metric of a text."""
        for metric in UNITS:
            self.add(batch, kind, index, None, metric, values[metric])
        for metric in values:
            if metric not in UNITS:
                self.add(batch, kind, index, None, metric, values[metric])

    def add(self, batch: Batch, kind: str, index: int, step: int | None, metric: str, value: float | None) -> None:
        """Adds a row; step: of a learning curve."""
        condition = f"{self.design['condition']}/{kind}/{batch.place}"
        usable = None if value is None or not math.isfinite(value) else float(value)
        text = self.texts.digests(kind)[index]
        self.rows.append(Row(condition, batch.arm, index, kind, step, metric, usable, ALL_UNITS[metric], text))

    def add_costs(self, batch: Batch, kinds: Sequence[str], steps: Sequence[int], seconds: float) -> None:
        """Adds a row of costs for each kind, with a share of the batch's seconds by the steps of its texts.

        kinds, steps: of each text.
        """
        total = sum(steps)
        for kind in dict.fromkeys(kinds):
            of_kind = [count for count, other in zip(steps, kinds, strict=True) if other == kind]
            share = seconds * (sum(of_kind) / total if total else len(of_kind) / len(kinds))
            trained = 0 if batch.control in controls.MEASURED else batch.vectors * self.reader.model.width
            self._charge(
                {
                    "condition": f"{self.design['condition']}/{kind}/{batch.place}",
                    "arm": batch.arm,
                    "seeds": len(of_kind),
                    "params_trained": trained,
                    "steps": max(of_kind),
                    "tokens_per_second": sum(of_kind) * batch.length / share if total else None,
                    "wall_seconds": share,
                }
            )

    def _charge(self, cost: dict[str, Any]) -> None:
        """Adds a cost; rounds of the search that try a length of a kind share a row."""
        same = [each for each in self.costs if (each["condition"], each["arm"]) == (cost["condition"], cost["arm"])]
        if not same:
            self.costs.append(cost)
            return
        [known] = same
        tokens = sum(each["tokens_per_second"] * each["wall_seconds"] for each in (known, cost))
        seconds = known["wall_seconds"] + cost["wall_seconds"]
        known |= {"seeds": known["seeds"] + cost["seeds"], "steps": max(known["steps"], cost["steps"])}
        known |= {"tokens_per_second": tokens / seconds, "wall_seconds": seconds}

    def charge_seconds(self, batch: Batch, kinds: Sequence[str], seconds: float) -> None:
        """Adds seconds to the costs of a batch that are there, in equal shares of its texts."""
        for kind in dict.fromkeys(kinds):
            condition = f"{self.design['condition']}/{kind}/{batch.place}"
            for cost in self.costs:
                if (cost["condition"], cost["arm"]) == (condition, batch.arm):
                    cost["wall_seconds"] += seconds * list(kinds).count(kind) / len(kinds)
