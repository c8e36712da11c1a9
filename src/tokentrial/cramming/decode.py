"""What a frozen model says after input vectors: its scores of a given text, and its own text, token by token."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.head import Head

# Positions in one pass through the body. On a CPU more of them leave the cache; Mamba's scan holds state_size numbers
# per channel and position.
CPU_POSITIONS, CPU_POSITIONS_STATE, CUDA_POSITIONS = 1024, 256, 1 << 16


@dataclass(frozen=True)
class Reader:
    """A frozen model with its output head, the precision of its products and how much goes through it at once.

    precision: float32 as stored, or bfloat16 (autocast). compiled: the body goes through torch.compile.
    """

    model: LanguageModel
    head: Head
    precision: str
    positions: int
    compiled: bool = False

    @classmethod
    def of(cls, model: LanguageModel, precision: str = "float32", compiled: bool = False) -> "Reader":
        products = torch.bfloat16 if precision == "bfloat16" else None
        positions = CUDA_POSITIONS
        if model.table.device.type == "cpu":
            positions = CPU_POSITIONS_STATE if hasattr(model.model.config, "state_size") else CPU_POSITIONS
        if compiled:
            model.body.compile(dynamic=True)  # in place; a batch that shrinks is not compiled anew each time
        return cls(model, Head(model.weight, model.bias, products), precision, positions, compiled)

    def hidden(self, vectors: Tensor) -> Tensor:
        """The hidden states (B, L, h) before the output layer for input vectors (B, L, d), in the vectors' type."""
        with torch.autocast(vectors.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self.model.hidden(vectors).to(vectors.dtype)

    @property
    def packs(self) -> bool:
        """Whether texts of several lengths go through the body at once; compiled, it would see ever new shapes."""
        return self.model.packs and not self.compiled

    def hidden_together(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """:meth:`hidden` of each of several (B, L, d) of lengths of their own."""
        with torch.autocast(vectors[0].device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            states = self.model.hidden_together(vectors)
        return [each.to(given.dtype) for each, given in zip(states, vectors, strict=True)]

    def batches_together(self, sizes: Sequence[tuple[int, int]]) -> list[list[tuple[int, slice]]]:
        """Batches of about equal size, each a list of (index, slice), of inputs given as (count, positions of one)."""
        total = sum(count * length for count, length in sizes)
        parts = len(self.batches(*sizes[0])) if len(sizes) == 1 else math.ceil(total / self.positions)
        batches: list[list[tuple[int, slice]]] = [[] for _ in range(parts)]
        before = 0  # positions
        for index, (count, length) in enumerate(sizes):
            edges = [min(count, max(0, math.ceil((total * part / parts - before) / length))) for part in range(parts)]
            for part, (start, stop) in enumerate(itertools.pairwise([*edges, count])):
                if stop > start:
                    batches[part].append((index, slice(start, stop)))
            before += count * length
        return [batch for batch in batches if batch]

    def batches(self, count: int, length: int) -> list[slice]:
        """Slices of ``count`` inputs of ``length`` positions that go through the body at once, of about equal size."""
        parts = math.ceil(count / max(1, self.positions // max(1, length)))
        edges = [count * part // parts for part in range(parts + 1)]
        return [slice(edges[part], edges[part + 1]) for part in range(parts)]


def inputs_of(model: LanguageModel, vectors: Tensor, ids: Tensor) -> Tensor:
    """Input vectors (B, m + N - 1, d) of vectors (B, m, d) before texts (B, N); the last token is never fed."""
    return torch.cat([vectors, model.table[ids[:, :-1]].to(vectors.dtype)], 1)


def first_predicted(vectors: int, predict_first: bool) -> int:
    """The position whose hidden state predicts the first counted token: t_2, or t_1 with ``predict_first``."""
    return vectors - 1 if predict_first else vectors


@torch.no_grad()
def scores(reader: Reader, vectors: Tensor, ids: Tensor, predict_first: bool) -> tuple[Tensor, Tensor]:
    """(nll, hit), both (B, P), of texts (B, N) after vectors (B, m, d): P is N - 1, or N with ``predict_first``.

    Without vectors (m = 0) nothing is known of t_1: with ``predict_first`` it then counts as one of V alike.
    """
    count, length = ids.shape
    width = vectors.shape[1]
    blind = width == 0 and predict_first
    start = first_predicted(width, predict_first and not blind)
    targets = ids if predict_first and not blind else ids[:, 1:]
    nll, hit = [], []
    for part in reader.batches(count, width + length - 1):
        hidden = reader.hidden(inputs_of(reader.model, vectors[part], ids[part]))[:, start:]
        found = reader.head(hidden.flatten(0, 1), targets[part].flatten())
        nll.append(found.nll.view(len(hidden), -1))
        hit.append(found.hit.view(len(hidden), -1))
    losses, hits = torch.cat(nll), torch.cat(hit)
    if blind:
        # ASSUME: a model that sees nothing predicts t_1 at chance; the paper never predicts it.
        losses = torch.cat([losses.new_full((count, 1), math.log(reader.model.vocab_size)), losses], 1)
        hits = torch.cat([hits.new_zeros((count, 1)), hits], 1)
    return losses, hits


@torch.no_grad()
def greedy_prefix(reader: Reader, vectors: Tensor, ids: Tensor, predict_first: bool) -> Tensor:
    """Tokens (B,) right before the first error when the model continues vectors (B, m, d) by its own argmax.

    ids (B, N): the texts; t_1 is given and not counted, unless ``predict_first``. Each token that the model says is
    fed back to it; a text is left at its first error, since what follows is not counted.
    """
    given = 0 if predict_first else 1
    inputs = torch.cat([vectors, reader.model.table[ids[:, :given]].to(vectors.dtype)], 1)
    right = torch.zeros(len(ids), dtype=torch.int64, device=ids.device)
    alive = torch.arange(len(ids), device=ids.device)
    for position in range(given, ids.shape[1]):
        said = next_tokens(reader, inputs)
        kept = said == ids[alive, position]
        alive, inputs, said = alive[kept], inputs[kept], said[kept]
        if len(alive) == 0:
            break
        right[alive] += 1
        inputs = torch.cat([inputs, reader.model.table[said].to(inputs.dtype).unsqueeze(1)], 1)
    return right


def next_tokens(reader: Reader, inputs: Tensor) -> Tensor:
    """The most probable next token (B,) after input vectors (B, L, d)."""
    said = []
    for part in reader.batches(*inputs.shape[:2]):
        said.append(reader.head.logits(reader.hidden(inputs[part])[:, -1]).argmax(1))
    return torch.cat(said)
