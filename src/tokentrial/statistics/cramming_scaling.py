"""Scaling of crammed lengths and gains: exponents over the number of vectors, order over sizes, spread over kinds.

All functions work row by row on levels (1 + R, K): first the sample, then the resamples (see `statistics.cramming`).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tokentrial.statistics.samples import FloatArray


def power_exponent(levels: ArrayLike, sizes: ArrayLike) -> FloatArray:
    """Exponent b of level ~ size^b, by least squares on logarithms. levels: (1 + R, M), sizes: (M,) -> (1 + R,).

    NaN if a level is missing or not positive, or for fewer than two different sizes.
    """
    levels = np.asarray(levels, dtype=np.float64)
    x = np.log(np.asarray(sizes, dtype=np.float64))
    centred = x - x.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.log(np.where(levels > 0, levels, np.nan))
        return np.asarray(y @ centred / (centred @ centred))


def variation(levels: FloatArray) -> FloatArray:
    """Coefficient of variation over kinds, sd (K - 1) over mean. (1 + R, K) -> (1 + R,); NaN for a mean <= 0."""
    mean, sd = levels.mean(axis=1), levels.std(axis=1, ddof=1) if levels.shape[1] > 1 else np.full(len(levels), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(mean > 0, sd / mean, np.nan)


def farthest(levels: FloatArray) -> FloatArray:
    """Largest distance of a kind from the common ceiling, as a share of the ceiling. (1 + R, K) -> (1 + R,).

    The ceiling is the mean over kinds. NaN for a mean <= 0.
    """
    ceiling = levels.mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(ceiling > 0, np.abs(levels - ceiling[:, None]).max(axis=1) / ceiling, np.nan)


def rank_correlation(levels: FloatArray, sizes: ArrayLike) -> FloatArray:
    """Spearman's rho of levels and sizes; ties get mean ranks. (1 + R, K), (K,) -> (1 + R,); NaN without spread."""
    x, y = stats.rankdata(np.asarray(sizes, dtype=np.float64)), stats.rankdata(levels, axis=1)
    x = x - x.mean()
    y = y - y.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((y @ x) / np.sqrt((x @ x) * (y * y).sum(axis=1)))
