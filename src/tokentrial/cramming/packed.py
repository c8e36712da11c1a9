"""Texts of several lengths in one pass through a body: end to end, each attending only to itself.

For small models, the fixed cost of a pass is that of some hundred positions. All layers but attention work position by
position, so texts of any length can share a pass. The attention function here, registered with transformers, handles
each length separately. Nothing is padded.

Shapes: B texts of L positions, T positions of all texts, H heads of width w.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

NAME = "tokentrial_packed"
MODELS = ("llama", "gpt_neox")  # their attention is causal, has no window, and gets the arguments of the body's call


def install(model: PreTrainedModel) -> bool:
    """Makes a model use :func:`attend`, if its architecture allows this; returns whether it does."""
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
    """Returns the causal attention (B, L, H, w) of query, key and value (B, H, L, w).

    packed: (number of texts, length) for texts that lie end to end in query, key and value (1, H, T, w), in order.
    """
    if packed is None:
        return _causal(query, key, value, scaling), None
    sizes = [texts * length for texts, length in packed]
    parts = zip(*(torch.split(each[0], sizes, 1) for each in (query, key, value)), strict=True)
    outputs = []
    for shape, of_length in zip(packed, parts, strict=True):
        q, k, v = (part.unflatten(1, shape).transpose(0, 1) for part in of_length)
        outputs.append(_causal(q, k, v, scaling).flatten(0, 1))
    return torch.cat(outputs).unsqueeze(0), None


def _causal(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    if query.shape[2] == 1 < key.shape[2]:  # the newest position of a text in a key-value cache sees all
        return scaled_dot_product_attention(query, key, value, scale=scaling).transpose(1, 2).contiguous()
    return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling).transpose(1, 2).contiguous()


def hidden(body: nn.Module, vectors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the hidden states (B, L, h) of each entry of ``vectors`` (B, L, d), in one pass."""
    shapes = [(len(each), each.shape[1]) for each in vectors]
    inputs = torch.cat([each.flatten(0, 1) for each in vectors]).unsqueeze(0)
    positions = torch.cat([torch.arange(length, device=inputs.device).repeat(texts) for texts, length in shapes])
    states = body(inputs_embeds=inputs, position_ids=positions.unsqueeze(0), use_cache=False, packed=shapes)
    parts = states.last_hidden_state[0].split([texts * length for texts, length in shapes])
    return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]


AttentionInterface.register(NAME, attend)
