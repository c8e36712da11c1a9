"""The documents' printed tables: those of every ``documents/<id>/printed.yaml``, checked, by name."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tokentrial import config
from tokentrial.errors import InputError

NUMBER = re.compile(r"[+-]?\d{1,3}(,?\d{3})*(\.\d+)?")
HEAD: dict[str, tuple[type, ...]] = {
    "source": (str,),
    "where": (str,),
    "n": (int, type(None)),
    "quotes": (list,),
    "key": (str,),
    "numbers": (list,),
    "texts": (list,),
    "rows": (list,),
}
Value = TypeVar("Value")


class Named(dict[str, Value]):
    """Values by name; access to a missing name raises InputError with the place of the mapping."""

    def __init__(self, values: Mapping[str, Value], where: str) -> None:
        super().__init__(values)
        self.where = where

    def __missing__(self, name: str) -> Value:
        raise InputError(f"{self.where}: found {', '.join(self) or 'nothing'}, expected '{name}', too")


class Columns(NamedTuple):
    """The columns of a table, without ``label``. key: tells rows apart; numbers: as printed; texts: all others."""

    key: str
    numbers: list[str]
    texts: list[str]


@dataclass(frozen=True)
class PublishedTable:
    """One table of a document, digit for digit."""

    document: str
    """The document whose folder has the table."""
    where: str
    """The place of the table in its source."""
    source: str
    """Title of the text that prints the table."""
    n: int | None
    """Runs per condition that the source states; None if it states none."""
    quotes: tuple[str, ...]
    rows: dict[str, Mapping[str, str]]
    """The key of a row ('8', 'simple') -> column -> the printed text."""
    in_document: bool = True
    """Whether the document itself prints the table, not its repository or another text."""

    def numbers(self, *columns: str) -> list[float]:
        """Returns the printed numbers of these columns, row by row."""
        return [number(row[column]) for row in self.rows.values() for column in columns]


def number(text: str | None) -> float:
    """Returns a printed number's value; NaN for a text that is no number, such as '> 0.05', and for None."""
    return float(text.replace(",", "")) if text is not None and NUMBER.fullmatch(text) else math.nan


def load(files: Iterable[str | Path]) -> Named[PublishedTable]:
    """Returns the tables of all documents by name, from the files of their folders in this order.

    Raises InputError that names file and key for a missing, unknown or malformed entry, and for two tables of one name.
    """
    tables: dict[str, PublishedTable] = {}
    places: dict[str, Path] = {}
    for path in map(Path, files):
        for name, table in _read(path).items():
            if name in places:
                raise InputError(f"{path}: tables.{name}: {places[name]} has this name, too; expected another one")
            tables[name], places[name] = table, path
    return Named(tables, "printed tables")


def _read(path: Path) -> dict[str, PublishedTable]:
    """Returns the tables of one document; the file's folder is named by the document."""
    content = config.load(path)
    _same_keys(content, ("sources", "tables"), str(path))
    sources, tables = (_mapping(content[key], f"{path}: {key}") for key in ("sources", "tables"))
    return {name: _table(table, sources, path, f"{path}: tables.{name}") for name, table in tables.items()}


def _table(content: Any, sources: Mapping[str, Any], path: Path, where: str) -> PublishedTable:
    head = _mapping(content, where)
    _same_keys(head, HEAD, where)
    for key, kinds in HEAD.items():
        if not isinstance(head[key], kinds):
            expected = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            raise InputError(f"{where}.{key}: found {head[key]!r}, expected {expected}")
    for key in ("numbers", "texts"):
        if not all(isinstance(column, str) for column in head[key]):
            raise InputError(f"{where}.{key}: found {head[key]!r}, expected names of columns")
    if head["source"] not in sources:
        raise InputError(f"{where}.source: found {head['source']!r}, expected one of {', '.join(sources)}")
    columns = Columns(head["key"], head["numbers"], head["texts"])
    rows: dict[str, Mapping[str, str]] = {}
    for index, row in enumerate(head["rows"]):
        checked = _row(row, columns, f"{where}.rows[{index}]")
        if checked[columns.key] in rows:
            raise InputError(f"{where}.rows[{index}].{columns.key}: {checked[columns.key]!r} occurs twice")
        rows[checked[columns.key]] = checked
    document = path.parent.name
    return PublishedTable(
        document=document,
        where=head["where"],
        source=str(sources[head["source"]]),
        n=head["n"],
        quotes=tuple(str(quote) for quote in head["quotes"]),
        rows=Named(rows, f"{where}.rows"),
        in_document=head["source"] == document,
    )


def _row(row: Any, columns: Columns, where: str) -> Named[str]:
    cells = _mapping(row, where)
    _same_keys(cells, (columns.key, "label", *columns.numbers, *columns.texts), where)
    for column, value in cells.items():
        if not isinstance(value, str):
            raise InputError(f"{where}.{column}: found {value!r}, expected text in quotes, to keep the printed digits")
        if column in columns.numbers and not NUMBER.fullmatch(value):
            raise InputError(f"{where}.{column}: found {value!r}, expected a number as printed")
    return Named(cells, where)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: expected keys and values, found {type(value).__name__}")
    return value


def _same_keys(content: Mapping[str, Any], expected: Iterable[str], where: str) -> None:
    """Raises InputError unless the content has exactly these keys, in any order."""
    known = list(expected)
    unknown = [str(key) for key in content if key not in known]
    missing = [key for key in known if key not in content]
    if unknown:
        raise InputError(f"{where}: unknown key '{unknown[0]}'; expected {', '.join(known)}")
    if missing:
        raise InputError(f"{where}: key '{missing[0]}' is missing")
