"""Document 001: loss by compression ratio, vocabulary, type of data and baseline, and how much of it is significant."""

from collections.abc import Callable, Iterator

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.released import focused_scaling
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import Section, Table
from tokentrial.report.tables.rows import (
    STUDY,
    Row,
    data_name,
    first_seeds_row,
    frame,
    measured_row,
    notes_on_tests,
    planned,
    published_row,
    released,
    shown_row,
)
from tokentrial.run.columns import Condition
from tokentrial.run.finals import LOSS, SIMULATED
from tokentrial.run.view import View

SCRIPT, FORMULA = "focused-scaling", "academic-validation"
DESCRIBED, FAIR = "autoencoder_001", "autoencoder"
RUNS = focused_scaling.RUNS
# document 001's three baselines -> the arms that build them
VARIANTS = {
    "standard": ("autoencoder", "autoencoder_relu", "autoencoder_random", "autoencoder_finetuned"),
    "deep": ("autoencoder_deep", "autoencoder_deep_random"),
    "variational": ("autoencoder_variational", "autoencoder_variational_random"),
}
BOUNDS = (
    "Chance: ln V. Unigram: the best constant prediction. Floor: the source's own entropy rate for what the model "
    "sees. As released and as described the source is the scripts' and the document's; done right it is named in the "
    "row. Losses in nats per token; as released they are those of the training text."
)


def compression(view: View, published: PublishedTable) -> Table:
    """Table 5.2."""
    return _by_row(view, published, "compression", lambda each: str(each.ratio), ("Improved\nby, %", "d"), "Ratio")


def vocabulary(view: View, published: PublishedTable) -> Table:
    """Table 5.3."""
    return _by_row(view, published, "vocabulary", lambda each: str(each.vocab_size), ("Improved\nby, %",), "V")


def complexity(view: View, published: PublishedTable) -> Table:
    """Table 5.4."""
    return _by_row(view, published, "complexity", lambda each: str(each.data), ("Ratio",), "Data")


def _by_row(
    view: View,
    published: PublishedTable,
    study: str,
    key_of: Callable[[Condition], str],
    extra: tuple[str, ...],
    by: str,
) -> Table:
    """One section per row of the document's table; key_of tells to which row a trained cell belongs."""
    rows, sections = [], []
    for key, row in published.rows.items():
        made = [{study: key, **each} for each in _rows(view, published, study, key, key_of)]
        rows += made
        heading = f"V = {row['label']}" if by == "V" else row["label"]
        sections.append(Section(heading, pd.DataFrame([shown_row(each, LOSS, extra) for each in made])))
    notes = (
        f"Published: {published.where}, n as stated; its means are those of the focused-scaling script's {RUNS} runs. "
        "As released: that script, its own seed and all runs; there both arms are the same model. "
        f"{_relative_note(extra)}",
        BOUNDS,
        notes_on_tests(view),
    )
    name = f"doc001-{study}"
    return Table(name, table_title(name), frame(rows, (study, "way", "n")), tuple(sections), notes, by)


def _relative_note(extra: tuple[str, ...]) -> str:
    if "Ratio" in extra:
        return "Ratio: the document's robustness score, autoencoder loss over learned loss."
    note = (
        "Improvement: by how much the learned loss is lower, in per cent of the autoencoder's (near a loss of 0 it "
        "says nothing)."
    )
    return f"{note} d: Cohen's, without sign (the document's appendix B.1)." if "d" in extra else note


def _rows(
    view: View, published: PublishedTable, study: str, key: str, key_of: Callable[[Condition], str]
) -> Iterator[Row]:
    yield published_row(published, published.rows[key])
    script = released(view, SCRIPT, f"{study}-{key.replace('-', '_')}")
    yield first_seeds_row(view, "as released, own seed", script, "traditional", LOSS, RUNS, ddof=1)
    yield measured_row(view, "as released, all runs", script, "traditional", LOSS)
    for way, other in (("as-described", DESCRIBED), ("done-right", FAIR)):
        for name, condition in planned(view, study, way, lambda each: key_of(each) == key):
            yield measured_row(view, name, condition, other, LOSS)


def baselines(view: View, published: PublishedTable) -> Table:
    """Section 4.3: against a standard, a deep and a variational autoencoder."""
    rows, sections = [], []
    for variant, row in published.rows.items():
        made = [{"variant": variant, **each} for each in _variant_rows(view, published, variant)]
        rows += made
        sections.append(Section(row["label"], pd.DataFrame([shown_row(each, LOSS) for each in made])))
    quotes = "; ".join(f"“{quote}”" for quote in published.quotes)
    notes = (
        f"Published: {published.where}: {quotes}, without numbers or names. Formula: the academic-validation script, "
        "which makes its losses from constants and noise, without model or data. Random table: the autoencoder "
        "compresses a random table instead of the one that the task trained. Fine-tuned: its codes go on training "
        "with the task.",
        BOUNDS,
        notes_on_tests(view),
    )
    name = "doc001-baselines"
    return Table(name, table_title(name), frame(rows, ("variant", "way", "n")), tuple(sections), notes, "Baseline")


def _variant_rows(view: View, published: PublishedTable, variant: str) -> Iterator[Row]:
    yield published_row(published, published.rows[variant])
    formula = released(view, FORMULA, f"baseline-{variant}")
    yield measured_row(view, "as released, formula", formula, "traditional", SIMULATED)
    described = DESCRIBED if variant == "standard" else f"{DESCRIBED}_{variant}"
    for each in view.select(experiment="baselines", way="as-described"):
        yield measured_row(view, "as described", each.id, described, LOSS)
    for each in view.select(experiment="baselines", way="done-right"):
        for arm in VARIANTS[variant]:
            way = f"{view.arm_name(STUDY, arm)}; {data_name(each)}"
            yield measured_row(view, way, each.id, arm, LOSS)
