"""Encodings of a trained token table that see no text but its counts: fewer dimensions, fewer bits, or both.

Every function takes a table (V, d) float32, token counts (V,) of a training text and a random generator, and returns a
:class:`~tokentrial.real_model.stored.Coded`. Real numbers are stored as float16 and decoded from what is stored, so
bits by count are those of the numbers that the model sees.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tokentrial.encoders.layouts import Categories, assign, ranking
from tokentrial.encoders.product_quantised import kmeans, nearest
from tokentrial.real_model.autoencoders import autoencoder
from tokentrial.real_model.stored import FLOAT, Coded, Part, half, weights
from tokentrial.real_model.tensor_train import tensor_train

CENTROIDS = 256  # of a group of product quantisation: a code is a byte
SAMPLED = 8192  # rows from which the centroids are made
ENDS = (0.80, 0.95)  # shares of the text at which document 003 ends its bands


def plain(table: Tensor, counts: Tensor, rng: np.random.Generator) -> Coded:
    """The table as it is, in float16."""
    return Coded(half(table), [Part(table.half(), FLOAT)])


def svd(table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, counted: bool = False) -> Coded:
    """x = c[i] W of the smallest squared error (Eckart and Young 1936); counted: weighted by how often tokens occur.

    The best linear autoencoder has the same reconstruction.
    """
    codes, lift = factors(table, weights(counts) if counted else None, width)
    return Coded(codes.float() @ lift.float(), [Part(codes, FLOAT), Part(lift, FLOAT)])


def factors(table: Tensor, weight: Tensor | None, width: int) -> tuple[Tensor, Tensor]:
    """Returns codes (V, k) and lift (k, d) in float16; with weights (V,), every row's error counts by its weight.

    With D the roots of the weights, the best D X of rank k is D E V V', V the first right singular vectors of D E.
    """
    exact = table.double()
    gram = exact.T @ (exact if weight is None else exact * weight.unsqueeze(1))  # (d, d)
    vectors = torch.linalg.eigh(gram).eigenvectors[:, -width:].flip(1)  # (d, k), the largest first
    return (exact @ vectors).half(), vectors.T.contiguous().half()


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
    return Coded(dequantise(codes, scales), [Part(codes, bits), Part(scales, FLOAT)])


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


def product(table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, counted: bool = False) -> Coded:
    """Product quantisation (Jegou et al. 2011): a byte for each ``width`` numbers, 256 centroids a group by k-means.

    The centroids are those of a sample of rows, drawn uniformly, or by how often tokens occur.
    """
    chances = weights(counts).numpy() if counted else np.ones(len(table))
    sample = rng.choice(len(table), min(SAMPLED, len(table)), replace=False, p=chances / chances.sum())
    centroids, codes = [], []
    for column in torch.split(table, width, dim=1):
        found = half(kmeans(column[torch.from_numpy(sample)].contiguous(), min(CENTROIDS, len(sample)), rng)[1])
        codes.append(nearest(column.contiguous(), found)[0])
        centroids.append(found)
    decoded = torch.cat([found[code] for found, code in zip(centroids, codes, strict=True)], 1)
    stored = torch.stack(codes, 1).to(torch.uint8)
    return Coded(decoded, [Part(stored, 8), Part(torch.stack(centroids).half(), FLOAT)])


def additive(table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, stages: int) -> Coded:
    """A sum of product codes, each of what the ones before left (residual quantisation, Chen et al. 2010)."""
    decoded, parts = torch.zeros_like(table), list[Part]()
    for _ in range(stages):
        stage = product(table - decoded, counts, rng, width)
        decoded, parts = decoded + stage.table, [*parts, *stage.parts]
    return Coded(decoded, parts)


def residual(
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    width: int,
    bits: int,
    clip: float | None = None,
    group: int | None = None,
    counted: bool = False,
) -> Coded:
    """The SVD of ``width`` dimensions, and what it leaves in ``bits`` bits (as :func:`integers`)."""
    low = svd(table, counts, rng, width, counted)
    rest = integers(table - low.table, counts, rng, bits, clip, group)
    return Coded(low.table + rest.table, [*low.parts, *rest.parts])


def banded_widths(table: Tensor, counts: Tensor, rng: np.random.Generator, widths: Sequence[int], order: str) -> Coded:
    """Document 003: bands of tokens by frequency, each with its own width, codes and lift.

    order: which tokens the widths go to, see :func:`bands_of`; ``uniform``: one width for all tokens, the largest that
    takes no more numbers. Errors are weighted by counts, as in :func:`svd`.
    """
    bands = bands_of(counts, order, rng)
    if order == "uniform":
        sizes = [int((bands == band).sum()) for band in range(len(widths))]
        numbers = sum((rows + table.shape[1]) * width for rows, width in zip(sizes, widths, strict=True))
        return svd(table, counts, rng, numbers // sum(table.shape), counted=True)
    decoded, parts = torch.empty_like(table), list[Part]()
    for band, width in enumerate(widths):
        rows = torch.nonzero(bands == band).flatten()
        of_band = svd(table[rows], counts[rows], rng, min(width, len(rows)), counted=True)
        decoded[rows] = of_band.table
        parts += of_band.parts
    return Coded(decoded, parts)


def banded_bits(
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    levels: Sequence[int],
    order: str,
    clip: float | None = None,
) -> Coded:
    """Bands of tokens by frequency, each with its own number of bits (as :func:`integers`)."""
    bands = bands_of(counts, order, rng)
    decoded, parts = torch.empty_like(table), list[Part]()
    for band, bits in enumerate(levels):
        rows = torch.nonzero(bands == band).flatten()
        of_band = integers(table[rows], counts[rows], rng, bits, clip)
        decoded[rows] = of_band.table
        parts += of_band.parts
    return Coded(decoded, parts)


def bands_of(counts: Tensor, order: str, rng: np.random.Generator) -> Tensor:
    """Returns the band (V,) of each token: the most frequent ones with 80 % of the text, with the next 15 %, the rest.

    order: ``frequency``; ``permuted`` and ``reversed`` give bands of the same sizes to random tokens, and the first
    bands to the rarest ones.
    """
    values = counts.numpy()
    sizes = Categories("cumulative", ENDS).sizes(values)
    ranked = ranking(values)
    if order == "permuted":
        ranked = rng.permutation(len(values))
    elif order == "reversed":
        ranked = ranked[::-1].copy()
    return torch.from_numpy(assign(ranked, sizes))


CODES: dict[str, Callable[..., Coded]] = {
    each.__name__: each
    for each in (
        *(plain, svd, autoencoder, tensor_train, integers, product, additive, residual, banded_widths, banded_bits),
    )
}


def encode(options: Mapping[str, Any], table: Tensor, counts: Tensor, rng: np.random.Generator) -> Coded:
    """Returns a table encoded as an entry of the config says: ``code``, and the options of that function."""
    return CODES[options["code"]](
        table, counts, rng, **{name: value for name, value in options.items() if name != "code"}
    )
