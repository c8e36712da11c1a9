"""The bespoke study's results as its tables, figures and text look them up, and document 003's tests behind them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tokentrial.statistics.attribution import attribution
from tokentrial.statistics.tables import method

Row = dict[str, Any]
STUDY = "bespoke"
LOSS, ACCURACY = "cross_entropy", "accuracy"
RELEASED = f"{STUDY}/as-released"
FRESH = "-fresh"  # ends the condition that measures a released cell's models on fresh text
STANDARD, BESPOKE = "standard", "bespoke"
RATIO, SIZE, SCORE = "quality_ratio", "parameter_ratio", "efficiency_score"
LAYER = ("embedding", "encoder")  # token tables and their projections
MODEL = (*LAYER, "decoder", "body", "head")
QUANTILES = (0.025, 0.975)


class DocumentTest(NamedTuple):
    """A row of document 003's tables: the released cell behind it, and where it is run again.

    data: the data set of the sub-study, all of them if None; whole: whether the document's parameter count is that of
    the whole model or of the embedding layer alone (protocols B2 to B5).
    """

    released: str
    study: str
    data: str | None
    arm: str
    whole: bool

    @property
    def condition(self) -> str:
        return f"{RELEASED}/{self.released}"


TESTS = {
    "initial": DocumentTest("initial/corpus-5000", "initial", None, "bespoke-initial", True),
    "scaling-1k": DocumentTest("scaling/corpus-1000", "scaling", "corpus-1k", "bespoke-scaling", True),
    "scaling-5k": DocumentTest("scaling/corpus-5000", "scaling", "corpus-5k", "bespoke-scaling", True),
    "scaling-20k": DocumentTest("scaling/corpus-20000", "scaling", "corpus-20k", "bespoke-scaling", True),
    "scaling-50k": DocumentTest("scaling/corpus-50000", "scaling", "corpus-50k", "bespoke-scaling", True),
    "optimized": DocumentTest("optimized/corpus-20000", "efficiency", None, "bespoke-optimized", False),
    "ultra": DocumentTest("ultra/corpus-20000", "efficiency", None, "bespoke-ultra", False),
}
# The author's later correction, which document 003 does not have (protocol B6).
CORRECTION = DocumentTest("convergence/epochs-50", "converged", None, "bespoke-optimized", True)
METHODS = {
    STANDARD: "standard (uniform)",
    "projected": "uniform, projected",
    "budget": "uniform, same budget",
    BESPOKE: "bespoke",
    "permuted": "bands permuted",
    "reversed": "bands reversed",
    "adaptive": "adaptive input",
    "mixed": "mixed dimensions",
}
LAYOUTS = {"ultra": "ultra-efficient"}
SOURCES = {"zipf_iid": "independent tokens", "zipf_markov": "Markov chain"}


class Cell(NamedTuple):
    """A trained condition; data: the name of its data set within the sub-study; tokens: of its training text."""

    condition: str
    data: str
    source: str
    vocab_size: int
    tokens: int


class Spread(NamedTuple):
    """Median and central 95 % of seeds."""

    n: int
    median: float
    low: float
    high: float


def spread(values: pd.Series) -> Spread | None:
    """None without a value."""
    finite = values[np.isfinite(values)]
    if finite.empty:
        return None
    low, high = finite.quantile(QUANTILES[0]), finite.quantile(QUANTILES[1])
    return Spread(len(finite), float(finite.median()), float(low), float(high))


@dataclass(frozen=True)
class Study:
    """The results of this study alone. conditions: id -> its specification's part that tells it apart."""

    runs: pd.DataFrame
    arms: pd.DataFrame
    summary: pd.DataFrame
    statistics: pd.DataFrame
    conditions: Mapping[str, Mapping[str, Any]]
    confidence: float
    margin_share: float = 0.05

    def studies(self) -> list[str]:
        """The sub-studies, in the config's order."""
        return list(dict.fromkeys(name.split("/")[1] for name in self.conditions))

    def cells(self, study: str, way: str) -> list[Cell]:
        """The trained conditions of a sub-study in one way that have results, in the config's order."""
        prefix = f"{STUDY}/{study}/{way}/"
        known = set(self.arms["condition"])
        return [
            Cell(
                name,
                spec["dataset"].rsplit("/", 1)[-1],
                spec["source"],
                spec["vocab_size"],
                spec["train"] * spec["length"],
            )
            for name, spec in self.conditions.items()
            if name.startswith(prefix) and name in known
        ]

    def fair(self) -> Iterator[tuple[str, Cell]]:
        """Sub-study and cell of every condition done right that has results."""
        for study in self.studies():
            for cell in self.cells(study, "done-right"):
                yield study, cell

    def arms_of(self, cell: Cell) -> list[str]:
        """The arms of a condition: uniform ones, then each layout with its controls, then the rest."""
        return in_order(self.arms.loc[self.arms["condition"] == cell.condition, "arm"])

    def level(self, condition: str, arm: str, metric: str = LOSS) -> Row:
        """The arm's row of results.SUMMARY; empty where there is none."""
        return self._levels.get((condition, arm, metric), {})

    def cost(self, condition: str, arm: str) -> Row:
        """The arm's row of results.ARMS; empty where there is none."""
        return self._costs.get((condition, arm), {})

    def contrast(self, condition: str, arm: str, other: str, metric: str = LOSS) -> Row:
        """The row of results.STATISTICS of arm minus other; empty where there is none."""
        return self._contrasts.get((condition, arm, other, metric), {})

    def released(self, condition: str, arm: str, metric: str, step: int | None = None) -> pd.Series:
        """Values by seed of a released cell, as reported or at a step; of its fresh text those on test data."""
        by_split = self._released.get((condition, arm, metric, -1 if step is None else step), {})
        empty = pd.Series(dtype="float64")
        return by_split.get("test", next(iter(by_split.values()), empty)).sort_index()

    def steps(self, condition: str, arm: str, metric: str) -> list[int]:
        """The numbers of steps at which a released cell was measured, rising."""
        return sorted(key[3] for key in self._released if key[:3] == (condition, arm, metric) and key[3] >= 0)

    def corpora(self) -> dict[int, str]:
        """Tokens -> released cell of the scaling script, rising."""
        prefix = f"{RELEASED}/scaling/corpus-"
        names = {key[0] for key in self._released if key[0].startswith(prefix) and not key[0].endswith(FRESH)}
        return {int(name.removeprefix(prefix)): name for name in sorted(names, key=lambda n: (len(n), n))}

    @cached_property
    def _levels(self) -> dict[tuple[str, ...], Row]:
        return {(row["condition"], row["arm"], row["metric"]): row for row in records(self.summary)}

    @cached_property
    def _costs(self) -> dict[tuple[str, ...], Row]:
        return {(row["condition"], row["arm"]): row for row in records(self.arms)}

    @cached_property
    def _contrasts(self) -> dict[tuple[str, ...], Row]:
        keys = ("condition", "arm_a", "arm_b", "metric")
        return {tuple(row[key] for key in keys): row for row in records(self.statistics)}

    @cached_property
    def _released(self) -> dict[tuple[Any, ...], dict[str, pd.Series]]:
        runs = self.runs
        mine = runs[runs["condition"].str.startswith(f"{RELEASED}/") & runs["value"].notna()]
        mine = mine.assign(step=mine["step"].fillna(-1).astype(int))
        made: dict[tuple[Any, ...], dict[str, pd.Series]] = {}
        for key, group in mine.groupby(["condition", "arm", "metric", "step", "split"], sort=False):
            made.setdefault(key[:4], {})[str(key[4])] = group.set_index("seed")["value"]
        return made


