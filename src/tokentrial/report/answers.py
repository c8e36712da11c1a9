"""The answer card: the main claims of each document, with both verdicts side by side.

``documents/<id>/answers.yaml`` names a document's main claims. Each entry has two columns that are never merged:
whether what the document prints supports the claim, and whether the claim is true in this project's runs. A document
without the file shows its first empirical claims.
"""

import json
import re
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

MANY = 10
"""A margin from here on is one of steps, without decimals."""
ASKED = re.compile(r"\(rule: ([^)]*)\)")
FEW = re.compile(r"(\d+) of the (\d+) seeds that the rule asks for")
INNER = re.compile(r"[\d.]+ % interval within ")
SHORT = {"interval at most": "≤", "interval above": ">", "in [": "["}
"""Words of what a rule asks -> the same in a narrow column."""
SMALL = "Not decided at this scale"
"""What the reason of a verdict says of its rule, of its seeds, and of its models."""

Row = Mapping[str, Any]


class Entry(BaseModel):
    """A main claim. printed, runs: the ids of its verdicts by checks and by rules.

    measure: begins the name of the number to show of a claim about levels (``exponent``); without it, its difference of
    two arms is shown. words: what the number is, for readers. also, also_words: a second number that the first needs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    statement: Annotated[str, Field(min_length=1)]
    printed: list[str] = []
    runs: list[str] = []
    measure: str = ""
    words: str = ""
    also: str = ""
    also_words: str = ""


class Card(BaseModel):
    """The main claims of a document, in the order of its argument."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    claims: Annotated[list[Entry], Field(min_length=1)]


@dataclass(frozen=True)
class Measured:
    """A number of a claim's verdict. keys: of value, low and high in ``recomputed``, which may lack the ends."""

    words: str
    claim: str
    keys: tuple[str, str, str]
    values: tuple[float, float | None, float | None]
    metric: str
    signed: bool

    @property
    def decimals(self) -> int:
        return 0 if self.metric == "steps" else 3

    @property
    def unit(self) -> str:
        return UNITS.get(self.metric, "")

    @property
    def text(self) -> str:
        """``learned − autoencoder: −0.088 [−0.097, −0.079] nats``."""
        value, low, high = self.values
        ends = "" if low is None or high is None else f"{GAP}[{number(low, self.decimals)},{GAP}"
        ends += f"{number(high, self.decimals)}]" if ends else ""
        shown = f"{number(value, self.decimals, signed=self.signed)}{ends}{self.unit.replace(' ', GAP)}"
        return f"{self.words}: {shown}"


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
    measured: tuple[Measured, ...] = ()
    """The numbers of ``evidence``."""
    n: int | None = None
    """Seeds, texts or documents behind them."""
    margin: str = ""
    """The rule's margin, in the unit of the first number, or what it asks of this number in words."""
    why_open: str = ""
    """``3 of 10 seeds``: why an open claim is open, if one reason says it."""
    conditions: tuple[int, int] | None = None
    """In how many conditions (texts, models, sources) the claim that ``measured`` shows holds, and of how many; None
    where one condition decides it."""


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
    comparison, measured = evidence(rule, entry, view) if rule else ("", ())
    numbers = json.loads(rule["recomputed"]) if rule else {}
    n = numbers.get("n") if measured else None
    shown = "; ".join(each.text for each in measured)
    decided: int = numbers.get("conditions_decided", 0)
    conditions = (int(numbers["conditions_held"]), decided) if measured and decided > 1 else None
    of = f", in {conditions[0]} of {decided} conditions" if conditions else ""
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
        evidence=shown + ("" if n is None else f", n{GAP}={GAP}{n}") + of,
        comparison=comparison,
        unfrozen=any(row["unfrozen"] for row in runs),
        measured=measured,
        n=n,
        margin=_margin(rule, numbers, entry) if measured else "",
        why_open=_why_open(rule, numbers) if rule else "",
        conditions=conditions,
    )


def _margin(rule: Row, numbers: Mapping[str, Any], entry: Entry) -> str:
    """The margin of a difference; what a rule about a level asks of it, as its reason says."""
    said = ASKED.search(rule["reason"])
    if said:
        asked = said[1].rpartition(", interval ")[2]
        asked = INNER.sub("", asked)
        for long, short in SHORT.items():
            asked = asked.replace(long, short)
        return asked
    margin = None if entry.measure else numbers.get("margin")
    return "" if margin is None else number(margin, 0 if margin >= MANY else 3)


def _why_open(rule: Row, numbers: Mapping[str, Any]) -> str:
    """Too few seeds, models that are too small, or conditions that stay undecided."""
    if rule["verdict"] != words.INCONCLUSIVE:
        return ""
    if seeds := FEW.search(rule["reason"]):
        return f"{seeds[1]} of {seeds[2]} seeds"
    if SMALL in rule["reason"]:
        return "small models"
    undecided, decided = numbers.get("inconclusive"), numbers.get("decided")
    return f"{undecided} of {decided} open" if undecided and decided else ""


def _common(rows: Sequence[Row]) -> tuple[Row, str]:
    """Returns the first claim that has the commonest verdict, with its share if not all have it."""
    if not rows:
        return {}, ""
    order = words.OF_CHECKS + words.OF_RULES
    sizes = Counter(row["verdict"] for row in rows)
    verdict = max(sizes, key=lambda each: (sizes[each], -order.index(each)))
    share = "" if len(sizes) == 1 else f"{sizes[verdict]} of {len(rows)}"
    return next(row for row in rows if row["verdict"] == verdict), share


def evidence(row: Row, entry: Entry, view: View) -> tuple[str, tuple[Measured, ...]]:
    """Returns the id of the comparison that decides a claim, and its numbers; empty without either."""
    numbers = json.loads(row["recomputed"])
    if entry.measure:
        found = [_level(row["id"], numbers, entry.measure, entry.words)]
        found += [_level(row["id"], numbers, entry.also, entry.also_words)] if entry.also else []
        return "", tuple(each for each in found if each is not None)
    comparison = str(numbers.get("shown", ""))
    pair = comparisons.comparison(view, comparison)
    metric = str(numbers.get("metric", pair.get("metric", "")))
    shown = f" {MINUS} ".join(view.arm_name(pair["study"], pair[arm]) for arm in ("arm_a", "arm_b")) if pair else ""
    keys = ("difference", "low", "high")
    if numbers.get("difference") is None:
        return "", ()
    values = (float(numbers["difference"]), numbers.get("low"), numbers.get("high"))
    return comparison, (Measured(entry.words or shown or "difference", row["id"], keys, values, metric, True),)


def _level(claim: str, numbers: Mapping[str, Any], measure: str, said: str) -> Measured | None:
    """A number by the beginning of its name: ``exponent (llama-64x4)``, with ends ``... low`` or ``..._low``."""
    name = next((each for each in numbers if each.partition(" (")[0] == measure), None)
    name = name or next((each for each in numbers if each == f"{measure}_difference"), "")
    if numbers.get(name) is None:
        return None
    gap = " " if f"{name} low" in numbers else "_"
    stem = name if f"{name}{gap}low" in numbers else measure
    keys = (name, f"{stem}{gap}low", f"{stem}{gap}high")
    values = (float(numbers[name]), numbers.get(keys[1]), numbers.get(keys[2]))
    shown = said or measure.replace("_", " ").replace("-", " ")
    return Measured(shown, claim, keys, values, "", False)
