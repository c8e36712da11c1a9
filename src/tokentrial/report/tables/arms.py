"""Tables with a row for every arm, or every pair of arms, of the conditions that an entry selects."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import ClassVar

from tokentrial import config
from tokentrial.errors import InputError
from tokentrial.report.bespoke_results import MODEL, arms_of, data_name, parameters, training_tokens
from tokentrial.report.formats import MINUS, count, number
from tokentrial.report.language_model_names import FULL, bound, perplexity, title, vocabulary
from tokentrial.report.language_model_names import arms_of as measured_arms
from tokentrial.report.real_model_names import TRAINED_FULL, arms_by_bits, bits_a_number, start_of, trained_arms
from tokentrial.report.real_model_names import title as title_of_real_model
from tokentrial.report.synthetic_names import name_among
from tokentrial.report.tables.declared import read
from tokentrial.report.tables.registry import Ask, Lookup, Row, Sources, heading, kind, order
from tokentrial.results import ARMS, STATISTICS, SUMMARY
from tokentrial.run.columns import Condition, Method
from tokentrial.run.finals import ACCURACY, AGREEMENT, BITS, LOSS
from tokentrial.run.view import View
from tokentrial.schema.declared import OWN
from tokentrial.schema.tables import OfArms

BOUNDS = ("chance", "unigram", "floor")
STORED = ("bytes", "bytes_zstd", "bytes_entropy")


@dataclass(frozen=True)
class Asked:
    """What a row is about: an arm of a condition, or a pair of its arms."""

    view: View
    condition: Condition
    arm: str
    other: str | None = None
    sources: ClassVar[Sources] = Sources("source")


@kind("arms")
def of_arms(ask: Ask) -> Iterator[Row]:
    """A row for every arm."""
    return _rows(ask, lambda condition, arms: (Asked(ask.view, condition, arm) for arm in arms))


@kind("pairs")
def of_pairs(ask: Ask) -> Iterator[Row]:
    """A row for every own encoding and each arm that it is compared with."""

    def pairs(condition: Condition, arms: Sequence[str]) -> Iterator[Asked]:
        for arm in (arm for arm in arms if arm in encodings(ask.view, condition)):
            for other in arms:
                if any(ask.view.pair(condition.id, arm, other, metric) for metric in (LOSS, ACCURACY)):
                    yield Asked(ask.view, condition, arm, other)

    return _rows(ask, pairs)


def _rows(ask: Ask, asked: Callable[[Condition, Sequence[str]], Iterable[Asked]]) -> Iterator[Row]:
    entry: OfArms = ask.entry
    arms = order.named(entry.order, f"{ask.where}.order")
    name = heading.named(entry.heading, f"{ask.where}.heading")
    unknown = [column for column in entry.select if column not in CONDITION]
    if unknown:
        raise InputError(f"{ask.where}.select: {config.unknown_key(unknown[0], CONDITION)}")
    for condition in ask.view.select(**entry.select):
        rows = [read(ask, each) for each in asked(condition, arms(ask.view, condition))]
        if not rows:
            continue
        text = name(ask.view, condition)
        if entry.margins:
            margins = [number(rows[0][column], 4) for column in entry.margins]
            text += f" (margins {margins[0]} nats, {margins[1]} of accuracy)"
        if entry.bounds_first:
            rows.insert(0, {"_only": "page", "_cells": _bounds(entry, rows[0])})
        yield from (row | {"_section": text} for row in rows)


def _bounds(entry: OfArms, row: Row) -> dict[str, str]:
    """The first row of a condition: its bounds in the columns of loss and accuracy."""
    texts = dict.fromkeys(entry.columns, "") | {next(iter(entry.columns)): " / ".join(BOUNDS)}
    for title_, column in entry.columns.items():
        metric = column.names[0].removesuffix("_mean")
        if f"{metric}_floor" in row:
            texts[title_] = " / ".join(number(row[f"{metric}_{name}"], 3) for name in BOUNDS)
    return texts


# Sources

source = Asked.sources


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _bits(asked: Asked, arm: str) -> float | None:
    bits: float | None = asked.view.cost(asked.condition.id, arm).get("bits_deployed")
    return bits


def _gap_closed(asked: Asked) -> float | None:
    """How far the loss comes from the unigram entropy to the floor, in per cent."""
    level = asked.view.level(asked.condition.id, asked.arm)
    if level.get("floor") is None or level.get("unigram") is None:
        return None
    return _ratio(100 * (level["unigram"] - level["mean"]), level["unigram"] - level["floor"])


def _below_unigram(asked: Asked) -> float | None:
    """By how much the test loss is lower than the best constant prediction's."""
    unigram = bound(asked.view, asked.condition, "unigram")
    loss = _on("test", LOSS, asked).get("mean")
    return None if unigram is None or loss is None else unigram - loss


