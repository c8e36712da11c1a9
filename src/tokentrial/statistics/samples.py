"""Checks of the samples that every statistic takes, and of whether a sample is constant."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokentrial.errors import InputError

FloatArray = NDArray[np.float64]

RELATIVE_TOLERANCE = 1e-12
"""A difference below this share of a value is float64 rounding (2e-16 per operation), not a measurement."""


class Interval(NamedTuple):
    """A confidence interval in the unit of the data; if undefined, both ends are NaN."""

    low: float
    high: float


UNDEFINED = Interval(float("nan"), float("nan"))


def sample(values: ArrayLike, name: str = "sample") -> FloatArray:
    """Returns `values` as a finite float64 array of shape (n,), n >= 1.

    Raises InputError for any number of axes but one, for no value at all, and for NaN or infinity: the caller has to
    drop, and count, runs that diverged.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name}: expected shape (n,) with n >= 1, found {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: expected finite values, found {array[~np.isfinite(array)][0]}")
    return array


def paired_differences(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Returns a - b, seed by seed, without rounding noise. a: (n,), b: (n,) -> (n,), in the unit of the data.

    A difference within `RELATIVE_TOLERANCE` of its pair becomes exactly 0, and differences that agree within the
    tolerance become exactly equal. Otherwise two arms that differ only by rounding could reach any significance.

    Raises InputError for samples of unequal length and for samples that `sample` rejects.
    """
    a, b = sample(a, "a"), sample(b, "b")
    if a.shape != b.shape:
        raise InputError(f"paired samples: expected equal lengths, found {a.size} and {b.size}")
    noise = RELATIVE_TOLERANCE * np.maximum(np.abs(a), np.abs(b))  # (n,)
    differences = np.where(np.abs(a - b) <= noise, 0.0, a - b)
    centre = np.median(differences)
    if np.all(np.abs(differences - centre) <= noise):
        return np.full_like(differences, centre)
    return differences


def is_constant(values: FloatArray) -> bool:
    """Whether the values (n,) are all equal up to rounding, so that they carry no estimate of a scale."""
    return bool(np.ptp(values) <= RELATIVE_TOLERANCE * np.abs(values).max())


def check_open_unit(name: str, value: float) -> float:
    """Returns `value`, such as a confidence level or a power; raises InputError unless it lies strictly in (0, 1)."""
    if not 0 < value < 1:
        raise InputError(f"{name}: expected a number strictly between 0 and 1, found {value!r}")
    return value


def level(confidence: float) -> float:
    """The significance level of a confidence, rounded: 0.05 for 0.95; 1 - 0.95 alone is 0.050000000000000044."""
    return round(1 - confidence, 12)


def check_margin(margin: float) -> float:
    """Returns `margin`; raises InputError unless it is positive and finite, since a margin of 0 can never be met."""
    if not 0 < margin < float("inf"):
        raise InputError(f"margin: expected a positive, finite number in the unit of the data, found {margin!r}")
    return margin
