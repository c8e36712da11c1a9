"""Rows about document 003: its tests, parameter counts and intervals, and where the released loss ratio comes from."""

from collections.abc import Iterator

import numpy as np

from tokentrial.encoders.layouts import efficiency_score
from tokentrial.published import number as value_of
from tokentrial.report import bespoke_results as bespoke
from tokentrial.report.bespoke_results import BESPOKE, CORRECTION, RATIO, STANDARD, TESTS, DocumentTest
from tokentrial.report.bespoke_trends import trends
from tokentrial.report.tables.beside_printed import Line, two_arms
from tokentrial.report.tables.declared import whole
from tokentrial.report.tables.registry import Ask, Row, kind, line_heading, row_maker
from tokentrial.run.view import View, records
from tokentrial.schema.tables import Rows
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.placement import place

PRIMARY = "bespoke-primary"
PARTS = {
    "total": "Reported ratio",
    "sum": "Its parts (their product is the reported ratio)",
    "instead": "Put into the standard arm, one at a time (fresh text)",
    "removed": "One thing taken out of the bespoke arm, relative to it (fresh text)",
    "steps": "Other numbers of steps (fresh text), relative to the reported one",
}
RATIOS = {"": "effect", "_low": "low", "_high": "high"}
ROLES = {"layer": bespoke.LAYER, "model": bespoke.MODEL}


def test_of(line: Line) -> DocumentTest:
    """The test that a printed row is about; one that is not the document's is the author's correction."""
    return TESTS.get(line.key, CORRECTION)


@line_heading("label and claim")
def _with_claim(line: Line) -> str:
    main = line.ask.printed[PRIMARY].rows
    return f"{line.row['label']} ({main[line.key]['claim']})" if line.key in main else line.row["label"]


@line_heading("label and what is counted")
def _with_counted(line: Line) -> str:
    return f"{line.row['label']} (printed count: {'whole model' if test_of(line).whole else 'embedding layer'})"


# Losses


@row_maker("printed losses")
def _printed_losses(line: Line, rows: Rows) -> Iterator[Row]:
    yield {"way": "published", "n": None, **_losses(line), "_printed": dict(line.row)}


def _losses(line: Line) -> Row:
    values = {name: value_of(line.row[name]) for name in (STANDARD, BESPOKE)}
    ratio = line.row.get("ratio")
    return values | {"ratio": value_of(ratio) if ratio else values[BESPOKE] / values[STANDARD]}


@row_maker("released losses")
def _released_losses(line: Line, rows: Rows) -> Iterator[Row]:
    """Medians over seeds with the central 95 %, and the published ratio's percentile; then the same on fresh text."""
    for way, fresh in (("as released", False), ("as released, fresh text", True)):
        condition = bespoke.released(line.view, test_of(line), fresh)
        row = {
            "way": way,
            "condition": condition,
            **two_arms(line.view, condition, {BESPOKE: BESPOKE, STANDARD: STANDARD}),
        }
        ratios = line.view.series(condition, BESPOKE, RATIO)
        losses = {arm: line.view.series(condition, arm) for arm in (STANDARD, BESPOKE)}
        for name, values in {**losses, "ratio": ratios}.items():
            seeds = bespoke.spread(values)
            if seeds is not None:
                row |= {"n": seeds.n, name: seeds.median, f"{name}_low": seeds.low, f"{name}_high": seeds.high}
        if not fresh and len(ratios):
            row["percentile"] = place(_losses(line)["ratio"], ratios.to_numpy()).percentile
        yield row


@row_maker("trained losses")
def _trained_losses(line: Line, rows: Rows) -> Iterator[Row]:
    """Means with intervals of the two arms, their ratio, and the paired difference, as described and done right."""
    test = test_of(line)
    for way in ("as-described", "done-right"):
        words = way.replace("-", " ")
        conditions = bespoke.trained(line.view, test, way)
        for each in conditions:
            row = two_arms(line.view, each.id, {BESPOKE: test.arm, STANDARD: STANDARD})
            known = row[STANDARD] is not None and row[BESPOKE] is not None
            ratio = row[BESPOKE] / row[STANDARD] if known else None
            yield {"way": f"{words}: {bespoke.data_name(each)}", "condition": each.id, **row, "ratio": ratio}
        if not conditions:
            yield {"way": words}


# Parameters


