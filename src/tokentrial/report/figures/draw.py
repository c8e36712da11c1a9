"""Figures by their names in the catalogue: read the tables they need, draw them, write their files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from tokentrial import results
from tokentrial.errors import InputError
from tokentrial.report import published
from tokentrial.report.figures import style
from tokentrial.report.figures.by_ratio import Published, accuracy_by_ratio, loss_by_ratio
from tokentrial.report.figures.by_vocabulary import loss_by_vocabulary
from tokentrial.report.figures.documents import Point, published_points, stated_runs
from tokentrial.report.figures.forest import forest
from tokentrial.report.figures.learning_curves import learning_curves
from tokentrial.report.figures.parameters import parameters
from tokentrial.report.figures.power import power
from tokentrial.report.figures.seeds import seeds
from tokentrial.statistics.tables import final_values


@dataclass(frozen=True)
class Sources:
    """Where the tables are; each is read, and checked against its schema, when a figure asks for it."""

    runs_path: str
    arms_path: str
    summary_path: str
    statistics_path: str
    published_path: str
    confidence: float

    @cached_property
    def runs(self) -> pd.DataFrame:
        return _rows(self.runs_path, results.RUNS)

    @cached_property
    def arms(self) -> pd.DataFrame:
        return _rows(self.arms_path, results.ARMS)

    @cached_property
    def summary(self) -> pd.DataFrame:
        return _rows(self.summary_path, results.SUMMARY)

    @cached_property
    def statistics(self) -> pd.DataFrame:
        return _rows(self.statistics_path, results.STATISTICS)

    @cached_property
    def documents(self) -> dict[str, published.PublishedTable]:
        return published.load(self.published_path)

    @cached_property
    def points(self) -> list[Point]:
        return published_points(self.documents)


def _rows(path: str, schema: pa.Schema) -> pd.DataFrame:
    rows: pd.DataFrame = results.read(path, schema).to_pandas()
    return rows


def markov_points(points: Iterable[Point]) -> list[Published]:
    """Document 000's accuracies, as points of the sub-study that runs its experiment right."""
    return [
        Published("markov", point.arm, float(point.cell.rpartition("-")[2]), point.value)
        for point in points
        if point.cell.startswith("corrected/ratio-")
    ]


FIGURES: dict[str, Callable[[Sources], Figure]] = {
    "loss-by-ratio": lambda s: loss_by_ratio(s.summary),
    "accuracy-by-ratio": lambda s: accuracy_by_ratio(s.summary, markov_points(s.points)),
    "loss-by-vocabulary": lambda s: loss_by_vocabulary(s.summary),
    "forest": lambda s: forest(s.statistics),
    "learning-curves": lambda s: learning_curves(s.runs, s.summary, s.confidence),
    "seeds": lambda s: seeds(final_values(s.runs), s.points),
    "power": lambda s: power(s.statistics, stated_runs(s.documents), s.confidence),
    "parameters": lambda s: parameters(s.summary, s.arms),
}


def write_figures(
    paths: Iterable[str], *, runs: str, arms: str, summary: str, statistics: str, published: str, confidence: float
) -> None:
    """Write every path: its stem names the figure, its suffix the format; the other arguments are where the data are.

    Raises InputError for an unknown figure, a table that cannot be read, or results with nothing to show.
    """
    sources = Sources(runs, arms, summary, statistics, published, confidence)
    files: dict[str, list[str]] = {}
    for path in paths:
        files.setdefault(Path(path).stem, []).append(path)
    for name, targets in files.items():
        if name not in FIGURES:
            raise InputError(f"figure '{name}' is unknown; expected one of {', '.join(FIGURES)}")
        print(f"drawing {name}", flush=True)
        style.save(FIGURES[name](sources), targets)
