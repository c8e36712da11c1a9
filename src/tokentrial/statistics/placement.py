"""Where a published value lies in the distribution over seeds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tokentrial.errors import InputError
from tokentrial.statistics.samples import sample


class Placement(NamedTuple):
    """The percentile of a value among ``n`` measured ones, 0 to 100."""

    percentile: float
    n: int


def place(value: float, measured: ArrayLike) -> Placement:
    """The mid-rank percentile of ``value`` among ``measured`` (n,): share below it plus half the share equal to it.

    50 is the median; 0 and 100 say only that all n measured values lie on one side.
    Raises InputError for a value that is not finite and for what `sample` rejects.
    """
    if not np.isfinite(value):
        raise InputError(f"published value: expected a finite number, found {value}")
    found = sample(measured, "measured values")
    rank = np.count_nonzero(found < value) + 0.5 * np.count_nonzero(found == value)
    return Placement(float(100.0 * rank / found.size), found.size)
