"""The result of a script's runs: rows of measurements and the costs of each arm."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from tokentrial.released.bespoke.layouts import Cost
from tokentrial.results import Measurement

STANDARD, BESPOKE = "standard", "bespoke"
FRESH = "-fresh"  # ends the id of the condition that measures a cell's models on fresh text


@dataclass
class Report:
    """Rows and costs of a script, by condition."""

    rows: list[tuple[str, Measurement]] = field(default_factory=list)
    costs: dict[tuple[str, str], dict[str, int | float]] = field(default_factory=dict)

    def add(
        self, condition: str, arm: str, replicates: Sequence[int], split: str, step: int | None, values: Tensor
    ) -> None:
        """Adds cross-entropies (S,) of some seeds of an arm, in nats."""
        for k, value in zip(replicates, values.tolist(), strict=True):
            self.rows.append((condition, Measurement(arm, k, split, step, "cross_entropy", value, "nats")))

    def levels(self, condition: str, rows: Sequence[Measurement]) -> None:
        """Adds reference rows of a cell, for its reported losses and for those on fresh text."""
        self.rows += [(identity, row) for identity in (condition, condition + FRESH) for row in rows]

    def cost(self, condition: str, arm: str, seeds: int, steps: int, cost: Cost) -> None:
        """Adds the numbers that an arm has to store and train, for a cell and its fresh text."""
        parameters = {"embedding": cost.embedding, "encoder": cost.encoder, "head": cost.head}
        for identity in (condition, condition + FRESH):
            entry = self.costs.setdefault((identity, arm), {"wall_seconds": 0.0})
            entry |= {"seeds": seeds, "steps": steps, "params_trained": cost.trained}
            entry |= {f"parameters_{role}": number for role, number in parameters.items()}

    @contextmanager
    def timed(self, condition: str, arm: str) -> Iterator[None]:
        """Adds the body's duration to an arm's wall time; training includes the evaluations during training."""
        started = time.perf_counter()
        yield
        entry = self.costs.setdefault((condition, arm), {"wall_seconds": 0.0})
        entry["wall_seconds"] += time.perf_counter() - started

    def scores(self, condition: str, parameter_ratios: Mapping[int, float]) -> None:
        """Adds the scripts' own scores of a cell and its fresh text, as rows of the bespoke arm.

        ``quality_ratio``: bespoke / standard loss of the same seed, split and step. ``parameter_ratio``: bespoke /
        standard, as the script counts. ``efficiency_score``: (1 / parameter ratio) / max(quality ratio, 0.1), for the
        reported losses (protocol B3). parameter_ratios: by seed.
        """
        ours = [(name, row) for name, row in self.rows if name in (condition, condition + FRESH)]
        losses = [(name, row) for name, row in ours if row.metric == "cross_entropy" and row.value is not None]
        known = {
            (name, row.seed, row.split, row.step): float(row.value or 0.0)
            for name, row in losses
            if row.arm == STANDARD
        }
        for name, row in losses:
            other = known.get((name, row.seed, row.split, row.step))
            if row.arm != BESPOKE or other is None:
                continue
            ratio = float(row.value or 0.0) / other
            self.rows.append((name, row._replace(metric="quality_ratio", value=ratio, unit="ratio")))
            if row.step is None and name == condition:
                size = parameter_ratios[row.seed]
                score = 1.0 / size / max(ratio, 0.1)
                self.rows.append((name, row._replace(metric="parameter_ratio", value=size, unit="ratio")))
                self.rows.append((name, row._replace(metric="efficiency_score", value=score, unit="score")))


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Returns the cost of the seed with the (lower) median total: an existing layout, not a mean of layouts."""
    order = np.argsort([cost.total for cost in costs], kind="stable")
    return costs[int(order[(len(costs) - 1) // 2])]
