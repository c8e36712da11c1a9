"""The tables of the bespoke study, in the report's order; here: the document's primary results."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tokentrial.report import formats
from tokentrial.report.bespoke_results import (
    BESPOKE,
    CORRECTION,
    FRESH,
    LOSS,
    RATIO,
    STANDARD,
    TESTS,
    DocumentTest,
    Row,
    Study,
    cell_name,
)
from tokentrial.report.bespoke_results import spread as spread_of
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import MISSING, Section, Table, count, number, p_value, with_interval, yes_no
from tokentrial.report.published import PublishedTable
from tokentrial.report.published import number as value_of
from tokentrial.report.tables import bespoke_listings, bespoke_parameters, rows
from tokentrial.report.tables.rows import frame
from tokentrial.statistics.placement import place

NAME = "bespoke-primary"
WAYS = {"as-described": "as described", "done-right": "done right"}
CONTRAST = {"difference": "difference", "difference_low": "t_low", "difference_high": "t_high"}
CONTRAST |= {name: name for name in ("p_holm", "equivalent", "margin")}


def build(found: rows.Results, printed: dict[str, PublishedTable]) -> Iterator[formats.Table]:
    """Every table of the study; found: its results alone; printed: config/published/bespoke.yaml."""
    study = study_of(found)
    yield primary(study, printed)
    yield bespoke_listings.decomposition(study)
    yield bespoke_parameters.efficiency(study, printed)
    yield bespoke_parameters.scores(study, printed)
    yield bespoke_listings.trend_table(study)
    yield bespoke_listings.levels(study)
    yield bespoke_listings.comparisons(study)


def study_of(found: rows.Results) -> Study:
    """The same results as the study's figures look them up."""
    frames = (found.runs, found.arms, found.summary, found.statistics)
    return Study(*frames, conditions=found.cells, confidence=found.confidence, margin_share=found.margin_share)


def primary(study: Study, printed: Mapping[str, PublishedTable]) -> Table:
    """One section per row of the document's complete table (Appendix A): the five of its main table, and two more."""
    made, sections = [], []
    main, complete = printed[NAME], printed["bespoke-tests"]
    for key, row in complete.rows.items():
        own = [{"test": key, **each} for each in _rows(study, TESTS[key], row)]
        made += own
        claim = main.rows[key]["claim"] if key in main.rows else ""
        heading = f"{row['label']} ({claim})" if claim else row["label"]
        sections.append(Section(heading, pd.DataFrame([_shown(each) for each in own])))
    for key, row in printed["bespoke-correction"].rows.items():
        own = [{"test": key, **each} for each in _rows(study, CORRECTION, row)]
        made += own
        sections.append(Section(row["label"], pd.DataFrame([_shown(each) for each in own])))
    return Table(NAME, table_title(NAME), frame(made, ("test", "way", "n")), tuple(sections), _notes(study), "Test")


def _notes(study: Study) -> tuple[str, ...]:
    level = f"{100 * study.confidence:g} %"
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
        f"{100 * study.margin_share:g} % of the distance from chance to the floor. "
        f"{MISSING}: not measured in this run, or not defined.",
    )


def _rows(study: Study, test: DocumentTest, row: Mapping[str, str]) -> Iterator[Row]:
    shown = {name.capitalize(): row[name] for name in ("standard", "bespoke", "ratio") if name in row}
    values = {name: value_of(row[name]) for name in ("standard", "bespoke")}
    values["ratio"] = value_of(row["ratio"]) if "ratio" in row else values["bespoke"] / values["standard"]
    yield {"way": "published", "n": None, **values, "printed": shown}
    yield _released_row(study, "as released", test.condition, values["ratio"])
    yield _released_row(study, "as released, fresh text", test.condition + FRESH, None)
    for way, words in WAYS.items():
        cells = [cell for cell in study.cells(test.study, way) if test.data in (None, cell.data)]
        for cell in cells:
            yield trained_row(study, f"{words}: {cell_name(cell)}", cell.condition, test.arm)
        if not cells:
            yield {"way": words}


def _released_row(study: Study, way: str, condition: str, published: float | None) -> Row:
    """Medians over seeds with the central 95 %; the published ratio's percentile."""
    made: Row = {"way": way, "condition": condition}
    series = {
        "standard": study.released(condition, STANDARD, LOSS),
        "bespoke": study.released(condition, BESPOKE, LOSS),
        "ratio": study.released(condition, BESPOKE, RATIO),
    }
    for name, values in series.items():
        found = spread_of(values)
        if found is not None:
            made |= {"n": found.n, name: found.median, f"{name}_low": found.low, f"{name}_high": found.high}
    if published is not None and len(series["ratio"]):
        made["percentile"] = place(published, series["ratio"].to_numpy()).percentile
    return made | _contrast(study.contrast(condition, BESPOKE, STANDARD))


def trained_row(study: Study, way: str, condition: str, arm: str) -> Row:
    """Means with intervals of a condition's two arms, their ratio, and the paired difference."""
    made: Row = {"way": way, "condition": condition}
    for name, which in (("standard", STANDARD), ("bespoke", arm)):
        level = study.level(condition, which, LOSS)
        made |= {"n": level.get("n"), name: level.get("mean")}
        made |= {f"{name}_{end}": level.get(end) for end in ("low", "high")}
    if made["standard"] is not None and made["bespoke"] is not None:
        made["ratio"] = made["bespoke"] / made["standard"]
    return made | _contrast(study.contrast(condition, arm, STANDARD))


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
    made = {
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
    return {**made, **row.get("printed", {})}
