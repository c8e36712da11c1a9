"""Tables that a study's file declares: a row for every arm, or every pair of arms, of the conditions that it selects.

A declared table names where each raw value comes from (SOURCES), how a column shows it (FORMATS), the order of the arms
(ORDERS) and the heading of a condition (HEADINGS); all of these are functions registered here or in a study's module.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

import pandas as pd

from tokentrial.errors import InputError
from tokentrial.report import formats
from tokentrial.report.formats import GAP, MINUS, MISSING, Section, Table, count, number, p_value, with_interval, yes_no
from tokentrial.run.columns import Condition
from tokentrial.run.finals import ACCURACY, BITS, LOSS
from tokentrial.run.view import View
from tokentrial.schema.declared import OWN, DeclaredTable

Row = dict[str, Any]
BOUNDS = ("chance", "unigram", "floor")


class Asked(NamedTuple):
    """What a row is about: an arm of a condition, or a pair of its arms."""

    view: View
    condition: Condition
    arm: str
    other: str | None = None


def _on(split: str, metric: str, asked: Asked) -> Row:
    return asked.view.level_on(split, asked.condition.id, asked.arm, metric)


def _pair(asked: Asked, metric: str) -> Row:
    assert asked.other is not None
    return asked.view.pair(asked.condition.id, asked.arm, asked.other, metric)


def _bits(asked: Asked, arm: str) -> float | None:
    bits: float | None = asked.view.cost(asked.condition.id, arm).get("bits_deployed")
    return bits


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _perplexity(asked: Asked) -> float | None:
    loss = asked.view.level_on("test", asked.condition.id, asked.arm).get("mean")
    return None if loss is None else math.exp(loss)


def _parameters(asked: Asked) -> int:
    """Of all parts that the arm has."""
    cost = asked.view.cost(asked.condition.id, asked.arm)
    return sum(int(cost.get(f"parameters_{role}") or 0) for role in ("embedding", "encoder", "decoder", "body", "head"))


def _gap_closed(asked: Asked) -> float | None:
    """How far the loss comes from the unigram entropy to the floor, in per cent."""
    level = asked.view.level(asked.condition.id, asked.arm)
    if level.get("floor") is None or level.get("unigram") is None:
        return None
    return _ratio(100 * (level["unigram"] - level["mean"]), level["unigram"] - level["floor"])


# Quantities that are computed from several columns; None if one of them is missing.
DERIVED: dict[str, Callable[[Asked], float | None]] = {
    "training_tokens": lambda asked: (asked.condition.train or 0) * (asked.condition.length or 0),
    "perplexity": _perplexity,
    "parameters": _parameters,
    "full_over_bits": lambda asked: _ratio(_bits(asked, "full"), _bits(asked, asked.arm)),
    "bits_over_full": lambda asked: _ratio(_bits(asked, asked.arm), _bits(asked, "full")),
    "gap_closed": _gap_closed,
}


class Derived(Mapping[str, Any]):
    """DERIVED as a source: a quantity is computed when a column asks for it."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __getitem__(self, name: str) -> float | None:
        return DERIVED[name](self._asked)

    def __iter__(self) -> Iterator[str]:
        return iter(DERIVED)

    def __len__(self) -> int:
        return len(DERIVED)


SOURCES: dict[str, Callable[[Asked], Mapping[str, Any]]] = {
    "run": lambda asked: {"corpus": asked.view.corpus},
    "condition": lambda asked: asdict(asked.condition),
    "arm": lambda asked: asdict(asked.view.method(asked.condition.study, asked.arm)),
    "other": lambda asked: asdict(asked.view.method(asked.condition.study, asked.other or asked.arm)),
    "pair": lambda asked: {"other": _other_name(asked)},
    "cost": lambda asked: asked.view.cost(asked.condition.id, asked.arm),
    "derived": Derived,
    # levels on test data, as results.SUMMARY has them
    "loss": lambda asked: asked.view.level(asked.condition.id, asked.arm, LOSS),
    "accuracy": lambda asked: asked.view.level(asked.condition.id, asked.arm, ACCURACY),
    # n, mean, low and high on one split
    **{
        f"{split}_{name}": partial(_on, split, metric)
        for split in ("test", "validation")
        for name, metric in (("loss", LOSS), ("accuracy", ACCURACY), ("bits", BITS))
    },
    # pairs
    "loss_pair": lambda asked: _pair(asked, LOSS),
    "accuracy_pair": lambda asked: _pair(asked, ACCURACY),
    # an own encoding minus the row's arm
    "own_minus_arm": lambda asked: next(
        (asked.view.pair(asked.condition.id, own, asked.arm) for own in owns(asked.view, asked.condition)), {}
    ),
}


