"""The answer card: the main claims of each document, with both verdicts side by side.

``documents/<id>/answers.yaml`` names a document's main claims. Each entry has two columns that are never merged:
whether what the document prints supports the claim, and whether the claim is true in this project's runs. A document
without the file shows its first empirical claims.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tokentrial import config, documents
from tokentrial.claims import verdict as words
from tokentrial.errors import InputError
from tokentrial.report import comparisons
from tokentrial.report.formats import GAP, MINUS, number
from tokentrial.run.view import View, records

WITHOUT_FILE = 5
"""Claims of a document that has no answers.yaml."""
UNITS = {"cross_entropy": " nats", "steps": " steps"}
"""Metric -> unit; a share, such as accuracy, has none."""

Row = Mapping[str, Any]


class Entry(BaseModel):
    """A main claim. printed, runs: the ids of its verdicts by checks and by rules.

    measure: begins the name of the number to show of a claim about levels (``exponent``); without it, its difference of
    two arms is shown. words: what the number is, for readers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    statement: Annotated[str, Field(min_length=1)]
    printed: list[str] = []
    runs: list[str] = []
    measure: str = ""
    words: str = ""


class Card(BaseModel):
    """The main claims of a document, in the order of its argument."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    claims: Annotated[list[Entry], Field(min_length=1)]


@dataclass(frozen=True)
class Answer:
    """A row of the card. A column about which nothing is asked has no ids and an empty verdict."""

    document: str
    statement: str
    printed_ids: tuple[str, ...]
    printed: str
    """Verdict of most of these claims."""
    printed_share: str
    """``2 of 3`` if not all have this verdict, else empty."""
    why: str
    """The reason of the first claim with this verdict, up to its first semicolon."""
    run_ids: tuple[str, ...]
    run: str
    run_share: str
    evidence: str
    """What was measured for the first claim with this verdict, with interval and n."""
    comparison: str
    """Id of the comparison that ``evidence`` shows; empty if it is none."""
    unfrozen: bool
    """Whether a rule of these claims does not count as fixed before the run."""


def entries(folder: Path) -> list[Entry]:
    """Returns the main claims of a document's folder; empty without a file.

    Raises InputError that names file and key.
    """
    file = folder / documents.ANSWERS
    if not file.is_file():
        return []
    try:
        return Card.model_validate(config.load(file)).claims
    except ValidationError as error:
        first = error.errors()[0]
        key, found = ".".join(map(str, first["loc"])), config.shown(first["input"])
        raise InputError(f"{file}: {key}: found {found}, expected {', '.join(Entry.model_fields)}") from None


def answers(verdicts: pd.DataFrame, view: View, folders: Mapping[str, Path]) -> list[Answer]:
    """Returns the card's rows, document by document.

    verdicts: those of all claims (see report.verdicts.read); folders: document -> its folder. A claim without a verdict
    in this run is left out of its row. Raises InputError for an id that no document has.
    """
    judged = {row["id"]: row for row in records(verdicts)}
    groups = documents.load(*dict.fromkeys(folder.parent for folder in folders.values()))
    known = {claim for group in groups.values() for claim in group.claims}
    rows = []
    for document, folder in folders.items():
        listed = entries(folder)
        for entry in listed:
            for claim in (*entry.printed, *entry.runs):
                if claim not in known:
                    raise InputError(f"{folder / documents.ANSWERS}: {config.unknown_key(claim, sorted(known))}")
        rows += [_answer(document, entry, judged, view) for entry in listed or _first(document, judged)]
    return [row for row in rows if row.printed or row.run]


def _first(document: str, judged: Mapping[str, Row]) -> Iterator[Entry]:
    """The first empirical claims of a document that names no main ones."""
    if document == documents.CROSS:
        return
    mine = [row for row in judged.values() if row["document"] == document and row["kind"] == "empirical"]
    for row in mine[:WITHOUT_FILE]:
        yield Entry(statement=row["paraphrase"], runs=[row["id"]])


def _answer(document: str, entry: Entry, judged: Mapping[str, Row], view: View) -> Answer:
    printed = [judged[each] for each in entry.printed if each in judged]
    runs = [judged[each] for each in entry.runs if each in judged]
    check, printed_share = _common(printed)
    rule, run_share = _common(runs)
    comparison, shown = evidence(rule, entry, view) if rule else ("", "")
    return Answer(
        document=document,
        statement=entry.statement,
        printed_ids=tuple(row["id"] for row in printed),
        printed=check["verdict"] if check else "",
        printed_share=printed_share,
        why=check["reason"].partition(";")[0].rstrip(".") if check else "",
        run_ids=tuple(row["id"] for row in runs),
        run=rule["verdict"] if rule else "",
        run_share=run_share,
        evidence=shown,
        comparison=comparison,
        unfrozen=any(row["unfrozen"] for row in runs),
    )


def _common(rows: Sequence[Row]) -> tuple[Row, str]:
    """Returns the first claim that has the commonest verdict, with its share if not all have it."""
    if not rows:
        return {}, ""
    order = words.OF_CHECKS + words.OF_RULES
    sizes = Counter(row["verdict"] for row in rows)
    verdict = max(sizes, key=lambda each: (sizes[each], -order.index(each)))
    share = "" if len(sizes) == 1 else f"{sizes[verdict]} of {len(rows)}"
    return next(row for row in rows if row["verdict"] == verdict), share


def evidence(row: Row, entry: Entry, view: View) -> tuple[str, str]:
    """Returns the id of the comparison that decides a claim, and its numbers in words; empty without either."""
    measure = entry.measure
    numbers = json.loads(row["recomputed"])
    comparison, metric, n = "", "", numbers.get("n")
    if measure:
        name = next((each for each in numbers if each == measure or each.startswith(f"{measure} (")), "")
        shown = measure.replace("_", " ").replace("-", " ")
        value, low, high = numbers.get(name), numbers.get(f"{name} low"), numbers.get(f"{name} high")
        if low is None:
            low, high = numbers.get(f"{name}_low"), numbers.get(f"{name}_high")
    else:
        comparison = str(numbers.get("shown", ""))
        pair = comparisons.comparison(view, comparison)
        metric = str(numbers.get("metric", pair.get("metric", "")))
        shown = f" {MINUS} ".join(view.arm_name(pair["study"], pair[arm]) for arm in ("arm_a", "arm_b")) if pair else ""
        value, low, high = (numbers.get(each) for each in ("difference", "low", "high"))
    if value is None:
        return "", ""
    decimals = 0 if metric == "steps" else 3
    interval = "" if low is None or high is None else f"{GAP}[{number(low, decimals)},{GAP}{number(high, decimals)}]"
    text = f"{number(value, decimals, signed=not measure)}{interval}{UNITS.get(metric, '').replace(' ', GAP)}"
    said = entry.words or shown or "difference"
    return comparison, f"{said}: {text}" + ("" if n is None else f", n{GAP}={GAP}{n}")
