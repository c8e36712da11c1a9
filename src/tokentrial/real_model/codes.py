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
from tokentrial.real_model.integers import compensated, integers
from tokentrial.real_model.shared_rows import hashed, quotient_remainder
from tokentrial.real_model.stored import FLOAT, Coded, Part, half, weights
from tokentrial.real_model.tensor_train import tensor_train

CENTROIDS = 256  # of a group of product quantisation: a code is a byte
SAMPLED = 8192  # rows from which the centroids are made
ENDS = (0.80, 0.95)  # shares of the text at which document 003 ends its bands


def plain(table: Tensor, counts: Tensor, rng: np.random.Generator) -> Coded:
    """The table as it is, in float16."""
    stored = table.half()
    return Coded.of(stored.float, [Part(stored, FLOAT)])


def svd(table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, counted: bool = False) -> Coded:
    """x = c[i] W of the smallest squared error (Eckart and Young 1936); counted: weighted by how often tokens occur.

    The best linear autoencoder has the same reconstruction.
    """
    codes, lift = factors(table, weights(counts) if counted else None, width)
    return Coded.of(lambda: codes.float() @ lift.float(), [Part(codes, FLOAT), Part(lift, FLOAT)])


def factors(table: Tensor, weight: Tensor | None, width: int) -> tuple[Tensor, Tensor]:
    """Returns codes (V, k) and lift (k, d) in float16; with weights (V,), every row's error counts by its weight.

    With D the roots of the weights, the best D X of rank k is D E V V', V the first right singular vectors of D E.
    """
    exact = table.double()
    gram = exact.T @ (exact if weight is None else exact * weight.unsqueeze(1))  # (d, d)
    vectors = torch.linalg.eigh(gram).eigenvectors[:, -width:].flip(1)  # (d, k), the largest first
    return (exact @ vectors).half(), vectors.T.contiguous().half()


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
    return of_centroids(torch.stack(codes, 1).to(torch.uint8), torch.stack(centroids).half())


def of_centroids(codes: Tensor, centroids: Tensor) -> Coded:
    """Returns the table whose rows are centroids side by side; codes (V, G) uint8, centroids (G, K, d / G) float16."""

    def decode() -> Tensor:
        groups = zip(centroids.float(), codes.T.long(), strict=True)
        return torch.cat([of_group[code] for of_group, code in groups], 1)

    return Coded.of(decode, [Part(codes, 8), Part(centroids, FLOAT)])


def additive(table: Tensor, counts: Tensor, rng: np.random.Generator, width: int, stages: int) -> Coded:
    """A sum of product codes, each of what the ones before left (residual quantisation, Chen et al. 2010)."""
    rest, codes = table, list[Coded]()
    for _ in range(stages):
        codes.append(product(rest, counts, rng, width))
        rest = rest - codes[-1].table
    return total(codes)


def total(codes: Sequence[Coded]) -> Coded:
    """Returns the sum of encoded tables, decoded one by one."""

    def decode() -> Tensor:
        decoded = codes[0].decoded()
        for code in codes[1:]:
            decoded = decoded + code.decoded()
        return decoded

    return Coded.of(decode, [part for code in codes for part in code.parts])


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
    return total([low, rest])


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
    return _by_band(
        bands, len(widths), lambda rows, band: svd(table[rows], counts[rows], rng, min(widths[band], len(rows)), True)
    )


def banded_bits(
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    levels: Sequence[int],
    order: str,
    clip: float | None = None,
) -> Coded:
    """Bands of tokens by frequency, each with its own number of bits (as :func:`integers`).

    order: see :func:`bands_of`; ``uniform``: the same bits in all, spread evenly, so that the numbers of a row have one
    of two neighbouring numbers of bits, and which of them is drawn.
    """
    bands = bands_of(counts, order, rng)
    if order == "uniform":
        least, more = divmod(int(torch.tensor(levels)[bands].sum()), len(table))
        levels, bands = [least + 1, least], torch.ones_like(bands)
        bands[torch.from_numpy(rng.permutation(len(table))[:more])] = 0
    return _by_band(bands, len(levels), lambda rows, band: integers(table[rows], counts[rows], rng, levels[band], clip))


def _by_band(bands: Tensor, count: int, encode_band: Callable[[Tensor, int], Coded]) -> Coded:
    """Returns the table of which each band's rows are encoded by themselves; bands (V,) are below ``count``."""
    rows = [torch.nonzero(bands == band).flatten() for band in range(count)]
    codes = [encode_band(of_band, band) for band, of_band in enumerate(rows)]

    def decode() -> Tensor:
        decoded = torch.empty(len(bands), codes[0].table.shape[1])
        for of_band, code in zip(rows, codes, strict=True):
            decoded[of_band] = code.decoded()
        return decoded

    return Coded.of(decode, [part for code in codes for part in code.parts])


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
        *(plain, svd, autoencoder, tensor_train, integers, compensated, product, additive, residual),
        *(banded_widths, banded_bits, hashed, quotient_remainder),
    )
}


def encode(
    options: Mapping[str, Any],
    table: Tensor,
    counts: Tensor,
    rng: np.random.Generator,
    gradients: Callable[[], Tensor] | None = None,
) -> Coded:
    """Returns a table encoded as an entry of the config says: ``code``, and the options of that function.

    gradients: computes the moments (d, d) of an entry with ``by: gradients`` (see moments.of_gradients).
    """
    given = {name: value for name, value in options.items() if name != "code"}
    if given.pop("by", "inputs") == "gradients":
        if gradients is None:
            raise ValueError("by: found 'gradients' without a model that has them")
        given["by"] = gradients()
    return CODES[options["code"]](table, counts, rng, **given)
