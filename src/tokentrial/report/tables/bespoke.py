"""The tables of the bespoke study, in the report's order; here: the document's primary results."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.report.bespoke_results import (
    BESPOKE,
    CORRECTION,
    RATIO,
    STANDARD,
    TESTS,
    DocumentTest,
    Row,
    data_name,
    released,
    spread,
    trained,
)
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MISSING, Section, Table, count, number, p_value, with_interval, yes_no
from tokentrial.report.tables import bespoke_listings, bespoke_parameters
from tokentrial.report.tables.rows import frame
from tokentrial.run.finals import LOSS
from tokentrial.run.view import View
from tokentrial.statistics.placement import place

NAME = "bespoke-primary"
WAYS = {"as-described": "as described", "done-right": "done right"}
CONTRAST = {"difference": "difference", "difference_low": "t_low", "difference_high": "t_high"}
CONTRAST |= {name: name for name in ("p_holm", "equivalent", "margin")}


def build(view: View, printed: Mapping[str, PublishedTable]) -> Iterator[Table]:
    """Every table of the study; view: its results alone; printed: every table of the documents."""
    yield primary(view, printed)
    yield bespoke_listings.decomposition(view)
    yield bespoke_parameters.efficiency(view, printed)
    yield bespoke_parameters.scores(view, printed)
    yield bespoke_listings.trend_table(view)


def primary(view: View, printed: Mapping[str, PublishedTable]) -> Table:
    """One section per row of the document's complete table (Appendix A): the five of its main table, and two more."""
    data, sections = [], []
    main = printed[NAME].rows
    tests = [(key, TESTS[key], row) for key, row in printed["bespoke-tests"].rows.items()]
    tests += [(key, CORRECTION, row) for key, row in printed["bespoke-correction"].rows.items()]
    for key, test, row in tests:
        rows = [{"test": key, **each} for each in _rows(view, test, row)]
        data += rows
        heading = f"{row['label']} ({main[key]['claim']})" if key in main else row["label"]
        sections.append(Section(heading, pd.DataFrame([_shown(each) for each in rows])))
    return Table(NAME, table_title(NAME), frame(data, ("test", "way", "n")), tuple(sections), _notes(view), "Test")


def _notes(view: View) -> tuple[str, ...]:
    level = f"{100 * view.confidence:g} %"
    return (
        "Published: section Primary Validation Results, and Appendix A for the two efficient "
        "layouts; the correction is a later file of the same repository, its ratio that of the printed losses. One run "
        "each, seed unknown. "
        "As released: the public scripts, every seed a run of its own; median of n seeds, brackets: the central 95 % "
        "of them. Published at: the percentile of the published value among the n ratios (0: all are higher). Fresh "
        "text: the same models, measured on windows that were not trained on.",
        f"As described and done right: mean held-out loss in nats per token, brackets: {level} t interval over n "
        "seeds; ratio of the means. Difference: bespoke minus standard, paired, below zero bespoke is better. p: "
        "paired t test, Holm-corrected over the cells of its sub-study and way (as released: of its script). Equiv.: "
        "two one-sided tests show the difference to be within "
        f"{100 * view.margin_share:g} % of the distance from chance to the floor. "
        f"{MISSING}: not measured in this run, or not defined.",
    )


def _rows(view: View, test: DocumentTest, row: Mapping[str, str]) -> Iterator[Row]:
    shown = {name.capitalize(): row[name] for name in ("standard", "bespoke", "ratio") if name in row}
    values = {name: value_of(row[name]) for name in ("standard", "bespoke")}
    values["ratio"] = value_of(row["ratio"]) if "ratio" in row else values["bespoke"] / values["standard"]
    yield {"way": "published", "n": None, **values, "printed": shown}
    yield _released_row(view, "as released", released(view, test), values["ratio"])
    yield _released_row(view, "as released, fresh text", released(view, test, fresh=True), None)
    for way, words in WAYS.items():
        conditions = trained(view, test, way)
        for each in conditions:
            yield _trained_row(view, f"{words}: {data_name(each)}", each.id, test.arm)
        if not conditions:
            yield {"way": words}


def _released_row(view: View, way: str, condition: str, published: float | None) -> Row:
    """Medians over seeds with the central 95 %; the published ratio's percentile."""
    row: Row = {"way": way, "condition": condition}
    series = {
        "standard": view.series(condition, STANDARD, LOSS),
        "bespoke": view.series(condition, BESPOKE, LOSS),
        "ratio": view.series(condition, BESPOKE, RATIO),
    }
    for name, values in series.items():
        seeds = spread(values)
        if seeds is not None:
            row |= {"n": seeds.n, name: seeds.median, f"{name}_low": seeds.low, f"{name}_high": seeds.high}
    if published is not None and len(series["ratio"]):
        row["percentile"] = place(published, series["ratio"].to_numpy()).percentile
    return row | _contrast(view.pair(condition, BESPOKE, STANDARD))


def _trained_row(view: View, way: str, condition: str, arm: str) -> Row:
    """Means with intervals of a condition's two arms, their ratio, and the paired difference."""
    row: Row = {"way": way, "condition": condition}
    for name, which in (("standard", STANDARD), ("bespoke", arm)):
        level = view.level(condition, which, LOSS)
        row |= {"n": level.get("n"), name: level.get("mean")}
        row |= {f"{name}_{end}": level.get(end) for end in ("low", "high")}
    if row["standard"] is not None and row["bespoke"] is not None:
        row["ratio"] = row["bespoke"] / row["standard"]
    return row | _contrast(view.pair(condition, arm, STANDARD))


def _contrast(contrast: Mapping[str, Any]) -> Row:
    return {name: contrast.get(column) for name, column in CONTRAST.items()}


def _shown(row: Row) -> dict[str, str]:
    def level(name: str) -> str:
        return with_interval(row.get(name), row.get(f"{name}_low"), row.get(f"{name}_high"))

    ratio = number(row.get("ratio"), 3)
    if row.get("ratio_low") is not None:
        ratio += f"\n[{number(row['ratio_low'], 3)}, {number(row['ratio_high'], 3)}]"
    difference = with_interval(
        row.get("difference"), row.get("difference_low"), row.get("difference_high"), signed=True
    )
    percentile = row.get("percentile")
    shown = {
        "Way": row["way"].replace(": ", ":\n"),
        "n": count(row.get("n")),
        "Standard": level("standard"),
        "Bespoke": level("bespoke"),
        "Ratio": ratio,
        "Published at": MISSING if percentile is None else f"{number(percentile, 1)} %",
        "Difference": difference,
        "p": p_value(row.get("p_holm")),
        "Equiv.": yes_no(row.get("equivalent")),
    }
    return {**shown, **row.get("printed", {})}