DERIVED: dict[str, Callable[[Asked], float | None]] = {
    "unigram": lambda asked: bound(asked.view, asked.condition, "unigram"),
    "below_unigram": _below_unigram,
    "training_tokens": lambda asked: training_tokens(asked.condition),
    "perplexity": lambda asked: perplexity(_on("test", LOSS, asked).get("mean")),
    "parameters": lambda asked: parameters(asked.view.cost(asked.condition.id, asked.arm), MODEL),
    "full_over_bits": lambda asked: _ratio(_bits(asked, "full"), _bits(asked, asked.arm)),
    "bits_over_full": lambda asked: _ratio(_bits(asked, asked.arm), _bits(asked, "full")),
    "gap_closed": _gap_closed,
    "bits_a_number": lambda asked: bits_a_number(asked.view, asked.condition, asked.arm),
}
"""Quantities that are computed from several columns; None if one of them is missing."""


def _level(metric: str, asked: Asked) -> Row:
    return asked.view.level(asked.condition.id, asked.arm, metric)


def _on(split: str, metric: str, asked: Asked) -> Row:
    return asked.view.level_on(split, asked.condition.id, asked.arm, metric)


def _pair(metric: str, asked: Asked) -> Row:
    return asked.view.pair(asked.condition.id, asked.arm, asked.other or "", metric)


METHOD, CONDITION = [each.name for each in fields(Method)], [each.name for each in fields(Condition)]
MOMENTS = ["n", "mean", "low", "high"]
source("run", ["corpus"])(lambda asked: {"corpus": asked.view.corpus})
source("condition", CONDITION)(lambda asked: asdict(asked.condition))
source("arm", METHOD)(lambda asked: asdict(asked.view.method(asked.condition.study, asked.arm)))
source("other", METHOD)(lambda asked: asdict(asked.view.method(asked.condition.study, asked.other or asked.arm)))
source("cost", [*ARMS.names, "total"])(lambda asked: asked.view.cost(asked.condition.id, asked.arm))
source("derived", list(DERIVED))(lambda asked: Lookup(lambda name: DERIVED[name](asked)))
for name, metric in (("loss", LOSS), ("accuracy", ACCURACY), ("bits", BITS)):
    for split in ("test", "validation"):
        source(f"{split}_{name}", MOMENTS)(partial(_on, split, metric))
for name, metric in (("loss", LOSS), ("accuracy", ACCURACY)):
    source(name, SUMMARY.names)(partial(_level, metric))
    source(f"{name}_pair", STATISTICS.names)(partial(_pair, metric))


source("test_agreement", MOMENTS)(partial(_on, "test", AGREEMENT))


@source("test_difference", MOMENTS)
def _difference(asked: Asked) -> Row:
    """The loss of the arm minus that of the other one, seed by seed; nothing without another one."""
    if asked.other is None:
        return {}
    return asked.view.difference_on("test", asked.condition.id, asked.arm, asked.other)


@source("over_full", MOMENTS)
def _over_full(asked: Asked) -> Row:
    """The loss of the arm minus that of the full table, seed by seed; nothing for the full table."""
    if asked.arm == FULL:
        return {}
    return asked.view.difference_on("test", asked.condition.id, asked.arm, FULL)


