"""'Benefits increase with corpus size': the differences that a slope is put through, as released and done right."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tokentrial.report.bespoke_results import BESPOKE, STANDARD, STUDY, Row, arms_of, corpora, subjects, training_tokens
from tokentrial.run.columns import Method
from tokentrial.run.view import View
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.trend import Trend, trend

OTHERS = (STANDARD, "projected", "budget", "permuted", "reversed")
ENDS = ("smallest", "largest")
TREND_COLUMNS = (
    *("kind", "arm", "other", "corpora", "n", "slope", "low", "high", "p", "direction"),
    *(f"{end}{part}" for end in ENDS for part in ("", "_low", "_high")),
    "claim",
)


class Corpora(NamedTuple):
    """Bespoke minus another arm over corpora: by seed (rows) and tokens (columns, rising), and its trend."""

    way: str
    arm: Method
    other: Method
    values: pd.DataFrame
    trend: Trend
    confidence: float
    equivalent: bool = False
    """Whether the difference at the largest corpus is shown to be within the equivalence margin."""
    steps: int | None = None
    """As released, at which the losses on fresh text were measured."""

    def at(self, tokens: float) -> tuple[float, float, float]:
        """Mean difference at a corpus size, with its interval."""
        values = self.values[tokens].to_numpy()
        return (float(values.mean()), *t_interval(values, self.confidence))

    @property
    def kind(self) -> str:
        """The way, and what was measured."""
        return self.way if self.steps is None else f"{self.way}, {self.steps:,} steps each, fresh text"

    @property
    def claim(self) -> str:
        """What it says about 'benefits increase with corpus size'."""
        largest = self.at(float(self.values.columns[-1]))
        if self.trend.direction == "falls":
            benefit = largest[2] < 0 and not self.equivalent
            return "benefit grows" if benefit else "falls, but no benefit beyond the margin"
        return "rises" if self.trend.direction == "rises" else "no trend shown"


def fair_trends(view: View) -> Iterator[Corpora]:
    """Done right, for every experiment whose conditions differ in their training tokens alone."""
    for _, experiment in view.experiments():
        conditions = sorted(view.select(experiment=experiment, way="done-right"), key=training_tokens)
        sizes = {training_tokens(each): each.id for each in conditions}
        if len(sizes) < 2 or len(sizes) < len(conditions):
            continue
        arms = arms_of(view, conditions[0])
        for arm in subjects(arms):
            for other in arms:
                if other.method in OTHERS and other.size in (None, arm.size):
                    values = _differences(sizes, view.values, arm, other)
                    equivalent = view.pair(conditions[-1].id, arm.arm, other.arm).get("equivalent", False)
                    yield from _fitted(view, "done right", arm, other, values, equivalent=equivalent)


def released_trends(view: View) -> Iterator[Corpora]:
    """As released: the reported losses, and at every number of steps that all corpora have, those on fresh text."""
    reported, fresh = corpora(view), corpora(view, fresh=True)
    if len(reported) < 2:
        return
    arm, other = (view.method(STUDY, name) for name in (BESPOKE, STANDARD))
    yield from _fitted(view, "as released", arm, other, _differences(reported, view.series, arm, other))
    shared = set.intersection(*(set(view.steps(fresh.get(tokens, ""), BESPOKE)) for tokens in reported))
    for step in sorted(shared):
        values = _differences(fresh, partial(view.series, step=step), arm, other)
        yield from _fitted(view, "as released", arm, other, values, steps=step)


def _differences(
    sizes: Mapping[int, str], values: Callable[[str, str], pd.Series], arm: Method, other: Method
) -> pd.DataFrame:
    """By seed (rows) and tokens (columns), of the seeds that have every corpus; values: by condition and arm."""
    return pd.DataFrame(
        {float(tokens): values(name, arm.arm) - values(name, other.arm) for tokens, name in sizes.items()}
    ).dropna()


def _fitted(view: View, way: str, arm: Method, other: Method, values: pd.DataFrame, **more: Any) -> Iterator[Corpora]:
    if len(values):
        x = np.log2(values.columns.to_numpy(dtype=float))
        fitted = trend(x, values.to_numpy(), view.confidence)
        yield Corpora(way, arm, other, values, fitted, view.confidence, **more)


def trends(view: View) -> Iterator[Row]:
    """Rows of the table, done right first."""
    for each in (*fair_trends(view), *released_trends(view)):
        slope = each.trend
        ends: Row = {}
        for name, tokens in zip(ENDS, each.values.columns[[0, -1]], strict=True):
            ends |= dict(zip((name, f"{name}_low", f"{name}_high"), each.at(float(tokens)), strict=True))
        yield {
            "kind": each.kind,
            "arm": each.arm.arm,
            "other": each.other.name,
            "corpora": slope.points,
            "n": slope.n,
            **{name: getattr(slope, name) for name in ("slope", "low", "high", "p", "direction")},
            **ends,
            "claim": each.claim,
        }
