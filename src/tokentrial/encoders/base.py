"""The interface of encoders: token ids in, vectors out, for all seeds of an arm at once.

Parameters are a flat dict of tensors whose first axis is the seed. To add an encoder, put one subclass of
:class:`Encoder` into a module of this package and name the module in the config (see docs/extending.md).
"""

import importlib
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding, embedding_bag

from tokentrial.errors import InputError
from tokentrial.seeds import stream

Parameters = dict[str, Tensor]


class Stored(NamedTuple):
    """A tensor that use needs, (1, ...) of one seed, and the bits that each of its elements takes.

    Fewer bits than the dtype has are for whole numbers whose range they hold. 0 bits are for the row numbers (1, V) of
    the tokens: ids can be given in the order of the rows.
    """

    values: Tensor
    bits: int


@dataclass(frozen=True)
class Context:
    """Inputs that an encoder may use to make its initial parameters.

    seed: the config's seed; replicates: the arm's seeds, (S,); counts: occurrences of each token in each seed's
    training text, (S, V); trained_table: trains the uncompressed table on the task and returns it, (S, V, full_width),
    frozen at its best validation step; initial_scale: standard deviation of a random table; text: the training text as
    rows (S, N, L), for an encoder whose first stage trains on batches of text.
    """

    seed: int
    replicates: tuple[int, ...]
    counts: Tensor
    trained_table: Callable[[], Tensor]
    initial_scale: float
    log: Callable[[str], None]
    text: Callable[[], Tensor] | None = None

    @property
    def device(self) -> torch.device:
        return self.counts.device

    def normal(self, name: str, *shape: int) -> Tensor:
        """Standard normal draws of the named stream, (S, *shape); a seed's draws do not depend on other seeds."""
        draws = [stream(self.seed, "init", name, k).standard_normal(shape, dtype=np.float32) for k in self.replicates]
        return torch.from_numpy(np.stack(draws)).to(self.device)

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Draws from U(-1, 1) of the named stream, (S, *shape)."""
        draws = [stream(self.seed, "init", name, k).uniform(-1, 1, shape) for k in self.replicates]
        return torch.from_numpy(np.stack(draws).astype(np.float32)).to(self.device)

    def linear(self, name: str, fan_in: int, fan_out: int) -> Tensor:
        """Draws a weight matrix (S, fan_in, fan_out) by torch.nn.Linear's initial law, U(+-1/sqrt(fan_in))."""
        return self.uniform(name, fan_in, fan_out) * (1.0 / math.sqrt(fan_in))


class Encoder(ABC):
    """Maps token ids (S, B, L) to vectors (S, B, L, output_width).

    vocab_size: V; width: d_c, the compressed width; full_width: D, the width before compression.
    after_training: if true, the code replaces the table of the trained full model, and nothing is trained again.
    """

    after_training: bool = False

    def __init__(self, vocab_size: int, width: int, full_width: int) -> None:
        self.vocab_size = vocab_size
        self.width = width
        self.full_width = full_width

    @property
    def output_width(self) -> int:
        """Width of the vectors that the task model sees."""
        return self.width

    @abstractmethod
    def initialise(self, context: Context) -> tuple[Parameters, Parameters]:
        """Returns (trainable, frozen) parameters for all seeds; a two-stage encoder trains its first stage here."""

    @abstractmethod
    def forward(self, parameters: Parameters, ids: Tensor) -> Tensor:
        """Returns vectors (S, B, L, output_width) of ids (S, B, L)."""

    @abstractmethod
    def parameter_counts(self) -> dict[str, int]:
        """Parameters of one seed by role, as stored while the code is being made (a decoder discarded later included).

        Roles: ``embedding`` (a row per token), ``encoder``, ``decoder``.
        """

    def trained_count(self) -> int:
        """Numbers that receive a gradient at any stage, those of a discarded decoder included."""
        return sum(self.parameter_counts().values())

    def bits_deployed(self) -> int:
        """Bits to store for use after training, at 32 bits per number; a frozen code folds into one table."""
        return 32 * self.vocab_size * self.width

    def deployed(self, parameters: Parameters) -> dict[str, Stored]:
        """What :meth:`bits_deployed` declares, as tensors: all that :meth:`forward` needs for one seed after training.

        parameters: trained and frozen, (1, ...) each. All of them at the width of their dtype, unless overridden; the
        training job counts them and compares the vectors that they give (see training/deployed.py).
        """
        return {name: Stored(value, 8 * value.element_size()) for name, value in parameters.items()}