@row_maker("parameter ratios")
def _parameter_ratios(line: Line, rows: Rows) -> Iterator[Row]:
    """Counts and the score made of them: as printed, of the released script, and of bespoke and budget done right."""
    test, row, view = test_of(line), line.row, line.view
    part = "model" if test.whole else "layer"
    sizes = [value_of(row[arm]) for arm in (BESPOKE, STANDARD)]
    printed: Row = {f"{part}_{BESPOKE}": sizes[0], f"{part}_{STANDARD}": sizes[1], f"{part}_ratio": sizes[0] / sizes[1]}
    printed |= {"quality": value_of(row["quality"])}
    printed |= {"score": efficiency_score(value_of(row["ratio"]), printed["quality"])}
    yield {"way": "published", **printed, "_printed": {f"{part}_ratio": row["ratio"], "quality": row["quality"]}}
    yield _released_ratio(view, test, sizes[0] / sizes[1])
    for condition in bespoke.trained(view, test, "done-right"):
        arms = {(arm.method, arm.size): arm for arm in bespoke.arms_of(view, condition)}
        for arm in (arms[name, test.layout] for name in (BESPOKE, "budget") if (name, test.layout) in arms):
            levels = [view.level(condition.id, name) for name in (arm.arm, STANDARD)]
            quality = levels[0]["mean"] / levels[1]["mean"] if all(levels) else None
            way = f"done right, {arm.family_name}: {bespoke.data_name(condition)}"
            counted = _counted(view, condition.id, arm.arm, test.whole, quality)
            yield {"way": way, "condition": condition.id, "n": levels[0].get("n"), **counted}


def _released_ratio(view: View, test: DocumentTest, printed: float) -> Row:
    condition = bespoke.released(view, test)
    quality = bespoke.spread(view.series(condition, BESPOKE, RATIO))
    ratios = view.series(condition, BESPOKE, bespoke.SIZE)
    row: Row = {"way": "as released", "condition": condition}
    if len(ratios):
        exact = int(np.isclose(ratios, printed, rtol=1e-9).sum())
        row |= {"n": len(ratios), "exact": exact, "way": f"as released ({exact} of {len(ratios)} exact)"}
    return row | _counted(view, condition, BESPOKE, test.whole, None if quality is None else quality.median)


def _counted(view: View, condition: str, arm: str, whole: bool, quality: float | None) -> Row:
    """Both counts of an arm and the standard one, and their ratio; the score by the one that the document counts."""
    row: Row = {"quality": quality}
    costs = {name: view.cost(condition, of) for name, of in ((BESPOKE, arm), (STANDARD, STANDARD))}
    if not all(costs.values()):
        return row
    for part, roles in ROLES.items():
        row |= {f"{part}_{name}": bespoke.parameters(cost, roles) for name, cost in costs.items()}
        row[f"{part}_ratio"] = row[f"{part}_{BESPOKE}"] / row[f"{part}_{STANDARD}"]
    if quality is not None:
        row["score"] = efficiency_score(row["model_ratio" if whole else "layer_ratio"], quality)
    return row


# Intervals


@row_maker("intervals")
def _intervals(line: Line, rows: Rows) -> Iterator[Row]:
    """A metric's interval as printed, remade from printed rows, and as measured over seeds."""
    ask, metric = line.ask, line.key
    ends = ("mean", "low", "high")
    yield {"way": "published", **{name: value_of(line.row[name]) for name in ends}, "_printed": dict(line.row)}
    made_from = bespoke.MADE_FROM[metric][3]
    yield {
        "way": f"remade: {made_from}",
        "n": None,
        **dict(zip(ends, bespoke.remade(ask.printed, metric), strict=True)),
    }
    values = bespoke.printed_values(ask.printed, metric, list(TESTS))
    low, high = t_interval(values, ask.view.confidence)
    every = {"way": "all seven printed rows, t interval", "n": len(values)}
    yield {**every, "mean": np.mean(values), "low": low, "high": high}
    for key, test in TESTS.items():
        seeds = ask.view.series(bespoke.released(ask.view, test), BESPOKE, bespoke.SCORED[metric])
        measured = bespoke.spread(seeds)
        if measured is not None:
            row: Row = {"way": f"as released: {ask.printed[bespoke.EVERY].rows[key]['label']}", "n": measured.n}
            yield row | {"mean": float(seeds.mean()), "low": measured.low, "high": measured.high}


# Causes


@kind("decomposition")
def decomposition(ask: Ask) -> Iterator[Row]:
    """Factors of the released loss ratio: in log loss ratio, for readers as ratios."""
    for tokens, factors in bespoke.attributions(ask.view):
        for row in records(factors):
            steps = "" if row["step"] is None else f", {row['step']:,} steps"
            said = {"_factor": f"{row['factor']}{steps}", "_arms": row["contrast"].replace("_", " ")}
            ratios = {f"_ratio{end}": np.exp(row[of]) for end, of in RATIOS.items() if row[of] is not None}
            section = f"{tokens:,} tokens. {PARTS[row['part']]}"
            yield {**whole(row), "corpus": tokens, **said, **ratios, "_section": section}


@kind("trend")
def trend(ask: Ask) -> Iterator[Row]:
    """'Benefits increase with corpus size' as slopes over the doublings of the corpus."""
    return ({**row, "_section": row["kind"]} for row in trends(ask.view))
