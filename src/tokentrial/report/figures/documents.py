"""What the documents print, as points for figures; from ``config/published``, read by report.published."""

from collections.abc import Mapping
from typing import NamedTuple

from tokentrial.report.published import PublishedTable, number

# table -> the released script's cell of a row, and the script's name for the arm that documents call autoencoder
CELLS = {
    "doc000-accuracy": ("corrected/ratio-{}", "autoencoder"),
    "doc001-compression": ("focused-scaling/compression-{}", "traditional"),
    "doc001-vocabulary": ("focused-scaling/vocabulary-{}", "traditional"),
    "doc001-complexity": ("focused-scaling/complexity-{}", "traditional"),
}


class Point(NamedTuple):
    """A printed mean: of which cell of a released script (``corrected/ratio-8``) and which arm."""

    cell: str
    arm: str
    value: float


def published_points(tables: Mapping[str, PublishedTable]) -> list[Point]:
    """The printed means of the tables that a released script stands behind."""
    return [
        Point(cell.format(key.replace("-", "_")), arm, number(row[column]))
        for name, (cell, baseline) in CELLS.items()
        for key, row in tables[name].rows.items()
        for column, arm in (("learned", "learned"), ("autoencoder", baseline))
    ]


def stated_runs(tables: Mapping[str, PublishedTable]) -> dict[str, int]:
    """Document -> the number of runs per condition that it states."""
    return {table.document: table.n for table in tables.values() if table.n is not None}
