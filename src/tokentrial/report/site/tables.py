"""The run's tables as pages: from their Markdown what readers see, from their CSV the rows behind."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokentrial.errors import InputError
from tokentrial.report import catalogue
from tokentrial.report.site.pages import read
from tokentrial.run.view import View

FORMATS = ("csv", "md", "tex")
BORDER = re.compile(r"^\|(?::?-+:?\|)+$")
CELL = re.compile(r"(?<!\\)\|")
LONG = 40
"""Letters of a cell from which a column holds running text."""
Row = Mapping[str, str]


class Grid(NamedTuple):
    """Rows below one header."""

    columns: list[str]
    rows: list[list[str]]


class Shown(NamedTuple):
    """A table as its Markdown has it."""

    title: str
    grids: list[Grid]
    notes: list[str]


def parsed(text: str, where: str) -> Shown:
    """Returns a table that formats.to_markdown wrote. Raises InputError that names the file for any other text."""
    blocks = [block for block in text.strip().split("\n\n") if block]
    if not blocks or not blocks[0].startswith("# "):
        raise InputError(f"{where}: found no title, expected a table that this project wrote")
    grids, notes = [], []
    for block in blocks[1:]:
        lines = block.split("\n")
        if len(lines) > 1 and BORDER.match(lines[1].replace(" ", "")):
            header, _, *rows = map(_cells, lines)
            grids.append(Grid(header, rows))
        else:
            notes.append(block)
    return Shown(blocks[0].removeprefix("# "), grids, notes)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in CELL.split(line)[1:-1]]


def titled(studies: Sequence[str], corpus: str) -> dict[str, tuple[str, str]]:
    """Table -> its part of the site and its title, in the order of the site."""
    titles = {name: ("Verdicts", title) for name, title in catalogue.verdict_tables().items()}
    first = catalogue.tables_of([], corpus)
    named = {name: ("What the runs say", title) for name, title in first.items()}
    for study in studies:
        part = catalogue.study_title(study, corpus)
        named |= {
            name: (part, title) for name, title in catalogue.tables_of([study], corpus).items() if name not in first
        }
    return named | titles


def files(paths: Sequence[str]) -> dict[str, dict[str, Path]]:
    """Table -> suffix -> file, of the formats that the site has."""
    found: dict[str, dict[str, Path]] = {}
    for path in map(Path, paths):
        if path.suffix[1:] in FORMATS:
            found.setdefault(path.stem, {})[path.suffix[1:]] = path
    return found


class Behind:
    """Finds the page of the rows behind a row of a table's CSV."""

    def __init__(self, view: View, pages: Mapping[str, str], comparisons: Mapping[tuple[str, str, str], str]) -> None:
        """pages: condition -> its page; comparisons: (condition, arm, other arm) -> the comparison's place in it."""
        self.pages, self.comparisons = pages, comparisons
        self.by_name: dict[tuple[str, str], list[str]] = {}
        for each in view.select():
            if each.way in ("done-right", None):
                self.by_name.setdefault((each.experiment, each.name), []).append(each.condition)

    def href(self, row: Row) -> str:
        """Returns the page of the condition in which a row was measured; empty for a row without one."""
        condition = row.get("condition", "")
        if condition not in self.pages:
            known = self.by_name.get((row.get("study", ""), row.get("cell", "")), [])
            condition = known[0] if len(known) == 1 else ""
        if not condition:
            return ""
        for arms in (("arm_a", "arm_b"), ("arm", "other")):
            place = self.comparisons.get((condition, row.get(arms[0], ""), row.get(arms[1], "")))
            if place:
                return place
        return self.pages.get(condition, "")


def hrefs(data: bytes, shown: Shown, behind: Behind, claims: Mapping[str, str]) -> list[str]:
    """Returns the page behind each shown row, in their order; none where shown rows and rows of the CSV differ.

    claims: claim -> its place on the page of claims.
    """
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    if len(rows) != sum(len(grid.rows) for grid in shown.grids):
        return []
    return [claims.get(row.get("id", ""), "") or behind.href(row) for row in rows]


def contents(
    found: Mapping[str, Mapping[str, Path]],
    titles: Mapping[str, tuple[str, str]],
    behind: Behind,
    claims: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Yields every table for the templates, in the order of the titles; others come last."""
    for name in sorted(found, key=lambda each: (list(titles).index(each) if each in titles else len(titles), each)):
        data = {suffix: read(path) for suffix, path in found[name].items()}
        shown = parsed(data["md"].decode(), str(found[name]["md"]))
        places = iter(hrefs(data["csv"], shown, behind, claims))
        grids = [_linked(grid, places) for grid in shown.grids]
        yield {
            "name": name,
            "part": titles.get(name, ("Further tables", ""))[0],
            "title": shown.title,
            "grids": grids,
            "notes": shown.notes,
            "files": {f"{name}.{suffix}": content for suffix, content in data.items()},
            "rows": sum(len(grid.rows) for grid in shown.grids),
        }


def _linked(grid: Grid, places: Iterator[str]) -> dict[str, Any]:
    """A grid whose rows have the page behind them, if any has one, and whose columns say whether they are wide."""
    rows = [(row, next(places, "")) for row in grid.rows]
    longest = [max((len(row[place]) for row in grid.rows), default=0) for place in range(len(grid.columns))]
    columns = [(name, longest[place] > LONG) for place, name in enumerate(grid.columns)]
    return {"columns": columns, "rows": rows, "linked": any(href for _, href in rows)}
