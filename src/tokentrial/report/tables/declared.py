"""From a table's entry in a study's file to the table: its rows as raw values, and the text of each cell."""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.report.formats import MISSING, Section, Table
from tokentrial.report.tables.registry import Ask, Row, cell, kind, listing
from tokentrial.schema.tables import Cell, Columns, FromSources
from tokentrial.statistics.cramming import Estimate

Listing = Iterator[tuple[Any, Row]]
"""What a row is about, and more columns of it; the columns alone if these are all that it has."""
Formats = dict[str, tuple[str, Cell, Callable[[Row], str]]]
"""Heading -> file and key, the column's entry, and what shows it of a row."""
REST = "..."
"""Stands for all other columns among those of the CSV."""


def build(ask: Ask, title: str) -> Table:
    """Returns a declared table. Raises InputError that names file and key of a function that there is not."""
    entry = ask.entry
    rows: list[Row] = list(kind.named(entry.kind, f"{ask.where}.kind")(ask))
    sections = list(_sections(ask, rows))
    if entry.share:
        sections = list(_shared(sections))
    if not sections and not entry.empty:
        sections = [Section("", pd.DataFrame([{_named(title, {}): MISSING for title in entry.columns}]))]
    notes = entry.notes if rows or not entry.empty else (*entry.notes[:-1], entry.empty)
    filled = tuple(_filled(ask, note) for note in notes)
    return Table(ask.name, title, _data(entry, rows), tuple(sections), filled, entry.by, tuple(entry.widths))


@kind("listed")
def listed(ask: Ask) -> Iterator[Row]:
    """A row for each of what the entry's list has, with the columns that the list adds."""
    for subject, more in listing.named(ask.entry.list, f"{ask.where}.list")(ask.view):
        yield {**({} if subject is None else read(ask, subject)), **more}


def read(ask: Ask, subject: Any) -> Row:
    """The raw values of a row by the entry's ``raw``; the subject that it is about has the sources."""
    entry: FromSources = ask.entry
    known: dict[str, Mapping[str, Any]] = {}
    row: Row = {}
    for column, name, key in entry.origins():
        if name not in known:
            known[name] = subject.sources.named(name, f"{ask.where}.raw.{column}")(subject)
        subject.sources.check(name, key, f"{ask.where}.raw.{column}")
        value = known[name].get(key)
        row |= spread(column, value) if isinstance(value, Estimate) else {column: value}
    return row


def spread(column: str, value: Estimate) -> Row:
    """The columns of an estimate: value, ends, and a note where there is one; how many texts, for readers."""
    row = {column: value.value, f"{column}_low": value.low, f"{column}_high": value.high}
    return {**row, **({f"{column}_note": value.note} if value.note else {}), f"_{column}_n": value.n}


def whole(row: Mapping[Any, Any]) -> Row:
    """The row with what is missing as pandas' NA, beside which whole numbers stay whole in a CSV."""
    return {name: pd.NA if value is None else value for name, value in row.items()}


def _data(entry: Any, rows: Sequence[Row]) -> pd.DataFrame:
    """The columns of the CSV: those of the entry, or all in the order in which rows have them."""
    public = [
        {name: value for name, value in row.items() if not name.startswith("_")}
        for row in rows
        if row.get("_only") != "page"
    ]
    if not public:
        known = entry.known() if REST in entry.csv else entry.csv or entry.known()
        return pd.DataFrame(
            columns=[name for name in dict.fromkeys(known) if name != REST and not name.startswith("_")]
        )
    data = pd.DataFrame(public)
    if not entry.csv:
        return data
    rest = [name for name in data.columns if name not in entry.csv]
    return data.reindex(columns=[name for each in entry.csv for name in (rest if each == REST else [each])])


def _sections(ask: Ask, rows: Sequence[Row]) -> Iterator[Section]:
    """Neighbouring rows of one heading and one part of the table."""
    shown = [row for row in rows if row.get("_only") != "csv"]
    entry = ask.entry
    formats = {None: _formats(ask, "columns", entry.columns)}
    formats |= {name: _formats(ask, f"parts.{name}", columns) for name, columns in entry.parts.items()}
    for (text, part), group in itertools.groupby(shown, key=lambda row: (row.get("_section", ""), row.get("_part"))):
        if part not in formats:
            raise InputError(f"{ask.where}.parts: key '{part}' is missing: expected the columns of '{text}'")
        of_section = list(group)
        texts = pd.DataFrame([_cells(formats[part], row) for row in of_section]).fillna("")
        texts.columns = [_named(name, of_section[0]) for name in texts.columns]
        if entry.transposed:
            texts = texts.set_index(next(iter(texts))).T.rename_axis(entry.transposed).reset_index()
            texts.columns.name = None
        yield Section(text, texts)


def _named(title: str, row: Row) -> str:
    """The heading of a column, which may say what of the rows it is about."""
    return re.sub(r"\{(\w+)\}", lambda match: str(row.get(match[1], MISSING)), title)


def _shared(sections: Sequence[Section]) -> Iterator[Section]:
    """Sections of one experiment with the same rows become one, which names all of its conditions."""
    shared: dict[tuple[str, str], list[str]] = {}
    shown: dict[tuple[str, str], pd.DataFrame] = {}
    for section in sections:
        experiment, _, name = section.heading.partition(": ")
        key = (experiment, section.shown.to_csv(index=False))
        shared.setdefault(key, []).append(name)
        shown[key] = section.shown
    return (Section(f"{key[0]}: {'; '.join(names)}", shown[key]) for key, names in shared.items())


def _formats(ask: Ask, place: str, columns: Columns) -> Formats:
    """What shows a row in each column. Raises InputError for a format, or an option of one, that there is not."""
    formats: Formats = {}
    for title, column in columns.items():
        where = f"{ask.where}.{place}.{title}"
        show = cell.named(column.format, f"{where}.format")
        parameters = inspect.signature(show).parameters.values()
        known = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        unknown = [name for name in column.options if name not in known]
        if unknown:
            raise InputError(f"{where}: {config.unknown_key(unknown[0], known)}")
        formats[title] = where, column, partial(show, of=column.of, **column.options)
    return formats


def _cells(formats: Formats, row: Row) -> dict[str, str]:
    """The text of a row's cells by heading."""
    if "_cells" in row:
        return dict(row["_cells"])
    texts = {}
    for title, (where, column, show) in formats.items():
        text = row.get("_printed", {}).get(column.names[0])
        try:
            texts[title] = show(row) if text is None else text
        except (TypeError, ValueError, AttributeError):
            values = ", ".join(repr(row.get(name)) for name in column.names)
            raise InputError(f"{where}: found {values}, expected what the format '{column.format}' can show") from None
    return texts


def _filled(ask: Ask, note: str) -> str:
    """A note with the run's level and margins in it."""
    try:
        return note.format(**ask.words)
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join(ask.words)
        raise InputError(f"{ask.where}.notes: found the placeholder {error}, expected one of {known}") from None
