"""The output head: linear map and cross-entropy in one, a few tokens at a time, without the logits of a whole batch.

The gradients are computed together with the loss, so each logit is made once; backward only scales them. What makes it
faster on a CPU than ``torch.nn.functional.linear_cross_entropy`` in chunks (``benchmarks/wikitext2.py`` measures
both): a chunk is worked off in blocks of the vocabulary that stay in the core's cache, with the online softmax of
FlashAttention (Dao et al. 2022, section 3.1); logits lie vocabulary first, (V, tokens), the layout that CPUs multiply
fastest; powers of two replace e, a cheaper instruction; and no softmax is normalised: a token's 1/Z scales its
features and its gradient, which are V/d times smaller.

Shapes: N tokens, m tokens of a chunk, d width of the features, V vocabulary, v rows of a block.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tokentrial.errors import InputError

LN_2 = math.log(2)
LOG2_E = 1 / LN_2
PRECISIONS = ("float32", "bfloat16")
# Tokens of a chunk and rows of a block on a CPU, by benchmarks/wikitext2.py --chunks. Both tables are read once a
# chunk: where they are wide, that asks for many tokens, and blocks (768 KiB of logits) keep the rest in a core's cache.
# A narrow table is cheap to read again: then few tokens and one block of all rows (4 MiB) save calls.
CPU_TOKENS, CPU_ROWS = 96, 2048
NARROW, NARROW_LOGITS = 32, 1 << 20
# On a GPU one block of all rows, and 256 MiB of logits.
CUDA_LOGITS = 1 << 26


def linear_cross_entropy(
    features: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None = None, precision: str = "float32"
) -> Tensor:
    """Mean cross-entropy in nats, a scalar: ``cross_entropy(features @ weight.T + bias, targets)``.

    features (N, d), weight (V, d), bias (V,), targets (N,) int64. Gradients of features, weight and bias, each where
    it is asked for; once, so neither twice through one graph nor of second order. precision ``bfloat16``: the operands
    and results of the matrix products are rounded to bfloat16 and summed in float32, the softmax and the gradients'
    sums over chunks are float32. Raises InputError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise InputError(f"config: precision '{precision}' is unknown; expected one of {', '.join(PRECISIONS)}")
    loss: Tensor = _LinearCrossEntropy.apply(features, weight, targets, bias, precision)  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def linear_scores(
    features: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(nll (N,) in nats, hit (N,) bool: the target is the most probable token) in float32, without gradient."""
    head = _Head.of(features, weight, bias, "float32", len(targets))
    losses, hits = [], []
    for rows in head.chunks(len(targets)):
        softmax = _OnlineSoftmax(head.features[rows])
        guess = torch.zeros_like(targets[rows])
        for block in head.blocks():
            logits = head.logits(block, rows)
            best = logits.max(0)
            guess = torch.where(best.values > softmax.top, best.indices + block.start, guess)  # the first of equals
            softmax.add(logits)
        losses.append((softmax.log_normaliser() - head.picked(targets, rows)) * LN_2)
        hits.append(guess == targets[rows])
    return torch.cat(losses), torch.cat(hits)


@dataclass(frozen=True)
class _Head:
    """The operands of the products and the buffers that all chunks share.

    features (N, d) and bias (V, 1) are times log2 e, weight (V, d) is not. In bfloat16 ``factors`` are features and
    weight rounded, else the same tensors.
    """

    features: Tensor
    weight: Tensor
    bias: Tensor | None
    factors: tuple[Tensor, Tensor]
    tokens: int  # of a chunk
    scratch: Tensor  # (v, tokens), logits of a block

    @classmethod
    def of(cls, features: Tensor, weight: Tensor, bias: Tensor | None, precision: str, count: int) -> "_Head":
        dtype = torch.promote_types(weight.dtype, torch.float32)  # float64 stays float64
        products = torch.bfloat16 if precision == "bfloat16" else dtype
        tokens, rows = chunk_sizes(len(weight), weight.shape[1], weight.device)
        tokens = min(tokens, count)
        scaled, weight = features.to(dtype) * LOG2_E, weight.to(dtype)
        return cls(
            scaled,
            weight,
            None if bias is None else (bias.to(dtype) * LOG2_E).unsqueeze(1),
            (scaled.to(products), weight.to(products)),
            tokens,
            torch.empty(min(rows, len(weight)), tokens, dtype=dtype, device=weight.device),
        )

    def chunks(self, count: int) -> list[slice]:
        return [slice(start, min(start + self.tokens, count)) for start in range(0, count, self.tokens)]

    def blocks(self) -> list[slice]:
        rows, vocab_size = len(self.scratch), len(self.weight)
        return [slice(start, min(start + rows, vocab_size)) for start in range(0, vocab_size, rows)]

    def logits(self, block: slice, rows: slice, out: Tensor | None = None) -> Tensor:
        """Logits (v, m) of a block for a chunk, times log2 e, in ``out`` or the scratch."""
        features, weight = self.factors[0][rows].t(), self.factors[1][block]
        if out is None:
            out = self.scratch.view(-1)[: len(weight) * features.shape[1]].view(len(weight), -1)
        bias = None if self.bias is None else self.bias[block]
        if out.dtype != weight.dtype:
            product = weight @ features
            return out.copy_(product) if bias is None else torch.add(product, bias, out=out)
        return torch.mm(weight, features, out=out) if bias is None else torch.addmm(bias, weight, features, out=out)

    def picked(self, targets: Tensor, rows: slice) -> Tensor:
        """Logits (m,) of the targets, times log2 e."""
        wanted = targets[rows]
        logits = (self.factors[0][rows] * self.factors[1][wanted]).sum(1, dtype=self.features.dtype)
        return logits if self.bias is None else logits + self.bias[wanted, 0]


class _OnlineSoftmax:
    """Sums of 2^(logit - top) over the blocks so far, where top (m,) is the largest logit so far."""

    def __init__(self, features: Tensor) -> None:
        self.top = features.new_full((len(features),), -math.inf)
        self.normaliser = torch.zeros_like(self.top)
        self.tops: list[Tensor] = []  # what each block's odds are relative to

    def add(self, logits: Tensor) -> Tensor:
        """Turn a block's logits (v, m) into odds relative to the new top; returns what older sums shrink by (m,)."""
        top = torch.maximum(self.top, logits.amax(0))
        decay = torch.exp2(self.top - top)
        self.normaliser.mul_(decay).add_(logits.sub_(top).exp2_().sum(0))
        self.top = top
        self.tops.append(top)
        return decay

    def log_normaliser(self) -> Tensor:
        """log2 of the sum of 2^logit, (m,)."""
        return self.normaliser.log2() + self.top

    def shares(self) -> Tensor:
        """What turns each block's odds into probabilities, (blocks, m)."""
        return torch.exp2(torch.stack(self.tops) - self.top) / self.normaliser


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, precision: str
    ) -> Tensor:
        wants = (ctx.needs_input_grad[0], ctx.needs_input_grad[1], ctx.needs_input_grad[3])
        loss, ctx.gradients = _loss_and_gradients(features, weight, targets, bias, precision, wants)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.gradients is None:
            raise RuntimeError("linear_cross_entropy: the gradients of this loss were taken before")
        gradients, ctx.gradients = ctx.gradients, None  # handed over, not copied: .grad may be added to in place
        unscaled = grad.device.type == "cpu" and grad.item() == 1  # on a GPU looking would wait for it
        if not unscaled:
            for value in gradients:
                if value is not None:
                    value.mul_(grad)
        by_features, by_weight, by_bias = gradients
        return by_features, by_weight, None, by_bias, None


