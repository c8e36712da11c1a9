"""A trained token table in whole numbers of few bits, rounded number by number, or with each error made up for."""

import numpy as np
import torch
from torch import Tensor

from tokentrial.real_model.stored import FLOAT, Coded, Part, weights

DAMPING = 0.01  # of the mean of the diagonal, added to the second moments (Frantar et al. 2023, section 3.3)
BLOCK = 64  # columns whose errors are carried over together


def integers(
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    bits: int,
    clip: float | None = None,
    group: int | None = None,
) -> Coded:
    """x = scale * code, codes in +-m, m = 2^(b-1) - 1, a scale for each row or each ``group`` numbers of a row.

    The largest code stands for the largest magnitude, or for ``clip`` standard deviations if these are less.
    """
    codes, scales = quantise(table, bits, clip, group)
    return Coded.of(lambda: dequantise(codes, scales), [Part(codes, bits), Part(scales, FLOAT)])


def quantise(table: Tensor, bits: int, clip: float | None, group: int | None) -> tuple[Tensor, Tensor]:
    """Returns codes (V, G, d / G) int8 and scales (V, G, 1) float16 of a table (V, d)."""
    rows, most = table.view(len(table), -1, group or table.shape[1]), 2 ** (bits - 1) - 1
    reach = rows.abs().amax(-1, keepdim=True)
    if clip is not None:
        reach = torch.minimum(reach, clip * rows.std(-1, correction=0, keepdim=True))
    scales = (reach / most).half()
    divisors = torch.where(scales == 0, torch.ones_like(scales), scales).float()
    return (rows / divisors).round().clamp(-most, most).to(torch.int8), scales


def dequantise(codes: Tensor, scales: Tensor) -> Tensor:
    """Returns the table (V, d) of codes (V, G, g) and scales (V, G, 1)."""
    return (codes.float() * scales.float()).flatten(1)


def compensated(
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    bits: int,
    clip: float | None = None,
    group: int | None = None,
    by: Tensor | None = None,
) -> Coded:
    """As :func:`integers`, but every rounding error is made up for by the numbers of the row that are not rounded yet.

    This is GPTQ (Frantar et al. 2023, algorithm 1) for a table: the errors E of the rows are weighed by E H E'. by: H,
    (d, d); if missing, the second moments of the vectors that enter the model, by how often tokens occur, with which a
    row keeps its products with the vectors of the text. Scales are those of the table before any rounding.
    """
    scales = quantise(table, bits, clip, group)[1]  # (V, G, 1)
    upper = _carried(input_moments(table, counts) if by is None else by).float()  # (d, d)
    most, size = 2 ** (bits - 1) - 1, group or table.shape[1]
    steps = scales.float().squeeze(-1).T.contiguous()  # (G, V)
    divisors = torch.where(steps == 0, torch.ones_like(steps), steps)
    rest, codes = table.T.contiguous(), torch.empty(table.shape[1], len(table), dtype=torch.int8)  # (d, V) each
    for start in range(0, len(rest), BLOCK):
        end = min(start + BLOCK, len(rest))
        errors = torch.empty(end - start, len(table))
        for column in range(start, end):
            place = column // size
            codes[column] = (rest[column] / divisors[place]).round().clamp(-most, most)
            error = (rest[column] - codes[column] * steps[place]) / upper[column, column]
            rest[column + 1 : end].addr_(upper[column, column + 1 : end], error, alpha=-1)
            errors[column - start] = error
        rest[end:].addmm_(upper[start:end, end:].T, errors, alpha=-1)
    stored = codes.T.reshape(len(table), -1, size)
    return Coded.of(lambda: dequantise(stored, scales), [Part(stored, bits), Part(scales, FLOAT)])


def input_moments(table: Tensor, counts: Tensor) -> Tensor:
    """Returns the second moments (d, d) of the table's vectors, by how often tokens occur."""
    exact, share = table.double(), weights(counts)
    return exact.T @ (exact * (share / share.sum()).unsqueeze(1))


def _carried(moments: Tensor) -> Tensor:
    """Returns the upper factor U (d, d), U' U the inverse of the damped moments."""
    damped = moments + DAMPING * moments.diagonal().mean() * torch.eye(len(moments), dtype=moments.dtype)
    upper: Tensor = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    return upper
