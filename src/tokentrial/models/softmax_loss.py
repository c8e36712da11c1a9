"""Linear map and cross-entropy in one, for all seeds of an arm: the head of the small task models.

Equal to torch's own product, bias and cross-entropy (tested). With a large vocabulary, passes over the logits are most
of a step. Some are saved here: the product adds the bias, the log-probabilities turn into the gradient in place, and no
buffer of zeros is filled for the targets. Language models have logits beyond a core's cache and another head
(:mod:`tokentrial.models.linear_cross_entropy`).

Shapes: S seeds, N predictions, h features, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tokentrial.encoders.base import Parameters


def mean_loss(weights: Parameters, features: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats of each seed, (S,): features (S, N, h), target ids (S, N).

    weights: ``output`` (S, h, V) and, where the task model has one, ``bias`` (S, 1, V). The gradient can be taken once.
    """
    return _loss(weights, features, targets)


def share_loss(weights: Parameters, features: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy in nats of each seed, (S,), over a text in which shares (S, N, V) of the predictions are asked.

    shares: of all predictions, those made from features n and asked for token v; they add up to 1 for each seed.
    """
    return _loss(weights, features, shares)


def _loss(weights: Parameters, features: Tensor, asked: Tensor) -> Tensor:
    loss: Tensor = _Loss.apply(features, weights["output"], weights.get("bias"), asked)  # type: ignore[no-untyped-call]
    return loss


class _Loss(torch.autograd.Function):
    """The bias is one more row of the weights, for a feature that is always 1: adding it costs no pass of its own."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, asked: Tensor) -> Tensor:
        if bias is not None:
            features = torch.cat((features, torch.ones_like(features[..., :1])), 2)
            weight = torch.cat((weight, bias), 1)
        log_shares = torch.log_softmax(features @ weight, -1)  # (S, N, V)
        ctx.save_for_backward(features, weight, asked, log_shares)
        ctx.biased = bias is not None
        if asked.dtype == torch.int64:
            losses = -log_shares.gather(2, asked.unsqueeze(2)).mean(dim=(1, 2))
        else:
            losses = -torch.linalg.vecdot(asked, log_shares).sum(1)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the logits is (probability - asked), weighted by each prediction's share of the mean."""
        features, weight, asked, log_shares = ctx.saved_tensors
        by_logits = log_shares.exp_()  # in place, so that this graph is good for one gradient
        scale = grad.view(-1, 1, 1)
        if asked.dtype == torch.int64:
            scale = scale / asked.shape[1]
            by_logits.scatter_add_(2, asked.unsqueeze(2), torch.full_like(asked, -1, dtype=weight.dtype).unsqueeze(2))
        else:
            by_logits.mul_(asked.sum(2, keepdim=True)).sub_(asked)
        by_features = by_weight = by_bias = None
        rows = weight.shape[1] - 1 if ctx.biased else weight.shape[1]
        if ctx.needs_input_grad[0]:
            by_features = by_logits @ (weight[:, :rows] * scale).mT
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            by_weight = (features * scale).mT @ by_logits
            by_weight, by_bias = by_weight[:, :rows], by_weight[:, rows:]
        return by_features, by_weight, by_bias if ctx.needs_input_grad[2] else None, None
