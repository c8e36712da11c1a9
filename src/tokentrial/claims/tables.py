"""Tables in Markdown, as a paper prints them, and cells of them in the entries of an audit.

An entry names a cell by table, row (the text of its first column) and column, or a whole column by table and column:
``{table: Table 1, row: Hashed table, column: accuracy}``. So a number is written once, in its table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokentrial import config
from tokentrial.errors import InputError

CELL = frozenset({"table", "row", "column"})
COLUMN = frozenset({"table", "column"})
RULE = re.compile(r"\s*\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?\s*")
CAPTION = re.compile(r"\W*(Table\s+[\w.]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """rows: text of the first column -> column -> text of the cell."""

    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]


Tables = Mapping[str, Table]


def of_text(text: str, where: str, strict: bool = True) -> dict[str, Table]:
    """Returns the tables of a Markdown text by name: that of the caption just before or after, else Table 1, 2, ...

    Raises InputError for a table that cannot be read and for two of one name; without ``strict`` the one is left out,
    the other numbered.
    """
    lines = text.splitlines()
    tables: dict[str, Table] = {}
    number = 0
    for start in range(len(lines) - 1):
        if "|" in lines[start] and RULE.fullmatch(lines[start + 1]):
            end = next((k for k in range(start + 2, len(lines)) if "|" not in lines[k]), len(lines))
            number += 1
            around = [line for line in (*reversed(lines[:start]), "")[:2] if line.strip()]
            around += [line for line in lines[end : end + 2] if line.strip()]
            caption = next((match[1] for line in around if (match := CAPTION.match(line))), f"Table {number}")
            if caption in tables:
                if strict:
                    raise InputError(f"{where}: found two tables with the name {caption!r}, expected one")
                caption = f"{caption}, the text's table {number}"
            try:
                tables[caption] = parsed(lines[start:end], f"{where}: {caption}")
            except InputError:
                if strict:
                    raise
    return tables


def of_mapping(content: Any, where: str) -> dict[str, Table]:
    """Returns the tables of the key ``tables``: name -> a table in Markdown."""
    if not isinstance(content, Mapping) or not all(isinstance(text, str) for text in content.values()):
        raise InputError(f"{where}: tables: found {config.shown(content)}, expected names with tables in Markdown")
    return {str(name): parsed(text.splitlines(), f"{where}: tables.{name}") for name, text in content.items()}


def parsed(lines: list[str], where: str) -> Table:
    """Returns a table in Markdown. Raises InputError for rows of another length and for rows or columns of one name."""
    rows = [_cells(line) for line in lines if line.strip()]
    if len(rows) < 3 or not RULE.fullmatch(lines[1]):
        raise InputError(f"{where}: expected a table in Markdown: a row of names, a row of dashes, rows of cells")
    columns, body = rows[0], rows[2:]
    named: dict[str, Mapping[str, str]] = {}
    for cells in body:
        if len(cells) != len(columns):
            raise InputError(f"{where}: row {cells[0]!r}: found {len(cells)} cells, expected {len(columns)}")
        if cells[0] in named:
            raise InputError(f"{where}: found the row {cells[0]!r} twice, expected it once")
        named[cells[0]] = dict(zip(columns, cells, strict=True))
    if len(set(columns)) < len(columns):
        raise InputError(f"{where}: found the columns {', '.join(columns)}, expected each name once")
    return Table(tuple(columns), named)


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("*").strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def filled(value: Any, tables: Tables, where: str, placed: bool) -> Any:
    """Returns a value of an entry with the cells that it names. placed: whether a cell keeps its place beside its text.

    Raises InputError for a table, row or column that is not there.
    """
    if isinstance(value, Mapping):
        keys = frozenset(value)
        if keys in (CELL, COLUMN):
            return _taken(value, tables, where, placed)
        return {key: filled(entry, tables, f"{where}.{key}", placed) for key, entry in value.items()}
    if isinstance(value, list):
        return [filled(entry, tables, f"{where}[{index}]", placed) for index, entry in enumerate(value)]
    return value


def _taken(cell: Mapping[str, Any], tables: Tables, where: str, placed: bool) -> Any:
    table = tables[_known(cell["table"], list(tables) or ["no table"], f"{where}: table")]
    column = _known(cell["column"], list(table.columns), f"{where}: column")
    if "row" in cell:
        chosen: Any = table.rows[_known(cell["row"], list(table.rows), f"{where}: row")][column]
    else:
        chosen = [row[column] for row in table.rows.values()]
    if not placed:
        return chosen
    place = f"{cell['table']}, {column}"
    if isinstance(chosen, list):
        return [{"value": text, "where": f"{place}, {row}"} for row, text in zip(table.rows, chosen, strict=True)]
    return {"value": chosen, "where": f"{place}, {cell['row']}"}


def _known(name: Any, known: list[str], where: str) -> str:
    if str(name) not in known:
        raise InputError(f"{where}: found {config.shown(name)}, expected one of {', '.join(known)}")
    return str(name)
