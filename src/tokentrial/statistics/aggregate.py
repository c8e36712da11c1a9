"""Scores over runs and tasks (Agarwal et al. 2021): interquartile mean, median, probability of improvement."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tokentrial.errors import InputError
from tokentrial.statistics.intervals import check_resamples
from tokentrial.statistics.samples import UNDEFINED, FloatArray, Interval, check_open_unit


class Statistic(Protocol):
    """A number per stack of scores: (..., runs, tasks) -> (...)."""

    def __call__(self, scores: FloatArray, /) -> FloatArray: ...


def interquartile_mean(scores: ArrayLike) -> FloatArray:
    """IQM: the mean of the middle half of all runs and tasks. scores: (..., runs, tasks) -> (...).

    With fewer than four scores, nothing is cut: the IQM is the mean.
    """
    scores = np.asarray(scores, dtype=np.float64)
    return np.asarray(stats.trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1))


def median_task_score(scores: ArrayLike) -> FloatArray:
    """The median over tasks of the mean over runs. scores: (..., runs, tasks) -> (...)."""
    return np.asarray(np.median(np.mean(np.asarray(scores, dtype=np.float64), axis=-2), axis=-1))


def probability_of_improvement(x: ArrayLike, y: ArrayLike) -> FloatArray:
    """Mean over tasks of P(x > y) + P(x = y) / 2, which is U / (runs_x runs_y).

    x: (..., runs_x, tasks), y: (..., runs_y, tasks) -> (...).
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    pairs = x[..., :, None, :] - y[..., None, :, :]  # (..., runs_x, runs_y, tasks)
    return np.asarray((0.5 + 0.5 * np.sign(pairs)).mean(axis=(-3, -2, -1)))


def stratified_bootstrap_interval(
    scores: ArrayLike,
    statistic: Statistic,
    rng: np.random.Generator,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap interval of statistic(scores); scores: (runs, tasks). Runs are redrawn within each task.

    For instance ``stratified_bootstrap_interval(scores, interquartile_mean, rng)``. NaN for one run.

    Raises InputError for other shapes, values that are not finite, or fewer than 100 resamples.
    """
    scores = _scores(scores)
    if scores.shape[0] < 2:
        return UNDEFINED
    return _percentile_interval([scores], lambda arms: statistic(arms[0]), rng, resamples, confidence)


def improvement_interval(
    x: ArrayLike,
    y: ArrayLike,
    rng: np.random.Generator,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Stratified bootstrap interval of `probability_of_improvement`, x: (runs_x, tasks), y: (runs_y, tasks).

    If no runs of the two arms overlap, the interval is a point; the intervals of `superiority` keep a width then. NaN
    if an arm has one run.

    Raises InputError for unequal tasks and for input that `stratified_bootstrap_interval` rejects.
    """
    x, y = _scores(x), _scores(y)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"scores: expected the same tasks in both arms, found {x.shape[1]} and {y.shape[1]}")
    if min(x.shape[0], y.shape[0]) < 2:
        return UNDEFINED
    return _percentile_interval([x, y], lambda arms: probability_of_improvement(*arms), rng, resamples, confidence)


class _ArmStatistic(Protocol):
    def __call__(self, arms: list[FloatArray], /) -> FloatArray: ...


def _percentile_interval(
    arms: list[FloatArray], statistic: _ArmStatistic, rng: np.random.Generator, resamples: int, confidence: float
) -> Interval:
    """Percentile interval over redraws of each task of each arm. arms: (runs, tasks) each; run counts may differ."""
    check_open_unit("confidence", confidence)
    check_resamples(resamples)
    tasks = arms[0].shape[1]

    def of_columns(*columns: FloatArray, axis: int) -> FloatArray:  # each column: (..., runs)
        return statistic([np.stack(columns[i : i + tasks], axis=-1) for i in range(0, len(columns), tasks)])

    # scipy redraws each sample of the tuple independently: one sample per task and arm is the stratified bootstrap.
    result = stats.bootstrap(
        tuple(column for arm in arms for column in arm.T),
        of_columns,
        vectorized=True,
        axis=-1,
        n_resamples=resamples,
        confidence_level=confidence,
        method="percentile",
        rng=rng,
        batch=500,
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def _scores(scores: ArrayLike) -> FloatArray:
    """Returns `scores` as a finite array (runs, tasks), or raises InputError."""
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise InputError(f"scores: expected shape (runs, tasks), found {array.shape}")
    if not np.isfinite(array).all():
        raise InputError("scores: expected finite values, found NaN or infinity")
    return array
