"""Looking up the cramming study's measures, and their cells: values inside, above or below the grid of lengths."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from tokentrial.cramming.columns import DECISIONS, MEASURES
from tokentrial.real_text import UNNAMED
from tokentrial.report.catalogue import table_title
from tokentrial.report.formats import GAP, MINUS, MISSING, Section, Table, number
from tokentrial.report.published import PublishedTable
from tokentrial.report.published import number as value_of
from tokentrial.report.tables.rows import Results

Row = dict[str, Any]
NATURAL, TUNED, PAPER = "text-test", "tuned", "paper"
CONTROL = "control."
KIND_NAMES = {
    "text-test": "natural text, unseen",
    "text-train": "natural text, seen in training",
    "samples": "the model's own samples",
    "random-words": "random words",
    "random-tokens": "random tokens",
    "shuffled": "shuffled tokens",
    "repeated": "repeated text",
    "all": "all kinds together",
}
ARM_NAMES = {
    "tuned": "tuned",
    "tuned_long": "tuned, more steps",
    "paper": "the paper's",
    "encoder": "encoder",
    "control.random-vector": "random vector",
    "control.prefix": "the text as its own prefix",
    "control.shared": "one vector for two texts",
}


class Cell(NamedTuple):
    """What measures of a design are about."""

    design: str
    model: str
    kind: str | None
    vectors: int | None
    arm: str


class Lookup:
    """Measures by what a table asks for; no rows where the run has none."""

    def __init__(self, found: Results) -> None:
        self.confidence = found.confidence
        self.corpus = found.corpus
        self.measures = _records(found.measures, MEASURES.names)
        self.decisions = _records(found.decisions, DECISIONS.names)

    @cached_property
    def _by_key(self) -> dict[tuple[Any, ...], Row]:
        return {(row["measure"], *_cell(row), row["length"]): row for row in self.measures}

    @cached_property
    def cells(self) -> list[Cell]:
        """Every model, kind, number of vectors and arm of each design, in the run's order."""
        return list(dict.fromkeys(_cell(row) for row in self.measures if row["length"] is not None))

    @cached_property
    def groups(self) -> list[Cell]:
        """Kinds of text taken together, by model."""
        return list(dict.fromkeys(_cell(row) for row in self.measures if row["kind"] == "all"))

    def row(self, measure: str, cell: Cell, length: int | None = None) -> Row:
        """A row of cramming.columns.MEASURES; empty where there is none."""
        return self._by_key.get((measure, *cell, length), {})

    def fact(self, cell: Cell, name: str) -> float | None:
        """Width, layers, validation_cross_entropy, ... of the cell's model."""
        found = self.row(name, Cell(cell.design, cell.model, None, None, "model")).get("estimate")
        return None if found is None else float(found)

    def lengths(self, cell: Cell) -> list[int]:
        return sorted(row["length"] for row in self.measures if _cell(row) == cell and row["measure"] == "accuracy")

    def widest(self, kind: str, vectors: int = 1, arm: str = TUNED) -> list[Cell]:
        """A cell for each model: of its designs the one with the most lengths."""
        best: dict[str, Cell] = {}
        for cell in self.cells:
            if (cell.kind, cell.vectors, cell.arm) == (kind, vectors, arm):
                held = best.get(cell.model)
                if held is None or len(self.lengths(cell)) > len(self.lengths(held)):
                    best[cell.model] = cell
        return list(best.values())

    def raw(self, measures: Iterable[str], cell: Cell, length: int | None = None) -> Row:
        """Estimate, low, high and note of several measures for a CSV."""
        made: Row = {}
        for name in measures:
            row = self.row(name, cell, length)
            made |= {name: row.get("estimate"), f"{name}_low": row.get("low"), f"{name}_high": row.get("high")}
            if row.get("note"):
                made[f"{name}_note"] = row["note"]
        return made


def _records(frame: pd.DataFrame | None, names: list[str]) -> list[Row]:
    made = pd.DataFrame(columns=names) if frame is None else frame
    rows = made.astype(object).where(made.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _cell(row: Mapping[str, Any]) -> Cell:
    return Cell(row["design"], row["model"], row["kind"], row["vectors"], row["arm"])


def table(
    look: Lookup, name: str, data: pd.DataFrame, sections: Iterable[Section], notes: tuple[str, ...], by: str,
    widths: tuple[float, ...] = (),
) -> Table:  # fmt: skip
    """A table of the catalogue about the run's own texts; one row of dashes where the run has nothing for it.

    The first note names the text that the natural ones are from, the column corpus of the CSV too: of every row but
    the published ones.
    """
    if len(data.columns):
        source = data["source"].astype(str) if "source" in data else pd.Series("", index=data.index)
        data = data.assign(corpus=source.map(lambda name: None if name.startswith("published") else look.corpus))
    if look.corpus != UNNAMED:
        notes = (f"Natural text: {look.corpus}. {notes[0]}", *notes[1:])
    shown = tuple(sections) or (Section("", pd.DataFrame([{by: MISSING}])),)
    return Table(name, table_title(name), data, shown, notes, by, widths)


def shown(row: Row, decimals: int = 1, signed: bool = False) -> str:
    """``20.7\\n[19.4, 22.4]``; ``≥ 32`` and ``< 4`` beyond the grid of lengths; a dash where nothing was measured."""
    low, high, note = row.get("low"), row.get("high"), row.get("note") or ""
    value = number(row.get("estimate"), decimals, signed)
    if note.startswith("at least"):
        value = f"≥{GAP}{value}"
    if note.startswith("below"):
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


def arm_name(arm: str) -> str:
    return ARM_NAMES.get(arm, arm.removeprefix(CONTROL).replace("-", " "))


def in_words(vectors: int | None) -> str:
    return "one vector" if vectors == 1 else f"{vectors} vectors"


def notes_on_lengths(look: Lookup) -> str:
    """What the brackets and the lengths mean."""
    level = f"{100 * look.confidence:g} %"
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
