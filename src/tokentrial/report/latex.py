r"""A table as longtables that fit a line of 16 cm, an A4 page with margins of 2.5 cm, in pdfLaTeX and LuaLaTeX.

A table that fits as it is keeps its columns. In a wider one the lines of running text break, then those of headings,
then the type is smaller, then intervals break, too; then the page is turned, and at last the columns are parted.
"""

import math
import re
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from itertools import permutations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tokentrial.report.latex_text import broken, escape, pieces, running, width

Floats = NDArray[np.float64]
Rows = tuple[str, pd.DataFrame]
"""A heading, which may be empty, and the rows below it as they are shown."""
ROOM = 0.98
"""The share of a line that the estimated widths may fill."""
SHORT, FIXED = 7.0, 15.0
"""Cells of words up to the one width stay on their line, and cells of numbers up to the other, in em."""
AIRY = 2.0
"""Lines of an average row up to which smaller type is no gain."""
TURNED = 4 / 3
"""Pages that a table must have if one turned page is to be better."""
FULL = 0.85
"""The share of a page that a row may fill, by its estimated lines."""
WORD = re.compile(r"[^\W\d_]{2}")
GAP = "\u00a0"


class Page(NamedTuple):
    """A way to set a table. em: the points of an em of `latex_text.width`; separation: half of the space between two
    columns, in points; cut: whether intervals break."""

    points: float
    skip: float
    em: float
    separation: float = 3
    turned: bool = False
    cut: bool = False

    @property
    def line(self) -> float:
        """The length of a line, in points."""
        return 702.7 if self.turned else 455.2

    @property
    def rows(self) -> float:
        """Lines of text that stand on a page below the heading of a table."""
        return 0.85 * (455.2 if self.turned else 702.7) / self.skip

    def room(self, columns: int) -> float:
        """What so many columns may have of a line, in em."""
        return ROOM * (self.line - 2 * self.separation * (columns - 1)) / self.em


NORMAL, SMALL = Page(8, 9.5, 8.5), Page(7, 8.5, 7.97)
NARROW = SMALL._replace(separation=2)
PAGES = (
    *(NORMAL, SMALL, NARROW, NARROW._replace(cut=True)),
    *(page._replace(turned=True) for page in (NORMAL, SMALL, NARROW, NARROW._replace(cut=True))),
)
"""From the best to the last."""


class Column:
    """A column and the widths that it may have, in em."""

    def __init__(self, heading: str, cells: Sequence[str], first: bool, cut: bool) -> None:
        self.heading = heading
        self.cells = [_cut(cell) for cell in cells] if cut else list(cells)
        lines = {line for cell in self.cells for line in cell.split("\n")}
        widest = max(map(width, lines), default=0.0)
        worded = [line for line in lines if WORD.search(line)]
        self.breaks = max(map(width, worded), default=0.0) > SHORT or widest > FIXED
        self.left = first or self.breaks or 2 * sum(bool(WORD.match(cell)) for cell in self.cells) > len(self.cells)
        self.natural = max(widest, *map(width, heading.split("\n")))
        words = {piece for line in lines for piece in pieces(line)} if self.breaks else lines
        self.least = max(map(width, words | set(pieces(heading))), default=0.0)

    @cached_property
    def text(self) -> Floats:
        """The width of the heading and of each cell on one line; 0 for cells that never break."""
        cells = [width(cell.replace("\n", " ")) if self.breaks else 0.0 for cell in self.cells]
        return np.array([width(self.heading.replace("\n", " ")), *cells])

    @cached_property
    def lines(self) -> Floats:
        """The number of their lines if nothing breaks."""
        return np.array([text.count("\n") + 1.0 for text in (self.heading, *self.cells)])


class Fit(NamedTuple):
    """Columns of a grid on a page: their widths in em, and about how many lines each row has."""

    columns: list[Column]
    widths: list[float]
    lines: Floats


class Grid:
    """Rows under the same columns, in sections."""

    def __init__(self, sections: Sequence[Rows]) -> None:
        self.sections = sections
        self.count = len(sections[0][1].columns)
        self.columns = cache(self._columns)

    def _columns(self, cut: bool) -> list[Column]:
        frames = [shown for _, shown in self.sections]
        headings = [str(name) for name in frames[0].columns]
        cells = [[str(cell) for frame in frames for cell in frame.iloc[:, place]] for place in range(self.count)]
        return [Column(headings[place], cells[place], place == 0, cut) for place in range(self.count)]

    def parts(self) -> Iterator["Grid"]:
        """The grid, or parts of its columns, each behind the first one, if no page is wide enough for all."""
        if self.count < 3 or self.fits(PAGES[-1]):
            yield self
            return
        middle = (self.count + 1) // 2
        for places in ([*range(middle)], [0, *range(middle, self.count)]):
            yield from Grid([(heading, shown.iloc[:, places]) for heading, shown in self.sections]).parts()

    def fits(self, page: Page) -> bool:
        """Whether its columns are narrow enough for a page."""
        return sum(column.least for column in self.columns(page.cut)) <= page.room(self.count)

    def fit(self, page: Page) -> Fit:
        """Its columns on a page that is wide enough, with as few lines as can be."""
        columns = self.columns(page.cut)
        least = np.array([column.least for column in columns])
        natural = np.array([column.natural for column in columns])
        text = np.array([column.text for column in columns])
        whole = np.array([column.lines for column in columns])
        widths = _widths(least, natural, text, whole.max(axis=0), page.room(self.count))
        return Fit(columns, list(widths), _lines(widths, text, whole.max(axis=0))[1:])