def _other_name(asked: Asked) -> str:
    """The other arm of a pair; with the layout of the own one if several of these are compared with it."""
    view, condition, arm, other = asked
    own, against = (view.method(condition.study, name) for name in (arm, other or arm))
    several = len(owns(view, condition)) > 1 and against.size is None
    return f"{own.size or own.arm} {MINUS} {against.name}" if several else against.name


def owns(view: View, condition: Condition) -> list[str]:
    """The arms of a condition from which comparisons start."""
    return [arm for arm in view.arms_of(condition.id) if view.method(condition.study, arm).role == OWN]


def _own_first(view: View, condition: Condition) -> list[str]:
    own = owns(view, condition)
    return sorted(view.arms_of(condition.id), key=lambda arm: arm not in own)


def _by_ratio(view: View, condition: Condition) -> list[str]:
    measured = [arm for arm in view.arms_of(condition.id) if view.level(condition.id, arm)]
    return sorted(measured, key=lambda arm: view.method(condition.study, arm).ratio or 0)


ORDERS: dict[str, Callable[[View, Condition], list[str]]] = {
    "own first": _own_first,
    "by ratio": _by_ratio,
}
HEADINGS: dict[str, Callable[[View, Condition], str]] = {"data": lambda view, condition: str(condition.data)}
"""Headings of a condition; the modules of the studies add theirs."""


def order(name: str) -> Callable[[Callable[[View, Condition], list[str]]], Callable[[View, Condition], list[str]]]:
    """Registers an order of a condition's arms under a name."""

    def register(function: Callable[[View, Condition], list[str]]) -> Callable[[View, Condition], list[str]]:
        ORDERS[name] = function
        return function

    return register


def heading(name: str) -> Callable[[Callable[[View, Condition], str]], Callable[[View, Condition], str]]:
    """Registers a heading of a condition under a name."""

    def register(function: Callable[[View, Condition], str]) -> Callable[[View, Condition], str]:
        HEADINGS[name] = function
        return function

    return register


def _interval(row: Row, of: Sequence[str], *, signed: bool = False, one_line: bool = False) -> str:
    value, low, high = (row[name] for name in of)
    text = with_interval(value, low, high, signed)
    return text.replace("\n", GAP) if one_line else text


def _number(row: Row, of: str, *, decimals: int = 4, signed: bool = False, scale: float = 1, unit: str = "") -> str:
    value = row[of]
    text = number(None if formats.missing(value) else scale * value, decimals, signed)
    return text if text == MISSING else f"{text}{unit}"


FORMATS: dict[str, Callable[..., str]] = {
    "text": lambda row, of: row[of] or "",
    "count": lambda row, of: count(row[of]),
    "number": _number,
    "interval": _interval,
    "p": lambda row, of: p_value(row[of]),
    "yes no": lambda row, of: yes_no(row[of]),
}


def build(name: str, table: DeclaredTable, view: View, words: Mapping[str, str], title: str) -> Table:
    """Returns a declared table.

    view: the study's results alone; words: what the notes' placeholders stand for; title: the table's own. Raises
    InputError that names the table and the key for a source, column or format that there is not.
    """
    for key, value, known in (("order", table.order, ORDERS), ("heading", table.heading, HEADINGS)):
        if value not in known:
            raise InputError(f"table {name}: {key}: found {value!r}, expected one of {', '.join(known)}")
    rows: list[Row] = []
    sections: list[Section] = []
    for condition in view.select(**table.select):
        asked = list(_asked(table, view, condition))
        of_condition = [_raw(name, table, each) for each in asked]
        rows += of_condition
        shown = [_shown(name, table, row) for row in of_condition]
        if not shown:
            continue
        if table.bounds_first:
            shown.insert(0, _bounds(table, of_condition[0]))
        text = HEADINGS[table.heading](view, condition)
        if table.margins:
            margins = [number(of_condition[0][key], 4) for key in table.margins]
            text += f" (margins {margins[0]} nats, {margins[1]} of accuracy)"
        sections.append(Section(text, pd.DataFrame(shown).fillna("")))
    names = [column for column, _ in _columns(table)]
    data = pd.DataFrame(rows, columns=names)[[column for column in names if not column.startswith("_")]]
    notes = table.notes if rows or not table.empty else (*table.notes[:-1], table.empty)
    filled = tuple(_filled(name, note, words) for note in notes)
    return Table(name, title, data, tuple(_shared(sections) if table.share else sections), filled, table.by)


