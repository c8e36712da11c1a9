"""What every section of the paper asks: results, verdicts, and numbers that know their rows.

A number in prose is written by :class:`Paper`, with the place of its rows. `trace` reads these places again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from tokentrial.published import PublishedTable
from tokentrial.report.formats import MISSING, number
from tokentrial.report.template import escape
from tokentrial.run.finals import LOSS
from tokentrial.run.view import Row, View, records

Values = dict[str, str]
UNITS = {"cross_entropy": " nats", "steps": " steps", "accuracy": ""}
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COUNTED = "counted"
"""Begins the place of a number that counts or combines rows, with what was counted in words."""


@dataclass(frozen=True)
class Printed:
    """A number of the paper: its text, the place of its rows, its value."""

    text: str
    place: str
    value: float


@dataclass(frozen=True)
class Paper:
    """The run behind the paper. printed: every table of the documents by name; numbers: those written so far."""

    view: View
    verdicts: pd.DataFrame
    config: Mapping[str, Any]
    printed: Mapping[str, PublishedTable]
    numbers: list[Printed] = field(default_factory=list)

    @property
    def confidence(self) -> str:
        """``95 %``, of the run's intervals."""
        return f"{100 * self.view.confidence:g} %"

    @cached_property
    def judged(self) -> dict[str, Row]:
        """The claims' verdicts by id."""
        return {row["id"]: row for row in records(self.verdicts)}

    def of(self, study: str) -> View:
        """Returns the results of one study."""
        if study not in self._studies:
            self._studies[study] = self.view.only(study)
        return self._studies[study]

    @cached_property
    def _studies(self) -> dict[str, View]:
        return {}

    def number(self, value: float | None, place: str, decimals: int = 3, *, signed: bool = False) -> str:
        """Returns a number as Typst and remembers where it comes from; an en dash for a missing one."""
        if value is None or pd.isna(value):
            return MISSING
        text = number(float(value), decimals, signed=signed)
        self.numbers.append(Printed(text, place, float(value)))
        return _marked(place, text)

    def count(self, amount: int, what: str) -> str:
        """Returns a whole number, in words up to nine; what: what was counted."""
        text = WORDS[amount] if 0 <= amount < len(WORDS) else f"{amount:,}"
        self.numbers.append(Printed(text, f"{COUNTED}: {what}", float(amount)))
        return _marked(f"{COUNTED}: {what}", text)

    def amount(self, amount: int, noun: str, what: str = "") -> str:
        """``two comparisons``; ``no comparisons``."""
        if amount == 0:
            return f"{_marked(f'{COUNTED}: {what or noun}', 'no')} {noun}s"
        return f"{self.count(amount, what or noun)} {noun if amount == 1 else noun + 's'}"

    def share(self, amount: int, of: int, noun: str) -> str:
        """``three of the five comparisons``; ``all five comparisons``, ``none of the five comparisons``."""
        if of == 1:
            return f"the only {noun}" if amount else f"not the only {noun}"
        total = f"{self.count(of, noun)} {noun}s"
        return (
            f"all {total}"
            if amount == of
            else f"none of the {total}"
            if amount == 0
            else f"{self.count(amount, noun)} of the {total}"
        )

    def claim(self, name: str, key: str, decimals: int = 3, *, signed: bool = False, scale: float = 1) -> str:
        """Returns a number that the verdict of a claim rests on; an en dash if this run has no such number."""
        value = self.recomputed(name).get(key)
        known = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        place = f"verdicts › {name} › {key}" + ("" if scale == 1 else f" × {scale:g}")
        return self.number(None if known is None else known * scale, place, decimals, signed=signed)

    def tally(self, name: str, key: str) -> str:
        """The same for a whole number, in words up to nine."""
        value = self.recomputed(name).get(key)
        if not isinstance(value, int) or not 0 <= value < len(WORDS):
            return self.claim(name, key, 0)
        place = f"verdicts › {name} › {key}"
        self.numbers.append(Printed(WORDS[value], place, float(value)))
        return _marked(place, WORDS[value])

    def recomputed(self, name: str) -> dict[str, Any]:
        """Returns the numbers that the verdict of a claim rests on; empty for an unknown claim."""
        row = self.judged.get(name)
        values: dict[str, Any] = json.loads(row["recomputed"]) if row else {}
        return values

    def verdict(self, name: str) -> str:
        """Returns the verdict of a claim in lower case; an en dash for an unknown claim."""
        row = self.judged.get(name)
        return str(row["verdict"]).lower() if row else MISSING

    def difference(self, row: Row, *, decimals: int = 3, n: bool = True, unit: bool = True) -> str:
        """``+0.005 nats [−0.003, 0.013], n = 10`` for a row of results.STATISTICS; an en dash for none."""
        if not row:
            return MISSING
        value, ends = self.parts(row, decimals)
        seeds = f", _n_ = {int(row['n'])}" if n else ""
        return f"{value}{UNITS.get(row['metric'], '') if unit else ''} {ends}{seeds}"

    def parts(self, row: Row, decimals: int = 3) -> tuple[str, str]:
        """Value and interval of a row of results.STATISTICS, for two columns of a table; en dashes for none."""
        if not row:
            return MISSING, ""
        at = f"statistics › {row['comparison']}"
        value = self.number(row["difference"], f"{at} › difference", decimals, signed=True)
        return value, interval(*(self.number(row[end], f"{at} › {end}", decimals) for end in ("t_low", "t_high")))

    def apart(
        self, condition: str, arm: str, other: str, metric: str = LOSS, *, decimals: int = 3, n: bool = False
    ) -> str:
        """Arm minus other on test data, over all seeds or documents that both have, as `difference` writes it."""
        row = self.view.difference_on("test", condition, arm, other, metric)
        if not row:
            return MISSING
        at = f"runs › {condition}|{arm}|{other}|{metric}"
        value = self.number(row["mean"], f"{at} › mean", decimals, signed=True)
        if row["low"] is None:
            return value
        ends = interval(*(self.number(row[end], f"{at} › {end}", decimals) for end in ("low", "high")))
        return f"{value} {ends}" + (f", _n_ = {int(row['n'])}" if n else "")

    def level(self, row: Row, *, decimals: int = 3) -> str:
        """Returns the mean of a row of results.SUMMARY; an en dash for none."""
        if not row:
            return MISSING
        at = f"summary › {row['condition']}|{row['arm']}|{row['metric']}"
        return self.number(row["mean"], f"{at} › mean", decimals)

    def measured(
        self,
        condition: str,
        arm: str,
        metric: str = LOSS,
        part: str = "mean",
        *,
        split: str = "test",
        decimals: int = 3,
        scale: float = 1,
    ) -> str:
        """Returns mean, low, high or sd of an arm's final values on a split; an en dash for none."""
        values = self.view.values_on(split, condition, arm, metric)
        row = self.view.level_on(split, condition, arm, metric) | {"sd": values.std() if len(values) > 1 else None}
        of = "" if split == "test" else f" on {split}"
        place = f"runs › {condition}|{arm}|{metric} › {part}{of}" + ("" if scale == 1 else f" × {scale:g}")
        value = row.get(part)
        return self.number(None if value is None else scale * value, place, decimals)

    def better(self, row: Row) -> bool:
        """Whether the first arm has the significantly lower loss."""
        return self._significant(row) and row["difference"] < 0

    def worse(self, row: Row) -> bool:
        """Whether the first arm has the significantly higher loss."""
        return self._significant(row) and row["difference"] > 0

    def _significant(self, row: Row) -> bool:
        return bool(row) and row["p_holm"] is not None and row["p_holm"] < self.view.alpha