def _widths(least: Floats, natural: Floats, text: Floats, whole: Floats, room: float) -> Floats:
    """Widths between the least and the natural ones that leave the fewest lines in all.

    text: widths on one line, by column and row; whole: lines of each row if nothing breaks.
    """
    if natural.sum() <= room:
        return natural
    spare = (room - least.sum()) / (natural - least).sum()
    widths: Floats = least + spare * (natural - least)
    step = room / 4
    best = _lines(widths, text, whole).sum()
    while step > 0.2:
        moved = False
        for giver, taker in permutations(range(len(widths)), 2):
            amount = min(step, widths[giver] - least[giver], natural[taker] - widths[taker])
            if amount <= 0:
                continue
            changed = widths.copy()
            changed[giver] -= amount
            changed[taker] += amount
            if (total := _lines(changed, text, whole).sum()) < best - 1e-6:
                widths, best, moved = changed, total, True
        step = step if moved else step / 2
    return widths


def _lines(widths: Floats, text: Floats, whole: Floats) -> Floats:
    """About how many lines each row has; broken lines are not quite full."""
    needed = (1.1 * text / np.maximum(widths[:, None], 0.1)).max(axis=0)
    lines: Floats = np.maximum(whole, np.where(needed > 1.1, needed + 0.4, 1))
    return lines


def to_latex(name: str, title: str, grids: Sequence[Sequence[Rows]], notes: str) -> str:
    """A longtable per grid, which are rows under the same columns, and the notes; a heading spans the columns."""
    parts = [part for sections in grids for part in Grid(sections).parts()]
    page, fits = _page(parts)
    turned = ["landscape"] if page.turned else []
    packages = "array, booktabs, longtable and pdflscape" if page.turned else "array, booktabs and longtable"
    lines = [f"% needs the packages {packages}; fits a line of 16 cm"]
    lines += [rf"\begin{{{each}}}" for each in turned]
    lines.append(rf"\begingroup\fontsize{{{page.points:g}}}{{{page.skip:g}}}\selectfont")
    lines.append(rf"\setlength{{\tabcolsep}}{{{page.separation:g}pt}}\setlength{{\LTcapwidth}}{{\linewidth}}")
    caption = rf"\caption{{{escape(title)}}}\label{{tab:{name}}}"
    if not parts:
        lines.append(rf"\par\noindent\textbf{{{escape(title)}}}")
    for place, (grid, fit) in enumerate(zip(parts, fits, strict=True)):
        if place:
            lines.append(r"\addtocounter{table}{-1}")  # a longtable counts even without a caption
        lines += _longtable(grid, fit, page, () if place else (caption, rf"\caption[]{{{escape(title)}}}"))
    lines += [rf"\par\noindent{{\raggedright {running(notes)}\par}}", r"\endgroup"]
    return "\n".join([*lines, *(rf"\end{{{each}}}" for each in turned), ""])


def _page(grids: Sequence[Grid]) -> tuple[Page, list[Fit]]:
    """The first upright page on which all grids fit and rows are low; otherwise that on which the table is shortest."""
    ranked = []
    for page in PAGES:
        if not all(grid.fits(page) for grid in grids):
            continue
        fits = [grid.fit(page) for grid in grids]
        lines = np.concatenate([np.zeros(0), *(fit.lines for fit in fits)])
        if not page.turned and not page.cut and lines.sum() <= AIRY * len(lines):
            return page, fits
        height = lines.sum() / page.rows * (TURNED if page.turned else 1)
        ranked.append((bool(max(lines, default=0) > page.rows), height, page, fits))
    _, _, page, fits = min(ranked, key=lambda each: each[:2])
    return page, fits


def _cut(cell: str) -> str:
    """A cell with its interval, or its deviation, on two lines."""
    return cell.replace(f",{GAP}", ",\n").replace(f"{GAP}±", "\n±")


