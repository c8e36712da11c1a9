"""Checked samples: what every statistic here takes, and when a sample counts as constant."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tokentrial.errors import InputError

FloatArray = NDArray[np.float64]

RELATIVE_TOLERANCE = 1e-12
"""Below this share of a value, a difference is float64 rounding (2e-16 per operation), not a measurement."""


class Interval(NamedTuple):
    """A confidence interval in the unit of the data; both ends NaN where it is undefined."""

    low: float
    high: float


UNDEFINED = Interval(float("nan"), float("nan"))


def sample(values: ArrayLike, name: str = "sample") -> FloatArray:
    """`values` as a finite float64 array of shape (n,), n >= 1.

    Raises InputError for another number of axes, for no value at all, and for NaN or infinity: a run that diverged has
    to be dropped, and counted, by the caller.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name}: expected shape (n,) with n >= 1, found {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: expected finite values, found {array[~np.isfinite(array)][0]}")
    return array


def paired_differences(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """a - b, seed by seed, freed of rounding. a: (n,), b: (n,) -> (n,), in the unit of the data.

    A difference within `RELATIVE_TOLERANCE` of its own pair is exactly 0, and differences that agree within it are
    exactly equal. Without this two arms that are the same up to rounding would reach any significance.

    Raises InputError for samples of unequal length and for what `sample` rejects.
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
    """Whether the values, of shape (n,), are all the same up to rounding, so that they carry no estimate of a scale."""
    return bool(np.ptp(values) <= RELATIVE_TOLERANCE * np.abs(values).max())


def check_open_unit(name: str, value: float) -> float:
    """`value` if it lies strictly between 0 and 1 (a confidence level, a power), else InputError."""
    if not 0 < value < 1:
        raise InputError(f"{name}: expected a number strictly between 0 and 1, found {value!r}")
    return value


def level(confidence: float) -> float:
    """The level of significance of a confidence: 0.05 of 0.95, where subtraction alone leaves 0.050000000000000044."""
    return round(1 - confidence, 12)


def check_margin(margin: float) -> float:
    """`margin` if it is positive and finite, else InputError: an equivalence margin of 0 can never be met."""
    if not 0 < margin < float("inf"):
        raise InputError(f"margin: expected a positive, finite number in the unit of the data, found {margin!r}")
    return margin
