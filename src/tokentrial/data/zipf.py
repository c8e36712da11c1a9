"""Zipf-distributed tokens: the law p(k) ∝ (k+1)^-s over ids 0..V-1 (id = rank), and independent draws from it."""

import numpy as np
import numpy.typing as npt

from tokentrial.errors import InputError


def zipf_probabilities(vocab_size: int, exponent: float) -> npt.NDArray[np.float64]:
    """Returns probabilities (V,) of a Zipf law, p(k) ∝ (k+1)^-exponent; exponent 0 is the uniform law.

    Source: document 003's corpora (id 0 is the most frequent token). Raises InputError for an exponent that is not a
    finite number >= 0 or a vocabulary below 1.
    """
    if vocab_size < 1:
        raise InputError(f"vocab_size: found {vocab_size}, expected at least 1")
    if not (np.isfinite(exponent) and exponent >= 0):
        raise InputError(f"exponent: found {exponent}, expected a finite number of at least 0")
    weights = np.arange(1, vocab_size + 1, dtype=np.float64) ** -float(exponent)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def sample_iid(
    probabilities: npt.NDArray[np.float64], n: int, length: int, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Returns independent tokens (n, length) from probabilities (V,), by the inverse distribution function.

    Each token takes one uniform number, row by row, so the first sequences do not depend on n.
    """
    cdf = np.cumsum(probabilities)
    cdf /= cdf[-1]
    return np.searchsorted(cdf, rng.random((n, length)), side="right").astype(np.int32)  # (n, length)
