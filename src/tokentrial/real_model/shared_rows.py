"""Token tables of which tokens share rows: hash embeddings and quotient-remainder tables, fitted by least squares.

Errors are weighted by token counts. Both codes are products of two factors, so the factors take turns: with the others
fixed, each has the smallest squared error in closed form.
"""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tokentrial.real_model.stored import FLOAT, Coded, Part, weights

PRIME = 2**31 - 1  # above any token id, and small enough that a * i + b stays exact in 64 bits
ROUNDS = 5  # turns of the factors of a hash embedding
TURNS = 20  # of quotients and remainders
SOLVER = 20  # steps of conjugate gradients in a round
FLOOR = 1e-6  # share of the mean of the diagonal that is added to it, since buckets may be empty


def hashed(table: Tensor, counts: Tensor, rng: np.random.Generator, buckets: int, hashes: int = 2) -> Coded:
    """x = sum_j w[i, j] P[h_j(i)], with the weights w of each token and a pool P of ``buckets`` rows (Svenstrup 2017).

    The hash functions are those of Carter and Wegman, as in encoders.hashed; their few numbers are not counted.
    """
    factors, offsets = rng.integers([[1], [0]], PRIME, size=(2, hashes))
    rows = (np.arange(len(table))[:, None] * factors + offsets) % PRIME % buckets  # (V, k)
    share = (weights(counts) / weights(counts).sum()).numpy()
    importance = rng.choice([-1.0, 1.0], rows.shape)
    exact = table.double().numpy()
    pool = np.zeros((buckets, table.shape[1]))
    for _ in range(ROUNDS):
        pool = _pool(exact, rows, importance, share, pool)
        importance = _importance(exact, pool[rows])
    stored = torch.from_numpy(pool).half()
    importance = _importance(exact, stored.double().numpy()[rows])
    parts = [Part(stored, FLOAT), Part(torch.from_numpy(importance).half(), FLOAT)]
    places = torch.from_numpy(rows)

    def decode() -> Tensor:
        summed = torch.zeros(table.shape)
        for column, strength in zip(places.T, parts[1].values.float().T, strict=True):
            summed += stored.float()[column] * strength.unsqueeze(1)
        return summed

    return Coded.of(decode, parts)


def _pool(
    table: np.ndarray, rows: np.ndarray, importance: np.ndarray, share: np.ndarray, pool: np.ndarray
) -> np.ndarray:
    """Returns the pool (B, d) of the smallest error for weights (V, k), by conjugate gradients from a pool."""
    places = np.repeat(np.arange(len(rows)), rows.shape[1]), rows.ravel()
    mixing = sparse.csr_matrix((importance.ravel(), places), shape=(len(rows), len(pool)))
    weighed = mixing.multiply(share[:, None]).tocsr()
    normal = (mixing.T @ weighed).tocsr()
    normal = normal + FLOOR * normal.diagonal().mean() * sparse.identity(len(pool), format="csr")
    scale = 1 / normal.diagonal()[:, None]
    left = weighed.T @ table - normal @ pool
    ready = scale * left
    direction, length = ready, (left * ready).sum(0)
    for _ in range(SOLVER):
        turned = normal @ direction
        step = length / np.maximum((direction * turned).sum(0), np.finfo(float).tiny)
        pool, left = pool + step * direction, left - step * turned
        ready = scale * left
        before, length = length, (left * ready).sum(0)
        direction = ready + length / np.maximum(before, np.finfo(float).tiny) * direction
    return pool


def _importance(table: np.ndarray, of_rows: np.ndarray) -> np.ndarray:
    """Returns each token's weights (V, k) of the smallest error for its rows of the pool (V, k, d)."""
    gram = of_rows @ of_rows.transpose(0, 2, 1)  # (V, k, k)
    diagonal = np.trace(gram, axis1=1, axis2=2)[:, None, None] / gram.shape[1]
    gram = gram + (FLOOR * diagonal + np.finfo(np.float32).tiny) * np.eye(gram.shape[1])
    return np.linalg.solve(gram, of_rows @ table[:, :, None])[:, :, 0]


def quotient_remainder(
    table: Tensor, counts: Tensor, rng: np.random.Generator, buckets: int, combine: str = "multiply"
) -> Coded:
    """x = Q[i div m] * R[i mod m], or their sum, with m = ``buckets`` rows of R (Shi et al. 2019, section 2)."""
    ids = torch.arange(len(table))
    quotients, remainders = ids // buckets, ids % buckets
    share = (weights(counts) / weights(counts).sum()).unsqueeze(1)
    exact, added = table.double(), combine == "add"
    drawn = torch.from_numpy(rng.standard_normal((buckets, table.shape[1])))
    second = torch.zeros_like(drawn) if added else drawn
    first = torch.empty(0)
    for _ in range(TURNS):
        first = _best(exact, quotients, second[remainders], share, added)
        second = _best(exact, remainders, first[quotients], share, added)
    stored = first.half(), second.half()

    def decode() -> Tensor:
        of_quotient, of_remainder = stored[0].float()[quotients], stored[1].float()[remainders]
        return of_quotient + of_remainder if added else of_quotient * of_remainder

    return Coded.of(decode, [Part(each, FLOAT) for each in stored])


def _best(table: Tensor, rows: Tensor, others: Tensor, share: Tensor, added: bool) -> Tensor:
    """Returns one factor (n, d), of which token i has row ``rows[i]``, for the other factor's vectors (V, d)."""
    wanted = (table - others) * share if added else table * others * share
    weight = share.expand_as(table) if added else others.square() * share
    count = int(rows.max()) + 1
    summed, total = (torch.zeros(count, table.shape[1]).double().index_add_(0, rows, each) for each in (wanted, weight))
    return summed / total.clamp_min(1e-30)
