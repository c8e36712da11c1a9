"""Change of a difference with the size of the corpus: one slope per seed, and Student's interval of their mean.

The claim on trial is document 003's 'benefits increase with corpus size'. A benefit is a lower loss, so the benefit
grows if bespoke minus standard falls: a slope below zero, in nats per doubling of the corpus. A falling difference
alone is no benefit: if the difference is above zero, a disadvantage shrinks.

Seeds are independent of each other; the corpora of one seed need not be. So each seed gets one least-squares line over
the corpora, and the seeds' slopes are the sample (a summary-measures analysis: Matthews et al. 1990, BMJ 300, 230).
Since all seeds have the same corpora, the mean slope is that of the least-squares line through all points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tokentrial.errors import InputError
from tokentrial.statistics.hypothesis_tests import paired_t_test
from tokentrial.statistics.intervals import t_interval
from tokentrial.statistics.samples import FloatArray


@dataclass(frozen=True)
class Trend:
    """A mean slope with its interval, in units of the differences per unit of x. Undefined is None, never NaN."""

    n: int
    """Number of seeds."""
    points: int
    """Number of values of x."""
    slope: float
    low: float | None
    high: float | None
    p: float | None
    """Two-sided p of the test that the slope is zero."""
    intercept: float
    """The line's mean height at the mean of x."""
    centre: float
    """The mean of x."""

    @property
    def direction(self) -> str:
        """``falls`` or ``rises`` if the whole interval is on one side of zero, else ``undecided``."""
        if self.low is None or self.high is None:
            return "undecided"
        return "falls" if self.high < 0 else "rises" if self.low > 0 else "undecided"


def slopes(x: ArrayLike, values: ArrayLike) -> FloatArray:
    """Returns the least-squares slope of each row. x: (K,), values: (S, K) -> (S,).

    Raises InputError for shapes that do not fit, values that are not finite, or fewer than two different x.
    """
    x, values = np.asarray(x, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or values.ndim != 2 or values.shape[1] != len(x) or len(values) == 0:
        raise InputError(f"trend: expected x (K,) and values (S, K), found {x.shape} and {values.shape}")
    if not (np.isfinite(x).all() and np.isfinite(values).all()):
        raise InputError("trend: expected finite values, found NaN or infinity")
    if np.ptp(x) == 0:
        raise InputError("trend: expected at least two different x, found one")
    centred = x - x.mean()
    return np.asarray(values @ centred / (centred @ centred))


def trend(x: ArrayLike, values: ArrayLike, confidence: float = 0.95) -> Trend:
    """Returns the mean slope over seeds. x: (K,), values: (S, K); raises InputError as `slopes` does."""
    x, values = np.asarray(x, dtype=np.float64), np.asarray(values, dtype=np.float64)
    by_seed = slopes(x, values)
    low, high = t_interval(by_seed, confidence)
    p = paired_t_test(by_seed).p_value
    return Trend(
        n=len(by_seed),
        points=len(x),
        slope=float(by_seed.mean()),
        low=_defined(low),
        high=_defined(high),
        p=_defined(p),
        intercept=float(values.mean()),
        centre=float(x.mean()),
    )


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
