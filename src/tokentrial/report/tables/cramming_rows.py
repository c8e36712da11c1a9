"""What the cramming study's tables share: numbers inside, above or below the grid of lengths, names, notes."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tokentrial.cramming.cells import ALL, STUDY
from tokentrial.published import PublishedTable
from tokentrial.published import number as value_of
from tokentrial.real_text import UNNAMED
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import GAP, MINUS, MISSING, Section, Table, count, number
from tokentrial.run.estimates import Scope
from tokentrial.run.view import View
from tokentrial.statistics.cramming import ABOVE, BELOW, Estimate

Row = dict[str, Any]
Columns = Mapping[str, tuple[str, int]]
"""Heading -> measure, decimals; of the heading ``n`` the number of texts is shown."""
KIND_NAMES = {
    "text-test": "natural text, unseen",
    "text-train": "natural text, seen in training",
    "samples": "the model's own samples",
    "random-words": "random words",
    "random-tokens": "random tokens",
    "shuffled": "shuffled tokens",
    "repeated": "repeated text",
    ALL: "all kinds together",
}


def place(scope: Scope, length: int | None = None) -> Row:
    """The columns of a CSV that say what a row is of."""
    return {**scope._asdict(), **({} if length is None else {"length": length})}


def raw(view: View, measures: Iterable[str], scope: Scope, length: int | None = None) -> Row:
    """Estimate, low, high and note of several measures for a CSV."""
    row: Row = {}
    for name in measures:
        estimate = view.estimates.get(name, scope, length)
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        if estimate.note:
            row[f"{name}_note"] = estimate.note
    return row


def columns(view: View, measures: Columns, scope: Scope, length: int | None = None) -> dict[str, str]:
    """Measures as they are shown."""
    texts = {}
    for heading, (measure, decimals) in measures.items():
        estimate = view.estimates.get(measure, scope, length)
        texts[heading] = count(estimate.n) if heading == "n" else shown(estimate, decimals)
    return texts


def table(
    view: View, name: str, data: pd.DataFrame, sections: Iterable[Section], notes: tuple[str, ...], by: str,
    widths: tuple[float, ...] = (),
) -> Table:  # fmt: skip
    """A table of the catalogue about the run's own texts; one row of dashes where the run has nothing for it.

    The first note names the text that the natural ones are from, the column corpus of the CSV too: of every row but
    the published ones.
    """
    if len(data.columns):
        source = data["source"].astype(str) if "source" in data else pd.Series("", index=data.index)
        data = data.assign(corpus=source.map(lambda name: None if name.startswith("published") else view.corpus))
    if view.corpus != UNNAMED:
        notes = (f"Natural text: {view.corpus}. {notes[0]}", *notes[1:])
    shown = tuple(sections) or (Section("", pd.DataFrame([{by: MISSING}])),)
    return Table(name, table_title(name), data, shown, notes, by, widths)


def shown(estimate: Estimate, decimals: int = 1, signed: bool = False) -> str:
    """``20.7\\n[19.4, 22.4]``; ``≥ 32`` and ``< 4`` beyond the grid of lengths; a dash where nothing was measured."""
    low, high = estimate.low, estimate.high
    value = number(estimate.value, decimals, signed)
    if estimate.note.startswith(ABOVE):
        value = f"≥{GAP}{value}"
    if estimate.note.startswith(BELOW):
        return f"<{GAP}{number(high, decimals)}" if high is not None else MISSING
    if low is None and high is None:
        return value
    ends = f"{number(low, decimals, signed)},{GAP}{number(high, decimals, signed)}"
    return f"{value}\n[{ends}]"


def printed_cell(text: str) -> str:
    """A number as printed; a dash for a cell that was not run."""
    return text.replace("-", MINUS) if text else MISSING


def numeric(row: Mapping[str, str], columns: Iterable[str]) -> Row:
    """The numbers of a printed row, None where a cell was not run."""
    return {name: value_of(row[name]) if row[name] else None for name in columns}


def kind_name(kind: str | None) -> str:
    return KIND_NAMES.get(kind or "", kind or "")


def arm_name(view: View, arm: str) -> str:
    """The settings, or the control, for readers."""
    return view.arm_name(STUDY, arm)


def in_words(vectors: int | None) -> str:
    return "one vector" if vectors == 1 else f"{vectors} vectors"


def notes_on_lengths(view: View) -> str:
    """What the brackets and the lengths mean."""
    level = f"{100 * view.confidence:g} %"
    return (
        f"Brackets: {level} percentile bootstrap over texts. Capacity: largest length of the grid with a mean accuracy "
        "of at least 0.99 under teacher forcing, the paper's definition. N max: largest length at which at least half "
        "of the texts are right throughout and decoded exactly, interpolated. ≥ and <: beyond the lengths that were "
        f"run. {MISSING}: not run, or not defined."
    )


def notes_on_gains() -> str:
    return (
        "Token gain and information gain: N times the difference of accuracy, and of cross-entropy in nats, over texts "
        "of at most 0.99 accuracy, as the paper pools them. Strict gain: N − 1 predicted tokens, over texts that are "
        "not solved with an exact greedy decode."
    )


def source_of(table: PublishedTable) -> str:
    return f"Published: {table.source}, {table.where}."
