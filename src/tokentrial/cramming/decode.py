"""Outputs of a frozen model after input vectors: its scores of a given text, and the text that it generates."""

import copy
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from tokentrial.cramming.folders import LanguageModel
from tokentrial.cramming.head import Head

# Positions in one pass through the body. On a CPU, more positions do not fit into the cache; Mamba's scan holds
# state_size numbers per channel and position.
CPU_POSITIONS, CPU_POSITIONS_STATE, CUDA_POSITIONS = 1024, 256, 1 << 16


@dataclass(frozen=True)
class Reader:
    """A frozen model with its output head, and how inputs go through them.

    precision: of the matrix products: float32 as stored, or bfloat16 (autocast), which is for the search of vectors
    alone: its results are confirmed with :attr:`exact`. positions: most positions in one pass through the body.
    compiled: whether torch.compile compiles the body. unrounded: the model as stored, if this reader's is rounded.
    """

    model: LanguageModel
    head: Head
    precision: str
    positions: int
    compiled: bool = False
    unrounded: LanguageModel | None = None

    @classmethod
    def of(cls, model: LanguageModel, precision: str = "float32", compiled: bool = False) -> "Reader":
        """Returns a reader of the model; compiles the body in place if ``compiled``: in bfloat16, that of a copy."""
        products = torch.bfloat16 if precision == "bfloat16" else None
        positions = CUDA_POSITIONS
        if model.table.device.type == "cpu":
            positions = CPU_POSITIONS_STATE if hasattr(model.model.config, "state_size") else CPU_POSITIONS
        read = model if products is None else replace(model, body=rounded_body(model.body))
        if compiled:
            read.body.compile(dynamic=True)  # so that a shrinking batch is not compiled anew each time
        head = Head(model.weight, model.bias, products)
        return cls(read, head, precision, positions, compiled, None if products is None else model)

    @property
    def rounds(self) -> bool:
        """Whether the products are rounded, so that a text that seems solved has to be confirmed."""
        return self.precision == "bfloat16"

    @cached_property
    def exact(self) -> "Reader":
        """The reader of the same model in float32, which decides what is solved."""
        return self if self.unrounded is None else Reader.of(self.unrounded)

    def hidden(self, vectors: Tensor) -> Tensor:
        """Returns the hidden states (B, L, h) before the output layer for input vectors (B, L, d), in their type."""
        with torch.autocast(vectors.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self.model.hidden(vectors).to(vectors.dtype)

    @property
    def packs(self) -> bool:
        """Whether texts of several lengths go through the body at once; a compiled body would get ever new shapes."""
        return self.model.packs and not self.compiled

    def hidden_together(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Returns :meth:`hidden` of each entry of ``vectors`` (B, L, d); B and L may differ between entries."""
        with torch.autocast(vectors[0].device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            states = self.model.hidden_together(vectors)
        return [each.to(entry.dtype) for each, entry in zip(states, vectors, strict=True)]

    def passes_together(self, sizes: Sequence[tuple[int, int]]) -> list[list[tuple[int, slice]]]:
        """Returns passes of about equal size through the body, each as (index, slice) of the inputs in it.

        sizes: (number of texts, positions of a text) of each input.
        """
        total = sum(count * length for count, length in sizes)
        parts = len(self.passes(*sizes[0])) if len(sizes) == 1 else math.ceil(total / self.positions)
        passes: list[list[tuple[int, slice]]] = [[] for _ in range(parts)]
        before = 0  # positions of the inputs so far
        for index, (count, length) in enumerate(sizes):
            edges = [min(count, max(0, math.ceil((total * part / parts - before) / length))) for part in range(parts)]
            for part, (start, stop) in enumerate(itertools.pairwise([*edges, count])):
                if stop > start:
                    passes[part].append((index, slice(start, stop)))
            before += count * length
        return [slices for slices in passes if slices]

    def passes(self, count: int, length: int) -> list[slice]:
        """Returns passes of about equal size through the body, as slices of ``count`` texts of ``length`` positions."""
        parts = math.ceil(count / max(1, self.positions // max(1, length)))  # none without a text
        edges = [count * part // max(1, parts) for part in range(parts + 1)]
        return [slice(edges[part], edges[part + 1]) for part in range(parts)]


def rounded_body(body: nn.Module) -> nn.Module:
    """Returns a copy of a frozen body whose linear layers have bfloat16 weights; all other tensors are shared.

    Autocast would round the weights anew in every pass. On a CPU the copy has plain attention, since the gradient of
    the fused one takes 5 to 9 times as long in bfloat16.
    """
    shared = {id(value): value for value in itertools.chain(body.parameters(), body.buffers())}
    copied = copy.deepcopy(body, shared)
    for module in copied.modules():
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(module.weight.to(torch.bfloat16), requires_grad=False)
    config = getattr(copied, "config", None)
    on_cpu = all(value.device.type == "cpu" for value in body.parameters())
    if on_cpu and getattr(config, "_attn_implementation", None) == "sdpa":
        cast(PreTrainedModel, copied).set_attn_implementation("eager")
    return copied


def inputs_of(model: LanguageModel, vectors: Tensor, ids: Tensor) -> Tensor:
    """Returns the input vectors (B, m + N - 1, d) of vectors (B, m, d) before texts (B, N) without their last token."""
    return torch.cat([vectors, model.table[ids[:, :-1]].to(vectors.dtype)], 1)


def first_predicted(vectors: int, predict_first: bool) -> int:
    """Returns the position whose hidden state predicts the first counted token: t_2, or t_1 with ``predict_first``."""
    return vectors - 1 if predict_first else vectors


@torch.no_grad()
def scores(reader: Reader, vectors: Tensor, ids: Tensor, predict_first: bool) -> tuple[Tensor, Tensor]:
    """Returns (nll, hit), both (B, P), of texts (B, N) after vectors (B, m, d).

    P is N - 1, or N with ``predict_first``. Without vectors (m = 0), no input predicts t_1: with ``predict_first``, the
    loss of t_1 is then that of a uniform guess among the V tokens.
    """
    count, length = ids.shape
    width = vectors.shape[1]
    blind = width == 0 and predict_first
    start = first_predicted(width, predict_first and not blind)
    targets = ids if predict_first and not blind else ids[:, 1:]
    nll, hit = [vectors.new_empty(0, targets.shape[1])], [vectors.new_empty(0, targets.shape[1], dtype=torch.bool)]
    for part in reader.passes(count, width + length - 1):
        hidden = reader.hidden(inputs_of(reader.model, vectors[part], ids[part]))[:, start:]
        part_scores = reader.head(hidden.flatten(0, 1), targets[part].flatten())
        nll.append(part_scores.nll.view(len(hidden), -1))
        hit.append(part_scores.hit.view(len(hidden), -1))
    losses, hits = torch.cat(nll), torch.cat(hit)
    if blind:
        # ASSUME: a model that sees nothing predicts t_1 at chance; the paper never predicts it.
        losses = torch.cat([losses.new_full((count, 1), math.log(reader.model.vocab_size)), losses], 1)
        hits = torch.cat([hits.new_zeros((count, 1)), hits], 1)
    return losses, hits


class Continuation:
    """Texts that grow by one input vector at a time, with a key-value cache where the model has one.

    vectors: the first input vectors (B, L, d).
    """

    def __init__(self, reader: Reader, vectors: Tensor) -> None:
        self.reader, self.length = reader, 0
        self.cache = DynamicCache() if reader.model.caches and not reader.compiled else None
        self.pending = vectors  # those that are not in the cache; without a cache, all

    def logits(self) -> Tensor:
        """Returns the logits (B, V) of the next token."""
        model = self.reader.model
        if self.cache is None:
            hidden = self.reader.hidden(self.pending)
        else:
            with torch.autocast(self.pending.device.type, torch.bfloat16, enabled=self.reader.rounds):
                hidden = model.continued(self.pending, self.cache, self.length).to(self.pending.dtype)
            self.length += self.pending.shape[1]
        return self.reader.head.logits(hidden[:, -1])

    def append(self, tokens: Tensor) -> None:
        """Appends a token (B,) to each text."""
        vectors = self.reader.model.table[tokens].to(self.pending.dtype).unsqueeze(1)
        self.pending = vectors if self.cache is not None else torch.cat([self.pending, vectors], 1)

    def keep(self, rows: Tensor) -> None:
        """Keeps these texts, and drops all others."""
        self.pending = self.pending[rows]
        if self.cache is not None:
            self.cache.batch_select_indices(rows)


@torch.no_grad()
def greedy_prefix(reader: Reader, vectors: Tensor, ids: Tensor, predict_first: bool) -> Tensor:
    """Returns the number of right tokens (B,) before the first error in greedy decoding after vectors (B, m, d).

    ids (B, N): the texts; t_1 is an input and not counted, unless ``predict_first``. Each decoded token becomes the
    next input. Decoding of a text ends at its first error, since later tokens are not counted.
    """
    passes = reader.passes(len(ids), vectors.shape[1] + ids.shape[1] - 1)
    found = (_greedy_prefix(reader, vectors[part], ids[part], predict_first) for part in passes)
    return torch.cat([ids.new_empty(0), *found])


def _greedy_prefix(reader: Reader, vectors: Tensor, ids: Tensor, predict_first: bool) -> Tensor:
    first = 0 if predict_first else 1
    text = Continuation(reader, torch.cat([vectors, reader.model.table[ids[:, :first]].to(vectors.dtype)], 1))
    right = torch.zeros(len(ids), dtype=torch.int64, device=ids.device)
    alive = torch.arange(len(ids), device=ids.device)
    for position in range(first, ids.shape[1]):
        tokens = text.logits().argmax(1)
        kept = (tokens == ids[alive, position]).nonzero().squeeze(1)
        alive, tokens = alive[kept], tokens[kept]
        if len(alive) == 0:
            break
        right[alive] += 1
        text.keep(kept)
        text.append(tokens)
    return right


def next_tokens(reader: Reader, inputs: Tensor) -> Tensor:
    """Returns the most probable next token (B,) after input vectors (B, L, d)."""
    tokens = []
    for part in reader.passes(*inputs.shape[:2]):
        tokens.append(reader.head.logits(reader.hidden(inputs[part])[:, -1]).argmax(1))
    return torch.cat(tokens)
