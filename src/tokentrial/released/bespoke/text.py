"""The text of the released bespoke scripts: independent Zipf draws, their ranking, windows, and the bounds of models.

Source: protocols B1 to B6, common part.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokentrial.data.entropy import entropy
from tokentrial.data.zipf import sample_iid
from tokentrial.results import Measurement
from tokentrial.seeds import stream

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def draw_corpus(law: FloatArray, size: int, seed: int, name: str, replicate: int, purpose: str = "corpus") -> IntArray:
    """Draws ``size`` independent tokens from the law (V,); ``purpose`` names another text of the same script."""
    generator = stream(seed, "bespoke", name, purpose, replicate)
    return np.asarray(sample_iid(law, 1, size, generator)[0], dtype=np.int64)  # (size,)


def ranked_types(corpus: IntArray) -> IntArray:
    """Returns the occurring token types (types,), most frequent first; equal counts in order of first occurrence.

    This is the order of Python's Counter under a stable sort, on which the scripts rely.
    """
    types, first, counts = np.unique(corpus, return_index=True, return_counts=True)
    return np.asarray(types[np.lexsort((first, -counts))], dtype=np.int64)


def windows(corpus: IntArray, starts: IntArray, length: int) -> IntArray:
    """Returns the windows (..., length) that start at ``starts`` (...)."""
    return np.asarray(corpus[starts[..., None] + np.arange(length)], dtype=np.int64)


def modes(sequences: IntArray, vocab_size: int) -> IntArray:
    """Returns each sequence's (..., length) most frequent token (...); ties go to the smallest id, as in torch.mode."""
    flat = sequences.reshape(-1, sequences.shape[-1])
    offsets = np.arange(len(flat))[:, None] * vocab_size
    counts = np.bincount((flat + offsets).reshape(-1), minlength=len(flat) * vocab_size)
    return np.asarray(counts.reshape(len(flat), vocab_size).argmax(axis=1).reshape(sequences.shape[:-1]))


def random_starts(
    high: int, shape: tuple[int, ...], seed: int, name: str, purpose: str, replicates: Sequence[int]
) -> IntArray:
    """Draws uniform window starts below ``high``, with one stream per seed: (S, *shape)."""
    drawn = [stream(seed, "bespoke", name, purpose, k).integers(0, high, shape) for k in replicates]
    return np.stack(drawn)


def mode_law(law: FloatArray, length: int) -> FloatArray:
    """Returns the law (V,) of the mode of ``length`` independent tokens, ties to the smallest id; exact up to rounding.

    The counts are independent Poisson variables, conditioned on their sum. P(mode = k) is a sum over n, divided by
    P(sum = length). Each term is the coefficient of z^length in Poisson_k(n) z^n times the product of the other tokens'
    generating functions, which are cut at n - 1 for smaller ids and at n for larger ids.
    """
    powers = np.arange(length + 1)
    rates = law * length
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, length + 1)))])
    masses = np.exp(powers * np.log(rates)[:, None] - rates[:, None] - log_factorials)  # V, length + 1
    probabilities = np.zeros(len(law))
    for n in range(1, length + 1):
        later = _products(np.where(powers <= n, masses, 0.0)[::-1])[::-1]  # of the larger ids, V, length + 1
        earlier = _products(np.where(powers < n, masses, 0.0))  # of the smaller ids
        rest = length - n
        probabilities += masses[:, n] * np.einsum("vi,vi->v", earlier[:, : rest + 1], later[:, rest::-1])
    return np.asarray(probabilities / probabilities.sum(), dtype=np.float64)


def _products(polynomials: FloatArray) -> FloatArray:
    """Returns for each polynomial the product of all earlier ones, cut at their degree: (V, degree + 1)."""
    size = polynomials.shape[1]
    running = np.zeros(size)
    running[0] = 1.0
    products = np.empty_like(polynomials)
    for index, polynomial in enumerate(polynomials):
        products[index] = running
        running = np.convolve(running, polynomial)[:size]
    return products


def levels(target_law: FloatArray, replicates: Sequence[int], floor: float | None = None) -> list[Measurement]:
    """Returns chance (ln V), best constant prediction (entropy of the targets' law (V,)) and floor, in nats, per seed.

    floor: if None, the input says nothing about the target, so the best constant is the floor on fresh text. For the
    mode of a visible window, the floor is 0.
    """
    best = entropy(target_law)
    values = {"chance": float(np.log(len(target_law))), "unigram": best, "floor": best if floor is None else floor}
    return [
        Measurement(f"reference.{name}", k, "test", None, "cross_entropy", value, "nats")
        for name, value in values.items()
        for k in replicates
    ]