def _longtable(grid: Grid, fit: Fit, page: Page, captions: Sequence[str]) -> Iterator[str]:
    """The lines of a longtable; captions: that of the first page and that of the others, or none."""
    columns = list(zip(fit.columns, fit.widths, strict=True))
    first, others = captions or ("", "")
    yield rf"\begin{{longtable}}{{@{{}}{''.join(_format(column, share, page) for column, share in columns)}@{{}}}}"
    heading = " & ".join(_heading(column, share) for column, share in columns) + r" \\"
    for caption, end in ((first, r"\endfirsthead"), (others, r"\endhead")):
        yield from (line for line in (caption and rf"{caption} \\", r"\toprule", heading, r"\midrule", end) if line)
    yield rf"\midrule \multicolumn{{{len(columns)}}}{{@{{}}r@{{}}}}{{Continued on next page}} \\"
    yield from (r"\endfoot", r"\bottomrule", r"\endlastfoot")
    apart = fit.lines.sum() > 1.2 * len(fit.lines)
    rows = enumerate(zip(*(column.cells for column in fit.columns), strict=True))
    for place, (title, shown) in enumerate(grid.sections):
        if title and len(shown):
            yield (r"\addlinespace " if place else "") + _spanning(title, fit, page) + r" \\*"
        for index, (row, cells) in zip(range(len(shown)), rows, strict=False):
            leaves = _leaves(cells, columns, math.ceil(fit.lines[row] / (FULL * page.rows)))
            for leaf, part in enumerate(leaves):
                line = " & ".join(_cell(cell, *column) for cell, column in zip(part, columns, strict=True))
                gap = r"\addlinespace[2pt] " if apart and index and not leaf else ""
                yield gap + line + r" \\" + (leaf > 0) * " % the row above, continued"
    yield r"\end{longtable}"


def _leaves(cells: Sequence[str], columns: Sequence[tuple[Column, float]], count: int) -> Iterator[Sequence[str]]:
    """A row, or so many rows for one that is higher than a page, which cannot break inside."""
    for leaf in range(count):
        part = []
        for cell, column in zip(cells, columns, strict=True):
            words = cell.split(" ") if _wraps(*column) else [cell, *[""] * (count - 1)]
            ends = [len(words) * each // count for each in (leaf, leaf + 1)]
            part.append(" ".join(words[slice(*ends)]))
        yield part


def _wraps(column: Column, share: float) -> bool:
    return column.breaks and share < column.natural - 1e-6


def _format(column: Column, share: float, page: Page) -> str:
    if _wraps(column, share):
        return rf">{{\raggedright\arraybackslash\hspace{{0pt}}}}p{{{_of_line(share, page)}}}"
    return "l" if column.left else "r"


def _of_line(share: float, page: Page) -> str:
    return rf"{share * page.em / page.line:.3f}\linewidth"


def _heading(column: Column, share: float) -> str:
    if _wraps(column, share):
        return running(column.heading)
    return _stacked([escape(line) for line in _wrapped(column.heading, share)], column.left)


def _cell(text: str, column: Column, share: float) -> str:
    if _wraps(column, share):
        return running(text)
    return _stacked([escape(line) for line in text.split("\n")], column.left)


def _stacked(lines: Sequence[str], left: bool) -> str:
    """Lines below each other, the first of which is that of the row."""
    if len(lines) == 1:
        return lines[0]
    form = f"@{{}}{'l' if left else 'r'}@{{}}"
    return rf"\begin{{tabular}}[t]{{{form}}}" + r" \\ ".join(lines) + r"\end{tabular}"


def _wrapped(heading: str, share: float) -> Iterator[str]:
    """The lines of a heading over a column of this width."""
    for line in heading.split("\n"):
        if width(line) <= share + 1e-6:
            yield line
            continue
        current = ""
        for word in line.split(" "):
            for index, piece in enumerate(broken(word)):
                longer = f"{current}{' ' if current and not index else ''}{piece}"
                if current and width(longer) > share + 1e-6:
                    yield current
                    longer = piece
                current = longer
        yield current


def _spanning(title: str, fit: Fit, page: Page) -> str:
    """The heading of a section across all columns, on several lines if it is wider than they are."""
    count = len(fit.columns)
    total = sum(fit.widths) + 2 * page.separation * (count - 1) / page.em
    bold = 1.17
    if bold * width(title) <= total:
        return rf"\multicolumn{{{count}}}{{@{{}}l@{{}}}}{{\textbf{{{escape(title)}}}}}"
    share = max(total, bold * max(map(width, pieces(title))))
    form = rf"@{{}}>{{\raggedright\arraybackslash}}p{{{_of_line(share, page)}}}@{{}}"
    return rf"\multicolumn{{{count}}}{{{form}}}{{\textbf{{{running(title)}}}}}"
