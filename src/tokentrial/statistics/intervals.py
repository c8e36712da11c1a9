"""Confidence intervals of a mean: Student's t, and the bias-corrected and accelerated bootstrap."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.samples import UNDEFINED, FloatArray, Interval, check_open_unit, is_constant, sample

MINIMUM_RESAMPLES = 100
"""With fewer draws, hardly any observation lies beyond a 2.5 % quantile."""


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of the mean of `values` (n,), in their unit.

    NaN for n = 1. If the values do not vary, the interval is the point (mean, mean).
    """
    values = sample(values)
    check_open_unit("confidence", confidence)
    if values.size < 2:
        return UNDEFINED
    if is_constant(values):
        return _point(values)
    error = values.std(ddof=1) / np.sqrt(values.size)
    low, high = t_quantiles(confidence, values.size - 1)
    return Interval(float(low * error + values.mean()), float(high * error + values.mean()))


@cache  # an interval is asked for at every step of every curve
def t_quantiles(confidence: float, df: int) -> tuple[float, float]:
    """Returns the two quantiles of Student's t between which the given share of it lies."""
    low, high = stats.t.interval(confidence, df)
    return float(low), float(high)


def bca_interval(
    values: ArrayLike, rng: np.random.Generator, resamples: int = 9999, confidence: float = 0.95
) -> Interval:
    """The BCa bootstrap interval (Efron 1987) of the mean of `values` (n,), in their unit.

    NaN for n = 1. If the values do not vary, the interval is the point (mean, mean), without a draw. Otherwise NaN for
    n = 2, since a resampled mean can take only three values. Below n of about 10 the interval is too short (at n = 3 it
    cannot leave the data), so it can confirm a t interval but not replace it.

    Raises InputError for fewer than `MINIMUM_RESAMPLES`.
    """
    values = sample(values)
    check_open_unit("confidence", confidence)
    check_resamples(resamples)
    if values.size < 2:
        return UNDEFINED
    if is_constant(values):
        return _point(values)
    if values.size < 3:
        return UNDEFINED
    # BCa counts how many resampled means lie below, and at, the observed mean. Values are standardised and means
    # rounded far below any measured precision, so that equal means compare as equal. Then a change of unit or sign
    # changes the interval in step.
    centre, scale = values.mean(), np.abs(values - values.mean()).max()
    result = stats.bootstrap(
        ((values - centre) / scale,),
        lambda z, axis: np.round(z.mean(axis=axis), 10),
        vectorized=True,
        n_resamples=resamples,
        confidence_level=confidence,
        method="BCa",
        rng=rng,
    )
    low, high = result.confidence_interval
    return Interval(float(centre + scale * low), float(centre + scale * high))


def check_resamples(resamples: int) -> None:
    """Raises InputError for fewer than `MINIMUM_RESAMPLES` draws."""
    if resamples < MINIMUM_RESAMPLES:
        raise InputError(f"resamples: expected at least {MINIMUM_RESAMPLES}, found {resamples}")


def _point(values: FloatArray) -> Interval:
    mean = float(values.mean())
    return Interval(mean, mean)
