"""The answer card as a picture: the first main claim of each document with both verdicts, for the README.

``python -m tokentrial.report.answer_card`` draws `FILE` from the rows of the shipped run. It is an SVG with a ground of
its own, without scripts or fonts, and follows the reader's colour scheme.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tokentrial import checkout, documents, results
from tokentrial.claims import verdict as words
from tokentrial.report.answers import Answer, answers
from tokentrial.report.single_page import html
from tokentrial.report.site.claims import MEANINGS
from tokentrial.report.verdicts import EMPIRICAL, read
from tokentrial.run.view import SCHEMAS, View

FILE = "docs/assets/answers.svg"
TEMPLATE = "answer_card.svg"
SHIPPED = "results/reference"
FILES = {"measures": "cramming", "decisions": "cramming_decisions"}
"""Table of a view -> the name of its file, where they differ."""
CONFIDENCE = 0.95
WIDTH, LEFT = 880, 24  # px
LETTERS, SMALL_LETTERS = 62, 74
"""In a line of a statement, and of the text below it."""
TONES = {
    "good": ("#1d6b3c", "#7fd19b"),
    "some": ("#7d5a00", "#e2bd62"),
    "bad": ("#a32626", "#f29388"),
    "artefact": ("#86307d", "#e59add"),
    "small": ("#1f5c86", "#86bfe8"),
    "unclear": ("#51508f", "#b3b1ee"),
    "null": ("#5f5b53", "#aaa69d"),
}
"""Colour on a light and on a dark page; those of the site (workflow/report/site/site.css)."""
TONE = {
    words.CONSISTENT: "good",
    words.CONFIRMED: "good",
    words.PARTLY: "some",
    words.INCONSISTENT: "bad",
    words.REFUTED: "bad",
    words.ARTEFACT: "artefact",
    words.TOO_SMALL: "small",
    words.INCONCLUSIVE: "unclear",
    words.NOT_CHECKABLE: "null",
    words.UNTESTABLE: "null",
}


class Column(NamedTuple):
    """A question of the card. field: of an `Answer`, which has its verdict."""

    field: str
    x: int
    title: str
    question: str


COLUMNS = (
    Column("printed", 560, "Its own numbers", "support it?"),
    Column("run", 720, "A fair run", "shows it?"),
)


def svg(card: Sequence[Answer], verdicts: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Returns the card. card: see answers.answers; verdicts: those of all claims; titles: document -> its title."""
    rows, top = [], 68
    for document in dict.fromkeys(row.document for row in card):
        claims = [row for row in card if row.document == document]
        rows.append(_row(claims, f"{document}: {titles[document]}", top))
        top += rows[-1]["height"]
    total = _total(verdicts, top)
    values: dict[str, Any] = {
        "width": WIDTH,
        "left": LEFT,
        "tones": TONES,
        "columns": [each._asdict() for each in COLUMNS],
    }
    described = " ".join(_described(row) for row in card if row in _first(card))
    values |= {"rows": rows, "total": total, "description": described, "height": top + 152}
    return "".join(line for line in html(TEMPLATE, values, {}).splitlines(keepends=True) if line.strip())


def _first(card: Sequence[Answer]) -> list[Answer]:
    """The first claim of each document."""
    return list({row.document: row for row in reversed(card)}.values())


def _row(claims: Sequence[Answer], title: str, top: int) -> dict[str, Any]:
    """A document: its first claim with verdicts and numbers, and the signs of all its main claims."""
    statement = textwrap.wrap(claims[0].statement, LETTERS)
    small = [textwrap.shorten(title, SMALL_LETTERS, placeholder=" …", break_on_hyphens=False)]
    small += textwrap.wrap(claims[0].evidence, SMALL_LETTERS)
    heights = [top + 26 + 20 * k for k in range(len(statement))]
    below = [heights[-1] + 20 + 18 * k for k in range(len(small))]
    return {
        "top": top,
        "statement": list(zip(heights, statement, strict=True)),
        "small": list(zip(below, small, strict=True)),
        "cells": [_cell(claims, column) for column in COLUMNS],
        "height": below[-1] - top + 14,
    }


def _cell(claims: Sequence[Answer], column: Column) -> dict[str, Any]:
    verdict = getattr(claims[0], column.field)
    given = [getattr(row, column.field) for row in claims]
    return {
        "x": column.x,
        "word": verdict.lower() or "not asked",
        "sign": MEANINGS[verdict][0] if verdict else "",
        "tone": TONE.get(verdict, "soft"),
        "others": [(TONE[each], MEANINGS[each][0]) for each in given if each],
    }


def _total(verdicts: pd.DataFrame, top: int) -> dict[str, Any]:
    """The verdicts of all claims, without audit findings: one bar for each question."""
    claims = verdicts[verdicts["kind"] != words.AUDIT]
    empirical = claims["kind"] == EMPIRICAL
    bars = []
    for k, (title, rows, order) in enumerate(
        (
            ("claims by the documents' own numbers", claims[~empirical], words.OF_CHECKS),
            ("empirical claims by the runs", claims[empirical], words.OF_RULES),
        )
    ):
        bars.append({"title": f"All {len(rows)} {title}", "y": top + 30 + 66 * k, "parts": _parts(rows, order)})
    return {"top": top, "bars": bars}


def _parts(rows: pd.DataFrame, order: Sequence[str]) -> list[dict[str, Any]]:
    """The parts of a bar; a verdict that no claim has is left out."""
    sizes = rows["verdict"].value_counts()
    parts, x = [], float(LEFT)
    for verdict in order:
        count = int(sizes.get(verdict, 0))
        if count:
            width = (WIDTH - 2 * LEFT) * count / len(rows)
            sign = MEANINGS[verdict][0]
            shown = {"tone": TONE[verdict], "sign": sign, "word": verdict.lower(), "count": count}
            parts.append({**shown, "x": f"{x:.1f}", "width": f"{max(width - 2, 1):.1f}"})
            x += width
    return parts


def _described(row: Answer) -> str:
    said = [
        f"{column.title}: {getattr(row, column.field).lower()}." for column in COLUMNS if getattr(row, column.field)
    ]
    return " ".join([f"{row.statement}.", *said])


def of_run(folder: Path) -> str:
    """Returns the card of a run. Raises InputError for a folder that lacks a table."""
    tables = {name: str(folder / f"{FILES.get(name, name)}.parquet") for name in SCHEMAS}
    verdicts = read(folder / "verdicts.parquet")
    inside = checkout.ROOT / documents.FOLDER
    card = answers(verdicts, View.read(tables, CONFIDENCE), documents.places(inside))
    return svg(card, verdicts, {name: group.title for name, group in documents.load(inside).items()})


if __name__ == "__main__":
    with results.whole_file(checkout.ROOT / FILE) as file:
        file.write(of_run(checkout.ROOT / SHIPPED).encode())
