"""The tensor-train code of a token table (Oseledets 2011; Hrinchuk et al. 2020 for tables of embeddings)."""

import math

import numpy as np
import torch
from torch import Tensor

from tokentrial.real_model.stored import FLOAT, Coded, Part

CORES = 3


def tensor_train(table: Tensor, counts: Tensor, rng: np.random.Generator, rank: int) -> Coded:
    """x as a product of three small tensors, found by truncated SVDs (TT-SVD, Oseledets 2011, algorithm 1).

    A token's number and a dimension's are written in mixed radix, V <= v1 v2 v3 and d = d1 d2 d3; core k is of shape
    (r, vk, dk, r), with ``rank`` the largest r. Rows that fill up the last digit are zeros.
    """
    digits, parts = _digits(len(table)), _factors(table.shape[1])
    padded = torch.zeros(math.prod(digits), table.shape[1])
    padded[: len(table)] = table
    # (v1, v2, v3, d1, d2, d3) -> (v1 d1, v2 d2, v3 d3)
    rest = padded.view(*digits, *parts).permute(0, 3, 1, 4, 2, 5).contiguous()
    cores, left = list[Tensor](), 1
    for v, d in zip(digits[:-1], parts[:-1], strict=True):
        rest = rest.reshape(left * v * d, -1)
        kept = min(rank, *rest.shape)
        vectors, values, others = torch.linalg.svd(rest, full_matrices=False)
        cores.append(vectors[:, :kept].reshape(left, v, d, kept).half())
        rest, left = values[:kept].unsqueeze(1) * others[:kept], kept
    cores.append(rest.view(left, digits[-1], parts[-1], 1).half())
    return Coded(_decoded(cores)[: len(table)].contiguous(), [Part(core, FLOAT) for core in cores])


def numbers(rank: int, tokens: int, width: int) -> int:
    """Returns how many numbers the tensors of a table (V, d) have in all, for the largest rank."""
    left, total = 1, 0
    rows = [v * d for v, d in zip(_digits(tokens), _factors(width), strict=True)]
    for place, row in enumerate(rows):
        kept = min(rank, left * row, math.prod(rows[place + 1 :])) if place < CORES - 1 else 1
        total, left = total + left * row * kept, kept
    return total


def _decoded(cores: list[Tensor]) -> Tensor:
    """Returns the table (v1 v2 v3, d1 d2 d3) of cores (r, vk, dk, r)."""
    found = cores[0].float().squeeze(0)  # (v1, d1, r)
    for core in cores[1:]:
        found = torch.einsum("vdr,rwes->vwdes", found, core.float()).flatten(2, 3).flatten(0, 1)
    return found.squeeze(-1)


def _digits(tokens: int) -> list[int]:
    """Returns three sizes with the least product that holds all tokens, as alike as they can be."""
    side = math.ceil(round(tokens ** (1 / CORES), 9))
    triples = [
        [first, second, -(-tokens // (first * second))]
        for first in range(1, side + 1)
        for second in range(first, 2 * side + 1)
        if second <= -(-tokens // (first * second)) <= 2 * side
    ]
    return min([*triples, [side] * CORES], key=lambda sizes: (math.prod(sizes), sum(sizes)))


def _factors(width: int) -> list[int]:
    """Returns three factors of a width, as alike as they can be."""
    triples = [
        [first, second, width // (first * second)]
        for first in range(1, width + 1)
        if width % first == 0
        for second in range(first, width // first + 1)
        if width // first % second == 0 and width // (first * second) >= second
    ]
    return min(triples, key=sum)
