"""Document 003: its tests and where a run has them, their arms in order, and what its intervals are made from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tokentrial.encoders.layouts import efficiency_score
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.attribution import attribution

Row = dict[str, Any]
STUDY = "bespoke"
STANDARD, BESPOKE = "standard", "bespoke"
UNIFORM = (STANDARD, "projected")
RATIO, SIZE, SCORE = "quality_ratio", "parameter_ratio", "efficiency_score"
LAYER = ("embedding", "encoder")  # token tables and their projections
MODEL = (*LAYER, "decoder", "body", "head")
QUANTILES = (0.025, 0.975)
CENTRAL = f"{100 * (QUANTILES[1] - QUANTILES[0]):g} %"
"""The share of the values between them."""
SOURCES = {"zipf_iid": "independent tokens", "zipf_markov": "Markov chain"}


class DocumentTest(NamedTuple):
    """A row of document 003's tables: the released script and cell behind it, and where it is run again.

    data: the data set of the experiment, all of them if None; whole: whether the document's parameter count is that of
    the whole model or of the embedding layer alone (protocols B2 to B5).
    """

    script: str
    cell: str
    experiment: str
    data: str | None
    layout: str
    whole: bool

    @property
    def arm(self) -> str:
        return f"{BESPOKE}-{self.layout}"


TESTS = {
    "initial": DocumentTest("initial", "corpus-5000", "initial", None, "initial", True),
    "scaling-1k": DocumentTest("scaling", "corpus-1000", "scaling", "corpus-1k", "scaling", True),
    "scaling-5k": DocumentTest("scaling", "corpus-5000", "scaling", "corpus-5k", "scaling", True),
    "scaling-20k": DocumentTest("scaling", "corpus-20000", "scaling", "corpus-20k", "scaling", True),
    "scaling-50k": DocumentTest("scaling", "corpus-50000", "scaling", "corpus-50k", "scaling", True),
    "optimized": DocumentTest("optimized", "corpus-20000", "efficiency", None, "optimized", False),
    "ultra": DocumentTest("ultra", "corpus-20000", "efficiency", None, "ultra", False),
}
# The author's later correction, which document 003 does not have (protocol B6).
CORRECTION = DocumentTest("convergence", "epochs-50", "converged", None, "optimized", True)

COUNTS, SCORES, EVERY = "bespoke-efficiency", "bespoke-scores", "bespoke-tests"  # printed tables
SCORED = {"quality": RATIO, "parameters": SIZE, "efficiency": SCORE}
# Rows of the complete table whose mean, minimum and maximum the document's intervals are (protocol B8); two entries of
# the efficiency scores' are from different sets.
SCALING = tuple(name for name, test in TESTS.items() if test.experiment == "scaling")
COUNTED = ("initial", "optimized", "ultra")
MADE_FROM = {
    "quality": (SCALING, SCALING, SCALING, "the four scaling rows"),
    "parameters": (COUNTED, COUNTED, COUNTED, "the three rows of the parameter table"),
    "efficiency": (SCALING, ("initial",), SCALING, "mean and maximum of the four scaling rows, the initial row"),
}

CONTROLS = {
    STANDARD: "the uniform table",
    "projected": "the uniform table with one projection",
    "budget": "uniform widths at the same budget",
    "permuted": "the same widths for random tokens",
    "reversed": "wide vectors for rare tokens",
}
"""Methods that the bespoke widths are compared with."""

Printed = Mapping[str, PublishedTable]


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


def released(view: View, test: DocumentTest, fresh: bool = False) -> str:
    """The name of the test's released cell, or of its models on fresh text; empty in a run without it."""
    cells = view.select(experiment=test.script, way="as-released", cell=test.cell, fresh=fresh)
    return cells[0].id if cells else ""


def corpora(view: View, fresh: bool = False) -> dict[int, str]:
    """Tokens, rising -> cell of the released scaling script, or its models on fresh text."""
    cells = view.select(experiment="scaling", way="as-released", varied="corpus", fresh=fresh)
    return dict(sorted((int(each.value or 0), each.id) for each in cells))


