"""The facts of a condition and of an arm: the columns of results/conditions.parquet and results/methods.parquet."""

from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One combination of settings of one experiment in one way. A column that does not apply is None.

    ``varied``: what varies within the experiment; for small models, the columns (of data, ratio, head) by spaces.
    Released scripts: ``cell`` is the script's name of the condition, ``value`` the value of what varies, and ``fresh``
    is true if the models are measured on text on which they were not trained.
    """

    study: str
    condition: str
    """The full name, which only this package takes apart."""
    name: str
    """The part of the name that tells the condition from others of the experiment and way, as in the config."""
    experiment: str
    """For a released script, the script."""
    way: str | None = None
    """as-released, as-described or done-right; None for cramming."""
    title: str
    """Title of the experiment."""
    short: str
    """Title of the experiment in figures."""
    encodings: str = ""
    """The documents' own encodings, as methods by spaces."""
    baselines: str = ""
    """Methods, by spaces, that these encodings should beat."""
    cell: str | None = None
    varied: str | None = None
    value: str | None = None
    fresh: bool = False
    data: str | None = None
    """Name of the data set within the experiment, or of a pretrained model's text."""
    source: str | None = None
    """Source of synthetic data: ``zipf_markov``, ..."""
    train: int | None = None
    """Number of training sequences."""
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
    """Name of the tokenisation of real text."""
    tokenizer: str | None = None
    """Kind of the tokenisation."""
    body: str | None = None
    """Name of a language model's body, for readers."""
    layers: int | None = None
    tied: bool | None = None
    narrow: bool | None = None
    """Whether the body is as wide as the encoding."""
    epochs: float | None = None
    fraction: float | None = None
    """Share of the training text."""
    held_out_fraction: float | None = None
    """Share of the validation and test text."""
    model: str | None = None
    """Language model of a crammed text, or with an encoded table."""
    kind: str | None = None
    """Kind of a crammed text."""
    vectors: int | None = None
    """Number of vectors of a crammed text."""

    @property
    def id(self) -> str:
        """The name of the condition in every table."""
        return self.condition


@dataclass(frozen=True, kw_only=True)
class Method:
    """One arm of a study."""

    study: str
    arm: str
    method: str
    family: str
    """Methods that differ only in bits: ``int`` for ``int8`` and ``int4``."""
    family_name: str
    """Name of the family for readers: ``bands permuted``, ``product quantised``."""
    size: str | None
    """A ratio or a layout; None for an arm that is compared with arms of every size."""
    ratio: int | None
    role: str
    """own (comparisons start from this arm), baseline, control, as released, or bound."""
    name: str
    """Name of the arm for readers: ``bands permuted, ultra-efficient``."""
    size_name: str | None
    """Name of the size for readers: ``ultra-efficient``, ``8:1``."""
    label: str | None = None
    """Label in the legends of figures; None, as the next three, for an arm without a declared look."""
    color: str | None = None
    """A name of style.COLORS."""
    marker: str | None = None
    """One of Matplotlib's markers."""
    marker_size: float | None = None
    """Size of the marker in points."""


_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _schema(row: type[Any]) -> pa.Schema:
    """Returns the schema of a table with rows of this dataclass; an attribute that may be None is nullable."""
    hints = get_type_hints(row)

    def column(name: str) -> pa.Field:
        kinds = get_args(hints[name]) or (hints[name],)
        [kind] = [kind for kind in kinds if kind is not NoneType]
        return pa.field(name, _TYPES[kind], nullable=NoneType in kinds)

    return pa.schema([column(field.name) for field in fields(row)])


CONDITIONS = _schema(Condition)
METHODS = _schema(Method)


def conditions(table: pa.Table) -> dict[str, Condition]:
    """Returns name -> condition, in the table's order."""
    return {row["condition"]: Condition(**row) for row in table.to_pylist()}


def methods(table: pa.Table) -> dict[tuple[str, str], Method]:
    """Returns (study, arm) -> method, in the table's order."""
    return {(row["study"], row["arm"]): Method(**row) for row in table.to_pylist()}