def chunk_sizes(vocab_size: int, width: int, device: torch.device) -> tuple[int, int]:
    """(tokens of a chunk, rows of a block)."""
    if device.type == "cuda":
        return max(1, CUDA_LOGITS // vocab_size), vocab_size
    if width <= NARROW:
        return 32 * max(1, round(NARROW_LOGITS / vocab_size / 32)), vocab_size
    return CPU_TOKENS, CPU_ROWS


def _loss_and_gradients(
    features: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    precision: str,
    wants: tuple[bool, bool, bool],
) -> tuple[Tensor, tuple[Tensor | None, Tensor | None, Tensor | None]]:
    """The mean loss and d loss / d (features, weight, bias), None where not wanted.

    The gradient of the logits is (p - onehot) / N. The p part goes through the products as odds, whose factor
    1 / (Z N) is on the side of the tokens; the onehot part picks rows.
    """
    head = _Head.of(features, weight, bias, precision, len(targets))
    dtype, share = head.scratch.dtype, 1 / len(targets)
    by_features = torch.empty_like(head.features) if wants[0] else None
    by_weight = torch.zeros_like(head.weight) if wants[1] else None
    by_bias = torch.zeros_like(head.weight[:, :1]) if wants[2] else None  # (V, 1)
    losses = torch.empty_like(head.features[:, 0])
    odds = torch.empty(len(weight) * head.tokens, dtype=head.factors[1].dtype, device=weight.device)
    for rows in head.chunks(len(targets)):
        softmax, blocks = _OnlineSoftmax(head.features[rows]), _blocks_of(odds, head, rows)
        summed = _odds_and_their_rows(head, softmax, blocks, rows, wants[0])
        losses[rows] = softmax.log_normaliser() - head.picked(targets, rows)
        if by_features is not None:
            by_features[rows] = summed * (share / softmax.normaliser).unsqueeze(1)
        scales = (softmax.shares() * share).unsqueeze(2)  # (blocks, m, 1)
        for block, part, scale in zip(head.blocks(), blocks, scales, strict=True):
            if by_weight is not None:
                _add_product(by_weight[block], part, features[rows] * scale)
            if by_bias is not None:
                _add_product(by_bias[block], part, scale)
    if by_features is not None:
        by_features.sub_(weight[targets], alpha=share)
    if by_weight is not None:
        by_weight.index_add_(0, targets, features.to(dtype), alpha=-share)
    if by_bias is not None:
        by_bias.index_add_(0, targets, torch.ones_like(losses).unsqueeze(1), alpha=-share)
    return losses.mean() * LN_2, (by_features, by_weight, None if by_bias is None else by_bias.squeeze(1))


def _blocks_of(odds: Tensor, head: _Head, rows: slice) -> list[Tensor]:
    """The chunk's odds (v, m) block by block, as views of the flat buffer."""
    count = rows.stop - rows.start
    whole = odds[: len(head.weight) * count].view(-1, count)
    return [whole[block] for block in head.blocks()]


def _odds_and_their_rows(
    head: _Head, softmax: _OnlineSoftmax, blocks: list[Tensor], rows: slice, wanted: bool
) -> Tensor:
    """Fill the chunk's odds; sum_v odds_vn weight_v (m, d) relative to the last top, or zeros where not wanted."""
    summed = torch.zeros_like(head.features[rows])
    for block, part in zip(head.blocks(), blocks, strict=True):
        logits = head.logits(block, rows, part if part.dtype == head.scratch.dtype else None)
        decay = softmax.add(logits)
        if logits is not part:
            part.copy_(logits)
        if wanted:
            _add_product(summed.mul_(decay.unsqueeze(1)), part.t(), head.factors[1][block])
    return summed


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total += left @ right, the operands in left's dtype, the sum in total's."""
    right = right.to(left.dtype)
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total.add_(left @ right)
