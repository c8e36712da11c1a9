"""Parameters of a code that are near to a given table: where training goes on from after a table is replaced.

The closed forms are those of the encoders; the others are least squares, one factor at a time with the others fixed.
Each step can only lower the squared error, so a fit never ends worse than it began. Tables are (V, D), float32 results.
"""

import torch
from torch import Tensor

from tokentrial.encoders.layouts import Band, Layout
from tokentrial.encoders.options import whole_number
from tokentrial.encoders.svd import low_rank

ROUNDS = 10
"""Rounds of alternating least squares; the error falls little after a few."""
RIDGE = 1e-6
"""Share of the mean squared factor that is added to the normal equations: rows that no token uses stay defined."""


def ranked(table: Tensor, rank: int, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Returns factors (V, rank), (rank, D) with the least squared error, rows weighted by counts if there are any."""
    rank = whole_number("embeddings", "width", rank, 1, table.shape[1])
    weights = torch.ones(len(table)) if counts is None else counts.clamp_min(1)
    return low_rank(table, weights.to(table.device), rank)


def quotient_remainder(table: Tensor, buckets: int, combine: str) -> tuple[Tensor, Tensor]:
    """Returns Q (ceil(V/m), D) and R (m, D) whose product or sum is near to the table."""
    target, ids = table.double(), torch.arange(len(table), device=table.device)
    of_q, of_r = ids // buckets, ids % buckets
    quotient = _means(target, of_q, -(-len(table) // buckets))
    remainder = torch.ones(buckets, table.shape[1], dtype=target.dtype, device=table.device)
    remainder *= combine == "multiply"
    for _ in range(ROUNDS):
        if combine == "add":
            remainder = _means(target - quotient[of_q], of_r, len(remainder))
            quotient = _means(target - remainder[of_r], of_q, len(quotient))
        else:
            remainder = _scales(target, quotient[of_q], of_r, remainder)
            quotient = _scales(target, remainder[of_r], of_q, quotient)
    return quotient.float(), remainder.float()


def hashed(table: Tensor, weights: Tensor, rows: Tensor, buckets: int) -> tuple[Tensor, Tensor]:
    """Returns the pool (B, D) and importance weights (V, k) whose sums are near to the table.

    weights (V, k): where to start; rows (V, k): the pool's rows of each token.
    """
    target, importance = table.double(), weights.double()
    pool = torch.zeros(buckets, table.shape[1], dtype=target.dtype, device=table.device)
    for _ in range(ROUNDS):
        mixed = torch.zeros(len(table), buckets, dtype=target.dtype, device=table.device)
        mixed.scatter_add_(1, rows, importance)
        pool = _solved(mixed.mT @ mixed, mixed.mT @ target)
        chosen = pool[rows]  # (V, k, D)
        importance = _solved(chosen @ chosen.mT, chosen @ target.unsqueeze(-1)).squeeze(-1)
    return pool.float(), importance.float()


def banded(table: Tensor, layout: Layout, index: Tensor) -> dict[str, Tensor]:
    """Returns tables and maps of a layout near to a table; index (V,): each token's row in the bands' stacked tables.

    A band that has a map of its own has its own directions; those of a shared map are the whole table's.
    """
    starts = [0]
    for band in layout.bands:
        starts.append(starts[-1] + band.rows)
    parts: dict[str, Tensor] = {}
    shared = [band.width for band in layout.bands if band.reach == "shared"]
    directions = _directions(table, max(shared)) if shared else None
    if directions is not None:
        parts["projection"] = directions
    for number, band in enumerate(layout.bands):
        tokens = ((index >= starts[number]) & (index < starts[number + 1])).nonzero().squeeze(1)
        targets = _means(table[tokens].double(), index[tokens] - starts[number], band.rows).float()
        own = _directions(targets, band.width) if band.reach == "own" else directions
        parts |= _band(number, band, targets, own)
    return parts


def _band(number: int, band: Band, targets: Tensor, directions: Tensor | None) -> dict[str, Tensor]:
    if band.reach == "direct" or directions is None:
        return {f"table_{number}": targets}
    parts = {f"table_{number}": targets @ directions[: band.width].mT}
    if band.reach == "own":
        parts[f"projection_{number}"] = directions
    if band.bias:
        parts[f"bias_{number}"] = torch.zeros(1, targets.shape[1], device=targets.device)
    return parts


def _directions(table: Tensor, width: int) -> Tensor:
    """Returns (width, D): orthonormal rows, the table's leading directions first; rows beyond D are zero."""
    kept = min(width, table.shape[1])
    _, directions = ranked(table, kept)
    return torch.nn.functional.pad(directions, (0, 0, 0, width - kept))


def _means(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Returns the mean (count, D) of the values (N, D) of each group; 0 for a group without any."""
    sums = torch.zeros(count, values.shape[1], dtype=values.dtype, device=values.device)
    sums.index_add_(0, groups, values)
    return sums / torch.bincount(groups, minlength=count).clamp_min(1).unsqueeze(1)


def _scales(target: Tensor, factor: Tensor, groups: Tensor, before: Tensor) -> Tensor:
    """Returns x (count, D) that minimises sum (target - factor x[group])^2; entries without a factor stay as before."""
    upper, lower = torch.zeros_like(before), torch.zeros_like(before)
    upper.index_add_(0, groups, target * factor)
    lower.index_add_(0, groups, factor.square())
    return torch.where(lower > 0, upper / lower.clamp_min(torch.finfo(lower.dtype).tiny), before)


def _solved(gram: Tensor, right: Tensor) -> Tensor:
    """Solves the normal equations (..., n, n) x = (..., n, d) with a small ridge."""
    size = gram.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(torch.finfo(gram.dtype).tiny)
    ridge = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device) * (RIDGE * size)[..., None, None]
    solved: Tensor = torch.linalg.solve(gram + ridge, right)
    return solved