def _asked(table: DeclaredTable, view: View, condition: Condition) -> Iterator[Asked]:
    arms = ORDERS[table.order](view, condition)
    if table.kind == "arms":
        yield from (Asked(view, condition, arm) for arm in arms)
        return
    for own in (arm for arm in arms if view.method(condition.study, arm).role == OWN):
        for other in arms:
            if any(view.pair(condition.id, own, other, metric) for metric in (LOSS, ACCURACY)):
                yield Asked(view, condition, own, other)


def _columns(table: DeclaredTable) -> Iterator[tuple[str, str]]:
    """(column, ``source.key``) of every raw value; ``loss_{}`` stands for a column for each of several keys."""
    for column, origin in table.raw.items():
        if isinstance(origin, str):
            yield column, origin
            continue
        for source, keys in origin.items():
            pairs = keys.items() if isinstance(keys, Mapping) else zip(keys, keys, strict=True)
            yield from ((column.replace("{}", part), f"{source}.{key}") for part, key in pairs)


def _raw(name: str, table: DeclaredTable, asked: Asked) -> Row:
    """The raw values of a row."""
    read: dict[str, Mapping[str, Any]] = {}
    row: Row = {}
    for column, origin in _columns(table):
        source, _, key = origin.partition(".")
        if source not in read:
            if source not in SOURCES:
                raise InputError(f"table {name}: raw.{column}: found {origin!r}, expected one of {', '.join(SOURCES)}")
            read[source] = SOURCES[source](asked)
        row[column] = read[source].get(key)
    return row


def _shown(name: str, table: DeclaredTable, row: Row) -> dict[str, str]:
    texts = {}
    for title, column in table.columns.items():
        options = dict(column)
        form, of = options.pop("format"), options.pop("of")
        unknown = [each for each in ([of] if isinstance(of, str) else of) if each not in row]
        if form not in FORMATS or unknown:
            known = ", ".join(row if unknown else FORMATS)
            wrong = unknown[0] if unknown else form
            raise InputError(f"table {name}: columns.{title}: found {wrong!r}, expected one of {known}")
        texts[title] = FORMATS[form](row, of, **options)
    return texts


def _bounds(table: DeclaredTable, row: Row) -> dict[str, str]:
    """The first row of a condition: its bounds in the columns of loss and accuracy."""

    def text(metric: str) -> str:
        return " / ".join(number(row[f"{metric}_{bound}"], 3) for bound in BOUNDS)

    first = next(iter(table.columns))
    return {first: " / ".join(BOUNDS), "n": "", "Loss": text("loss"), "Accuracy": text("accuracy")}


def _shared(sections: Sequence[Section]) -> Iterator[Section]:
    """Sections of one experiment with the same rows become one, which names all of its conditions."""
    shared: dict[tuple[str, str], list[str]] = {}
    shown: dict[tuple[str, str], pd.DataFrame] = {}
    for section in sections:
        experiment, _, name = section.heading.partition(": ")
        key = (experiment, section.shown.to_csv(index=False))
        shared.setdefault(key, []).append(name)
        shown[key] = section.shown
    return (Section(f"{key[0]}: {'; '.join(names)}", shown[key]) for key, names in shared.items())


def _filled(name: str, note: str, words: Mapping[str, str]) -> str:
    """A note with the run's level and margins in it."""
    try:
        return note.format(**words)
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join(words)
        raise InputError(f"table {name}: notes: found the placeholder {error}, expected one of {known}") from None
