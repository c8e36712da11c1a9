"""The output head: linear map and cross-entropy in one, a few tokens at a time, without the logits of a whole batch.

The gradients are computed together with the loss, so each logit is computed once; backward only scales the gradients.
On a CPU this head is faster than ``torch.nn.functional.linear_cross_entropy`` in chunks
(``benchmarks/language_models.py`` measures both), for five reasons. A chunk is processed in blocks of the vocabulary
that stay in the core's cache. Logits are stored vocabulary first, (V, tokens), the layout that CPUs multiply fastest.
Powers of two, a cheaper instruction, replace powers of e. No softmax is normalised: a token's 1/Z scales its features
and its gradient, which are V/d times smaller. And a CPU subtracts the largest logit only if the sums show that the
exponentials leave float32's range (LIMIT).

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
# Tokens of a chunk and rows of a block on a CPU, by benchmarks/language_models.py --chunks. Each chunk reads both
# tables once. If the tables are wide, many tokens per chunk pay off, and blocks (768 KiB of logits) keep the rest in a
# core's cache. A narrow table is cheap to reread: then few tokens and one block of all rows (1 MiB) save calls.
CPU_TOKENS, CPU_ROWS = 96, 2048
NARROW, NARROW_LOGITS = 32, 1 << 18
# On a GPU one block of all rows, and 256 MiB of logits.
CUDA_LOGITS = 1 << 26
# Sums of exponentials between 1 / LIMIT and LIMIT are as exact as with the largest logit subtracted: terms that change
# their 24 bits are at least 2^-124, a normal number of float32, and so is their product with a weight.
LIMIT = 2.0**100


def linear_cross_entropy(
    features: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None = None, precision: str = "float32"
) -> Tensor:
    """Returns the mean cross-entropy in nats, a scalar: ``cross_entropy(features @ weight.T + bias, targets)``.

    features (N, d), weight (V, d), bias (V,), targets (N,) int64. Features, weight and bias get gradients if they
    require them. Gradients can be taken once: not twice through one graph, and not of second order. precision
    ``bfloat16``: the operands and results of the matrix products are rounded to bfloat16 and summed in float32; the
    softmax and the gradients' sums over chunks are float32. Raises InputError for an unknown precision.
    """
    if precision not in PRECISIONS:
        raise InputError(f"config: precision '{precision}' is unknown; expected one of {', '.join(PRECISIONS)}")
    loss: Tensor = _LinearCrossEntropy.apply(features, weight, targets, bias, precision)  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def linear_scores(
    features: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Returns (nll (N,) in nats, hit (N,) bool: the target is the most probable token) in float32, without gradient."""
    for shifted in shifts(weight.device):
        head = _Head.of(features, weight, bias, "float32", len(targets), shifted)
        leads, scratch = [_Leads(targets[rows]) for rows in head.chunks], head.scratch()
        for rows, lead in zip(head.chunks, leads, strict=True):
            for block in head.blocks:
                logits = head.logits(block, rows, scratch)
                lead.add(logits, block.start)
                head.exponentials(logits, rows)
        if shifted or head.in_range():
            break
    return head.losses(targets), torch.cat([lead.hit for lead in leads])


def shifts(device: torch.device) -> tuple[bool, ...]:
    """Whether each attempt subtracts the largest logit. A CPU first tries without; a GPU would wait for the check."""
    return (False, True) if device.type == "cpu" else (True,)


