"""The paper's numbers with the rows that they come from, by report.paper.trace's places."""

import csv
from collections.abc import Mapping
from pathlib import Path

from tokentrial.errors import InputError
from tokentrial.report.paper.context import COUNTED
from tokentrial.report.site.names import METRIC_NAMES

SIGN = " › "
COLUMNS = {
    "t_low": "lower end of the interval",
    "t_high": "upper end of the interval",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
    "p_holm": "p (Holm)",
    "minimal_detectable": "smallest detectable difference",
}
"""Column of a table -> what it is called; the others are named by their words."""


def numbers(
    path: str, links: Mapping[str, tuple[str, str]], claims: Mapping[str, str]
) -> list[tuple[str, str, str, str]]:
    """Returns printed number, what it is, its column and the page of its rows; the page is empty for a count of rows.

    path: the paper's report.numbers.csv; links: comparison or condition -> its name and its place; claims: claim -> its
    place. Raises InputError for a file that cannot be read or is none of the paper's numbers.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if rows and not {"printed", "place"} <= set(rows[0]):
        raise InputError(f"{path}: found the columns {', '.join(rows[0])}, expected printed, place and value")
    return [(row["printed"], *_placed(row["place"], links, claims)) for row in rows]


def _placed(place: str, links: Mapping[str, tuple[str, str]], claims: Mapping[str, str]) -> tuple[str, str, str]:
    parts = place.split(SIGN)
    if place.startswith(COUNTED) or len(parts) < 3:
        return place.removeprefix(COUNTED).lstrip(": "), "count or combination of rows", ""
    _, row, column, *_ = parts
    words = COLUMNS.get(column, column.replace("_", " "))
    if row in links:
        return (links[row][0], words, links[row][1])
    if row in claims:
        return (row, words, claims[row])
    condition, _, rest = row.partition("|")
    known, href = links.get(condition, ("", ""))
    said = ", ".join(METRIC_NAMES.get(each, each.replace("_", " ")) for each in (rest if known else row).split("|"))
    return (f"{known}: {said}" if known else said, words, href)
