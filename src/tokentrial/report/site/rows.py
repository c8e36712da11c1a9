"""The final rows of a run, grouped as the pages show them, and their levels with intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from scipy import stats

from tokentrial.report.site.names import Names
from tokentrial.run.columns import Condition
from tokentrial.run.finals import BOUND, LOSS
from tokentrial.run.view import View

LATE = ("table", "model", "validation", "train")
"""What is measured on these comes after what is measured on held-out text."""


class Measure(NamedTuple):
    """What was measured, on which data."""

    metric: str
    split: str
    unit: str


def rank(measure: Measure) -> tuple[int, str, bool, str]:
    """Returns the place of a measure among others: held-out data first, and there the loss."""
    late = LATE.index(measure.split) + 1 if measure.split in LATE else 0
    return (late, measure.split, measure.metric != LOSS, measure.metric)


@dataclass(frozen=True)
class Level:
    """The final values of one arm by one measure. seeds, values: of the same length; low, high: None for one seed."""

    arm: str
    seeds: list[int]
    values: list[float | None]
    n: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Rows:
    """The final rows of every condition."""

    view: View
    names: Names

    @cached_property
    def levels(self) -> dict[str, dict[Measure, list[Level]]]:
        """Condition -> measure -> the levels of its arms, in the run's order; bounds last.

        The interval of a mean is a t interval over seeds (or texts) at the run's confidence, as in results.SUMMARY.
        """
        final = self.view.runs[self.view.runs["step"].isna()].sort_values("seed", kind="stable")
        found: dict[str, dict[Measure, list[Level]]] = {}
        keys = ["condition", "metric", "split", "unit", "arm"]
        seeds, values = final["seed"].to_numpy(), final["value"].to_numpy(dtype="float64")
        for key, places in final.groupby(keys, sort=False).indices.items():
            condition, metric, split, unit, arm = cast(tuple[str, ...], key)
            level = self._level(arm, seeds[places], values[places])
            found.setdefault(condition, {}).setdefault(Measure(metric, split, unit), []).append(level)
        return {name: self._ordered(name, measures) for name, measures in found.items()}

    def _level(self, arm: str, seeds: Any, values: Any) -> Level:
        known = values[~np.isnan(values)]
        mean = float(known.mean()) if len(known) else None
        low = high = None
        if len(known) > 1 and mean is not None:
            half = _quantile(self.view.confidence, len(known) - 1) * float(known.std(ddof=1)) / len(known) ** 0.5
            low, high = mean - half, mean + half
        shown = [None if np.isnan(value) else float(value) for value in values]
        return Level(arm, [int(seed) for seed in seeds], shown, len(known), mean, low, high)

    def _ordered(self, condition: str, measures: dict[Measure, list[Level]]) -> dict[Measure, list[Level]]:
        arms = self.view.arms_of(condition)
        places = {arm: place for place, arm in enumerate(arms)}

        def place(level: Level) -> tuple[int, str]:
            return (places.get(level.arm, len(arms)), level.arm)

        return {each: sorted(measures[each], key=place) for each in sorted(measures, key=rank)}

    def of(self, condition: str) -> dict[Measure, list[Level]]:
        """Returns measure -> levels of a condition; empty for one without final rows."""
        return self.levels.get(condition, {})

    @cached_property
    def pairs(self) -> dict[str, list[dict[str, Any]]]:
        """Condition -> its rows of results.STATISTICS."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.view.statistics.to_dict("records"):
            found.setdefault(row["condition"], []).append({str(name): value for name, value in row.items()})
        return found

    def experiments(self, study: str) -> Iterator[tuple[Condition, list[Condition]]]:
        """Yields a first condition for each experiment and way of a study, with all its conditions that have rows."""
        groups: dict[tuple[str, str | None], list[Condition]] = {}
        for each in self.view.select(study=study):
            if each.condition in self.levels:
                groups.setdefault((each.experiment, each.way), []).append(each)
        for group in groups.values():
            yield group[0], group


@cache
def _quantile(confidence: float, freedom: int) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, freedom))


def is_bound(arm: str) -> bool:
    """Whether rows are those of a bound and not of an arm."""
    return arm.startswith(BOUND)