class _Leads:
    """Whether each target is the first of the largest logits in the blocks so far."""

    def __init__(self, targets: Tensor) -> None:
        self.targets = targets
        self.hit = torch.zeros_like(targets, dtype=torch.bool)
        self.top: Tensor | None = None

    def add(self, logits: Tensor, start: int) -> None:
        """Compares the targets with a block's logits (v, m), whose first row is token ``start``."""
        best, place = logits.amax(0), self.targets - start
        inside = (place >= 0) & (place < len(logits))
        reaches = inside & (logits.gather(0, place.clamp(0, len(logits) - 1).unsqueeze(0))[0] == best)
        if self.top is not None:
            self.hit &= self.top >= best
            reaches &= best > self.top
        # the index of the largest logit costs more than all else here, so it is computed only for these columns
        columns = reaches.nonzero()[:, 0]
        self.hit[columns] = logits[:, columns].argmax(0) == place[columns]  # the first of equals
        self.top = best if self.top is None else torch.maximum(self.top, best)


@dataclass(frozen=True)
class _Head:
    """The operands of the products, the buffers that all chunks share, and each token's sum of exponentials.

    features (N, d) and bias (V, 1) are multiplied by log2 e; weight (V, d) is not. In bfloat16, ``factors`` are the
    rounded features and weight; otherwise they are the same tensors.
    """

    features: Tensor
    weight: Tensor
    bias: Tensor | None
    factors: tuple[Tensor, Tensor]
    tokens: int  # of a chunk
    rows: int  # of a block
    top: Tensor | None  # (N,), the largest logits, if they are subtracted
    normaliser: Tensor  # (N,), sums of 2^(logit - top) over the blocks so far

    @classmethod
    def of(
        cls, features: Tensor, weight: Tensor, bias: Tensor | None, precision: str, count: int, shifted: bool
    ) -> "_Head":
        dtype = torch.promote_types(weight.dtype, torch.float32)  # float64 stays float64
        products = torch.bfloat16 if precision == "bfloat16" else dtype
        tokens, rows = chunk_sizes(len(weight), weight.shape[1], weight.device)
        tokens, rows = min(tokens, count), len(weight) if shifted else min(rows, len(weight))
        scaled, weight = features.to(dtype) * LOG2_E, weight.to(dtype)
        normaliser = torch.zeros_like(scaled[:, 0])
        return cls(
            scaled,
            weight,
            None if bias is None else (bias.to(dtype) * LOG2_E).unsqueeze(1),
            (scaled.to(products), weight.to(products)),
            tokens,
            rows,
            torch.empty_like(normaliser) if shifted else None,
            normaliser,
        )

    @property
    def chunks(self) -> list[slice]:
        count = len(self.features)
        return [slice(start, min(start + self.tokens, count)) for start in range(0, count, self.tokens)]

    @property
    def blocks(self) -> list[slice]:
        """Rows of the vocabulary; one block of all rows if any exponential needs the largest logit first."""
        vocab_size = len(self.weight)
        return [slice(start, min(start + self.rows, vocab_size)) for start in range(0, vocab_size, self.rows)]

    def scratch(self) -> Tensor:
        """Returns a flat buffer for the logits of a block."""
        return torch.empty(self.rows * self.tokens, dtype=self.weight.dtype, device=self.weight.device)

    def logits(self, block: slice, rows: slice, room: Tensor) -> Tensor:
        """Writes a block's logits (v, m) for a chunk, times log2 e, to the start of the flat buffer ``room``."""
        features, weight = self.factors[0][rows].t(), self.factors[1][block]
        out = room[: len(weight) * features.shape[1]].view(len(weight), -1)
        bias = None if self.bias is None else self.bias[block]
        if out.dtype != weight.dtype:
            product = weight @ features
            return out.copy_(product) if bias is None else torch.add(product, bias, out=out)
        return torch.mm(weight, features, out=out) if bias is None else torch.addmm(bias, weight, features, out=out)

    def exponentials(self, logits: Tensor, rows: slice) -> None:
        """Turns a block's logits (v, m) into odds in place and adds them to the chunk's sums."""
        if self.top is not None:
            logits.sub_(torch.amax(logits, 0, out=self.top[rows]))
        self.normaliser[rows] += logits.exp2_().sum(0)

    def in_range(self) -> bool:
        """Whether all sums lie in the range without loss of precision (false if a sum is not a number)."""
        lowest, highest = torch.aminmax(self.normaliser)
        return lowest.item() > 1 / LIMIT and highest.item() < LIMIT

    def losses(self, targets: Tensor) -> Tensor:
        """Returns losses (N,) in nats."""
        logits = (self.factors[0] * self.factors[1][targets]).sum(1, dtype=self.features.dtype)
        if self.bias is not None:
            logits += self.bias[targets, 0]
        if self.top is not None:
            logits -= self.top
        return (self.normaliser.log2() - logits) * LN_2


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
        gradients, ctx.gradients = ctx.gradients, None  # handed over, not copied: .grad may be changed in place
        unscaled = grad.device.type == "cpu" and grad.item() == 1  # on a GPU, reading the value would wait for it
        if not unscaled:
            for value in gradients:
                if value is not None:
                    value.mul_(grad)
        by_features, by_weight, by_bias = gradients
        return by_features, by_weight, None, by_bias, None