def gather(table: Tensor, ids: Tensor) -> Tensor:
    """Returns rows of each seed's table: table (S, V, d), ids (S, B, L) -> (S, B, L, d)."""
    # one embedding call over all seeds: its backward sums rows in a fixed order, unlike an index with duplicates
    return embedding(rows_of_all(table, ids), table.flatten(0, 1))


def gather_sum(table: Tensor, ids: Tensor) -> Tensor:
    """Returns the sum of each sequence's rows: table (S, V, d), ids (S, B, L) -> (S, B, d)."""
    summed: Tensor = _GatherSum.apply(table.flatten(0, 1), rows_of_all(table, ids))  # type: ignore[no-untyped-call]
    return summed


def rows_of_all(table: Tensor, ids: Tensor) -> Tensor:
    """Returns ids (S, ...) of each seed's table (S, V, d) as rows of the tables one below the other, (S*V, d)."""
    return ids + torch.arange(len(ids), device=ids.device).view(-1, *[1] * (ids.dim() - 1)) * table.shape[1]


class _GatherSum(torch.autograd.Function):
    """The rows are summed as they are read. The gradient is that of an embedding: embedding_bag's own adds the rows in
    an order that depends on the other seeds."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.count = len(table)
        return embedding_bag(rows.flatten(0, 1), table, mode="sum").view(*rows.shape[:2], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        [rows] = ctx.saved_tensors
        of_rows = gradient.unsqueeze(2).expand(*rows.shape, -1)
        return torch.ops.aten.embedding_dense_backward(of_rows, rows, ctx.count, -1, False), None


def load(name: str) -> type[Encoder]:
    """Returns the encoder class of ``tokentrial.encoders.<name>``; raises InputError if there is none."""
    try:
        module = importlib.import_module(f"tokentrial.encoders.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"tokentrial.encoders.{name}":
            raise  # the module exists; a module that it imports does not
        raise InputError(f"config: encoder '{name}' is unknown: no module src/tokentrial/encoders/{name}.py") from None
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Encoder) and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise InputError(f"config: encoder '{name}': its module defines {len(classes)} encoders, expected one")
    return classes[0]


def make(where: str, name: str, vocab_size: int, width: int, full_width: int, options: Mapping[str, Any]) -> Encoder:
    """Returns an encoder by its name; raises InputError for an option that it lacks or needs. where: its arm."""
    return instance(f"{where}: encoder '{name}'", load(name), vocab_size, width, full_width, options)


def instance(
    where: str, kind: type[Encoder], vocab_size: int, width: int, full_width: int, options: Mapping[str, Any]
) -> Encoder:
    """Returns an object of an encoder's class; raises InputError for options or methods that do not fit.

    An error in the class's own code is no fault of an option, so it is not caught.
    """
    if missing := sorted(getattr(kind, "__abstractmethods__", ())):
        raise InputError(f"{where} does not define {', '.join(missing)}; expected all of encoders/base.py")
    known = inspect.signature(kind).parameters
    anything = any(one.kind is one.VAR_KEYWORD for one in known.values())
    named = [name for name, one in known.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)][3:]
    if unknown := [name for name in options if name not in named and not anything]:
        expected = f"expected one of {', '.join(named)}" if named else "it has none"
        raise InputError(f"{where} has no such option: {unknown[0]}; {expected}")
    if lacking := [name for name in named if name not in options and known[name].default is inspect.Parameter.empty]:
        raise InputError(f"{where} needs the option '{lacking[0]}', found none")
    return kind(vocab_size, width, full_width, **options)