def attributions(study: Study) -> Iterator[tuple[int, pd.DataFrame]]:
    """Tokens and decomposition of every released scaling cell that has all arms."""
    for tokens, condition in study.corpora().items():
        if len(study.released(condition + FRESH, "projected", LOSS)):
            yield tokens, attribution(study.runs, condition, study.confidence)


def parameters(cost: Row, roles: Iterable[str]) -> int:
    """The numbers in these parts of a model; a part that it does not have counts nothing."""
    return sum(int(cost.get(f"parameters_{role}") or 0) for role in roles)


def records(frame: pd.DataFrame) -> list[Row]:
    """Rows as mappings, None where a value is missing."""
    made = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in made]


def in_order(arms: Iterable[str]) -> list[str]:
    """Uniform arms, then each layout with its controls, then other arms, ``unigram`` last."""
    known = list(METHODS)

    def place(arm: str) -> tuple[bool, bool, str, int, str]:
        name, _, layout = arm.partition("-")
        uniform = arm in (STANDARD, "projected")
        return not uniform, not (uniform or layout), layout, known.index(name) if name in known else len(known), arm

    return sorted(set(arms), key=place)


def subjects(arms: list[str]) -> list[str]:
    """The arms with bespoke widths."""
    return [arm for arm in arms if method(arm) == BESPOKE]


def layout_name(arm: str) -> str:
    """``bespoke-ultra`` has the layout 'ultra-efficient'; empty for an arm without one."""
    layout = arm.partition("-")[2]
    return LAYOUTS.get(layout, layout)


def arm_name(arm: str) -> str:
    """``permuted-ultra`` is 'bands permuted, ultra-efficient'."""
    name = METHODS.get(method(arm), method(arm).replace("_", " "))
    return f"{name}, {layout_name(arm)}" if layout_name(arm) else name


def cell_name(cell: Cell) -> str:
    """``Markov chain, V = 200, 20,400 tokens``."""
    source = SOURCES.get(cell.source, cell.source.replace("_", " "))
    return f"{source}, V = {cell.vocab_size}, {cell.tokens:,} tokens"
