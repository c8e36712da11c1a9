"""The released "Initial" model: layout -> one post-norm encoder layer -> linear, every seed with its own weights.

The layer equals torch.nn.TransformerEncoderLayer (tested), without mask or positions, with seeds as the first axis.
Dropout masks come from one stream per seed, so they do not depend on which seeds train together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tokentrial.encoders.base import Parameters
from tokentrial.released.bespoke.layouts import Layout
from tokentrial.released.bespoke.models import layer_norm, layout_weights, project
from tokentrial.released.bespoke.text import IntArray
from tokentrial.released.bespoke.weights import Weights
from tokentrial.seeds import stream

RATE = 0.1  # of dropout, torch's default


class Dropout:
    """Dropout with one stream per seed; successive calls take successive numbers from the stream."""

    def __init__(self, seed: int, name: str, replicates: Sequence[int]) -> None:
        self.streams = [stream(seed, "bespoke", name, "dropout", k) for k in replicates]

    def __call__(self, values: Tensor) -> Tensor:
        """Returns values (S, ...) with a tenth of them set to 0 and the others divided by 0.9."""
        keep = [generator.random(values.shape[1:], dtype=np.float32) >= RATE for generator in self.streams]
        return values * (torch.from_numpy(np.stack(keep)) / (1.0 - RATE))


@dataclass(frozen=True)
class TransformerModel:
    """The released model. Weights are stored as inputs x outputs, (S, fan_in, fan_out); torch stores the transpose."""

    layout: Layout
    vocab_size: int
    heads: int
    feed_forward: int

    def initial(self, weights: Weights) -> Parameters:
        """Draws all weights as torch does: attention's input map Xavier-uniform with zero bias, its output bias 0."""
        width = self.layout.width
        parameters = layout_weights(self.layout, weights)
        xavier = math.sqrt(6.0 / (width + 3 * width))  # one matrix of 3 D x D
        parameters["attention.weight"] = weights.uniform("attention.weight", xavier, width, 3 * width)
        parameters["attention.bias"] = torch.zeros(len(weights.replicates), 3 * width)
        parameters |= weights.linear("mix", width, width, bias=False)
        parameters["mix.bias"] = torch.zeros(len(weights.replicates), width)
        parameters |= weights.norm("norm1", width) | weights.norm("norm2", width)
        parameters |= weights.linear("expand", width, self.feed_forward, bias=True)
        parameters |= weights.linear("contract", self.feed_forward, width, bias=True)
        return parameters | weights.linear("head", width, self.vocab_size, bias=True)

    def encode(self, tokens: IntArray) -> Tensor:
        """Returns rows of all bands, numbered through the seeds, (S, ..., L), for token ids (S, ..., L)."""
        replicates = len(tokens)
        slots = self.layout.slots[np.arange(replicates)[:, None], tokens.reshape(replicates, -1)]
        return torch.from_numpy((slots + np.arange(replicates)[:, None] * self.layout.rows).reshape(tokens.shape))

    def logits(self, parameters: Parameters, rows: Tensor, dropout: Dropout | None) -> Tensor:
        """Returns logits (S, B, L, V) of encoded windows (S, B, L); dropout is None in evaluation."""
        replicates, batch, length = rows.shape
        values = functional.embedding(rows.flatten(), self._vectors(parameters).flatten(0, 1))
        values = values.view(replicates, batch * length, -1)  # S, B * L, D

        def drop(contracted: Tensor) -> Tensor:
            return contracted if dropout is None else dropout(contracted)

        mixed = self._attend(parameters, values, batch, length, drop_weights=dropout)
        values = layer_norm(values + drop(mixed), parameters["norm1.weight"], parameters["norm1.bias"])
        wide = drop(functional.relu(linear(parameters, "expand", values)))
        contracted = drop(linear(parameters, "contract", wide))
        values = layer_norm(values + contracted, parameters["norm2.weight"], parameters["norm2.bias"])
        return linear(parameters, "head", values).view(replicates, batch, length, -1)

    def _vectors(self, parameters: Parameters) -> Tensor:
        """Returns every row at width D, (S, rows, D)."""
        bands = self.layout.bands
        return torch.cat([project(self.layout, b, parameters, parameters[f"{b.name}.table"], None) for b in bands], 1)

    def _attend(
        self, parameters: Parameters, values: Tensor, batch: int, length: int, drop_weights: Dropout | None
    ) -> Tensor:
        """Multi-head attention over each window, (S, B * L, D)."""
        replicates, _, width = values.shape
        head = width // self.heads
        joint = linear(parameters, "attention", values).view(replicates, batch, length, 3, self.heads, head)
        query, key, value = joint.permute(3, 0, 1, 4, 2, 5).reshape(3, -1, length, head)  # S * B * heads, L, head
        weights = torch.bmm(query, key.transpose(1, 2)).mul(1.0 / math.sqrt(head)).softmax(dim=-1)
        if drop_weights is not None:
            weights = drop_weights(weights.view(replicates, -1, length, length)).view(-1, length, length)
        mixed = torch.bmm(weights, value).view(replicates, batch, self.heads, length, head)
        return linear(parameters, "mix", mixed.transpose(2, 3).reshape(replicates, batch * length, width))


def linear(parameters: Parameters, name: str, values: Tensor) -> Tensor:
    """Maps values (S, N, fan_in) -> (S, N, fan_out), each seed by its own map."""
    return torch.baddbmm(parameters[f"{name}.bias"][:, None], values, parameters[f"{name}.weight"])
