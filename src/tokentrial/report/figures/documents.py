"""What the documents print, as points for figures."""

from collections.abc import Mapping
from typing import NamedTuple

from tokentrial.published import PublishedTable, number

# table -> the released script, what varies over the rows, and the script's name for the documents' autoencoder
SCRIPTS = {
    "doc000-accuracy": ("corrected", "ratio", "autoencoder"),
    "doc001-compression": ("focused-scaling", "compression", "traditional"),
    "doc001-vocabulary": ("focused-scaling", "vocabulary", "traditional"),
    "doc001-complexity": ("focused-scaling", "complexity", "traditional"),
}


class Point(NamedTuple):
    """A printed mean: of which released script, the value of what varies within it, and the arm."""

    script: str
    varied: str
    value: str
    arm: str
    mean: float


def published_points(tables: Mapping[str, PublishedTable]) -> list[Point]:
    """The printed means of the tables that a released script stands behind."""
    return [
        Point(script, varied, key.replace("-", "_"), arm, number(row[column]))
        for name, (script, varied, baseline) in SCRIPTS.items()
        for key, row in tables[name].rows.items()
        for column, arm in (("learned", "learned"), ("autoencoder", baseline))
    ]


def stated_runs(tables: Mapping[str, PublishedTable]) -> dict[str, int]:
    """Document -> the number of runs per condition that it states itself."""
    return {table.document: table.n for table in tables.values() if table.n is not None and table.in_document}
