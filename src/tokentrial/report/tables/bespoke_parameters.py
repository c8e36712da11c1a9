"""Document 003 on parameters: its counts against those built, and what its confidence intervals are."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from tokentrial.encoders.layouts import efficiency_score
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.bespoke_results import (
    BESPOKE,
    LAYER,
    MODEL,
    RATIO,
    SCORE,
    SIZE,
    STANDARD,
    TESTS,
    DocumentTest,
    Row,
    arms_of,
    data_name,
    parameters,
    released,
    spread,
    trained,
)
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MISSING, Section, Table, count, number
from tokentrial.report.tables.rows import frame
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.intervals import t_interval

EFFICIENCY, SCORES = "bespoke-efficiency", "bespoke-scores"
SCORED = {"quality": RATIO, "parameters": SIZE, "efficiency": SCORE}
# Rows of the complete table whose mean, minimum and maximum the document's intervals are (protocol B8); two entries of
# the efficiency scores' are from different sets.
SCALING = tuple(name for name, test in TESTS.items() if test.experiment == "scaling")
ROLES = {"layer": LAYER, "model": MODEL}
PARAMETER_ROWS = ("initial", "optimized", "ultra")
MADE_FROM = {
    "quality": (SCALING, SCALING, SCALING, "the four scaling rows"),
    "parameters": (PARAMETER_ROWS, PARAMETER_ROWS, PARAMETER_ROWS, "the three rows of the parameter table"),
    "efficiency": (SCALING, ("initial",), SCALING, "mean and maximum of the four scaling rows, the initial row"),
}


def efficiency(view: View, printed: Mapping[str, PublishedTable]) -> Table:
    """One section per row of the document's table of parameters."""
    data, sections = [], []
    published = printed[EFFICIENCY]
    for key, row in published.rows.items():
        rows = [{"test": key, **each} for each in _count_rows(view, TESTS[key], row)]
        data += rows
        counted = "whole model" if TESTS[key].whole else "embedding layer"
        shown = pd.DataFrame([_shown_counts(each) for each in rows])
        sections.append(Section(f"{row['label']} (printed count: {counted})", shown))
    notes = (
        f"Published: {published.where}. The first row counts the whole model, the other two the embedding layer alone, "
        "which makes their ratios larger or smaller than a model's. Layer: token tables and their projections. Model: "
        "with all that follows. As released: the counts of the seed with the median total; exact: seeds of n whose "
        "parameter ratio is the printed counts' to the last digit (the layout depends on the corpus).",
        "Quality: bespoke over standard loss; as released the median over seeds, done right the ratio of mean held-out "
        "losses. Score: (1 / parameter ratio) / max(quality, 0.1), the parameters as the document counts them in that "
        f"row. {MISSING}: not printed, or not in this run.",
    )
    return Table(EFFICIENCY, table_title(EFFICIENCY), frame(data, ("test", "way")), tuple(sections), notes, "Test")


def _count_rows(view: View, test: DocumentTest, row: Mapping[str, str]) -> Iterator[Row]:
    part = "model" if test.whole else "layer"
    counts = {f"{part}_{arm}": value_of(row[arm]) for arm in ("bespoke", "standard")}
    ratio, quality = value_of(row["ratio"]), value_of(row["quality"])
    yield {
        "way": "published",
        **counts,
        f"{part}_ratio": counts[f"{part}_bespoke"] / counts[f"{part}_standard"],
        "quality": quality,
        "score": efficiency_score(ratio, quality),
        "printed": {f"{part.capitalize()}\nratio": row["ratio"], "Quality": row["quality"]},
    }
    yield _released_counts(view, test, counts[f"{part}_bespoke"] / counts[f"{part}_standard"])
    for condition in trained(view, test, "done-right"):
        arms = {(arm.method, arm.size): arm for arm in arms_of(view, condition)}
        for method in (BESPOKE, "budget"):
            if (method, test.layout) in arms:
                yield _trained_counts(view, condition, arms[method, test.layout], test.whole)


def _released_counts(view: View, test: DocumentTest, printed: float) -> Row:
    condition = released(view, test)
    costs = [view.cost(condition, arm) for arm in (BESPOKE, STANDARD)]
    quality = spread(view.series(condition, BESPOKE, RATIO))
    ratios = view.series(condition, BESPOKE, SIZE)
    row: Row = {"way": "as released", "condition": condition}
    if len(ratios):
        exact = int(np.isclose(ratios, printed, rtol=1e-9).sum())
        row |= {"n": len(ratios), "exact": exact, "way": f"as released ({exact} of {len(ratios)} exact)"}
    return row | _counts(costs, test.whole, None if quality is None else quality.median)


def _trained_counts(view: View, condition: Condition, arm: Method, whole: bool) -> Row:
    costs = [view.cost(condition.id, name) for name in (arm.arm, STANDARD)]
    losses = [view.level(condition.id, name, LOSS) for name in (arm.arm, STANDARD)]
    quality = losses[0]["mean"] / losses[1]["mean"] if all(losses) else None
    way = f"done right, {arm.family_name}: {data_name(condition)}"
    return {"way": way, "condition": condition.id, "n": losses[0].get("n"), **_counts(costs, whole, quality)}