def _marked(place: str, text: str) -> str:
    """A number with its place; the comment keeps a semicolon, parenthesis or full stop behind it from being code."""
    return f'#n("{place}")[{text}]/**/'


def interval(low: str, high: str) -> str:
    """``[−0.003, 0.013]``, the one form of every interval."""
    return f"\\[{low}, {high}\\]"


def spanning(words: str, columns: int = 2) -> str:
    """A head over several columns of a table, such as a value and its interval."""
    return f"table.cell(colspan: {columns}, align: center)[*{words}*]"


def steps_said(ratio: float | None) -> str:
    """``half the steps``: of an arm's steps over another one's."""
    return {0.5: "half the steps", 1.0: "as many steps", 2.0: "twice the steps"}.get(ratio or 0.0, "other steps")


def listed(items: list[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def sentence(text: str) -> str:
    """Returns the text with a capital first letter, past a leading number's markup."""
    if text.startswith("#n("):
        head, mark, rest = text.partition(")[")
        return f"{head}{mark}{rest[:1].upper()}{rest[1:]}"
    return text[:1].upper() + text[1:]


CELL = "table.cell("


def tall(text: str, rows: int) -> str:
    """Returns a cell of `table` that is as high as several rows."""
    return f"{CELL}rowspan: {rows})[{text}]"


def table(
    columns: str,
    header: list[str],
    rows: list[list[str]],
    caption: str,
    label: str,
    align: str = "",
    *,
    here: bool = False,
) -> str:
    """Returns a Typst figure with a table; its cells are Typst. columns, align: as Typst writes them.

    A cell of several rows, see `tall`, stands in the first of them alone. here: where the text has it, and not at the
    top or the foot of a page.
    """
    shown_align = f"align: {align}," if align else ""
    head = ", ".join(cell if cell.startswith(CELL) else f"[*{cell}*]" if cell else "[]" for cell in header)
    body = "\n    ".join(
        ", ".join(cell if cell.startswith(CELL) else f"[{cell}]" for cell in row) + "," for row in rows
    )
    return f"""#figure(
  table(columns: {columns}, {shown_align}
    table.header({head}),
    rule,
    {body}
    ends,
  ),
  caption: [{caption}], kind: table,{" placement: none," if here else ""}
) <{label}>"""


def plain(text: str) -> str:
    """Text of a table or verdict as Typst, with a true minus."""
    return escape(text).replace("+-", "±")