@source("over_trained", MOMENTS)
def _over_trained(asked: Asked) -> Row:
    """The loss of the arm minus that of the full table trained alike; nothing for that table itself."""
    if asked.arm == TRAINED_FULL:
        return {}
    return asked.view.difference_on("test", asked.condition.id, asked.arm, TRAINED_FULL)


@source("start", ["arm", "name", *MOMENTS])
def _start(asked: Asked) -> Row:
    """The arm that a trained arm's training starts from, with its loss; nothing for a random start."""
    arm = start_of(asked.view, asked.condition, asked.arm)
    if arm is None:
        return {}
    name = asked.view.arm_name(asked.condition.study, arm)
    return {"arm": arm, "name": name, **asked.view.level_on("test", asked.condition.id, arm)}


@source("seeds", ["n", "sd", "lowest", "highest", "unseen"])
def _seeds(asked: Asked) -> Row:
    """The mean loss over documents by training seed, and the share of held-out tokens that training never showed."""
    losses = asked.view.values_on("seeds", asked.condition.id, asked.arm)
    if losses.empty:
        return {}
    unseen = asked.view.level_on("seeds", asked.condition.id, asked.arm, "unseen").get("mean")
    sd = float(losses.std()) if len(losses) > 1 else None
    return {"n": len(losses), "sd": sd, "lowest": losses.min(), "highest": losses.max(), "unseen": unseen}


@source("stored", list(STORED))
def _stored(asked: Asked) -> Row:
    """The sizes of an encoded table, bytes."""
    sizes = {name: asked.view.values_on("table", asked.condition.id, asked.arm, name) for name in STORED}
    return {name: float(values.iloc[0]) if len(values) else None for name, values in sizes.items()}


@source("own_minus_arm", STATISTICS.names)
def _own_minus_arm(asked: Asked) -> Row:
    """An own encoding minus the row's arm."""
    view, condition = asked.view, asked.condition
    return next((view.pair(condition.id, encoding, asked.arm) for encoding in encodings(view, condition)), {})


@source("pair", ["other"])
def _other_name(asked: Asked) -> Row:
    """The other arm of a pair; with the layout of the own one if several of these are compared with it."""
    view, condition, arm, other = asked.view, asked.condition, asked.arm, asked.other
    encoding, against = (view.method(condition.study, name) for name in (arm, other or arm))
    several = len(encodings(view, condition)) > 1 and against.size is None
    return {"other": f"{encoding.size or encoding.arm} {MINUS} {against.name}" if several else against.name}


def encodings(view: View, condition: Condition) -> list[str]:
    """The arms of a condition from which comparisons start."""
    return [arm for arm in view.arms_of(condition.id) if view.method(condition.study, arm).role == OWN]


# Orders of a condition's arms


@order("own first")
def _own_first(view: View, condition: Condition) -> list[str]:
    return sorted(view.arms_of(condition.id), key=lambda arm: arm not in encodings(view, condition))


order("by ratio")(measured_arms)
order("by bits")(arms_by_bits)
order("trained, by bits")(trained_arms)


@order("by layout")
def _by_layout(view: View, condition: Condition) -> list[str]:
    return [arm.arm for arm in arms_of(view, condition)]


# Headings of a condition

heading("data")(lambda view, condition: str(condition.data))
heading("model, text and use")(lambda view, condition: title_of_real_model(condition))
heading("language model")(lambda view, condition: title(condition))
heading("corpus size")(lambda view, condition: f"{condition.title}: {data_name(condition)}")
heading("title and data")(lambda view, condition: f"{condition.title}: {name_among(view, condition)}")


@heading("language model and vocabulary")
def _with_vocabulary(view: View, condition: Condition) -> str:
    """The condition with its vocabulary and the levels that need no context."""
    unigram, chance = bound(view, condition, "unigram"), bound(view, condition, "chance")
    size = count(vocabulary(view, condition))
    return f"{title(condition)}, V = {size}; unigram {number(unigram, 3)}, chance {number(chance, 3)}"
