"""Linear map and cross-entropy in one, for all seeds of an arm: the head of the small task models.

The result equals torch's product, bias and cross-entropy (tested). With a large vocabulary, passes over the logits take
most of a step. Here the logits of a few seeds at a time stay in a core's cache from the product to the gradient. The
product adds the bias, the log-probabilities turn into the gradient in place, and no buffer of zeros is filled for the
targets. Language models have too many logits for a core's cache and use another head
(:mod:`tokentrial.models.linear_cross_entropy`).

Shapes: S seeds, N predictions, h features, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tokentrial.encoders.base import Parameters

# Number of logits that stay in a core's cache, and the number from which seeds are worth processing a few at a time.
CACHED_LOGITS, MANY_LOGITS = 1 << 17, 1 << 19


def mean_loss(weights: Parameters, features: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean cross-entropy in nats of each seed, (S,): features (S, N, h), target ids (S, N).

    weights: ``output`` (S, h, V) and, if the task model has one, ``bias`` (S, 1, V). The gradient can be taken once.
    """
    return _loss(weights, features, targets)


def share_loss(weights: Parameters, features: Tensor, shares: Tensor) -> Tensor:
    """Returns the cross-entropy in nats of each seed, (S,), over a text given as shares (S, N, V) of its predictions.

    shares: share of all predictions with features n and target v; the shares of each seed add up to 1.
    """
    return _loss(weights, features, shares)


def _loss(weights: Parameters, features: Tensor, asked: Tensor) -> Tensor:
    loss: Tensor = _Loss.apply(features, weights["output"], weights.get("bias"), asked)  # type: ignore[no-untyped-call]
    return loss


class _Loss(torch.autograd.Function):
    """The gradients are computed together with the loss, and backward only scales them: each logit is computed once.

    The bias is one more row of the weights, for a feature that is always 1: adding it takes no extra pass.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, asked: Tensor) -> Tensor:
        rows = weight.shape[1]
        if bias is not None:
            features = torch.cat((features, torch.ones_like(features[..., :1])), 2)
            weight = torch.cat((weight, bias), 1)
        wanted = rows if ctx.needs_input_grad[0] else 0  # the features of a frozen encoder need no gradient
        parts = [_of_seeds(features[block], weight[block], asked[block], wanted) for block in blocks(features, weight)]
        losses, by_features, by_weight = map(torch.cat, zip(*parts, strict=True)) if len(parts) > 1 else parts[0]
        by_bias = None if bias is None else by_weight[:, rows:]
        ctx.gradients = (by_features if wanted else None, by_weight[:, :rows], by_bias)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.gradients is None:
            raise RuntimeError("softmax_loss: the gradients of this loss were taken before")
        gradients, ctx.gradients = ctx.gradients, None
        unscaled = grad.device.type == "cpu" and bool((grad == 1).all())  # on a GPU, reading it would wait for it
        if not unscaled:
            gradients = tuple(None if value is None else value * grad.view(-1, 1, 1) for value in gradients)
        return *gradients, None


def blocks(features: Tensor, weight: Tensor) -> list[slice]:
    """Returns slices of seeds to process together, so that a core keeps their logits in its cache between passes."""
    logits, seeds = features.shape[1] * weight.shape[2], len(features)
    few = features.device.type != "cpu" or seeds * logits < MANY_LOGITS
    size = seeds if few else max(1, CACHED_LOGITS // logits)
    return [slice(start, start + size) for start in range(0, seeds, size)]


def _of_seeds(features: Tensor, weight: Tensor, asked: Tensor, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns losses (S,) of some seeds and the gradients of features (S, N, rows) and of all rows of the weights."""
    log_shares = torch.log_softmax(features @ weight, -1)  # (S, N, V)
    if asked.dtype == torch.int64:
        targets = asked.unsqueeze(2)
        losses = -log_shares.gather(2, targets).mean(dim=(1, 2))
        share = 1 / asked.shape[1]
        features, weight = features * share, weight * share
        by_logits = log_shares.exp_()
        by_logits.scatter_add_(2, targets, torch.full_like(targets, -1, dtype=weight.dtype))
    else:
        losses = -torch.linalg.vecdot(asked, log_shares).sum(1)
        by_logits = log_shares.exp_().mul_(asked.sum(2, keepdim=True)).sub_(asked)
    # The gradient of the logits is (probability - asked), weighted by each prediction's share of the mean.
    by_features = by_logits @ weight[:, :rows].mT if rows else losses
    return losses, by_features, features.mT @ by_logits
