"""What studies/<study>.yaml says of a table: which rows it has, their columns for readers and in the CSV, its notes.

The names of kinds, row makers, sources, formats, orders and headings are those that functions of report.tables are
registered under.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from tokentrial.config import nearest
from tokentrial.schema.base import Flag, Number, Section, Text, Whole, contradiction, key

Names = list[Text]
SPREAD = ("{}_low", "{}_high", "{}_note", "_{}_n")
"""Further columns that an estimate of the cramming study takes."""


class Table(Section):
    """What a table is called."""

    title: Text = key("In the report and in the site.")


class Cell(Section):
    """A column for readers: a format, the column that it shows (or value, low and high), and the format's options."""

    format: Text
    of: Text | Annotated[Names, Field(min_length=3, max_length=3)]
    decimals: Whole | None = None
    signed: Flag | None = None
    one_line: Flag | None = None
    scale: Number | None = None
    unit: Text | None = None
    empty: Text | None = None
    gap: Text | None = None

    @property
    def names(self) -> Names:
        """The columns that the cell reads."""
        return [self.of] if isinstance(self.of, str) else self.of

    @property
    def options(self) -> dict[str, Any]:
        """What is said to the format."""
        return self.model_dump(exclude={"format", "of"}, exclude_none=True)


Columns = dict[Text, Cell]


class DeclaredTable(Table):
    """A table whose rows a registered function makes.

    by: what its headings name. columns: heading -> cell; in a heading, ``{x}`` stands for column x of the first row.
    parts: columns of rows that belong to another part. csv: the columns of the CSV, in this order; without it, all
    that do not begin with ``_``. notes: with placeholders for what the run and the kind say. empty: the last note of a
    table without rows. widths: see formats.Table. transposed: the heading of the first column, if rows are columns.
    share: sections of one experiment with the same rows become one.
    """

    kind: Text
    by: Text = ""
    columns: Columns
    parts: dict[Text, Columns] = Field(default_factory=dict)
    csv: Names = Field(default_factory=list)
    notes: Names
    empty: Text | None = None
    widths: list[Number] = Field(default_factory=list)
    transposed: Text | None = None
    share: Flag = False

    @field_validator("kind")
    @classmethod
    def _is_no_slip(cls, kind: str) -> str:
        """A kind that is nearly one with keys of its own, which would all be unknown here."""
        near = get_close_matches(kind, [name for name in MODELS if name != kind], 1, 0.8)
        if near and kind not in MODELS:
            raise contradiction(f": found '{kind}', did you mean '{near[0]}'?")
        return kind

    def known(self) -> Names:
        """The columns of a row that the file says."""
        return self.csv

    @model_validator(mode="after")
    def _cells_read_known_columns(self) -> "DeclaredTable":
        """Rows of a function may have more columns for readers alone."""
        known, closed = self.known(), isinstance(self, FromSources)
        parts = {"columns": self.columns, **{f"parts.{name}": columns for name, columns in self.parts.items()}}
        for place, columns in parts.items():
            for heading, cell in columns.items():
                unknown = [name for name in cell.names if name not in known and (closed or not name.startswith("_"))]
                if unknown and known:
                    expected = f"{nearest(unknown[0], known)}expected one of {', '.join(known)}"
                    raise contradiction(f".{place}.{heading}.of: found '{unknown[0]}', {expected}")
        return self


class FromSources(DeclaredTable):
    """A table whose rows are about something that has sources: arms of conditions, or scopes of estimates.

    raw: column -> ``source.key``, or with ``{}`` in its name source -> keys (or their names in the column -> keys). A
    name that begins with ``_`` is for `columns` alone.
    """

    raw: dict[Text, Text | dict[Text, Names | dict[Text, Text]]]

    def origins(self) -> Iterator[tuple[str, str, str]]:
        """(column, source, key) of every raw value."""
        for column, origin in self.raw.items():
            if isinstance(origin, str):
                source, _, name = origin.partition(".")
                yield column, source, name
                continue
            for source, keys in origin.items():
                pairs = keys.items() if isinstance(keys, Mapping) else zip(keys, keys, strict=True)
                yield from ((column.replace("{}", part), source, name) for part, name in pairs)

    def known(self) -> Names:
        return [column for column, _, _ in self.origins()]


class OfArms(FromSources):
    """A row for every arm, or every pair of arms, of the conditions that have these columns.

    order: of a condition's arms. heading: of a condition. bounds_first: a first row with chance, unigram and floor.
    margins: raw columns of the margins in a heading.
    """

    kind: Literal["arms", "pairs"]
    select: dict[Text, Text | Whole | Flag | Names | list[Whole]]
    order: Text
    heading: Text
    bounds_first: Flag = False
    margins: Names = Field(default_factory=list)


class Listed(FromSources):
    """A row for each of what a registered function lists, with more columns and a heading of its own."""

    kind: Literal[
        "listed",
        "models and printed ones",
        "vectors and printed ones",
        "solved texts and printed ones",
        "horizons and printed ones",
    ]
    list: Text

    def known(self) -> Names:
        estimates = [column for column, source, _ in self.origins() if source == "estimate"]
        spread = [part.format(column) for column in estimates for part in SPREAD]
        return [*super().known(), *self.csv, *spread]


class Rows(Section):
    """Rows beside a printed one. rows: who makes them; the other keys say of what, see report.tables.beside_printed."""

    rows: Text
    name: Text | None = None
    experiment: Text = ""
    way: Literal["as-released", "as-described", "done-right"] = "done-right"
    cell: Text | None = None
    arm: Text | dict[Text, Text | Names] = ""
    metric: Text | None = None
    first: Whole | None = None
    population: Flag = False
    adds: Text | None = None


class BesidePrinted(DeclaredTable):
    """A section for every row of printed tables: that row, and what was measured of the same.

    printed: names of printed tables, by default the table's own. key: the column that tells the rows apart; match: the
    column of a condition that has the same value. heading: of a section.
    """

    kind: Literal["printed and measured", "parameter counts"]
    printed: Names = Field(default_factory=list)
    key: Text
    match: Text | None = None
    heading: Text = "label"
    metric: Text = "cross_entropy"
    rows: list[Rows]


MODELS: dict[str, type[DeclaredTable]] = {
    kind: model for model in (OfArms, Listed, BesidePrinted) for kind in get_args(model.model_fields["kind"].annotation)
}
FUNCTION = "function"


def _tag(entry: Any) -> str:
    """A table, as read or as validated, is one of a model of its own, or one of a function alone."""
    kind = entry.get("kind") if isinstance(entry, Mapping) else getattr(entry, "kind", None)
    model = MODELS.get(kind) if isinstance(kind, str) else None
    return FUNCTION if model is None else model.__name__


AnyTable = Annotated[
    Annotated[OfArms, Tag("OfArms")]
    | Annotated[Listed, Tag("Listed")]
    | Annotated[BesidePrinted, Tag("BesidePrinted")]
    | Annotated[DeclaredTable, Tag(FUNCTION)],
    Discriminator(_tag),
]


def model_of(place: tuple[Any, ...]) -> type[Section]:
    """The model of the mapping that a pydantic error of ``tables`` is in: (tables, name, tag, key, ...)."""
    inner = [str(step) for step in place[3:-1]]
    if inner and inner[0] in ("columns", "parts"):
        return Cell
    if inner and inner[0] == "rows":
        return Rows
    return next((model for model in MODELS.values() if model.__name__ in place[2:3]), DeclaredTable)