def trained(view: View, test: DocumentTest, way: str) -> list[Condition]:
    """The conditions that run a test again in one way."""
    conditions = view.select(experiment=test.experiment, way=way)
    return [each for each in conditions if test.data in (None, each.data)]


def attributions(view: View) -> Iterator[tuple[int, pd.DataFrame]]:
    """Tokens and decomposition of every released scaling cell that has all arms."""
    fresh = corpora(view, fresh=True)
    for tokens, reported in corpora(view).items():
        if tokens in fresh and len(view.series(fresh[tokens], "projected", LOSS)):
            yield tokens, attribution(view.runs, reported, fresh[tokens], view.confidence)


def parameters(cost: Row, roles: Iterable[str]) -> int:
    """The numbers in these parts of a model; a part that it does not have counts nothing."""
    return sum(int(cost.get(f"parameters_{role}") or 0) for role in roles)


def training_tokens(condition: Condition) -> int:
    return (condition.train or 0) * (condition.length or 0)


def arms_of(view: View, *conditions: Condition) -> list[Method]:
    """The arms of conditions: uniform ones, then each layout with its controls, then other arms."""
    order = list(view.methods["arm"])

    def place(arm: Method) -> tuple[bool, bool, str, int]:
        uniform = arm.arm in UNIFORM
        return not uniform, not (uniform or arm.size), arm.size or "", order.index(arm.arm)

    names = {arm for each in conditions for arm in view.arms_of(each.id)}
    return sorted((view.method(STUDY, arm) for arm in names), key=place)


def subjects(arms: Iterable[Method]) -> list[Method]:
    """The arms with bespoke widths."""
    return [arm for arm in arms if arm.method == BESPOKE]


def data_name(condition: Condition) -> str:
    """``Markov chain, V = 200, 20,400 tokens``."""
    source = condition.source or ""
    name = SOURCES.get(source, source.replace("_", " "))
    return f"{name}, V = {condition.vocab_size}, {training_tokens(condition):,} tokens"


def printed_values(printed: Printed, metric: str, tests: Sequence[str]) -> list[float]:
    """A metric of rows of the document's complete table, from its printed numbers.

    Parameter ratios and the scores made of them are those of the printed counts where the document prints counts.
    """
    rows, counts = printed[EVERY].rows, printed[COUNTS].rows

    def one(test: str) -> float:
        quality, size = value_of(rows[test]["ratio"]), value_of(rows[test]["parameters"])
        if test in counts:
            size = value_of(counts[test][BESPOKE]) / value_of(counts[test][STANDARD])
        return {"quality": quality, "parameters": size, "efficiency": efficiency_score(size, quality)}[metric]

    return [one(test) for test in tests]


def remade(printed: Printed, metric: str) -> tuple[float, float, float]:
    """Mean, minimum and maximum as the document made them, from its printed rows."""
    values = [printed_values(printed, metric, tests) for tests in MADE_FROM[metric][:3]]
    return float(np.mean(values[0])), min(values[1]), max(values[2])


def agrees(printed: Printed, metric: str) -> bool:
    """Whether the remade mean, minimum and maximum round to the printed ones (within one unit of the last digit)."""
    row = printed[SCORES].rows[metric]
    pairs = zip(remade(printed, metric), (row[name] for name in ("mean", "low", "high")), strict=True)
    return all(abs(value - value_of(text)) <= 10.0 ** -len(text.partition(".")[2]) for value, text in pairs)


def contrasts(view: View, methods: Iterable[str], **columns: str) -> pd.DataFrame:
    """Comparisons done right on held-out loss with an arm of these methods, of conditions with these columns."""
    conditions, among = [each.id for each in view.select(way="done-right", **columns)], set(methods)
    rows = view.statistics
    rows = rows[(rows["metric"] == LOSS) & rows["condition"].isin(conditions)]
    return rows[[view.method(STUDY, arm).method in among for arm in rows["arm_b"]]]