def chunk_sizes(vocab_size: int, width: int, device: torch.device) -> tuple[int, int]:
    """Returns (tokens of a chunk, rows of a block)."""
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
    """Returns the mean loss and d loss / d (features, weight, bias); gradients that are not wanted are None.

    The gradient of the logits is (p - onehot) / N. The p part enters the products as odds, whose factor 1 / (Z N) is on
    the side of the tokens; the onehot part picks rows.
    """
    for shifted in shifts(weight.device):
        head = _Head.of(features, weight, bias, precision, len(targets), shifted)
        by_features, by_weight, by_bias = _expected(head, features, wants)
        if shifted or head.in_range():
            break
    share = 1 / len(targets)
    if by_features is not None:
        by_features.mul_((share / head.normaliser).unsqueeze(1)).sub_(weight[targets], alpha=share)
    if by_weight is not None:
        by_weight.index_add_(0, targets, features.to(by_weight.dtype), alpha=-share)
    if by_bias is not None:
        by_bias.index_add_(0, targets, torch.ones_like(head.normaliser).unsqueeze(1), alpha=-share)
        by_bias = by_bias.squeeze(1)
    return head.losses(targets).mean(), (by_features, by_weight, by_bias)


def _expected(
    head: _Head, features: Tensor, wants: tuple[bool, bool, bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Returns the p part of the gradients; parts that are not wanted are None.

    The parts are sum_v odds_vn weight_v (N, d), not yet divided by Z N; sum_n p_vn features_n / N (V, d); and
    sum_n p_vn / N (V, 1).
    """
    summed = torch.zeros_like(head.features) if wants[0] else None
    by_weight = torch.zeros_like(head.weight) if wants[1] else None
    by_bias = torch.zeros_like(head.weight[:, :1]) if wants[2] else None
    factor = head.factors[1]
    buffer = torch.empty(len(factor) * head.tokens, dtype=factor.dtype, device=factor.device)
    scratch = None if factor.dtype == head.weight.dtype else head.scratch()
    for rows in head.chunks:
        odds = buffer[: len(factor) * (rows.stop - rows.start)].view(len(factor), -1)  # (V, m)
        for block in head.blocks:
            part = odds[block]
            logits = head.logits(block, rows, part.view(-1) if scratch is None else scratch)
            head.exponentials(logits, rows)
            if scratch is not None:
                part.copy_(logits)
            if summed is not None:
                _add_product(summed[rows], part.t(), factor[block])
        scale = (1 / (head.normaliser[rows] * len(head.features))).unsqueeze(1)  # (m, 1)
        if by_weight is not None:
            _add_product(by_weight, odds, features[rows] * scale)
        if by_bias is not None:
            _add_product(by_bias, odds, scale)
    return summed, by_weight, by_bias


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total += left @ right, with operands in left's dtype and the sum in total's dtype."""
    right = right.to(left.dtype)
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total.add_(left @ right)
