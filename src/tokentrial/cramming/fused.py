"""Norm and rotation of a frozen Llama with explicit gradients, which replace transformers' functions on a CPU.

transformers computes the norm and the rotation of queries and keys in a dozen passes over the positions, and autograd
adds as many. The functions here need fewer passes. The weights get no gradient, since the model is frozen.

Shapes: T positions of width d; H heads of width w.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.llama import modeling_llama

_theirs = modeling_llama.apply_rotary_pos_emb


class RMSNorm(torch.autograd.Function):
    """Zhang and Sennrich 2019, eq. 4: x / sqrt(mean x^2 + epsilon) * weight."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        """Returns the normed vectors (..., d); weight (d,)."""
        scale = mean_product(vectors, vectors).add_(epsilon).rsqrt_()
        normed = vectors * scale
        ctx.save_for_backward(normed, scale, weight)
        return normed * weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        normed, scale, weight = ctx.saved_tensors
        gradient = gradient * weight
        along = mean_product(gradient, normed)
        return torch.addcmul(gradient, normed, along, value=-1).mul_(scale), None, None


class Rotation(torch.autograd.Function):
    """Su et al. 2021, eq. 34: number i of the first half of a head and number i of the second half turn together."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Returns vectors (..., T, w) turned by the angles of their positions; cosine and sine (..., T, w)."""
        ctx.save_for_backward(cosine, sine)
        return turned(vectors, cosine, sine, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        cosine, sine = ctx.saved_tensors
        return turned(gradient, cosine, sine, -1), None, None


def mean_product(first: Tensor, second: Tensor) -> Tensor:
    """Returns the mean product over the last axis, which is kept with length 1."""
    products: Tensor = torch.linalg.vecdot(first, second)
    return products.div_(first.shape[-1]).unsqueeze(-1)


def turned(vectors: Tensor, cosine: Tensor, sine: Tensor, direction: int) -> Tensor:
    """Returns vectors turned by angles whose cosines and sines repeat for the second half of the last axis."""
    half = vectors.shape[-1] // 2
    result = vectors * cosine
    result[..., :half].addcmul_(vectors[..., half:], sine[..., :half], value=-direction)
    result[..., half:].addcmul_(vectors[..., :half], sine[..., half:], value=direction)
    return result


def rotate(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """Replaces ``apply_rotary_pos_emb`` of transformers' Llama: query and key (B, H, T, w), cos and sin (B, T, w)."""
    if query.device.type != "cpu" or query.dtype != torch.float32:
        theirs: tuple[Tensor, Tensor] = _theirs(query, key, cos, sin, unsqueeze_dim)
        return theirs
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    apply: Callable[..., Tensor] = Rotation.apply
    return apply(query, cos, sin), apply(key, cos, sin)


def install(model: PreTrainedModel) -> None:
    """Makes a frozen Llama use these functions; any other model is not changed.

    The rotation is replaced for all Llamas of the process.
    """
    if model.config.model_type != "llama":
        return
    modeling_llama.apply_rotary_pos_emb = rotate
    for module in model.modules():
        if isinstance(module, modeling_llama.LlamaRMSNorm):
            module.forward = partial(_normed, module)


def _normed(module: Any, vectors: Tensor) -> Tensor:
    if vectors.device.type != "cpu" or vectors.dtype != torch.float32:
        return module.__class__.forward(module, vectors)  # type: ignore[no-any-return]
    normed: Tensor = RMSNorm.apply(vectors, module.weight, module.variance_epsilon)  # type: ignore[no-untyped-call]
    return normed
