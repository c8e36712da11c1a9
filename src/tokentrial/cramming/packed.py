"""Texts of several lengths in one pass through a body: laid end to end, each attending to itself alone.

At these sizes a pass costs as much as some hundred positions. All but attention works position by position, so texts of
any length can share one; attention, registered with transformers, takes each length by itself. Nothing is padded.

Shapes: B texts of L positions, T positions of all, H heads of width w.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

NAME = "tokentrial_packed"
MODELS = ("llama", "gpt_neox")  # whose attention is causal, with no window, and is handed what the body is called with


def install(model: PreTrainedModel) -> bool:
    """Make a model attend by :func:`attend`, if it is of a kind that can; gives whether it is."""
    config = model.config
    heads = config.num_attention_heads if config.model_type in MODELS else 0
    if not heads or getattr(config, "num_key_value_heads", heads) != heads:
        return False
    model.set_attn_implementation(NAME)
    return True


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    packed: Sequence[tuple[int, int]] | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention (B, L, H, w) of query, key and value (B, H, L, w), all of a length.

    packed: with it they are (1, H, T, w), end to end, and this lists (texts, length) in order.
    """
    if packed is None:
        return _causal(query, key, value, scaling), None
    sizes = [texts * length for texts, length in packed]
    parts = zip(*(torch.split(each[0], sizes, 1) for each in (query, key, value)), strict=True)
    made = []
    for shape, own in zip(packed, parts, strict=True):
        q, k, v = (part.unflatten(1, shape).transpose(0, 1) for part in own)
        made.append(_causal(q, k, v, scaling).flatten(0, 1))
    return torch.cat(made).unsqueeze(0), None


def _causal(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling).transpose(1, 2).contiguous()


def hidden(body: nn.Module, vectors: Sequence[Tensor]) -> list[Tensor]:
    """The hidden states (B, L, h) of each of some input vectors (B, L, d), in one pass."""
    shapes = [(len(each), each.shape[1]) for each in vectors]
    inputs = torch.cat([each.flatten(0, 1) for each in vectors]).unsqueeze(0)
    places = torch.cat([torch.arange(length, device=inputs.device).repeat(texts) for texts, length in shapes])
    states = body(inputs_embeds=inputs, position_ids=places.unsqueeze(0), use_cache=False, packed=shapes)
    parts = states.last_hidden_state[0].split([texts * length for texts, length in shapes])
    return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]


AttentionInterface.register(NAME, attend)
