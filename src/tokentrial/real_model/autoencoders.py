"""Autoencoders of a trained token table: codes of fewer dimensions, trained to give the table back.

The encoder is thrown away: what is stored are the codes of all tokens and the decoder. A linear one trained to the
smallest squared error can at best reach the truncated SVD (Baldi and Hornik 1989), so it shows what training loses
against that; with a hidden layer, or trained to the direction of the vectors alone, it is another code.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from tokentrial.real_model.stored import FLOAT, Coded, Part, half, weights

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
    scale = table.square().mean().sqrt()
    rows = table / scale
    encoder, decoder = (_layers(sizes, rng) for sizes in _sizes(table.shape[1], width, hidden))
    chances = (weights(counts) if counted else torch.ones(len(table), dtype=torch.double)).numpy()
    chances = chances / chances.sum()
    optimiser = torch.optim.Adam([*encoder, *decoder], lr=RATE)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        batch = rows[torch.from_numpy(rng.choice(len(rows), min(BATCH, len(rows)), p=chances))]
        found = _apply(decoder, _apply(encoder, batch))
        if loss == "squared":
            error = (found - batch).square().sum(1).mean()
        else:
            error = 1 - nn.functional.cosine_similarity(found, batch).mean()
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        codes = _apply(encoder, rows).half()
        if loss == "squared":
            decoder[-2:] = [value * scale for value in decoder[-2:]]
        decoded = _apply([half(value) for value in decoder], codes.float())
        parts = [Part(codes, FLOAT), *(Part(value.half(), FLOAT) for value in decoder)]
        if loss == "direction":
            lengths = table.norm(dim=1, keepdim=True).half()
            decoded = nn.functional.normalize(decoded) * lengths.float()
            parts.append(Part(lengths, FLOAT))
    return Coded(decoded, parts)


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


def _apply(layers: list[Tensor], values: Tensor) -> Tensor:
    """Returns the layers' output; between two layers stands a ReLU."""
    for place in range(0, len(layers), 2):
        values = nn.functional.linear(values, layers[place], layers[place + 1])
        values = values.relu() if place + 2 < len(layers) else values
    return values
