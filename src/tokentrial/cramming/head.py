"""The output head of a frozen model: loss, hit and gradient of the features in one pass, a few tokens at a time.

The logits of a whole batch never exist, and each is made once: a chunk's are turned into odds in place, which give the
loss, and whose product with the weights is the gradient. Powers of two replace e, a cheaper instruction on a CPU. In
:mod:`tokentrial.models.linear_cross_entropy` the head is trained and whether a token was hit is not asked; here the
head is frozen and every token's hit is needed at every step.

Shapes: T tokens, h width of the features, V vocabulary.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

LN_2 = math.log(2)
# Logits of a chunk: on a CPU what stays in a core's cache, but never so few tokens that reading the table dominates.
CPU_LOGITS, CPU_TOKENS = 1 << 17, 64
CUDA_LOGITS = 1 << 26


class Scores(NamedTuple):
    """nll (T,) in nats, hit (T,) bool: the target is the argmax (the first of equals); gradient (T, h) or None."""

    nll: Tensor
    hit: Tensor
    gradient: Tensor | None


class Head:
    """A frozen linear output layer; weight (V, h), bias (V,) or None, both kept times log2 e."""

    def __init__(self, weight: Tensor, bias: Tensor | None, products: torch.dtype | None = None) -> None:
        """products: the type that the matrix products' operands are rounded to; None: the weight's own."""
        self.weight = weight.detach().to(products or weight.dtype)
        self.bias = None if bias is None else bias.detach() / LN_2
        on_gpu = weight.device.type == "cuda"
        self.tokens = max(1 if on_gpu else CPU_TOKENS, (CUDA_LOGITS if on_gpu else CPU_LOGITS) // len(weight))

    @torch.no_grad()
    def __call__(self, features: Tensor, targets: Tensor, scale: float | None = None) -> Scores:
        """Scores of targets (T,) int64 given features (T, h).

        scale: with it, the gradient of ``scale * nll.sum()``; None where no gradient is wanted.
        """
        nll = torch.empty(len(targets), dtype=features.dtype, device=features.device)
        hit = torch.empty(len(targets), dtype=torch.bool, device=features.device)
        gradient = None if scale is None else torch.empty_like(features)
        for start in range(0, len(targets), self.tokens):
            rows = slice(start, start + self.tokens)
            wanted = targets[rows]
            logits = self.logits(features[rows])
            top, guess = logits.max(1)
            hit[rows] = guess == wanted
            picked = logits.gather(1, wanted.unsqueeze(1)).squeeze(1)
            odds = logits.sub_(top.unsqueeze(1)).exp2_()
            normaliser = odds.sum(1)
            nll[rows] = (normaliser.log2() + top - picked) * LN_2
            if gradient is not None and scale is not None:
                expected = (odds.to(self.weight.dtype) @ self.weight).to(features.dtype)  # sum_v odds_v weight_v
                expected.mul_((scale / normaliser).unsqueeze(1))
                gradient[rows] = expected.sub_(self.weight[wanted], alpha=scale)
        return Scores(nll, hit, gradient)

    def logits(self, features: Tensor) -> Tensor:
        """Logits (T, V) times log2 e, in the features' type."""
        scaled = (features / LN_2).to(self.weight.dtype)
        made = (scaled @ self.weight.t()).to(features.dtype)
        return made if self.bias is None else made.add_(self.bias)
