"""Corrections for many tests: Holm for a family of claims, Benjamini-Hochberg and -Yekutieli for exploratory tests."""

import gc
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tokentrial.errors import InputError
from tokentrial.statistics.samples import FloatArray


def holm(p_values: ArrayLike) -> FloatArray:
    """Holm's (1979) step-down adjusted p, which bounds the chance of one false rejection. (m,) -> (m,)."""
    return _adjust(p_values, _holm)


def benjamini_hochberg(p_values: ArrayLike) -> FloatArray:
    """Benjamini and Hochberg's (1995) adjusted p, which bounds the false discovery rate. (m,) -> (m,)."""
    return _adjust(p_values, lambda p: stats.false_discovery_control(p, method="bh"))


def benjamini_yekutieli(p_values: ArrayLike) -> FloatArray:
    """Benjamini and Yekutieli's (2001) adjusted p: as BH, under any dependence of the tests. (m,) -> (m,)."""
    return _adjust(p_values, lambda p: stats.false_discovery_control(p, method="by"))


def _holm(p: FloatArray) -> FloatArray:
    """Holm's adjusted p from statsmodels, whose function also collects the garbage of the whole process.

    This collection took half the time of all statistics. Garbage collection skips frozen objects, so all are frozen
    during the call.
    """
    gc.freeze()
    try:
        adjusted: FloatArray = multipletests(p, method="holm")[1]
    finally:
        gc.unfreeze()
    return adjusted


def _adjust(p_values: ArrayLike, adjust: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Returns adjusted p in the input's order. NaN marks an impossible test: NaN stays and does not count as a test.

    Raises InputError for any number of axes but one and for values outside [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise InputError(f"p values: expected shape (m,), found {p.shape}")
    tested = ~np.isnan(p)
    if ((p[tested] < 0) | (p[tested] > 1)).any():
        raise InputError(f"p values: expected numbers in [0, 1], found {p[tested].min()} to {p[tested].max()}")
    adjusted = np.full_like(p, np.nan)
    if tested.any():
        adjusted[tested] = adjust(p[tested])
    return adjusted
