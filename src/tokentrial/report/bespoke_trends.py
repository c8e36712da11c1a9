"""'Benefits increase with corpus size': the differences that a slope is put through, as released and done right."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from tokentrial.report.bespoke_results import BESPOKE, FRESH, LOSS, STANDARD, Row, Study, arm_name, subjects
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.tables import final_values, method
from tokentrial.statistics.trend import Trend, differences, trend

OTHERS = (STANDARD, "projected", "budget", "permuted", "reversed")
ENDS = ("smallest", "largest")
TREND_COLUMNS = (
    *("kind", "arm", "other", "corpora", "n", "slope", "low", "high", "p", "direction"),
    *(f"{end}{part}" for end in ENDS for part in ("", "_low", "_high")),
    "claim",
)


class Corpora(NamedTuple):
    """Bespoke minus another arm over corpora: by seed (rows) and tokens (columns, rising), and its trend."""

    kind: str
    arm: str
    other: str
    values: pd.DataFrame
    trend: Trend
    confidence: float
    equivalent: bool
    """Whether the difference at the largest corpus is shown to be within the equivalence margin."""

    def at(self, tokens: float) -> tuple[float, float, float]:
        """Mean difference at a corpus size, with its interval."""
        values = self.values[tokens].to_numpy()
        return (float(values.mean()), *t_interval(values, self.confidence))

    @property
    def claim(self) -> str:
        """What it says about 'benefits increase with corpus size'."""
        largest = self.at(float(self.values.columns[-1]))
        if self.trend.direction == "falls":
            benefit = largest[2] < 0 and not self.equivalent
            return "benefit grows" if benefit else "falls, but no benefit beyond the margin"
        return "rises" if self.trend.direction == "rises" else "no trend shown"


def fair_trends(study: Study) -> Iterator[Corpora]:
    """Done right, for every sub-study whose cells differ in their training tokens alone."""
    runs = study.runs
    for name in study.studies():
        cells = study.cells(name, "done-right")
        tokens = {cell.condition: float(cell.tokens) for cell in cells}
        if len(set(tokens.values())) < 2 or len(set(tokens.values())) < len(cells):
            continue
        mine = runs[runs["condition"].isin(list(tokens)) & (runs["metric"] == LOSS)]
        final = final_values(mine)
        largest = max(tokens, key=lambda condition: tokens[condition])
        arms = [arm for arm in study.arms_of(cells[0]) if method(arm) in OTHERS]
        for arm in subjects(study.arms_of(cells[0])):
            layout = arm.partition("-")[2]
            for other in arms:
                if other.partition("-")[2] in ("", layout):
                    values = differences(final, tokens, arm, other)
                    equivalent = study.contrast(largest, arm, other).get("equivalent", False)
                    yield from _fitted(study, "done right", arm, other, values, equivalent)


def released_trends(study: Study) -> Iterator[Corpora]:
    """As released: the reported losses, and at every number of steps that all corpora have, those on fresh text."""
    corpora = study.corpora()
    if len(corpora) < 2:
        return
    yield from _fitted(study, "as released", BESPOKE, STANDARD, _released(study, corpora, None))
    shared = set.intersection(*(set(study.steps(name + FRESH, BESPOKE, LOSS)) for name in corpora.values()))
    fresh = {tokens: name + FRESH for tokens, name in corpora.items()}
    for step in sorted(shared):
        kind = f"as released, {step:,} steps each, fresh text"
        yield from _fitted(study, kind, BESPOKE, STANDARD, _released(study, fresh, step))


def _released(study: Study, corpora: dict[int, str], step: int | None) -> pd.DataFrame:
    columns = {}
    for tokens, name in corpora.items():
        pair = [study.released(name, arm, LOSS, step) for arm in (BESPOKE, STANDARD)]
        columns[float(tokens)] = pair[0] - pair[1]
    return pd.DataFrame(columns).dropna()


def _fitted(
    study: Study, kind: str, arm: str, other: str, values: pd.DataFrame, equivalent: bool = False
) -> Iterator[Corpora]:
    if len(values):
        x = np.log2(values.columns.to_numpy(dtype=float))
        confidence = study.confidence
        slope = trend(x, values.to_numpy(), confidence)
        yield Corpora(kind, arm, other, values, slope, confidence, equivalent)


def trends(study: Study) -> Iterator[Row]:
    """Rows of the table, done right first."""
    for found in (*fair_trends(study), *released_trends(study)):
        slope = found.trend
        ends: Row = {}
        for name, tokens in zip(ENDS, found.values.columns[[0, -1]], strict=True):
            ends |= dict(zip((name, f"{name}_low", f"{name}_high"), found.at(float(tokens)), strict=True))
        yield {
            "kind": found.kind,
            "arm": found.arm,
            "other": arm_name(found.other),
            "corpora": slope.points,
            "n": slope.n,
            **{name: getattr(slope, name) for name in ("slope", "low", "high", "p", "direction")},
            **ends,
            "claim": found.claim,
        }