def _counts(costs: Sequence[Row], whole: bool, quality: float | None) -> Row:
    """Both counts of (bespoke, standard) and their ratio; the score by the one that the document counts."""
    row: Row = {"quality": quality}
    if not all(costs):
        return row
    for part in ("layer", "model"):
        numbers = [parameters(cost, ROLES[part]) for cost in costs]
        row |= {f"{part}_bespoke": numbers[0], f"{part}_standard": numbers[1]}
        row[f"{part}_ratio"] = numbers[0] / numbers[1]
    if quality is not None:
        row["score"] = efficiency_score(row["model_ratio" if whole else "layer_ratio"], quality)
    return row


def _shown_counts(row: Row) -> dict[str, str]:
    shown = {"Way": row["way"].replace(": ", ":\n")}
    for part in ("layer", "model"):
        name = part.capitalize()
        shown[f"{name}:\nbespoke"] = count(row.get(f"{part}_bespoke"))
        shown[f"{name}:\nstandard"] = count(row.get(f"{part}_standard"))
        shown[f"{name}\nratio"] = number(row.get(f"{part}_ratio"), 3)
    shown |= {"Quality": number(row.get("quality"), 3), "Score": number(row.get("score"), 3)}
    return {**shown, **row.get("printed", {})}


def printed_values(printed: Mapping[str, PublishedTable], metric: str, tests: Sequence[str]) -> list[float]:
    """A metric of rows of the document's complete table, from its printed numbers.

    Parameter ratios and the scores made of them are those of the printed counts where the document prints counts.
    """
    rows, counts = printed["bespoke-tests"].rows, printed[EFFICIENCY].rows

    def one(test: str) -> float:
        quality, size = value_of(rows[test]["ratio"]), value_of(rows[test]["parameters"])
        if test in counts:
            size = value_of(counts[test]["bespoke"]) / value_of(counts[test]["standard"])
        return {"quality": quality, "parameters": size, "efficiency": efficiency_score(size, quality)}[metric]

    return [one(test) for test in tests]


def scores(view: View, printed: Mapping[str, PublishedTable]) -> Table:
    """The document's 'confidence intervals': printed, remade from its rows, and as measured over seeds."""
    data, sections = [], []
    for metric, row in printed[SCORES].rows.items():
        rows = [{"metric": metric, **each} for each in _score_rows(view, printed, metric, row)]
        data += rows
        sections.append(Section(row["label"], pd.DataFrame([_shown_score(each) for each in rows])))
    notes = (
        f"Published: {printed[SCORES].where}. Remade: mean, minimum and maximum of the printed rows named; where they "
        "agree with what is printed, that is what the document calls a 95 % confidence interval (its last digits are "
        "those of unrounded losses). All "
        "seven rows: their mean with a t interval, as if seven different tests were a sample of one quantity.",
        "As released: mean and central 95 % over n seeds of one test. Score: (1 / parameter ratio) / max(quality "
        "ratio, 0.1); the lower bound 0.1 makes every ratio below it the same.",
    )
    return Table(SCORES, table_title(SCORES), frame(data, ("metric", "way", "n")), tuple(sections), notes, "Metric")


def remade(printed: Mapping[str, PublishedTable], metric: str) -> tuple[float, float, float]:
    """Mean, minimum and maximum as the document made them, from its printed rows."""
    means, lows, highs, _ = MADE_FROM[metric]
    values = [printed_values(printed, metric, tests) for tests in (means, lows, highs)]
    return float(np.mean(values[0])), min(values[1]), max(values[2])


def agrees(printed: Mapping[str, PublishedTable], metric: str) -> bool:
    """Whether the remade mean, minimum and maximum round to the printed ones (within one unit of the last digit)."""
    row = printed[SCORES].rows[metric]
    pairs = zip(remade(printed, metric), (row[name] for name in ("mean", "low", "high")), strict=True)
    return all(abs(value - value_of(text)) <= 10.0 ** -len(text.partition(".")[2]) for value, text in pairs)


def _score_rows(
    view: View, printed: Mapping[str, PublishedTable], metric: str, row: Mapping[str, str]
) -> Iterator[Row]:
    texts = {"Mean": row["mean"], "Low": row["low"], "High": row["high"]}
    yield {"way": "published", **{name: value_of(row[name]) for name in ("mean", "low", "high")}, "printed": texts}
    mean, low, high = remade(printed, metric)
    yield {"way": f"remade: {MADE_FROM[metric][3]}", "n": None, "mean": mean, "low": low, "high": high}
    values = printed_values(printed, metric, list(TESTS))
    low, high = t_interval(values, view.confidence)
    yield {
        "way": "all seven printed rows, t interval",
        "n": len(values),
        "mean": np.mean(values),
        "low": low,
        "high": high,
    }
    for key, test in TESTS.items():
        seeds = view.series(released(view, test), BESPOKE, SCORED[metric])
        measured = spread(seeds)
        if measured is not None:
            label = printed["bespoke-tests"].rows[key]["label"]
            ends = {"mean": float(seeds.mean()), "low": measured.low, "high": measured.high}
            yield {"way": f"as released: {label}", "n": measured.n, **ends}


def _shown_score(row: Row) -> dict[str, str]:
    shown = {"Source": row["way"], "n": count(row.get("n"))}
    shown |= {name.capitalize(): number(row.get(name), 3) for name in ("mean", "low", "high")}
    return {**shown, **row.get("printed", {})}
