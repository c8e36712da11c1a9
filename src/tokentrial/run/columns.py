"""All that a condition, or an arm, is: the columns of results/conditions.parquet and results/methods.parquet."""

from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One cell of an experiment. A column is None where it says nothing of the condition.

    ``varied``: what varies within the experiment; of a small model, the columns (of data, ratio, head) by spaces.
    Released scripts: ``cell`` is the script's own name of it, ``value`` that of what varies; ``fresh`` says that its
    models are measured on text that they were not trained on.
    """

    study: str
    condition: str
    """Its name, which nothing takes apart but this package."""
    name: str
    """What tells it from the others of its experiment and way, as the config names it."""
    experiment: str
    """Of a released script: the script."""
    way: str | None = None
    """as-released, as-described or done-right; cramming has none."""
    title: str
    """Of the experiment."""
    short: str
    """The same in figures."""
    encodings: str = ""
    """Methods, by spaces, that the documents ask about here,"""
    baselines: str = ""
    """and those that they should beat."""
    cell: str | None = None
    varied: str | None = None
    value: str | None = None
    fresh: bool = False
    data: str | None = None
    """The data set's name within the experiment."""
    source: str | None = None
    """What makes synthetic data: ``zipf_markov``, ..."""
    train: int | None = None
    """Sequences of training text."""
    length: int | None = None
    """Tokens of a sequence, or of a crammed text."""
    vocab_size: int | None = None
    full_width: int | None = None
    width: int | None = None
    ratio: int | None = None
    """full_width over width."""
    head: str | None = None
    """The small task model."""
    tokens: str | None = None
    """The name of the tokenisation of real text."""
    tokenizer: str | None = None
    """Its kind."""
    body: str | None = None
    """A language model's, for readers."""
    layers: int | None = None
    tied: bool | None = None
    narrow: bool | None = None
    """The body is as wide as the encoding."""
    epochs: float | None = None
    fraction: float | None = None
    """Of the training text."""
    held_out_fraction: float | None = None
    model: str | None = None
    """That a text is crammed into."""
    kind: str | None = None
    """Of text."""
    vectors: int | None = None

    @property
    def id(self) -> str:
        """Its name in every table."""
        return self.condition


@dataclass(frozen=True, kw_only=True)
class Method:
    """One arm of a study."""

    study: str
    arm: str
    method: str
    family: str
    """Methods that differ in bits alone: ``int`` of ``int8`` and ``int4``."""
    family_name: str
    """For readers: ``bands permuted``, ``product quantised``."""
    size: str | None
    """A ratio or a layout; None for an arm that is compared with those of every size."""
    ratio: int | None
    role: str
    """own (comparisons start from it), baseline, control, as released, or bound."""
    name: str
    """For readers: ``bands permuted, ultra-efficient``."""
    size_name: str | None
    """The size alone: ``ultra-efficient``, ``8:1``."""
    label: str | None = None
    """In the legends of figures; None for an arm without a look of its own,"""
    color: str | None = None
    """which has a name of style.COLORS,"""
    marker: str | None = None
    """and one of Matplotlib's,"""
    marker_size: float | None = None
    """in points."""


_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _schema(of: type[Any]) -> pa.Schema:
    hints = get_type_hints(of)

    def column(name: str) -> pa.Field:
        kinds = get_args(hints[name]) or (hints[name],)
        [kind] = [kind for kind in kinds if kind is not NoneType]
        return pa.field(name, _TYPES[kind], nullable=NoneType in kinds)

    return pa.schema([column(field.name) for field in fields(of)])


CONDITIONS = _schema(Condition)
METHODS = _schema(Method)


def conditions(table: pa.Table) -> dict[str, Condition]:
    """Name -> condition, in the table's order."""
    return {row["condition"]: Condition(**row) for row in table.to_pylist()}


def methods(table: pa.Table) -> dict[tuple[str, str], Method]:
    """(study, arm) -> what the arm is, in the table's order."""
    return {(row["study"], row["arm"]): Method(**row) for row in table.to_pylist()}
