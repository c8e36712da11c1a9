"""The tensor-train code of a token table (Oseledets 2011; Hrinchuk et al. 2020 for tables of embeddings)."""

import math

import numpy as np
from torch import Tensor

from tokentrial.encoders.tensor_train import cores, decoded, digits, factors, ranks
from tokentrial.real_model.stored import FLOAT, Coded, Part


def tensor_train(table: Tensor, counts: Tensor, rng: np.random.Generator, rank: int) -> Coded:
    """x as a product of three small tensors, found by truncated SVDs (see encoders.tensor_train.cores)."""
    stored = [core.half() for core in cores(table, rank)]
    return Coded.of(lambda: decoded(stored)[: len(table)].contiguous(), [Part(core, FLOAT) for core in stored])


def numbers(rank: int, tokens: int, width: int) -> int:
    """Returns how many numbers the tensors of a table (V, d) have in all, for the largest rank."""
    sizes, parts = digits(tokens), factors(width)
    between = ranks(rank, sizes, parts)
    return sum(math.prod(shape) for shape in zip(between[:-1], sizes, parts, between[1:], strict=True))
