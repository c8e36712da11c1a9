"""Numbers as text, and a table as CSV, Markdown, LaTeX and Typst.

A table holds its numbers twice: raw and complete for the CSV, and as the text that a reader sees for the other three.
A missing value is an en dash there and empty in the CSV, never 0.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tokentrial.errors import InputError
from tokentrial.report import latex
from tokentrial.results import whole_file

MISSING = "–"
MINUS = "−"
GAP = "\u00a0"  # no line break here


@dataclass(frozen=True)
class Section:
    """Rows under one heading; an empty heading stands for none."""

    heading: str
    shown: pd.DataFrame
    """The text of each cell; the columns' names are the headings."""


@dataclass(frozen=True)
class Table:
    """One table. ``data``: raw values; ``sections``: what is shown; ``notes``: what a reader must know to read it.

    Neighbouring sections with the same columns form one grid. ``by`` names what the sections' headings are. ``widths``:
    the columns' shares of the page where they hold running text, which then breaks into lines; without them a column is
    as wide as its longest line.
    """

    name: str
    title: str
    data: pd.DataFrame
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    by: str = ""
    widths: tuple[float, ...] = ()

    def grids(self) -> Iterator[list[Section]]:
        """Runs of sections that share their columns."""
        for _, group in itertools.groupby(self.sections, key=lambda section: tuple(section.shown.columns)):
            yield list(group)


def missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def number(value: float | None, decimals: int = 4, signed: bool = False) -> str:
    """``0.0240``; with ``signed`` also ``+0.0240``; ``2e−5`` where four decimals would show nothing but zeros."""
    if missing(value) or value is None:
        return MISSING
    sign = "+" if signed else ""
    text = f"{value:{sign},.{decimals}f}"
    if not text.strip("+-0.,"):
        small = decimals >= 4 and value != 0
        text = f"{value:{sign}.0e}".replace("e-0", "e-") if small else text.lstrip("+-")
    return text.replace("-", MINUS)


def with_interval(
    value: float | None, low: float | None, high: float | None, signed: bool = False, decimals: int = 4, gap: str = GAP
) -> str:
    """The value and, on a second line, its interval: ``0.0240\\n[0.0201, 0.0279]``."""
    shown, *ends = (number(each, decimals, signed) for each in (value, low, high))
    return shown if missing(low) or missing(high) else f"{shown}\n[{ends[0]},{gap}{ends[1]}]"


def with_deviation(value: float | None, deviation: float | None, decimals: int = 4) -> str:
    """``0.0240 ± 0.0031``, or the value alone where nothing varies or there is one run only."""
    if missing(deviation):
        return number(value, decimals)
    return f"{number(value, decimals)}{GAP}±{GAP}{number(deviation, decimals)}"


def p_value(value: float | None) -> str:
    """``0.012``, or ``<0.001``."""
    if missing(value) or value is None:
        return MISSING
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def count(value: float | None) -> str:
    """``13,632``."""
    return MISSING if missing(value) or value is None else f"{round(value):,}"


def yes_no(value: Any) -> str:
    return MISSING if missing(value) else "yes" if value else "no"


def printed(text: str) -> str:
    """A number as a document prints it, with this report's minus sign."""
    return text.replace("-", MINUS)


def to_csv(table: Table) -> str:
    """Raw values in full precision under one header."""
    return str(table.data.to_csv(index=False, lineterminator="\n"))


def to_markdown(table: Table) -> str:
    """Title, one pipe table per grid (the sections' headings are its first column), notes."""
    parts = [f"# {table.title}"]
    for grid in table.grids():
        frames = [_headed(section, table.by) for section in grid]
        shown = pd.concat(frames).map(lambda text: text.replace("\n", " ").replace("|", r"\|"))
        shown.columns = [str(name).replace("\n", " ") for name in shown.columns]
        parts.append(str(shown.to_markdown(index=False, disable_numparse=True)))
    return "\n\n".join([*parts, *table.notes]) + "\n"


def _headed(section: Section, by: str) -> pd.DataFrame:
    shown = section.shown.copy()
    if section.heading:
        shown.insert(0, by, section.heading)
    return shown


def to_latex(table: Table) -> str:
    """A longtable per grid that fits an A4 page (see report.latex); section headings span the columns."""
    grids = [[(section.heading, section.shown) for section in grid] for grid in table.grids()]
    return latex.to_latex(table.name, table.title, grids, " ".join(table.notes))


def to_typst(table: Table) -> str:
    """A ``#table`` per grid with a repeated header, notes below. All text is in string literals, so none is markup.

    The title is a comment: whoever includes the file gives it a caption.
    """
    parts = [f"// {table.title}", "#set par(justify: false)"]
    for grid in table.grids():
        columns = list(grid[0].shown.columns)
        small = len(columns) > 8 or bool(table.widths)
        parts.append(f"#show table: set text(size: {'7.2pt' if small else '7.5pt'})")
        parts.append("\n".join(_typst_grid(grid, columns, "2pt" if small else "3.5pt", table.widths)))
    notes = "".join(f"\n#par({typst(note)})" for note in table.notes)
    style = "#set text(size: 7pt)\n#set par(leading: 0.45em, spacing: 0.6em)"
    return "\n".join(parts) + f"\n#align(left)[\n{style}{notes}\n]\n"


def _typst_grid(grid: list[Section], columns: list[str], inset: str, widths: tuple[float, ...]) -> Iterator[str]:
    shares = "".join(f"{width:g}fr, " for width in widths)
    left = len(columns) if widths else _texts(grid)
    yield "#table("
    yield f"  columns: {f'({shares})' if shares else len(columns)}, stroke: none, inset: (x: {inset}, y: 2pt),"
    yield f"  align: ({'left, ' * left}{'right, ' * (len(columns) - left)}),"
    head = ", ".join(f"strong({typst(name)})" for name in columns)
    yield f"  table.header(table.hline(stroke: 0.8pt), {head}, table.hline(stroke: 0.5pt)),"
    for section in grid:
        if section.heading:
            if section is not grid[0]:
                yield "  table.hline(stroke: 0.3pt + luma(160)),"
            heading = f"table.cell(colspan: {len(columns)}, align: left, strong({typst(section.heading)}))"
            yield f"  table.header(level: 2, {heading}),"
        for row in section.shown.itertuples(index=False):
            yield "  " + " ".join(f"{typst(cell)}," for cell in row)
            if widths:
                yield "  table.hline(stroke: 0.2pt + luma(190)),"
    yield "  table.hline(stroke: 0.8pt),"
    yield ")"


def _texts(grid: list[Section]) -> int:
    """How many leading columns hold text: their cells have letters and no digit begins them."""
    shown = pd.concat([section.shown for section in grid])
    worded = [bool(shown[name].str.match(r"[^\W\d_]").any()) for name in shown.columns]
    return max(1, next((index for index, text in enumerate(worded) if not text), len(worded)))


def typst(text: str) -> str:
    """Text as a Typst string, in which nothing but the quote and the backslash means anything."""
    return json.dumps(text, ensure_ascii=False)


WRITERS: dict[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_latex,
    "typ": to_typst,
}


def write(table: Table, path: str | Path) -> None:
    """Write a table in the format of the path's suffix, whole or not at all.

    Raises InputError for a suffix without a writer and for a folder that cannot be written.
    """
    target = Path(path)
    writer = WRITERS.get(target.suffix[1:])
    if writer is None:
        raise InputError(f"{target}: expected a name ending in {', '.join(WRITERS)}")
    with whole_file(target) as file:
        file.write(writer(table).encode())
