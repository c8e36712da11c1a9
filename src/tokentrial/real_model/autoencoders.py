"""Autoencoders of a trained token table: codes of fewer dimensions, trained to give the table back.

The encoder is thrown away: what is stored are the codes of all tokens and the decoder. A linear one trained to the
smallest squared error can at best reach the truncated SVD (Baldi and Hornik 1989), so it shows what training loses
against that; with a hidden layer, or trained to the direction of the vectors alone, it is another code.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from tokentrial.real_model.stored import FLOAT, Coded, Part, weights

BATCH = 2048  # rows of a step, drawn by their weights
RATE = 2e-3  # of Adam, falling to zero along a half cosine


def autoencoder(
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    width: int,
    loss: str = "squared",
    hidden: int | None = None,
    steps: int = 1000,
    counted: bool = False,
) -> Coded:
    """x = g(c[i]), the codes c = f(x) those of an autoencoder of the table (V, d).

    loss: ``squared`` error, or ``direction`` (one minus the cosine; a row keeps its length, which is stored). hidden:
    width of a hidden layer with a ReLU on both sides; None for linear maps. counted: rows are drawn by how often their
    token occurs, else uniformly. The start is drawn by Xavier's law, with ``rng``.
    """
    codes, decoder = fitted(table, counts, rng, width, loss, hidden, steps, counted)
    stored, layers = codes.half(), [value.half() for value in decoder]
    parts = [Part(value, FLOAT) for value in (stored, *layers)]
    if loss == "squared":
        return Coded.of(lambda: decoded(stored, layers), parts)
    lengths = table.norm(dim=1, keepdim=True).half()
    return Coded.of(
        lambda: nn.functional.normalize(decoded(stored, layers)) * lengths.float(), [*parts, Part(lengths, FLOAT)]
    )


def decoded(codes: Tensor, decoder: Sequence[Tensor]) -> Tensor:
    """Returns the table (V, d) of codes (V, k) and a decoder's weights and biases, in float32."""
    return apply([value.float() for value in decoder], codes.float())


def fitted(
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    width: int,
    loss: str,
    hidden: int | None,
    steps: int,
    counted: bool,
) -> tuple[Tensor, list[Tensor]]:
    """Returns the codes (V, width) of a trained autoencoder, and its decoder: weight (out, in) and bias of each layer.

    The decoder returns the table at its own scale, or, trained to directions, at any.
    """
    scale = table.square().mean().sqrt()
    rows = table / scale
    encoder, decoder = (_layers(sizes, rng) for sizes in _sizes(table.shape[1], width, hidden))
    chances = (weights(counts) if counted else torch.ones(len(table), dtype=torch.double)).numpy()
    chances = chances / chances.sum()
    optimiser = torch.optim.Adam([*encoder, *decoder], lr=RATE)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        batch = rows[torch.from_numpy(rng.choice(len(rows), min(BATCH, len(rows)), p=chances))]
        found = apply(decoder, apply(encoder, batch))
        if loss == "squared":
            error = (found - batch).square().sum(1).mean()
        else:
            error = 1 - nn.functional.cosine_similarity(found, batch).mean()
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        if loss == "squared":
            decoder[-2:] = [value * scale for value in decoder[-2:]]
        return apply(encoder, rows), [value.detach() for value in decoder]


def _sizes(full: int, width: int, hidden: int | None) -> tuple[list[int], list[int]]:
    """Returns the widths of the layers of encoder and decoder."""
    inside = [] if hidden is None else [hidden]
    return [full, *inside, width], [width, *inside, full]


def _layers(sizes: list[int], rng: np.random.Generator) -> list[Tensor]:
    """Returns weight (out, in) and bias (out,) of each layer."""
    found = []
    for inputs, outputs in pairwise(sizes):
        bound = math.sqrt(6 / (inputs + outputs))
        drawn = rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32)
        found += [torch.from_numpy(drawn).requires_grad_(), torch.zeros(outputs, requires_grad=True)]
    return found


def apply(layers: Sequence[Tensor], values: Tensor) -> Tensor:
    """Returns the layers' output; between two layers stands a ReLU."""
    for place in range(0, len(layers), 2):
        values = nn.functional.linear(values, layers[place], layers[place + 1])
        values = values.relu() if place + 2 < len(layers) else values
    return values
