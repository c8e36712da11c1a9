"""Reads the paper's numbers again from the rows that they come from, by their places and nothing else.

A place is ``table › row › column``; the row is named by its keys, with ``|`` between them. Numbers that count or
combine rows have a place in words, and are listed but not traced.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.report.paper.context import COUNTED, WORDS

FILE = "report.numbers.csv"
SCALE = re.compile(r" × ([0-9.e+-]+)$")
CRAMMED = ("measure", "design", "model", "kind", "vectors", "arm")


class Traced(NamedTuple):
    """A number: as printed, its place, and its value by the rows; None if the rows do not have it."""

    printed: str
    place: str
    value: float | None

    @property
    def agrees(self) -> bool:
        """Whether the printed number is the value, rounded to the printed digits."""
        shown = number(self.printed)
        if self.value is None or shown is None:
            return False
        digits = len(self.printed.partition("e")[0].partition(".")[2])
        unit = 10.0**-digits if "e" not in self.printed else 10.0 ** math.floor(math.log10(abs(shown) or 1))
        return abs(shown - self.value) <= unit / 2 + 1e-9 * max(1.0, abs(self.value))


def number(text: str) -> float | None:
    """The value of a printed number, in digits or in words; None for any other text."""
    if text in WORDS:
        return float(WORDS.index(text))
    try:
        return float(text.replace("−", "-").replace(",", ""))
    except ValueError:
        return None


def trace(folder: Path, confidence: float = 0.95) -> tuple[list[Traced], int]:
    """Returns every number of the paper in a folder that has a place in its tables, and how many others there are.

    confidence: of the run's intervals. Raises InputError for a folder without the paper's numbers or a table of it.
    """
    rows = _numbers(folder / FILE)
    tables = _tables(folder)
    traced = [
        Traced(printed, place, _value(place, tables, confidence))
        for printed, place in rows
        if not place.startswith(COUNTED)
    ]
    return traced, len(rows) - len(traced)


def _numbers(file: Path) -> list[tuple[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}; expected the paper's numbers beside it") from None
    if not rows or not {"printed", "place"} <= set(rows[0]):
        raise InputError(f"{file}: found no numbers, expected the columns printed, place and value")
    return [(row["printed"], row["place"]) for row in rows]


def _tables(folder: Path) -> Callable[[str], pd.DataFrame]:
    @cache
    def read(name: str) -> pd.DataFrame:
        path = folder / f"{name}.parquet"
        if not path.is_file():
            raise InputError(f"{path}: not found, expected the table that a number of the paper comes from")
        table = pd.read_parquet(path)
        words: list[str] = list(table.select_dtypes("str").columns)
        return table.astype(dict.fromkeys(words, "category"))  # compared by code, over and over

    return read


def _value(place: str, tables: Callable[[str], pd.DataFrame], confidence: float) -> float | None:
    scale = SCALE.search(place)
    factor = float(scale[1]) if scale else 1.0
    table, row, column, *_ = [*SCALE.sub("", place).split(" › "), "", ""]
    if table not in READERS:
        raise InputError(f"{FILE}: found the place {place!r}, expected a table of {', '.join(READERS)}")
    values = list(READERS[table](tables(table), row, column, confidence))
    return factor * float(values[0]) if len(values) == 1 else None


def _shown(value: object) -> str:
    """A key as places write it: a whole number without a point."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _keyed(*keys: str) -> Callable[[pd.DataFrame, str, str, float], Iterator[float]]:
    def read(rows: pd.DataFrame, row: str, column: str, _: float) -> Iterator[float]:
        named = rows
        for key, name in zip(keys, row.split("|"), strict=True):
            named = named[named[key].map(_shown) == name]
        yield from named[column].dropna()

    return read


def _cramming(rows: pd.DataFrame, row: str, column: str, confidence: float) -> Iterator[float]:
    """A measure over all lengths, or at the length that stands last."""
    keys = row.split("|")
    if len(keys) > len(CRAMMED):
        yield from _keyed(*CRAMMED, "length")(rows, row, column, confidence)
    else:
        yield from _keyed(*CRAMMED)(rows[rows["length"].isna()], row, column, confidence)


def _verdicts(rows: pd.DataFrame, row: str, column: str, _: float) -> Iterator[float]:
    for recomputed in rows.loc[rows["id"] == row, "recomputed"]:
        value = json.loads(recomputed).get(column)
        if isinstance(value, int | float):
            yield value


def _runs(rows: pd.DataFrame, row: str, column: str, confidence: float) -> Iterator[float]:
    """A mean, of an arm or of the paired difference of two, with Student's interval, or a standard deviation.

    column: ``mean`` is on test data, ``mean on seeds`` on another split.
    """
    condition, *arms, metric = row.split("|")
    column, _, split = column.partition(" on ")
    wanted = (rows["condition"] == condition) & (rows["metric"] == metric) & (rows["split"] == (split or "test"))
    chosen = rows.loc[wanted, ["arm", "seed", "step", "value"]]
    final = chosen[chosen["step"].isna() & chosen["value"].notna()]
    by_arm = [final[final["arm"] == arm].set_index("seed")["value"] for arm in arms]
    values = by_arm[0] if len(by_arm) == 1 else (by_arm[0] - by_arm[1]).dropna()
    if values.empty:
        return
    if column == "sd":
        yield float(values.std())
        return
    half = float(values.std() / np.sqrt(len(values)) * stats.t.ppf((1 + confidence) / 2, max(len(values) - 1, 1)))
    yield float(values.mean()) + {"mean": 0.0, "low": -half, "high": half}[column]


def _arms(rows: pd.DataFrame, row: str, column: str, _: float) -> Iterator[float]:
    """A cost of an arm; ``bits``: for each number of the table."""
    condition, arm = row.split("|")
    for cost in rows[(rows["condition"] == condition) & (rows["arm"] == arm)].to_dict("records"):
        yield cost["bits_deployed"] / cost["parameters_embedding"] if column == "bits" else cost[column]


READERS: dict[str, Callable[[pd.DataFrame, str, str, float], Iterator[float]]] = {
    "statistics": _keyed("comparison"),
    "summary": _keyed("condition", "arm", "metric"),
    "cramming": _cramming,
    "verdicts": _verdicts,
    "runs": _runs,
    "arms": _arms,
}
"""Table -> what reads a row's number."""
