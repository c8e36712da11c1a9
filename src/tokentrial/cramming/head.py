"""The output head of a frozen model: loss, hit and gradient of the features in one pass, a few tokens at a time.

The logits of a whole batch never exist at once, and each logit is computed once. The logits of a chunk become odds in
place. The odds yield the loss, and their product with the weights is the gradient. Powers of 2 replace powers of e,
since they are cheaper on a CPU. :mod:`tokentrial.models.linear_cross_entropy` trains a head and does not compute hits;
here the head is frozen, and every step needs every token's hit.

Shapes: T tokens, h width of the features, V vocabulary.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

LN_2 = math.log(2)
# Logits of a chunk: on a CPU as many as fit into a core's cache, but with enough tokens for each read of the weights.
CPU_LOGITS, CPU_TOKENS = 1 << 17, 64
CUDA_LOGITS = 1 << 26


class Scores(NamedTuple):
    """The scores of T tokens."""

    nll: Tensor  # (T,) nats
    hit: Tensor  # (T,) bool: the target is the argmax (the first of equals)
    gradient: Tensor | None  # (T, h)


class Head:
    """A frozen linear output layer: weight (V, h), bias (V,) or None. Its logits are to base 2."""

    def __init__(self, weight: Tensor, bias: Tensor | None, products: torch.dtype | None = None) -> None:
        """products: the type to which the operands of the gradient's product are rounded; None: that of the weight.

        Logits are never rounded: with 8 bits of a number, logits tie that differ.
        """
        self.weight = weight.detach()
        self.rounded = self.weight.to(products or weight.dtype)
        self.bias = None if bias is None else bias.detach() / LN_2
        on_gpu = weight.device.type == "cuda"
        self.tokens = max(1 if on_gpu else CPU_TOKENS, (CUDA_LOGITS if on_gpu else CPU_LOGITS) // len(weight))

    @torch.no_grad()
    def __call__(self, features: Tensor, targets: Tensor, scale: float | None = None) -> Scores:
        """Returns the scores of targets (T,) int64 after features (T, h).

        scale: the gradient is that of ``scale * nll.sum()``; None for no gradient.
        """
        nll = torch.empty(len(targets), dtype=features.dtype, device=features.device)
        hit = torch.empty(len(targets), dtype=torch.bool, device=features.device)
        gradient = None if scale is None else torch.empty_like(features)
        for start in range(0, len(targets), self.tokens):
            rows = slice(start, start + self.tokens)
            ids = targets[rows]
            logits = self.logits(features[rows])
            top, guess = logits.max(1)
            hit[rows] = guess == ids
            picked = logits.gather(1, ids.unsqueeze(1)).squeeze(1)
            odds = logits.sub_(top.unsqueeze(1)).exp2_()
            normaliser = odds.sum(1)
            nll[rows] = (normaliser.log2() + top - picked) * LN_2
            if gradient is not None and scale is not None:
                expected = (odds.to(self.rounded.dtype) @ self.rounded).to(features.dtype)  # sum_v odds_v weight_v
                expected.mul_((scale / normaliser).unsqueeze(1))
                gradient[rows] = expected.sub_(self.weight[ids], alpha=scale)
        return Scores(nll, hit, gradient)

    def logits(self, features: Tensor) -> Tensor:
        """Returns the logits (T, V) times log2 e, in the features' type."""
        scaled = (features / LN_2).to(self.weight.dtype)
        logits = (scaled @ self.weight.t()).to(features.dtype)
        return logits if self.bias is None else logits.add_(self.bias)
