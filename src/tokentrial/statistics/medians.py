"""The median of paired differences: an interval from order statistics, and the sign test. Neither assumes a shape."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tokentrial.statistics.samples import UNDEFINED, Interval, check_open_unit, sample


def median_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """The interval of the median of ``values`` (n,), in their unit, between two of them (Conover 1999, section 3.2).

    NaN for fewer values than the confidence asks for: 6 at 95 %, 5 at 90 %.
    """
    values = sample(values)
    check_open_unit("confidence", confidence)
    if 2 * 0.5**values.size > 1 - confidence:
        return UNDEFINED
    test: Any = stats.quantile_test(values, q=0.0, p=0.5)  # its stubs have no interval
    found = test.confidence_interval(confidence_level=confidence)
    return Interval(float(found.low), float(found.high))


def sign_test(values: ArrayLike) -> float:
    """Two-sided p of the exact sign test that the median of ``values`` (n,) is 0; 1 if all are 0."""
    values = sample(values)
    above, below = int(np.count_nonzero(values > 0)), int(np.count_nonzero(values < 0))
    return float(stats.binomtest(above, above + below).pvalue) if above + below else 1.0
