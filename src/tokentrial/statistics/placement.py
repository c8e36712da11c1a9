"""Place of a published value in the distribution over seeds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tokentrial.errors import InputError
from tokentrial.statistics.samples import sample


class Placement(NamedTuple):
    """The percentile, 0 to 100, of a value among ``n`` measured values."""

    percentile: float
    n: int


def place(value: float, measured: ArrayLike) -> Placement:
    """The mid-rank percentile of ``value`` among ``measured`` (n,): share below plus half the share equal.

    50 is the median; 0 and 100 say only that all n measured values lie on one side.
    Raises InputError for a value that is not finite and for measured values that `sample` rejects.
    """
    if not np.isfinite(value):
        raise InputError(f"published value: expected a finite number, found {value}")
    values = sample(measured, "measured values")
    rank = np.count_nonzero(values < value) + 0.5 * np.count_nonzero(values == value)
    return Placement(float(100.0 * rank / values.size), values.size)
